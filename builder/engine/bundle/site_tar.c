/* A site as a layer of the bundle manifest, and back. */
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/stream.h"
#include "bundle/reader.h"
#include "bundle/site.h"
#include "image/mediatype.h"
#include "image/tar_read.h"

#define LIBRARY "manifests/"
#define PROFILES "profiles/"
#define SCHEMA "values.schema.json"
#define YAML ".yaml"

/* ---- writing ---- */

static int gather(const struct bnd_site *site, struct rnd_fileset *all, struct eb_error **err)
{
	const char *name;
	json_t *text;
	int r = 0;

	for (size_t i = 0; i < site->library.n && r >= 0; i++) {
		const struct rnd_file *f = &site->library.items[i];
		autofree char *path = eb_xasprintf(LIBRARY "%s", f->name);

		r = rnd_fileset_add(all, path, f->text, f->n, err);
	}
	if (r >= 0 && site->schema) {
		autofree char *schema = eb_json_canonical(site->schema, NULL);

		r = rnd_fileset_add(all, SCHEMA, schema, strlen(schema), err);
	}
	json_object_foreach(site->profiles, name, text)
	{
		autofree char *path = eb_xasprintf(PROFILES "%s" YAML, name);

		if (r >= 0)
			r = rnd_fileset_add(all, path, json_string_value(text),
					    json_string_length(text), err);
	}
	return r < 0 ? r : rnd_fileset_sort(all, err);
}

int bnd_site_tar(const struct bnd_site *site, int64_t mtime_sec, struct eb_buf *out,
		 struct eb_error **err)
{
	EB_CLEANUP(rnd_fileset_release_p) struct rnd_fileset all = { 0 };
	static const char zeros[OCI_TAR_END_BYTES];
	int r = gather(site, &all, err);

	for (size_t i = 0; i < all.n && r >= 0; i++) {
		const struct oci_tar_entry e = { .path = all.items[i].name,
						 .type = '0',
						 .mode = 0644,
						 .size = all.items[i].n,
						 .mtime_sec = mtime_sec };

		oci_tar_header(&e, out);
		eb_buf_add(out, all.items[i].text, all.items[i].n);
		eb_buf_add(out, zeros, oci_tar_padding(all.items[i].n));
	}
	eb_buf_add(out, zeros, sizeof(zeros));
	return r < 0 ? r : eb_buf_check(out, "library of the manifests", err);
}

/* ---- reading ---- */

static bool starts(const char *path, const char *prefix)
{
	return strncmp(path, prefix, strlen(prefix)) == 0;
}

static int add_profile(struct bnd_site *site, const char *path, const struct eb_buf *text,
		       struct eb_error **err)
{
	const char *name = path + strlen(PROFILES);
	size_t n = strlen(name);
	autofree char *word = NULL;

	if (n <= strlen(YAML) || strcmp(name + n - strlen(YAML), YAML) != 0 ||
	    json_object_size(site->profiles) == BND_SITE_MAX_PROFILES)
		return eb_throw(err, EB_E_FORMAT, "'%s' is no profile, or one too many", path);
	word = eb_xstrndup(name, n - strlen(YAML));
	eb_json_set_str(site->profiles, word, text->len ? text->data : "");
	return 0;
}

static int add_member(struct bnd_site *site, const char *path, struct eb_buf *text,
		      struct eb_error **err)
{
	int r;

	if (starts(path, LIBRARY))
		return rnd_fileset_add(&site->library, path + strlen(LIBRARY), eb_buf_str(text),
				       text->len, err);
	if (starts(path, PROFILES))
		return add_profile(site, path, text, err);
	if (strcmp(path, SCHEMA) != 0 || site->schema)
		return eb_throw(err, EB_E_FORMAT, "unexpected member '%s'", path);
	r = eb_json_parse(eb_buf_str(text), text->len, RND_FILE_MAX_BYTES, &site->schema, err);
	return r < 0 ? eb_prefix(err, r, SCHEMA) : 0;
}

static int read_member(struct oci_tar_reader *t, const struct oci_tar_entry *e,
		       struct bnd_site *site, struct eb_error **err)
{
	EB_AUTOBUF(text, RND_FILE_MAX_BYTES);
	autofree char *path = eb_xstrdup(e->path);
	char chunk[16384];
	ssize_t n = 0;
	int r = 0;

	if (e->type == '5')
		return 0;
	if (e->type != '0')
		return eb_throw(err, EB_E_FORMAT, "'%s' is no regular file", path);
	while (r >= 0 && (n = oci_tar_data(t, chunk, sizeof(chunk), err)) > 0) {
		eb_buf_add(&text, chunk, (size_t)n);
		r = eb_buf_check(&text, path, err);
	}
	if (r < 0 || n < 0)
		return r < 0 ? r : (int)n;
	return add_member(site, path, &text, err);
}

static int read_library(const struct bnd_bundle *b, const struct oci_descriptor *d,
			struct bnd_site *site, struct eb_error **err)
{
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
	struct oci_tar_limits lim = oci_tar_default_limits;
	struct oci_tar_entry e;
	struct eb_reader *in;
	int r = oci_archive_blob(b->archive, d, &in, err);

	lim.total_bytes = BND_SITE_MAX_BYTES;
	lim.entries = RND_FILES_MAX + BND_SITE_MAX_PROFILES;
	if (r >= 0)
		r = oci_tar_open(in, OCI_TAR_PLAIN, &lim, &t, err);
	while (r >= 0 && (r = oci_tar_next(t, &e, err)) > 0)
		r = read_member(t, &e, site, err);
	return r < 0 ? r : rnd_fileset_sort(&site->library, err);
}

int bnd_site_open(const struct bnd_bundle *b, struct bnd_site *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_site_release_p)
	struct bnd_site site = { .arena = eb_arena_new(), .profiles = eb_json_object() };
	const struct oci_descriptor *d = bnd_part(b, BND_MT_LIBRARY);
	int r;

	if (!d)
		return eb_throw(err, EB_E_NOT_FOUND, "this bundle has no manifests to render");
	r = read_library(b, d, &site, err);
	if (r < 0)
		return eb_prefix(err, r, "library of the manifests");
	site.name = eb_arena_strdup(site.arena, eb_json_text(b->definition, "name"));
	site.version = eb_arena_strdup(site.arena, eb_json_text(b->definition, "version"));
	site.images = eb_arena_alloc(site.arena, b->n_images * sizeof(*site.images));
	for (size_t i = 0; i < b->n_images; i++)
		bnd_site_add_image(&site, b->images[i].name, b->images[i].desc.digest.text);
	*ret = site;
	site = (struct bnd_site){ .schema = NULL };
	return 0;
}
