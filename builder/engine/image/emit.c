#include "image/emit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/stream.h"
#include "pkg/input.h"

enum { IO_BYTES = 64 * 1024 };

struct emitter {
	const struct img_emit *x;
	struct oci_layer *layer;
	struct pkg_data *data;	    /* of the open input, or NULL */
	unsigned int origin;	    /* whose that is */
	struct oci_tar_entry entry; /* where it stands */
	uint32_t member;
	char *buf;
};

static const struct pkg_input *input_of(const struct img_emit *x, unsigned int origin)
{
	return &x->inputs[x->tree->origins[origin].input];
}

static void describe(const struct img_emit *x, const struct img_member *m, struct oci_tar_entry *e)
{
	const struct rfs_node *n = m->node;

	*e = (struct oci_tar_entry){ .path = m->path, .type = '0', .mtime_sec = x->epoch_sec };
	if (!n) { /* a whiteout */
		e->mode = 0644;
		return;
	}
	e->mode = n->mode;
	e->uid = n->uid;
	e->gid = n->gid;
	e->mtime_sec = n->mtime_sec < x->epoch_sec ? n->mtime_sec : x->epoch_sec;
	e->xattrs = n->xattrs;
	e->n_xattrs = n->n_xattrs;
	if (n->type == RFS_DIR) {
		e->type = '5';
	} else if (n->type == RFS_SYMLINK) {
		e->type = '2';
		e->link = n->target;
	} else if (n->link) {
		e->type = '1';
	} else {
		e->size = n->size;
	}
}

/* Finish with the open input: the rest is read, so that its hash has been checked. */
static int close_input(struct emitter *em, struct eb_error **err)
{
	int r = em->data ? pkg_data_drain(em->data, err) : 0;

	em->data = pkg_data_free(em->data);
	return r;
}

/* Bring the input of `origin` to member `want`. */
static int seek_member(struct emitter *em, unsigned int origin, uint32_t want,
		       struct eb_error **err)
{
	const struct pkg_input *in = input_of(em->x, origin);
	int r = 0;

	if (em->data && (em->origin != origin || em->member >= want))
		r = close_input(em, err);
	if (r >= 0 && !em->data) {
		r = pkg_data_open(em->x->env->cache, in, &em->data, err);
		em->origin = origin;
		em->member = 0;
		if (r >= 0)
			r = pkg_data_next(em->data, &em->entry, &em->member, err);
		if (r == 0)
			return eb_throw(err, EB_E_FORMAT, "%s: is empty", in->what);
	}
	while (r >= 0 && em->member < want) {
		r = pkg_data_next(em->data, &em->entry, &em->member, err);
		if (r == 0)
			return eb_throw(err, EB_E_FORMAT, "%s: ends before member %u", in->what,
					want);
	}
	return r;
}

static int copy_member(struct emitter *em, const struct rfs_node *n, struct eb_error **err)
{
	uint64_t left = n->size;
	int r = seek_member(em, n->content.origin, n->content.member, err);

	if (r < 0)
		return r;
	if (em->entry.size != n->size)
		return eb_throw(err, EB_E_DIGEST,
				"member '%s' has %llu bytes, the index of its %s says %llu",
				em->entry.path, (unsigned long long)em->entry.size,
				pkg_input_noun(input_of(em->x, n->content.origin)->kind),
				(unsigned long long)n->size);
	while (left > 0) {
		ssize_t got = pkg_data_read(em->data, em->buf, IO_BYTES, err);

		if (got < 0)
			return (int)got;
		if (got == 0)
			return eb_throw(err, EB_E_FORMAT, "member '%s' ends early", em->entry.path);
		r = oci_layer_data(em->layer, em->buf, (size_t)got, err);
		if (r < 0)
			return r;
		left -= (uint64_t)got;
	}
	return 0;
}

