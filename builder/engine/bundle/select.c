#include "bundle/select.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"

/* Where the tag's colon is in name, or its end. */
static size_t tag_at(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *colon = strchr(slash ? slash : name, ':');

	return colon ? (size_t)(colon - name) : strlen(name);
}

static const char *without_host(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash ? slash + 1 : name;
}

char *bnd_image_path(const char *name)
{
	const char *path = without_host(name);

	return eb_xstrndup(path, tag_at(name) - (size_t)(path - name));
}

bool bnd_image_is_called(const struct bnd_image *im, const char *name)
{
	const char *last = strrchr(im->name, '/');
	const char *from[] = { im->name, without_host(im->name), last ? last + 1 : im->name };
	size_t tag = tag_at(im->name);

	for (size_t i = 0; i < EB_ARRAY_LEN(from); i++) {
		size_t bare = tag - (size_t)(from[i] - im->name);

		if (strcmp(name, from[i]) == 0 ||
		    (strlen(name) == bare && strncmp(name, from[i], bare) == 0))
			return true;
	}
	return false;
}

/* "a, b and 3 more" */
static char *listed(const char *const *names, size_t n)
{
	enum { SHOWN = 20 };
	EB_AUTOBUF(b, 64 * 1024);

	for (size_t i = 0; i < n && i < SHOWN; i++) {
		autofree char *one = eb_printable(names[i], 200);

		eb_buf_addf(&b, "%s%s", i ? ", " : "", one);
	}
	if (n > SHOWN)
		eb_buf_addf(&b, " and %zu more", n - SHOWN);
	return eb_xstrdup(eb_buf_str(&b));
}

static int no_image(const struct bnd_bundle *b, const char *name, struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	autofree const char **names = eb_xcalloc(b->n_images + 1, sizeof(*names));
	autofree const char **full = eb_xcalloc(b->n_images + 1, sizeof(*full));
	autofree char *list = NULL;
	const char *near;
	int r;

	for (size_t i = 0; i < b->n_images; i++) {
		autofree char *path = bnd_image_path(b->images[i].name);
		const char *last = strrchr(path, '/');

		names[i] = eb_arena_strdup(arena, last ? last + 1 : path);
		full[i] = b->images[i].name;
	}
	near = eb_nearest(name, names);
	if (!near)
		near = eb_nearest(name, full);
	r = eb_throw(err, EB_E_NOT_FOUND, "the bundle has no image '%s'%s%s%s", name,
		     near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
	list = listed(full, b->n_images);
	return eb_hint(err, r, "it holds %s", b->n_images ? list : "none");
}

int bnd_select_image(const struct bnd_bundle *b, const char *name, const struct bnd_image **ret,
		     struct eb_error **err)
{
	const struct bnd_image *found = NULL;

	for (size_t i = 0; i < b->n_images; i++) {
		const struct bnd_image *im = &b->images[i];

		if (strcmp(im->name, name) == 0) {
			*ret = im;
			return 0;
		}
		if (!bnd_image_is_called(im, name))
			continue;
		if (found)
			return eb_throw(err, EB_E_USAGE,
					"'%s' may be %s or %s: give the whole name", name,
					found->name, im->name);
		found = im;
	}
	if (!found)
		return no_image(b, name, err);
	*ret = found;
	return 0;
}

char *bnd_platform_name(const struct oci_descriptor *d)
{
	const struct oci_platform *p = &d->platform;

	if (!p->architecture)
		return eb_xstrdup("unknown");
	return eb_xasprintf("%s/%s%s%s", p->os ? p->os : "linux", p->architecture,
			    p->variant ? "/" : "", p->variant ? p->variant : "");
}

/* "linux/arm64" takes "linux/arm64/v8" too. */
static bool is_platform(const struct oci_descriptor *d, const char *want)
{
	autofree char *name = bnd_platform_name(d);
	size_t n = strlen(want);

	return strncmp(name, want, n) == 0 && (name[n] == '\0' || name[n] == '/') &&
	       strchr(want, '/');
}

int bnd_select_platform(const struct bnd_image *im, const char *platform, const char *host_arch,
			size_t *ret, struct eb_error **err)
{
	autofree char *host = eb_xasprintf("linux/%s", host_arch);
	const char *want = platform ? platform : host;
	autofree char **names = NULL;
	autofree char *list = NULL;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < im->index.n_items; i++) {
		if (is_platform(&im->index.items[i], want) &&
		    !oci_descriptor_attests(&im->index.items[i])) {
			*ret = i;
			return 0;
		}
	}
	if (!platform && im->index.n_items == 1) {
		*ret = 0;
		return 0;
	}
	names = eb_xcalloc(im->index.n_items + 1, sizeof(*names));
	for (size_t i = 0; i < im->index.n_items; i++)
		if (!oci_descriptor_attests(&im->index.items[i]))
			names[n++] = bnd_platform_name(&im->index.items[i]);
	list = listed((const char *const *)names, n);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	r = eb_throw(err, EB_E_NOT_FOUND, "image %s is not there for %s", im->name, want);
	return eb_hint(err, r, "give --platform with one of: %s", list);
}
