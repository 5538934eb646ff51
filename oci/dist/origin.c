#include "dist/origin.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "dist/ref.h"
#include "dist/registry.h"
#include "image/mediatype.h"

enum { MAX_LISTED = 2000 };

/* ---- a layout ---- */

static int archive_text(void *ctx, const struct oci_descriptor *d, char **ret,
			struct eb_error **err)
{
	return oci_archive_blob_text(ctx, d, OCI_MANIFEST_MAX_BYTES, ret, NULL, err);
}

static int archive_blob(void *ctx, const struct oci_descriptor *d, uint64_t offset,
			struct eb_reader **ret, struct eb_error **err)
{
	const struct oci_archive *a = ctx;
	const struct oci_member *m = oci_archive_find_blob(a, &d->digest);
	struct eb_reader *in = NULL;
	int r;

	if (!m)
		return eb_throw(err, EB_E_NOT_FOUND, "'%s': blob %s is not in it",
				oci_archive_path(a), d->digest.text);
	if (m->size != d->size || offset > m->size)
		return eb_throw(err, EB_E_DIGEST, "'%s': blob %s has %llu bytes, expected %llu",
				oci_archive_path(a), d->digest.text, (unsigned long long)m->size,
				(unsigned long long)d->size);
	if (!oci_archive_is_dir(a)) {
		*ret = eb_reader_region(oci_archive_fd(a), m->offset + offset, m->size - offset);
		return 0;
	}
	r = oci_archive_member_reader(a, m, &in, err);
	if (r >= 0)
		r = eb_read_skip(in, offset, err);
	if (r < 0)
		eb_reader_free(in);
	else
		*ret = in;
	return r;
}

struct oci_source oci_source_archive(const struct oci_archive *a)
{
	return (struct oci_source){ (void *)(uintptr_t)a, archive_text, archive_blob };
}

/* ---- an archive of `docker save` ---- */

static int docker_text(void *ctx, const struct oci_descriptor *d, char **ret, struct eb_error **err)
{
	return oci_docker_text(ctx, d, ret, err);
}

static int docker_blob(void *ctx, const struct oci_descriptor *d, uint64_t offset,
		       struct eb_reader **ret, struct eb_error **err)
{
	return oci_docker_blob(ctx, d, offset, ret, err);
}

struct oci_source oci_source_docker(const struct oci_docker_archive *a)
{
	return (struct oci_source){ (void *)(uintptr_t)a, docker_text, docker_blob };
}

/* ---- a repository ---- */

static int repository_text(void *ctx, const struct oci_descriptor *d, char **ret,
			   struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor got = { .media_type = NULL };
	const struct oci_repository *r = ctx;
	autofree char *text = NULL;
	int e = oci_registry_manifest(r->registry, r->repo, d->digest.text, &text, &got, err);

	if (e < 0)
		return e;
	if (got.size != d->size)
		return eb_throw(err, EB_E_DIGEST, "manifest %s has %llu bytes, %llu are listed",
				d->digest.text, (unsigned long long)got.size,
				(unsigned long long)d->size);
	*ret = EB_TAKE_PTR(text);
	return 0;
}

static int repository_blob(void *ctx, const struct oci_descriptor *d, uint64_t offset,
			   struct eb_reader **ret, struct eb_error **err)
{
	const struct oci_repository *r = ctx;

	return oci_registry_blob(r->registry, r->repo, d, offset, ret, err);
}

struct oci_source oci_source_repository(struct oci_repository *r)
{
	return (struct oci_source){ r, repository_text, repository_blob };
}

/* ---- any ---- */

int oci_source_verified(const struct oci_source *src, const struct oci_descriptor *d,
			struct eb_reader **ret, struct eb_error **err)
{
	struct eb_reader *in = NULL;
	autofree char *what = eb_xasprintf("blob %s", d->digest.text);
	int r = src->blob(src->ctx, d, 0, &in, err);

	if (r >= 0)
		*ret = eb_reader_verify(in, oci_digest_hex(&d->digest), d->size, what);
	return r;
}

/* ---- names in a layout ---- */

static const char *name_of(const struct oci_descriptor *d, bool containerd)
{
	return oci_descriptor_annotation(d,
					 containerd ? OCI_ANN_CONTAINERD_NAME : OCI_ANN_REF_NAME);
}