static int copy_host(struct emitter *em, const struct rfs_node *n, struct eb_error **err)
{
	autofd int fd = open(n->content.host_path, O_RDONLY | O_CLOEXEC);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	ssize_t got;

	if (fd < 0)
		return eb_throw_errno(err, "open '%s'", n->content.host_path);
	in = eb_reader_region(fd, 0, n->size);
	while ((got = eb_read(in, em->buf, IO_BYTES, err)) > 0) {
		int r = oci_layer_data(em->layer, em->buf, (size_t)got, err);

		if (r < 0)
			return r;
	}
	return got < 0 ? eb_prefix(err, (int)got, "'%s'", n->content.host_path) : 0;
}

static int emit_member(struct emitter *em, const struct img_member *m, struct eb_error **err)
{
	const struct rfs_node *n = m->node;
	autofree char *link = n && n->link ? rfs_path(n->link) : NULL;
	struct oci_tar_entry e;
	int r;

	describe(em->x, m, &e);
	if (link)
		e.link = link;
	r = oci_layer_entry(em->layer, &e, m->cut_before, err);
	if (r < 0 || e.type != '0' || e.size == 0)
		return r;
	switch (n->content.kind) {
	case RFS_INLINE:
		r = oci_layer_data(em->layer, n->content.data, n->size, err);
		break;
	case RFS_MEMBER:
		r = copy_member(em, n, err);
		break;
	case RFS_HOST:
		r = copy_host(em, n, err);
		break;
	}
	if (r >= 0 && em->x->task)
		eb_progress_advance(em->x->env->progress, em->x->task, e.size);
	return r;
}

static int emit_all(struct emitter *em, const struct img_group *g, struct oci_layer_result *ret,
		    struct eb_error **err)
{
	int r;

	for (size_t i = 0; i < g->n; i++) {
		r = emit_member(em, &g->members[i], err);

		if (r < 0)
			return eb_prefix(err, r, "layer '%s': /%s", g->name, g->members[i].path);
	}
	r = close_input(em, err);
	if (r >= 0)
		r = oci_layer_finish(em->layer, ret, err);
	return r < 0 ? eb_prefix(err, r, "layer '%s'", g->name) : 0;
}

int img_emit_layer(const struct img_emit *x, const struct img_group *g, struct eb_writer *out,
		   struct oci_layer_result *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_layer_free_p)
	struct oci_layer *layer = oci_layer_new(x->env->pool, x->codec, out);
	autofree char *buf = eb_xmalloc(IO_BYTES);
	struct emitter em = { .x = x, .layer = layer, .buf = buf };
	int r = emit_all(&em, g, ret, err);

	pkg_data_free(em.data);
	return r;
}

struct img_reader {
	struct emitter em;
};

struct img_reader *img_reader_new(const struct img_emit *x)
{
	struct img_reader *rd = eb_xcalloc(1, sizeof(*rd));

	rd->em.x = x;
	rd->em.buf = eb_xmalloc(IO_BYTES);
	return rd;
}

int img_reader_node(struct img_reader *rd, const struct rfs_node *n, struct eb_buf *out,
		    struct eb_error **err)
{
	ssize_t got = 0;
	int r;

	n = n->link ? n->link : n;
	switch (n->content.kind) {
	case RFS_INLINE:
		eb_buf_add(out, n->content.data, n->size);
		return eb_buf_check(out, n->name, err);
	case RFS_HOST:
		return eb_file_read(n->content.host_path, out, err);
	case RFS_MEMBER:
		break;
	}
	r = seek_member(&rd->em, n->content.origin, n->content.member, err);
	while (r >= 0 && (got = pkg_data_read(rd->em.data, rd->em.buf, IO_BYTES, err)) > 0)
		eb_buf_add(out, rd->em.buf, (size_t)got);
	if (r < 0 || got < 0)
		return r < 0 ? r : (int)got;
	return eb_buf_check(out, n->name, err);
}

int img_reader_finish(struct img_reader *rd, struct eb_error **err)
{
	return close_input(&rd->em, err);
}

struct img_reader *img_reader_free(struct img_reader *rd)
{
	if (rd) {
		pkg_data_free(rd->em.data);
		free(rd->em.buf);
		free(rd);
	}
	return NULL;
}
