#include "render/images.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"

enum { WORD_MAX_BYTES = 512, FOREIGN_MAX = 1000 };

struct search {
	const struct rnd_image *images;
	size_t n_images;
	const json_t *values;
	const struct rnd_object *object;
	struct rnd_foreign_list *list;
};

/* ---- references ---- */

static bool is_host(struct eb_span s)
{
	static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   ".-:";
	bool dot = false;

	for (size_t i = 0; i < s.len; i++) {
		if (!strchr(fine, s.ptr[i]))
			return false;
		dot |= s.ptr[i] == '.' || s.ptr[i] == ':';
	}
	return s.len > 0 && s.ptr[0] != '.' && s.ptr[0] != ':' && s.ptr[s.len - 1] != ':' &&
	       (dot || eb_span_eq(s, "localhost"));
}

/* What stands behind the host and before tag and digest. */
static bool is_path(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') &&
		    !strchr("._-/", s[i]))
			return false;
	return n > 0 && s[0] != '/' && s[n - 1] != '/';
}

static bool is_tag(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') &&
		    !(s[i] >= 'A' && s[i] <= 'Z') && !strchr("._-", s[i]))
			return false;
	return n > 0 && n <= 128 && s[0] != '.' && s[0] != '-';
}

bool rnd_looks_like_image(const char *word, size_t n)
{
	const char *slash = memchr(word, '/', n), *at = memchr(word, '@', n), *end, *colon;

	if (!slash || n > WORD_MAX_BYTES || n < 3)
		return false;
	if (!is_host((struct eb_span){ word, (size_t)(slash - word) }))
		return false;
	if (at && ((size_t)(word + n - at) != 8 + 64 || memcmp(at, "@sha256:", 8) != 0 ||
		   strspn(at + 8, "0123456789abcdef") < 64 || at < slash))
		return false;
	end = at ? at : word + n;
	colon = memrchr(slash, ':', (size_t)(end - slash));
	if (colon && !is_tag(colon + 1, (size_t)(end - colon - 1)))
		return false;
	return (colon || at) && is_path(slash + 1, (size_t)((colon ? colon : end) - slash - 1));
}

static bool is_of_bundle(const struct search *s, const char *ref)
{
	for (size_t i = 0; i < s->n_images; i++) {
		const struct rnd_image *im = &s->images[i];
		autofree char *full = rnd_image_ref(im);
		autofree char *bare = im->digest ? eb_xasprintf("%s/%s@%s", im->registry,
								im->repository, im->digest)
						 : NULL;

		if (strcmp(ref, full) == 0 || (bare && strcmp(ref, bare) == 0))
			return true;
	}
	return false;
}

/* Does a stanza {registry, repository, tag, digest} of the user's make this reference? */
static bool stanza_makes(const json_t *stanza, const char *ref)
{
	static const char *const fields[] = { "registry", "repository", "digest", "tag" };
	bool any = false, digest = json_is_string(json_object_get(stanza, "digest"));

	for (size_t i = 0; i < EB_ARRAY_LEN(fields); i++) {
		const json_t *v = json_object_get(stanza, fields[i]);
		autofree char *text = NULL;

		if (!v || json_is_null(v) || (digest && i == 3))
			continue;
		text = json_is_string(v) ? eb_xstrdup(json_string_value(v))
					 : eb_json_canonical(v, NULL);
		if (!*text)
			continue;
		if (!strstr(ref, text))
			return false;
		any = true;
	}
	return any;
}

static bool was_asked_for(const json_t *values, const char *ref)
{
	const char *key;
	json_t *v;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)values, key, v)
	{
		if (strcmp(key, "image") == 0 && json_is_object(v) && stanza_makes(v, ref))
			return true;
		if (was_asked_for(v, ref))
			return true;
	}
	json_array_foreach(values, i, v)
	{
		if (was_asked_for(v, ref))
			return true;
	}
	return false;
}

/* ---- the search ---- */

static int note(struct search *s, const char *ref, struct eb_error **err)
{
	struct rnd_foreign_list *l = s->list;
	int r;

	if (is_of_bundle(s, ref))
		return 0;
	for (size_t i = l->n; i-- > 0 && l->items[i].kind == s->object->kind;)
		if (strcmp(l->items[i].image, ref) == 0)
			return 0;
	r = eb_grow(&l->items, &l->alloc, l->n + 1, sizeof(*l->items), FOREIGN_MAX,
		    "images that are not in the bundle", err);
	if (r < 0)
		return r;
	l->items[l->n++] = (struct rnd_foreign){ eb_xstrdup(ref), s->object->kind, s->object->name,
						 was_asked_for(s->values, ref) };
	return 0;
}

static int search_text(struct search *s, const char *text, struct eb_error **err)
{
	static const char apart[] = " \t\r\n\"'`,;=()[]{}<>|";
	int r = 0;

	while (*text && r >= 0) {
		size_t n;

		text += strspn(text, apart);
		n = strcspn(text, apart);
		if (rnd_looks_like_image(text, n)) {
			autofree char *ref = eb_xstrndup(text, n);

			r = note(s, ref, err);
		}
		text += n;
	}
	return r;
}

static int search_value(struct search *s, const char *key, const json_t *v, struct eb_error **err)
{
	const char *name;
	json_t *one;
	size_t i;
	int r = 0;

	if (json_is_string(v) && strcmp(key, "image") == 0)
		return note(s, json_string_value(v), err);
	if (json_is_string(v))
		return search_text(s, json_string_value(v), err);
	json_object_foreach((json_t *)(uintptr_t)v, name, one)
	{
		if (r >= 0)
			r = search_value(s, name, one, err);
	}
	json_array_foreach(v, i, one)
	{
		if (r >= 0)
			r = search_value(s, "", one, err);
	}
	return r;
}

int rnd_foreign_images(const struct rnd_objects *o, const struct rnd_image *images, size_t n_images,
		       const json_t *values, struct rnd_foreign_list *ret, struct eb_error **err)
{
	EB_CLEANUP(rnd_foreign_release_p) struct rnd_foreign_list list = { 0 };
	struct search s = {
		.images = images, .n_images = n_images, .values = values, .list = &list
	};
	int r = 0;

	for (size_t i = 0; i < o->n && r >= 0; i++) {
		s.object = &o->items[i];
		r = search_value(&s, "", o->items[i].json, err);
	}
	if (r < 0)
		return r;
	*ret = list;
	list = (struct rnd_foreign_list){ 0 };
	return 0;
}

void rnd_foreign_release(struct rnd_foreign_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].image);
	free(l->items);
	*l = (struct rnd_foreign_list){ 0 };
}
