#include "mirror/narrow.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

/* How BuildKit marks an attestation of another entry (its documentation, attestation-storage). */
#define ANN_ATTESTED "vnd.docker.reference.digest"

enum { MAX_SHOWN_BYTES = 2000 };

void mir_narrowed_release(struct mir_narrowed *n)
{
	oci_descriptor_release(&n->root);
	free(n->text);
	free(n->platforms);
	for (size_t i = 0; i < n->n_kept; i++)
		oci_descriptor_release(&n->kept[i]);
	free(n->kept);
	free(n->absent);
	*n = (struct mir_narrowed){ .text = NULL };
}

static char *name_of(const struct oci_descriptor *d)
{
	const struct oci_platform *p = &d->platform;

	return eb_xasprintf("%s/%s%s%s", p->os ? p->os : "linux",
			    p->architecture ? p->architecture : "unknown", p->variant ? "/" : "",
			    p->variant ? p->variant : "");
}

static bool is_wanted(const struct oci_descriptor *d, const char *const *platforms, size_t n)
{
	autofree char *name = name_of(d);

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(platforms[i]);

		if (strncmp(name, platforms[i], len) == 0 && (!name[len] || name[len] == '/'))
			return true;
	}
	return n == 0;
}

static bool lists(const struct oci_manifest *m, const bool *keep, const char *digest)
{
	for (size_t i = 0; i < m->n_items; i++)
		if (keep[i] && strcmp(m->items[i].digest.text, digest) == 0)
			return true;
	return false;
}

/* Marks what stays; returns how many images those are, *ret_left how many do not. */
static size_t pick(const struct oci_manifest *m, const char *const *platforms, size_t n, bool *keep,
		   size_t *ret_left, const struct oci_descriptor **ret_one)
{
	size_t count = 0;

	*ret_left = 0;
	for (size_t i = 0; i < m->n_items; i++) {
		const struct oci_descriptor *d = &m->items[i];

		if (oci_descriptor_annotation(d, ANN_ATTESTED))
			continue;
		keep[i] = is_wanted(d, platforms, n);
		if (keep[i])
			*ret_one = d;
		count += keep[i];
		*ret_left += !keep[i];
	}
	for (size_t i = 0; i < m->n_items; i++) {
		const char *of = oci_descriptor_annotation(&m->items[i], ANN_ATTESTED);

		if (of)
			keep[i] = lists(m, keep, of);
	}
	return count;
}

static char *names(const struct oci_manifest *m, const bool *keep)
{
	EB_AUTOBUF(b, MAX_SHOWN_BYTES);

	for (size_t i = 0; i < m->n_items; i++) {
		autofree char *name = name_of(&m->items[i]);

		if (m->items[i].platform.architecture && (!keep || keep[i]) &&
		    !oci_descriptor_annotation(&m->items[i], ANN_ATTESTED))
			eb_buf_addf(&b, "%s%s", b.len ? ", " : "", name);
	}
	return eb_xstrdup(eb_buf_str(&b));
}

static void rewrite(struct oci_manifest *m, const bool *keep, struct mir_narrowed *ret)
{
	size_t bytes, kept = 0;

	for (size_t i = 0; i < m->n_items; i++)
		if (keep[i])
			m->items[kept++] = m->items[i];
		else
			oci_descriptor_release(&m->items[i]);
	m->n_items = kept;
	ret->text = oci_manifest_write(m, &bytes);
	oci_descriptor_of(m->media_type, ret->text, bytes, &ret->root);
}

static void leave_out(const struct oci_descriptor *d, const struct oci_manifest *m,
		      const bool *keep, struct mir_narrowed *ret)
{
	oci_descriptor_copy(d, &ret->root);
	ret->kept = eb_xcalloc(m->n_items + 1, sizeof(*ret->kept));
	ret->absent = eb_xcalloc(m->n_items + 1, sizeof(*ret->absent));
	for (size_t i = 0; i < m->n_items; i++)
		if (keep[i])
			oci_descriptor_copy(&m->items[i], &ret->kept[ret->n_kept++]);
		else
			ret->absent[ret->n_absent++] = m->items[i].digest;
}

int mir_narrow(const struct oci_descriptor *d, const char *text, const char *const *platforms,
	       size_t n, bool sparse, bool *ret_all, struct mir_narrowed *ret,
	       struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	EB_CLEANUP(mir_narrowed_release_p) struct mir_narrowed new = { .text = NULL };
	const struct oci_descriptor *one = NULL;
	autofree bool *keep = NULL;
	size_t count, left;
	int r = oci_manifest_parse(text, d->size, &m, err);

	if (r < 0)
		return r;
	keep = eb_xcalloc(m.n_items + 1, sizeof(*keep));
	count = m.is_index ? pick(&m, platforms, n, keep, &left, &one) : 0;
	*ret_all = !m.is_index || (count && left == 0 && !sparse);
	if (*ret_all)
		return 0;
	if (!count) {
		autofree char *there = names(&m, NULL);

		return eb_throw(err, EB_E_NOT_FOUND,
				"it is there for none of the platforms asked for, but for %s",
				*there ? there : "no platform that it names");
	}
	new.platforms = names(&m, keep);
	if (sparse)
		leave_out(d, &m, keep, &new);
	else if (count == 1)
		oci_descriptor_copy(one, &new.root);
	else
		rewrite(&m, keep, &new);
	*ret = new;
	new = (struct mir_narrowed){ .text = NULL };
	return 0;
}
