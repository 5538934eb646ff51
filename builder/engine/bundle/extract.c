#include "bundle/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "bundle/extract_internal.h"
#include "bundle/layers.h"
#include "image/tar_read.h"

struct bnd_extract *bnd_extract_new(int root_fd, const struct bnd_extract_options *o)
{
	struct bnd_extract *x = eb_xcalloc(1, sizeof(*x));

	x->o = *o;
	x->nodes = bnd_paths_new(sizeof(struct extract_node));
	x->buf = eb_xmalloc(EXTRACT_BUF);
	x->fds[0] = root_fd;
	return x;
}

struct bnd_extract *bnd_extract_free(struct bnd_extract *x)
{
	if (x) {
		extract_leave_all(x);
		bnd_paths_free(x->nodes);
		free(x->buf);
		free(x);
	}
	return NULL;
}

/* Note that the layer under way made e. Files and links have their attributes already. */
static int note(struct bnd_extract *x, const struct oci_tar_entry *e, struct eb_error **err)
{
	struct extract_node *n;
	void *node;
	int r = bnd_paths_add(x->nodes, e->path, &node, err);

	if (r < 0)
		return r;
	n = node;
	n->layer = x->layer;
	n->type = e->type;
	if (e->type != '5')
		return 0;
	n->mode = e->mode;
	n->uid = e->uid;
	n->gid = e->gid;
	n->mtime_sec = e->mtime_sec;
	n->n_xattrs = 0;
	if (e->n_xattrs == 0)
		return 0;
	r = bnd_paths_copy(x->nodes, e->xattrs, e->n_xattrs * sizeof(*e->xattrs), &node, err);
	n->xattrs = node;
	for (size_t i = 0; i < e->n_xattrs && r >= 0; i++) {
		struct oci_xattr *a = &n->xattrs[i];

		r = bnd_paths_copy(x->nodes, a->name, strlen(a->name) + 1, &node, err);
		a->name = node;
		if (r >= 0)
			r = bnd_paths_copy(x->nodes, a->value, a->size, &node, err);
		a->value = node;
		n->n_xattrs = i + 1;
	}
	return r;
}

/* Take away what is in the place of e: 1 when e is a directory and one is there already. */
static int clear_place(struct bnd_extract *x, int fd, const char *name,
		       const struct oci_tar_entry *e, struct eb_error **err)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : eb_throw_errno(err, "stat");
	if (S_ISDIR(st.st_mode) && e->type == '5')
		return 1;
	return extract_remove(x, fd, name, e->path, false, false, err);
}

static int write_all(int fd, const char *p, size_t n, struct eb_error **err)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return eb_throw_errno(err, "write");
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

static int make_file(struct bnd_extract *x, int dir, const char *name,
		     const struct oci_tar_entry *e, struct oci_tar_reader *t, struct eb_error **err)
{
	autofd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			       0600);
	ssize_t got;

	if (fd < 0)
		return eb_throw_errno(err, "create");
	while ((got = oci_tar_data(t, x->buf, EXTRACT_BUF, err)) > 0) {
		int r = write_all(fd, x->buf, (size_t)got, err);

		if (r < 0)
			return r;
		x->result.bytes += (uint64_t)got;
	}
	return got < 0 ? (int)got : extract_set_meta(x, fd, e, err);
}

static int make_hard_link(struct bnd_extract *x, const struct oci_tar_entry *e,
			  struct eb_error **err)
{
	const struct extract_node *n = bnd_paths_find(x->nodes, e->link);
	const char *name, *target;
	autofd int from = -1;
	int fd, r;

	if (!n || (n->type != '0' && n->type != '1' && n->type != '2'))
		return extract_throw(err, EB_E_FORMAT, e->link,
				     "is no file of this image, but a hard link leads to it");
	if (strcmp(e->link, e->path) == 0)
		return extract_throw(err, EB_E_FORMAT, e->link, "is a hard link to itself");
	fd = extract_enter_parent(x, e->link, NULL, &target, err);
	if (fd < 0)
		return fd;
	/* Kept open: going to the other place may leave this one. */
	from = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (from < 0)
		return eb_throw_errno(err, "open the directory of '%s'", e->link);
	fd = extract_enter_parent(x, e->path, e, &name, err);
	r = fd < 0 ? fd : clear_place(x, fd, name, e, err);
	if (r < 0)
		return r;
	if (linkat(from, target, fd, name, 0) < 0)
		return eb_throw_errno(err, "link to '%s'", e->link);
	return 0;
}

static int make_at(struct bnd_extract *x, int fd, const char *name, const struct oci_tar_entry *e,
		   struct oci_tar_reader *t, struct eb_error **err)
{
	int r = clear_place(x, fd, name, e, err);

