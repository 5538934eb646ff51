#include "mirror/mirror_list.h"

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "recipe/read.h"

/* ---- values ---- */

/* A failure of another parser, at this place. */
static int failed(struct rcp_reader *rd, const struct rcp_yaml *v, struct eb_error *cause,
		  struct eb_error **err)
{
	int r = rcp_read_throw(rd, v, err, "%s", cause->message);

	if (cause->hint)
		r = eb_hint(err, r, "%s", cause->hint);
	eb_error_free(cause);
	return r;
}

/* "*.example" stands for a list of one. */
static int read_words(struct rcp_reader *rd, const struct rcp_yaml *v, rcp_check_fn check,
		      size_t max, const char ***ret, size_t *ret_n, struct eb_error **err)
{
	struct rcp_yaml *self = (struct rcp_yaml *)(uintptr_t)v;
	struct rcp_yaml *const *items = v->kind == RCP_YAML_LIST ? v->items : &self;
	size_t n = v->kind == RCP_YAML_LIST ? v->n : 1;
	int r = 0;

	if (n > max)
		return rcp_read_throw(rd, v, err, "more than %zu", max);
	*ret = eb_arena_alloc(rd->arena, (n + 1) * sizeof(**ret));
	for (size_t i = 0; i < n && r >= 0; i++)
		r = rcp_read_checked(rd, items[i], check, &(*ret)[i], err);
	*ret_n = n;
	return r;
}

static int read_patterns(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	struct mir_patterns *p = to;
	const char **words = NULL;
	size_t n = 0;
	int r = read_words(rd, v, NULL, MIR_MAX_PATTERNS, &words, &n, err);

	if (r >= 0 && n == 0)
		return rcp_read_throw(rd, v, err, "expected at least one pattern, found none");
	p->items = eb_arena_alloc(rd->arena, (n + 1) * sizeof(*p->items));
	for (size_t i = 0; i < n && r >= 0; i++) {
		struct eb_error *cause = NULL;

		r = mir_pattern_init(words[i], &p->items[i], &cause);
		if (r < 0)
			return failed(rd, v->kind == RCP_YAML_LIST ? v->items[i] : v, cause, err);
		p->n = i + 1;
	}
	return r;
}

static int read_range(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	const struct mir_range **range = to;
	struct eb_error *cause = NULL;
	const char *text = NULL;
	int r = rcp_read_text(rd, v, &text, err);

	if (r < 0)
		return r;
	r = mir_range_parse(text, rd->arena, range, &cause);
	return r < 0 ? failed(rd, v, cause, err) : 0;
}

static int read_keep(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	return rcp_read_number(rd, v, MIR_MAX_KEEP, to, err);
}

static const char *check_affix(const char *s)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "._-";

	if (*s && strlen(s) <= OCI_TAG_MAX_BYTES && strspn(s, set) == strlen(s))
		return NULL;
	return "part of a tag (letters, digits, '_', '.', '-')";
}

static int read_affix(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	return rcp_read_checked(rd, v, check_affix, to, err);
}

static int read_template(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	return rcp_read_checked(rd, v, mir_target_check, to, err);
}

static const char *check_platform(const char *s)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";
	unsigned int parts = 0;

	for (;;) {
		size_t n = strspn(s, set);

		s += n;
		parts++;
		if (n == 0 || parts > 3 || (*s && *s != '/'))
			break;
		if (!*s && parts > 1)
			return NULL;
		if (!*s)
			break;
		s++;
	}
	return "a platform such as 'linux/amd64' or 'linux/arm64/v8'";
}

static int read_image_platforms(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
				struct eb_error **err)
{
	struct mir_image *im = to;

	return read_words(rd, v, check_platform, MIR_MAX_PLATFORMS, &im->platforms,
			  &im->n_platforms, err);
}

static int read_platforms(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err)
{
	struct mir_list *l = to;

	return read_words(rd, v, check_platform, MIR_MAX_PLATFORMS, &l->platforms, &l->n_platforms,
			  err);
}

static int read_plain_http(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	struct mir_list *l = to;

	return read_words(rd, v, rcp_check_host, MIR_MAX_IMAGES, &l->plain_http, &l->n_plain_http,
			  err);
}

