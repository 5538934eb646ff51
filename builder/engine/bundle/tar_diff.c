#include "bundle/tar_diff.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "image/tar_read.h"

enum { CHUNK = 64 * 1024 };

struct side {
	struct oci_tar_reader *tar;
	struct oci_tar_entry e;
	int have; /* 1 = e is a member */
	char *buf;
};

struct compare {
	struct side a, b;
	struct bnd_tar_difference *ret;
};

void bnd_tar_difference_release(struct bnd_tar_difference *d)
{
	free(d->member);
	free(d->detail);
	*d = (struct bnd_tar_difference){ 0 };
}

/* Takes detail. */
static int found(struct compare *c, const char *path, char *detail)
{
	c->ret->member = eb_printable(*path ? path : ".", 4096);
	c->ret->detail = detail;
	return 1;
}

static int compare_names(struct compare *c)
{
	autofree char *b = NULL;

	if (!c->a.have && !c->b.have)
		return 0;
	if (!c->b.have)
		return found(c, c->a.e.path, eb_xstrdup("is missing at the end"));
	if (!c->a.have)
		return found(c, c->b.e.path, eb_xstrdup("is one more than expected, at the end"));
	if (strcmp(c->a.e.path, c->b.e.path) == 0)
		return 0;
	b = eb_printable(c->b.e.path, 200);
	return found(c, c->a.e.path, eb_xasprintf("is expected where '%s' was made", b));
}

static bool same_xattrs(const struct oci_tar_entry *a, const struct oci_tar_entry *b)
{
	if (a->n_xattrs != b->n_xattrs)
		return false;
	for (size_t i = 0; i < a->n_xattrs; i++)
		if (strcmp(a->xattrs[i].name, b->xattrs[i].name) != 0 ||
		    a->xattrs[i].size != b->xattrs[i].size ||
		    memcmp(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].size) != 0)
			return false;
	return true;
}

static int compare_headers(struct compare *c)
{
	const struct oci_tar_entry *a = &c->a.e, *b = &c->b.e;

	if (a->type != b->type)
		return found(c, a->path,
			     eb_xasprintf("type: expected '%c', made '%c'", a->type, b->type));
	if (a->mode != b->mode)
		return found(c, a->path,
			     eb_xasprintf("mode: expected %04o, made %04o", (unsigned int)a->mode,
					  (unsigned int)b->mode));
	if (a->uid != b->uid || a->gid != b->gid)
		return found(c, a->path,
			     eb_xasprintf("owner: expected %lu:%lu, made %lu:%lu",
					  (unsigned long)a->uid, (unsigned long)a->gid,
					  (unsigned long)b->uid, (unsigned long)b->gid));
	if (a->mtime_sec != b->mtime_sec)
		return found(c, a->path,
			     eb_xasprintf("mtime: expected %lld, made %lld",
					  (long long)a->mtime_sec, (long long)b->mtime_sec));
	if (a->link && b->link && strcmp(a->link, b->link) != 0) {
		autofree char *x = eb_printable(a->link, 200), *y = eb_printable(b->link, 200);

		return found(c, a->path,
			     eb_xasprintf("link: expected to '%s', made to '%s'", x, y));
	}
	if (!same_xattrs(a, b))
		return found(c, a->path, eb_xstrdup("extended attributes"));
	return 0;
}

static int fill(struct side *s, size_t *ret, struct eb_error **err)
{
	size_t n = 0;
	ssize_t got = 0;

	while (n < CHUNK && (got = oci_tar_data(s->tar, s->buf + n, CHUNK - n, err)) > 0)
		n += (size_t)got;
	*ret = n;
	return got < 0 ? (int)got : 0;
}

static int compare_content(struct compare *c, struct eb_error **err)
{
	uint64_t at = 0;

	if (c->a.e.type != '0')
		return 0;
	for (;;) {
		size_t n, m, i = 0;
		int r = fill(&c->a, &n, err);

		if (r >= 0)
			r = fill(&c->b, &m, err);
		if (r < 0)
			return r;
		while (i < n && i < m && c->a.buf[i] == c->b.buf[i])
			i++;
		if (i < n || i < m)
			return found(c, c->a.e.path,
				     eb_xasprintf("content: the first differing byte is at offset "
						  "%llu (expected %llu bytes, made %llu)",
						  (unsigned long long)at + i,
						  (unsigned long long)c->a.e.size,
						  (unsigned long long)c->b.e.size));
		if (n == 0)
			return 0;
		at += n;
	}
}

static int compare_all(struct compare *c, struct eb_error **err)
{
	for (;;) {
		int r = c->a.have = oci_tar_next(c->a.tar, &c->a.e, err);

		if (r < 0)
			return eb_prefix(err, r, "expected");
		r = c->b.have = oci_tar_next(c->b.tar, &c->b.e, err);
		if (r < 0)
			return eb_prefix(err, r, "made");
		r = compare_names(c);
		if (r == 0 && !c->a.have)
			return 0;
		if (r == 0)
			r = compare_headers(c);
		if (r == 0)
			r = compare_content(c, err);
		if (r != 0)
			return r;
	}
}

int bnd_tar_compare(struct eb_reader *a, struct eb_reader *b, struct bnd_tar_difference *ret,
		    struct eb_error **err)
{
	struct compare c = { .ret = ret };
	int r = oci_tar_open(a, OCI_TAR_PLAIN, &oci_tar_default_limits, &c.a.tar, err);
	int r2 = oci_tar_open(b, OCI_TAR_PLAIN, &oci_tar_default_limits, &c.b.tar,
			      r < 0 ? NULL : err);

	c.a.buf = eb_xmalloc(CHUNK);
	c.b.buf = eb_xmalloc(CHUNK);
	if (r < 0)
		r = eb_prefix(err, r, "expected");
	else if (r2 < 0)
		r = eb_prefix(err, r2, "made");
	else
		r = compare_all(&c, err);
	oci_tar_reader_free(c.a.tar);
	oci_tar_reader_free(c.b.tar);
	free(c.a.buf);
	free(c.b.buf);
	return r;
}
