#include "pkg/pip_report.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/wheel_file.h"

/* The metadata in it holds whole READMEs: 12 KiB a wheel on average. */
#define MAX_REPORT ((size_t)64 << 20)
enum { MAX_WHEELS = 5000, MAX_TEXT = 200 };

struct pkg_pip_set *pkg_pip_set_free(struct pkg_pip_set *s)
{
	if (s)
		eb_arena_free(s->arena);
	free(s);
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The last component of the URL's path, with %XX undone (arena); what it holds is checked later. */
static const char *file_of(struct eb_arena *arena, const char *url)
{
	char *name = eb_arena_strndup(arena, url, strcspn(url, "?#")), *to;
	const char *slash = strrchr(name, '/');

	name = slash ? name + (slash + 1 - name) : name;
	to = name;
	for (const char *c = name; *c; c++) {
		int high = *c == '%' ? hex_digit(c[1]) : -1;
		int low = high >= 0 ? hex_digit(c[2]) : -1;

		*to++ = low >= 0 ? (char)((unsigned int)high << 4 | (unsigned int)low) : *c;
		c += low >= 0 ? 2 : 0;
	}
	*to = '\0';
	return name;
}

static int take_hash(const json_t *info, const char **ret, struct eb_error **err)
{
	json_t *archive = NULL, *hashes = NULL;
	int r = eb_json_get_object(info, "archive_info", &archive, err);

	if (r >= 0)
		r = eb_json_get_object(archive, "hashes", &hashes, err);
	if (r >= 0)
		r = eb_json_get_str(hashes, "sha256", ret, err);
	if (r >= 0 && (strlen(*ret) != EB_SHA256_HEX || !eb_is_hex(*ret, EB_SHA256_HEX)))
		r = eb_throw(err, EB_E_FORMAT, "sha256: expected 64 hex digits");
	return r < 0 ? eb_json_inside(err, r, "archive_info") : 0;
}

static bool is_plain(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= 0x20 || (unsigned char)s[i] >= 0x7f)
			return false;
	return n > 0 && n <= MAX_TEXT;
}

static int check_file(const struct pkg_pip_wheel *w, struct eb_error **err)
{
	EB_CLEANUP(pkg_wheel_file_release_p) struct pkg_wheel_file f = { 0 };
	autofree char *shown = eb_printable(w->file, 100);
	int r;

	if (!eb_span_ends(eb_span_str(w->file), ".whl"))
		return eb_throw(err, EB_E_UNSOLVABLE, "'%s' is no wheel", shown);
	r = pkg_wheel_file_parse(w->file, &f, err);
	if (r >= 0 && strcmp(f.name, w->name) != 0)
		return eb_throw(err, EB_E_FORMAT, "'%s' is no file of '%s'", shown, w->name);
	return r;
}

static int take_wheel(struct pkg_pip_set *s, const json_t *item, struct eb_error **err)
{
	struct pkg_pip_wheel *w = &s->wheels[s->n];
	const char *url, *sha256, *name, *version;
	json_t *info = NULL, *metadata = NULL;
	autofree char *normal = NULL;
	int r = eb_json_get_object(item, "download_info", &info, err);

	if (r >= 0)
		r = eb_json_get_str(info, "url", &url, err);
	if (r >= 0)
		r = take_hash(info, &sha256, err);
	if (r < 0)
		return eb_json_inside(err, r, "download_info");
	r = eb_json_get_object(item, "metadata", &metadata, err);
	if (r >= 0)
		r = eb_json_get_str(metadata, "name", &name, err);
	if (r >= 0)
		r = eb_json_get_str(metadata, "version", &version, err);
	if (r < 0)
		return eb_json_inside(err, r, "metadata");
	if (!is_plain(name) || !is_plain(version))
		return eb_throw(err, EB_E_FORMAT, "metadata: expected a name and a version");
	normal = pkg_wheel_name(name);
	*w = (struct pkg_pip_wheel){ .name = eb_arena_strdup(s->arena, normal),
				     .version = eb_arena_strdup(s->arena, version),
				     .file = file_of(s->arena, url),
				     .sha256 = eb_arena_strdup(s->arena, sha256),
				     .size = UINT64_MAX };
	return check_file(w, err);
}

static bool is_provided(const struct pkg_pip_provided *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (pkg_wheel_same_name(v[i].name, name))
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	const struct pkg_pip_wheel *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int check_env(const json_t *report, const json_t *want, struct eb_error **err)
{
	json_t *env = NULL;
	const char *key;
	json_t *value;
	int r = eb_json_get_object(report, "environment", &env, err);

	if (r < 0)
		return r;
	json_object_foreach((json_t *)(uintptr_t)want, key, value)
	{
		if (!json_equal(json_object_get(env, key), value))
			return eb_throw(err, EB_E_UNSUPPORTED,
					"this pip evaluated markers with '%s' of this machine, not "
					"of the image",
					key);
	}
	return 0;
}

static int take_all(struct pkg_pip_set *s, const json_t *list,
		    const struct pkg_pip_provided *provided, size_t n_provided,
		    struct eb_error **err)
{
	size_t n = json_array_size(list);

	if (n > MAX_WHEELS)
		return eb_throw(err, EB_E_LIMIT, "install: %zu wheels, at most %u", n,
				(unsigned int)MAX_WHEELS);
	s->wheels = eb_arena_alloc(s->arena, (n + 1) * sizeof(*s->wheels));
	for (size_t i = 0; i < n; i++) {
		int r = take_wheel(s, json_array_get(list, i), err);

		if (r < 0)
			return eb_json_inside(err, r, "install[%zu]", i);
		s->n += !is_provided(provided, n_provided, s->wheels[s->n].name);
	}
	qsort(s->wheels, s->n, sizeof(*s->wheels), by_name);
	for (size_t i = 1; i < s->n; i++)
		if (strcmp(s->wheels[i - 1].name, s->wheels[i].name) == 0)
			return eb_throw(err, EB_E_FORMAT, "install: '%s' is there twice",
					s->wheels[i].name);
	return 0;
}

static int parse(const char *text, size_t n, const json_t *env,
		 const struct pkg_pip_provided *provided, size_t n_provided, struct pkg_pip_set *s,
		 struct eb_error **err)
{
	autojson json_t *j = NULL;
	json_t *list = NULL;
	const char *version = NULL;
	int r = eb_json_parse(text, n, MAX_REPORT, &j, err);

	if (r >= 0)
		r = eb_json_get_str(j, "version", &version, err);
	if (r >= 0 && strcmp(version, "1") != 0)
		r = eb_throw(err, EB_E_UNSUPPORTED, "its format is not version 1");
	if (r >= 0 && env)
		r = check_env(j, env, err);
	if (r >= 0)
		r = eb_json_get_array(j, "install", &list, err);
	return r < 0 ? r : take_all(s, list, provided, n_provided, err);
}

int pkg_pip_report_parse(const char *text, size_t n, const json_t *env,
			 const struct pkg_pip_provided *provided, size_t n_provided,
			 struct pkg_pip_set **ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_pip_set_free_p) struct pkg_pip_set *s = eb_xcalloc(1, sizeof(*s));
	int r;

	s->arena = eb_arena_new();
	r = parse(text, n, env, provided, n_provided, s, err);
	if (r < 0)
		return eb_prefix(err, r, "report of pip");
	*ret = EB_TAKE_PTR(s);
	return 0;
}