static int read_digests(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	struct mir_image *im = to;
	const char **words = NULL;
	size_t n = 0;
	int r = read_words(rd, v, rcp_check_digest, MIR_MAX_IMAGES, &words, &n, err);

	im->digests = eb_arena_alloc(rd->arena, (n + 1) * sizeof(*im->digests));
	for (size_t i = 0; i < n && r >= 0; i++)
		r = oci_digest_parse(words[i], &im->digests[i], err);
	im->n_digests = n;
	return r;
}

/* ---- places ---- */

static const char *join(struct eb_arena *arena, const char *dir, const char *path)
{
	if (!*dir || *path == '/')
		return eb_arena_strdup(arena, path);
	return eb_arena_printf(arena, "%s/%s", dir, path);
}

/* What stands behind `prefix` of text, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

/* Without this, "docker-archive:x.tar" would be an image of Docker's registry. */
static const char *other_place(const char *text)
{
	static const char *const others[] = {
		"docker-archive:", "docker-daemon:", "dir:", "containers-storage:", "containerd:",
		"k3s-airgap:",	   "bundle:",	     "oci:", "oci-archive:"
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(others); i++)
		if (after(text, others[i]))
			return others[i];
	return NULL;
}

static int read_from(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	static const char *const layouts[] = { "oci:", "oci-archive:", "bundle:" };
	const struct mir_list *l = rd->document;
	struct mir_image *im = to;
	struct eb_error *cause = NULL;
	int r = rcp_read_checked(rd, v, rcp_check_line, &im->from, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < EB_ARRAY_LEN(layouts); i++) {
		const char *path = after(im->from, layouts[i]);

		if (path && !*path)
			return rcp_read_throw(rd, v, err, "'%s' names no file", im->from);
		if (!path)
			continue;
		im->path = join(rd->arena, l->dir, path);
		im->is_bundle = i == 2;
		return 0;
	}
	if (other_place(im->from))
		return rcp_read_throw(rd, v, err,
				      "'%s' cannot be mirrored from; expected HOST/REPO, oci:, "
				      "oci-archive: or bundle:",
				      other_place(im->from));
	r = oci_ref_parse(after(im->from, "docker://") ? im->from + 9 : im->from, &im->ref, &cause);
	return r < 0 ? failed(rd, v, cause, err) : 0;
}

static int parse_to(struct mir_list *l, const char *dir, const char *text,
		    struct mir_destination *ret, struct eb_error **err)
{
	static const struct {
		const char *prefix;
		enum mir_to kind;
	} layouts[] = { { "oci:", MIR_TO_FOLDER }, { "oci-archive:", MIR_TO_ARCHIVE } };
	struct mir_destination to = { .text = eb_arena_strdup(l->arena, text) };
	int r;

	for (size_t i = 0; i < EB_ARRAY_LEN(layouts); i++) {
		const char *path = after(text, layouts[i].prefix);

		if (path && !*path)
			return eb_throw(err, EB_E_USAGE, "'%s' names no file", text);
		if (!path)
			continue;
		to.kind = layouts[i].kind;
		to.path = join(l->arena, dir, path);
		*ret = to;
		return 0;
	}
	if (after(text, "bundle:"))
		return eb_hint(err,
			       eb_throw(err, EB_E_USAGE,
					"a bundle is made from its definition, "
					"not by mirroring"),
			       "'oci-archive:FILE' is one file with all the images");
	if (other_place(text))
		return eb_throw(err, EB_E_USAGE,
				"'%s' cannot be mirrored to; expected HOST/PREFIX, oci: or "
				"oci-archive:",
				other_place(text));
	r = oci_ref_parse_prefix(after(text, "docker://") ? text + 9 : text, &to.ref, err);
	if (r >= 0)
		*ret = to;
	return r;
}

int mir_list_set_to(struct mir_list *l, const char *dir, const char *text, struct eb_error **err)
{
	struct mir_destination to;
	int r = parse_to(l, dir, text, &to, err);

	if (r < 0)
		return r;
	oci_ref_release(&l->to.ref);
	l->to = to;
	l->naming.is_layout = to.kind != MIR_TO_REGISTRY;
	return 0;
}

static int read_to(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	struct mir_list *l = to;
	struct eb_error *cause = NULL;
	const char *text = NULL;
	int r = rcp_read_checked(rd, v, rcp_check_line, &text, err);

	if (r < 0)
		return r;
	r = mir_list_set_to(l, l->dir, text, &cause);
	return r < 0 ? failed(rd, v, cause, err) : 0;
}