	if (r < 0)
		return r;
	switch (e->type) {
	case '0':
		return make_file(x, fd, name, e, t, err);
	case '2':
		if (symlinkat(e->link, fd, name) < 0)
			return eb_throw_errno(err, "create");
		return extract_set_meta_at(x, fd, name, e, err);
	case '5':
		if (r == 0 && mkdirat(fd, name, 0700) < 0)
			return eb_throw_errno(err, "create");
		return 0;
	case '6':
		if (mkfifoat(fd, name, 0600) < 0)
			return eb_throw_errno(err, "create");
		return extract_set_meta_at(x, fd, name, e, err);
	default:
		return eb_throw(err, EB_E_UNSUPPORTED, "is of type '%c'", e->type);
	}
}

static int make(struct bnd_extract *x, const struct oci_tar_entry *e, struct oci_tar_reader *t,
		struct eb_error **err)
{
	const char *name;
	int r = 0;

	if (e->type == '1')
		r = make_hard_link(x, e, err);
	else if (*e->path) {
		r = extract_enter_parent(x, e->path, e, &name, err);
		if (r >= 0)
			r = make_at(x, r, name, e, t, err);
	}
	return r < 0 ? r : note(x, e, err);
}

static int hide(struct bnd_extract *x, enum bnd_whiteout kind, const char *path,
		struct eb_error **err)
{
	autoerror struct eb_error *e = NULL;
	const char *name = ".";
	int fd;

	if (*path)
		fd = extract_enter_parent(x, path, NULL, &name, &e);
	else
		fd = extract_enter(x, path, 0, NULL, &e);
	if (fd == -EB_E_NOT_FOUND)
		return 0;
	if (fd < 0)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	return extract_remove(x, fd, name, path, true, kind == BND_OPAQUE, err);
}

static int apply(struct bnd_extract *x, const struct oci_tar_entry *e, struct oci_tar_reader *t,
		 struct eb_error **err)
{
	autofree char *hidden = NULL;
	enum bnd_whiteout kind;
	int r = bnd_whiteout_parse(e->path, &kind, &hidden, err);

	if (r < 0)
		return r;
	x->result.members++;
	switch (kind) {
	case BND_PLAIN_FILE:
		return make(x, e, t, err);
	case BND_WHITEOUT:
	case BND_OPAQUE:
		return hide(x, kind, hidden, err);
	case BND_IGNORED:
		return 0;
	}
	return 0;
}

int bnd_extract_layer(struct bnd_extract *x, struct oci_tar_reader *t, struct eb_error **err)
{
	struct oci_tar_entry e;
	int r;

	x->layer++;
	while ((r = oci_tar_next(t, &e, err)) > 0) {
		r = apply(x, &e, t, err);
		if (r < 0) {
			autofree char *shown = eb_printable(e.path, 200);

			return eb_prefix(err, r, "member '%s'", shown);
		}
	}
	return r;
}

static int finish_dir(struct bnd_extract *x, const struct extract_node *n, struct eb_error **err)
{
	struct oci_tar_entry e = { .path = n->base.path,
				   .type = '5',
				   .mode = n->mode,
				   .uid = n->uid,
				   .gid = n->gid,
				   .mtime_sec = n->mtime_sec,
				   .xattrs = n->xattrs,
				   .n_xattrs = n->n_xattrs };
	int fd = extract_enter(x, n->base.path, strlen(n->base.path), NULL, err);
	int r = fd < 0 ? fd : extract_set_meta(x, fd, &e, err);

	return r < 0 ? eb_prefix(err, r, "directory '%s'", n->base.path) : 0;
}

int bnd_extract_finish(struct bnd_extract *x, struct bnd_extract_result *ret, struct eb_error **err)
{
	autofree struct extract_node **all = (struct extract_node **)bnd_paths_sorted(x->nodes);
	size_t n = bnd_paths_count(x->nodes);
	int r = 0;

	/* What is below comes first, so that no change of it touches a time that is set, and no
	 * mode that is set keeps us out. */
	for (size_t i = n; i > 0 && r >= 0; i--)
		if (all[i - 1]->type == '5')
			r = finish_dir(x, all[i - 1], err);
	/* The root belongs to everybody to look at unless the layers say otherwise. */
	if (r >= 0 && (n == 0 || *all[0]->base.path) && fchmod(x->fds[0], 0755) < 0)
		r = eb_throw_errno(err, "set the mode of the root directory");
	extract_leave_all(x);
	if (r >= 0)
		*ret = x->result;
	return r;
}
