#include "render/path.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"

static bool is_simple(const char *key)
{
	static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "_-";

	return *key && strspn(key, fine) == strlen(key);
}

void rnd_path_key(struct eb_buf *path, const char *key)
{
	if (is_simple(key)) {
		if (path->len)
			eb_buf_addc(path, '.');
		eb_buf_adds(path, key);
		return;
	}
	eb_buf_adds(path, "[\"");
	for (; *key; key++) {
		if (*key == '"' || *key == '\\')
			eb_buf_addc(path, '\\');
		eb_buf_addc(path, *key);
	}
	eb_buf_adds(path, "\"]");
}

void rnd_path_index(struct eb_buf *path, size_t i)
{
	eb_buf_addf(path, "[%zu]", i);
}

void rnd_path_cut(struct eb_buf *path, size_t n)
{
	if (path->len > n) {
		path->len = n;
		path->data[n] = '\0';
	}
}

static bool quoted_step(const char **path, char **ret_key)
{
	const char *p = *path + 2;
	autofree char *key = eb_xmalloc(strlen(p) + 1);
	size_t n = 0;

	for (; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		key[n++] = *p;
	}
	if (p[0] != '"' || p[1] != ']')
		return false;
	key[n] = '\0';
	*ret_key = EB_TAKE_PTR(key);
	*path = p + 2;
	return true;
}

bool rnd_path_step(const char **path, char **ret_key, size_t *ret_index)
{
	const char *p = *path;
	size_t n;
	uint64_t i;

	*ret_key = NULL;
	if (p[0] == '[' && p[1] == '"')
		return quoted_step(path, ret_key);
	if (*p == '[') {
		n = strcspn(++p, "]");
		if (!p[n] || eb_parse_u64((struct eb_span){ p, n }, SIZE_MAX, &i, NULL) < 0)
			return false;
		*ret_index = (size_t)i;
		*path = p + n + 1;
		return true;
	}
	p += *p == '.';
	n = strcspn(p, ".[");
	if (n == 0)
		return false;
	*ret_key = eb_xstrndup(p, n);
	*path = p + n;
	return true;
}

json_t *rnd_path_get(const json_t *tree, const char *path)
{
	json_t *at = (json_t *)(uintptr_t)tree;

	while (at && *path) {
		autofree char *key = NULL;
		size_t i = 0;

		if (!rnd_path_step(&path, &key, &i))
			return NULL;
		at = key ? json_object_get(at, key) : json_array_get(at, i);
	}
	return at;
}

const char *rnd_path_place(const json_t *places, const char *path)
{
	autofree char *shorter = eb_xstrdup(path);
	size_t n = strlen(shorter);

	while (n > 0) {
		const char *place = json_string_value(json_object_get(places, shorter));

		if (place)
			return place;
		do
			n--;
		while (n > 0 && shorter[n] != '.' && shorter[n] != '[');
		shorter[n] = '\0';
	}
	return NULL;
}