/* ---- mappings ---- */

/* HOST/PATH or the front of it: a repository whose first part may have a port. */
static const char *check_rename_from(const char *s)
{
	autofree char *host = eb_xstrndup(s, strcspn(s, "/"));
	const char *rest = s + strlen(host);
	size_t n;

	if (rcp_check_host(host) == NULL) {
		while (*rest == '/')
			rest++;
		n = strlen(rest);
		while (n && rest[n - 1] == '/')
			n--;
		autofree char *path = eb_xstrndup(rest, n);

		if (!n || !rcp_check_repository(path))
			return NULL;
	}
	return "the beginning of an image's name such as 'docker.io/library'";
}

static const char *check_rename_to(const char *s)
{
	size_t n = strlen(s);
	autofree char *path = eb_xstrndup(s, n && s[n - 1] == '/' ? n - 1 : n);

	return *path ? rcp_check_repository(path) : NULL;
}

static int read_rename_from(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			    struct eb_error **err)
{
	return rcp_read_checked(rd, v, check_rename_from, to, err);
}

static int read_rename_to(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err)
{
	return rcp_read_checked(rd, v, check_rename_to, to, err);
}

static int read_rename(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "from", read_rename_from, offsetof(struct mir_rename, from), true },
		{ "to", read_rename_to, offsetof(struct mir_rename, to), true },
	};

	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), to, err);
}

static int read_renames(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	struct mir_list *l = to;
	int r = rcp_read_list(rd, v, sizeof(*l->renames), read_rename, &l->renames,
			      &l->naming.n_renames, err);

	l->naming.renames = l->renames;
	return r;
}

bool mir_image_asks_for_tags(const struct mir_image *im)
{
	if (im->range)
		return true;
	for (size_t i = 0; i < im->tags.n; i++)
		if (!im->tags.items[i].literal)
			return true;
	return false;
}

static int check_layout(struct rcp_reader *rd, const struct rcp_yaml *v, const struct mir_image *im,
			struct eb_error **err)
{
	if (im->n_digests)
		return rcp_read_throw(rd, v, err, "digests are for registries; use 'names' here");
	if (im->referrers && rcp_yaml_get(v, "referrers"))
		return rcp_read_throw(rd, v, err, "referrers are for images in registries");
	return 0;
}

/* What an entry says must say which images are meant. */
static int check_repository(struct rcp_reader *rd, const struct rcp_yaml *v,
			    const struct mir_image *im, struct eb_error **err)
{
	bool fixed = im->ref.tag || im->ref.digest.text[0];
	bool some = im->tags.n || im->range || im->n_digests;
	int r;

	if (im->names.n)
		return rcp_read_throw(rd, v, err, "names are for layouts and bundles; use 'tags'");
	if (fixed && (some || im->exclude.n))
		return rcp_read_throw(rd, v, err,
				      "'%s' is one image already; give the repository alone to "
				      "choose tags",
				      im->from);
	if (fixed || some)
		return 0;
	r = rcp_read_throw(rd, v, err, "which tags of '%s'?", im->from);
	return eb_hint(err, r, "give tags, semver or digests; tags: [\"*\"] means all of them");
}

static int check_image(struct rcp_reader *rd, const struct rcp_yaml *v, const struct mir_image *im,
		       struct eb_error **err)
{
	if (!im->range && (im->prerelease || im->prefix || im->suffix))
		return rcp_read_throw(rd, v, err,
				      "prerelease, prefix and suffix have no meaning without "
				      "semver");
	return im->path ? check_layout(rd, v, im, err) : check_repository(rd, v, im, err);
}

