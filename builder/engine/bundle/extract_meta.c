/* Owners, modes, attributes and times. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "bundle/extract_internal.h"

static uint32_t mode_of(struct bnd_extract *x, const struct oci_tar_entry *e)
{
	uint32_t mode = e->mode & 07777;

	if (x->o.same_owner)
		return mode;
	/* A program that runs as its owner must not become one that runs as somebody else. */
	if (e->type != '5' && (mode & 06000))
		x->result.dropped_setid++;
	mode &= ~(uint32_t)06000;
	mode |= 0600;
	if (e->type == '5' || (mode & 0111))
		mode |= 0100;
	return mode;
}

static bool wanted(const struct bnd_extract *x, const char *name)
{
	if (strncmp(name, "user.", 5) == 0)
		return true;
	return x->o.same_owner && strcmp(name, "security.capability") == 0;
}

static int set_xattrs(struct bnd_extract *x, int fd, const struct oci_tar_entry *e,
		      struct eb_error **err)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		const struct oci_xattr *a = &e->xattrs[i];

		if (wanted(x, a->name) && fsetxattr(fd, a->name, a->value, a->size, 0) == 0)
			continue;
		if (wanted(x, a->name) && errno != ENOTSUP && errno != EPERM)
			return eb_throw_errno(err, "set attribute %s", a->name);
		x->result.dropped_xattrs++;
	}
	return 0;
}

static int own_failed(struct eb_error **err, const struct oci_tar_entry *e)
{
	int r = eb_throw_errno(err, "give it to %lu:%lu", (unsigned long)e->uid,
			       (unsigned long)e->gid);

	return eb_hint(err, r, "run as root, or with --no-same-owner");
}

static void times_of(const struct oci_tar_entry *e, struct timespec ts[static 2])
{
	const struct timespec t = { .tv_sec = (time_t)e->mtime_sec };

	ts[0] = t;
	ts[1] = t;
}

int extract_set_meta(struct bnd_extract *x, int fd, const struct oci_tar_entry *e,
		     struct eb_error **err)
{
	struct timespec ts[2];
	int r;

	/* In this order: a new owner clears set-id bits and capabilities. */
	if (x->o.same_owner && fchown(fd, e->uid, e->gid) < 0)
		return own_failed(err, e);
	if (fchmod(fd, (mode_t)mode_of(x, e)) < 0)
		return eb_throw_errno(err, "set its mode");
	r = set_xattrs(x, fd, e, err);
	if (r < 0)
		return r;
	times_of(e, ts);
	if (futimens(fd, ts) < 0)
		return eb_throw_errno(err, "set its time");
	return 0;
}

int extract_set_meta_at(struct bnd_extract *x, int fd, const char *name,
			const struct oci_tar_entry *e, struct eb_error **err)
{
	struct timespec ts[2];

	if (x->o.same_owner && fchownat(fd, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return own_failed(err, e);
	/* The pipe was just made, in a directory that is ours alone: it is no link. */
	if (e->type == '6' && fchmodat(fd, name, (mode_t)mode_of(x, e), 0) < 0)
		return eb_throw_errno(err, "set its mode");
	x->result.dropped_xattrs += e->n_xattrs;
	times_of(e, ts);
	if (utimensat(fd, name, ts, AT_SYMLINK_NOFOLLOW) < 0)
		return eb_throw_errno(err, "set its time");
	return 0;
}