static bool means(const struct oci_descriptor *d, const char *name)
{
	if (strcmp(d->digest.text, name) == 0)
		return true;
	for (int i = 0; i < 2; i++) {
		const char *n = name_of(d, i), *slash = n ? strrchr(n, '/') : NULL;
		const char *tag = slash ? strchr(slash, ':') : NULL;

		if (n && (strcmp(n, name) == 0 || (tag && strcmp(tag + 1, name) == 0)))
			return true;
	}
	return false;
}

static void list_names(const struct oci_manifest *m, struct eb_buf *b)
{
	for (size_t i = 0; i < m->n_items; i++) {
		const char *n = name_of(&m->items[i], false);

		if (!n)
			n = name_of(&m->items[i], true);
		if (n)
			eb_buf_addf(b, "%s%.200s", b->len ? ", " : "", n);
	}
}

int oci_archive_resolve(const struct oci_archive *a, const char *name,
			const struct oci_descriptor **ret, struct eb_error **err)
{
	const struct oci_manifest *m = oci_archive_index(a);
	const struct oci_descriptor *found = NULL;
	EB_AUTOBUF(names, MAX_LISTED);
	int r;

	for (size_t i = 0; i < m->n_items; i++) {
		const struct oci_descriptor *d = &m->items[i];

		if (name ? !means(d, name) : m->n_items > 1 && !name_of(d, false))
			continue;
		if (found && !oci_digest_eq(&found->digest, &d->digest)) {
			list_names(m, &names);
			r = eb_throw(err, EB_E_USAGE, "'%s' holds several images%s%s",
				     oci_archive_path(a), name ? " of the name " : "",
				     name ? name : "");
			return eb_hint(err, r, "say which: %s", eb_buf_str(&names));
		}
		found = d;
	}
	if (found) {
		*ret = found;
		return 0;
	}
	list_names(m, &names);
	r = eb_throw(err, EB_E_NOT_FOUND, "'%s': no image '%.200s' in it", oci_archive_path(a),
		     name ? name : "");
	return names.len ? eb_hint(err, r, "there are: %s", eb_buf_str(&names)) : r;
}

char *oci_docker_full_name(const char *tag)
{
	EB_CLEANUP(oci_ref_release_p) struct oci_ref ref = { .host = NULL };

	return oci_ref_parse(tag, &ref, NULL) < 0 ? NULL : oci_ref_text(&ref);
}

static bool has_tag(const struct oci_docker_image *im, const char *name)
{
	autofree char *full = oci_docker_full_name(name);

	for (size_t i = 0; i < im->n_tags; i++) {
		autofree char *have = oci_docker_full_name(im->tags[i]);

		if (strcmp(im->tags[i], name) == 0 || (full && have && strcmp(full, have) == 0))
			return true;
	}
	return false;
}

static void list_tags(const struct oci_docker_archive *a, struct eb_buf *b)
{
	for (size_t i = 0; i < oci_docker_count(a); i++) {
		const struct oci_docker_image *im = oci_docker_image(a, i);
		autofree char *tag = im->n_tags ? eb_printable(im->tags[0], 200)
						: eb_xasprintf("@%zu", i);

		eb_buf_addf(b, "%s%s", b->len ? ", " : "", tag);
	}
}

int oci_docker_resolve(const struct oci_docker_archive *a, const char *name, size_t *ret,
		       struct eb_error **err)
{
	EB_AUTOBUF(names, MAX_LISTED);
	uint64_t number;
	int r;

	if (!name && oci_docker_count(a) == 1) {
		*ret = 0;
		return 0;
	}
	if (name && *name == '@' &&
	    eb_parse_u64(eb_span_str(name + 1), oci_docker_count(a) - 1, &number, NULL) >= 0) {
		*ret = (size_t)number;
		return 0;
	}
	for (size_t i = 0; name && i < oci_docker_count(a); i++)
		if (has_tag(oci_docker_image(a, i), name)) {
			*ret = i;
			return 0;
		}
	list_tags(a, &names);
	r = name ? eb_throw(err, EB_E_NOT_FOUND, "'%s': no image '%.200s' in it",
			    oci_docker_path(a), name)
		 : eb_throw(err, EB_E_USAGE, "'%s' holds several images", oci_docker_path(a));
	return eb_hint(err, r, name ? "there are: %s" : "say which: %s", eb_buf_str(&names));
}