static int read_image(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "from", read_from, 0, true },
		{ "tags", read_patterns, offsetof(struct mir_image, tags), false },
		{ "exclude", read_patterns, offsetof(struct mir_image, exclude), false },
		{ "names", read_patterns, offsetof(struct mir_image, names), false },
		{ "semver", read_range, offsetof(struct mir_image, range), false },
		{ "prerelease", rcp_read_bool, offsetof(struct mir_image, prerelease), false },
		{ "prefix", read_affix, offsetof(struct mir_image, prefix), false },
		{ "suffix", read_affix, offsetof(struct mir_image, suffix), false },
		{ "digests", read_digests, 0, false },
		{ "platforms", read_image_platforms, 0, false },
		{ "sparse", rcp_read_bool, offsetof(struct mir_image, sparse), false },
		{ "referrers", rcp_read_bool, offsetof(struct mir_image, referrers), false },
		{ "keep", read_keep, offsetof(struct mir_image, keep), false },
		{ "to", read_template, offsetof(struct mir_image, to), false },
	};
	struct mir_list *l = rd->document;
	struct mir_image *im = to;
	int r;

	im->pos = rcp_pos_of(v);
	im->platforms = l->platforms;
	im->n_platforms = l->n_platforms;
	im->sparse = l->sparse;
	im->referrers = l->referrers;
	im->keep = l->keep;
	/* Patterns hold memory of their own, so the list must know of a half-read image. */
	l->images = (struct mir_image *)to - l->n_images;
	l->n_images++;
	r = rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), im, err);
	return r < 0 ? r : check_image(rd, v, im, err);
}

static int read_images(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	struct mir_image *items;
	size_t n;

	(void)to;
	if (v->kind == RCP_YAML_LIST && (v->n == 0 || v->n > MIR_MAX_IMAGES))
		return rcp_read_throw(rd, v, err, "expected 1 to %d images, found %zu",
				      MIR_MAX_IMAGES, v->n);
	return rcp_read_list(rd, v, sizeof(*items), read_image, &items, &n, err);
}

/* The defaults come before the images, whatever their order in the file. */
static const struct rcp_field fields[] = {
	{ "to", read_to, 0, false },
	{ "path", read_template,
	  offsetof(struct mir_list, naming) + offsetof(struct mir_naming, path), false },
	{ "rename", read_renames, 0, false },
	{ "plain-http", read_plain_http, 0, false },
	{ "platforms", read_platforms, 0, false },
	{ "sparse", rcp_read_bool, offsetof(struct mir_list, sparse), false },
	{ "referrers", rcp_read_bool, offsetof(struct mir_list, referrers), false },
	{ "keep", read_keep, offsetof(struct mir_list, keep), false },
	{ "images", read_images, 0, true },
};

int mir_list_parse(const char *dir, const char *file, const char *text, size_t n,
		   struct mir_list **ret, struct eb_error **err)
{
	EB_CLEANUP(mir_list_free_p) struct mir_list *l = eb_xcalloc(1, sizeof(*l));
	struct rcp_reader rd = { .document = l };
	struct rcp_yaml *root;
	int r;

	l->arena = rd.arena = eb_arena_new();
	l->dir = eb_arena_strdup(l->arena, dir);
	l->file = eb_arena_strdup(l->arena, file);
	r = rcp_yaml_parse(l->file, text, n, l->arena, &root, err);
	if (r >= 0)
		r = rcp_read_map(&rd, root, fields, EB_ARRAY_LEN(fields), l, err);
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(l);
	return 0;
}

int mir_list_load(const char *path, struct mir_list **ret, struct eb_error **err)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir = eb_xstrndup(path, !slash	       ? 0
					       : slash == path ? 1
							       : (size_t)(slash - path));
	EB_AUTOBUF(text, RCP_YAML_MAX_BYTES);
	int r = eb_file_read(path, &text, err);

	return r < 0 ? r : mir_list_parse(dir, path, eb_buf_str(&text), text.len, ret, err);
}

static void patterns_release(struct mir_patterns *p)
{
	for (size_t i = 0; i < p->n; i++)
		mir_pattern_release(&p->items[i]);
}

struct mir_list *mir_list_free(struct mir_list *l)
{
	if (!l)
		return NULL;
	for (size_t i = 0; i < l->n_images; i++) {
		oci_ref_release(&l->images[i].ref);
		patterns_release(&l->images[i].tags);
		patterns_release(&l->images[i].exclude);
		patterns_release(&l->images[i].names);
	}
	oci_ref_release(&l->to.ref);
	eb_arena_free(l->arena);
	free(l);
	return NULL;
}

bool mir_list_is_plain_http(const struct mir_list *l, const char *host)
{
	for (size_t i = 0; i < l->n_plain_http; i++)
		if (strcmp(l->plain_http[i], host) == 0)
			return true;
	return false;
}
