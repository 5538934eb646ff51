#include "bundle/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/rate.h"
#include "base/stream.h"
#include "bundle/canonical.h"
#include "bundle/pull_blob.h"
#include "bundle/pull_parts.h"
#include "bundle/verify.h"
#include "dist/registry.h"
#include "dist/origin.h"
#include "image/mediatype.h"

struct pull {
	struct bnd_pull_parts parts;
	struct bnd_layout layout;
	const struct bnd_pull_options *o;
	int fd;
	unsigned int task;
	pthread_mutex_t lock;
	uint64_t fetched;
};

static void pull_release(struct pull *p)
{
	bnd_pull_parts_release(&p->parts);
	bnd_layout_release(&p->layout);
	pthread_mutex_destroy(&p->lock);
	if (p->fd >= 0)
		close(p->fd);
}
EB_DEFINE_RELEASE(struct pull, pull_release)

/* ---- blobs ---- */

struct job {
	struct pull *p;
	struct bnd_pull_place place;
	const struct bnd_blob **blobs;
};

static int one_blob(void *ctx, size_t i, struct eb_error **err)
{
	const struct job *j = ctx;
	uint64_t fetched = 0;
	struct eb_gate *gate = oci_registry_gate(j->place.registry);
	int r;

	eb_gate_enter(gate);
	r = bnd_pull_blob(&j->place, j->blobs[i], &fetched, err);
	eb_gate_leave(gate, r >= 0);
	pthread_mutex_lock(&j->p->lock);
	j->p->fetched += fetched;
	pthread_mutex_unlock(&j->p->lock);
	return r;
}

static int largest_first(const void *pa, const void *pb)
{
	const struct bnd_blob *a = *(const struct bnd_blob *const *)pa;
	const struct bnd_blob *b = *(const struct bnd_blob *const *)pb;

	return a->size == b->size ? 0 : a->size < b->size ? 1 : -1;
}

static int fetch_all(struct pull *p, bool resumed, struct eb_error **err)
{
	autofree const struct bnd_blob **blobs = eb_xcalloc(p->layout.n + 1, sizeof(*blobs));
	struct job j = { .p = p, .blobs = blobs };
	uint64_t total = 0;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < p->layout.n; i++)
		if (!p->layout.blobs[i].text) {
			blobs[n++] = &p->layout.blobs[i];
			total += p->layout.blobs[i].size;
		}
	qsort(blobs, n, sizeof(*blobs), largest_first);
	p->task = eb_progress_start(p->o->progress, "pull", EB_UNIT_BYTES, total);
	j.place = (struct bnd_pull_place){ .registry = p->parts.registry,
					   .repo = p->parts.repo,
					   .fd = p->fd,
					   .resumed = resumed,
					   .progress = p->o->progress,
					   .task = p->task };
	r = eb_pool_map(p->o->pool, n, one_blob, &j, err);
	eb_progress_finish(p->o->progress, p->task);
	return r;
}

/* The tool stands in front as well. */
static int copy_tool(const struct pull *p, struct eb_error **err)
{
	const struct oci_descriptor *tool = bnd_part(&p->parts.bundle, BND_MT_TOOL);
	const struct bnd_blob *b = tool ? bnd_layout_find(&p->layout, &tool->digest) : NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *out = NULL;

	if (!b)
		return 0;
	in = eb_reader_region(p->fd, b->offset, b->size);
	out = eb_writer_region(p->fd, bnd_layout_front(&p->layout).tool_offset, b->size);
	return eb_copy(in, out, NULL, err);
}

/* ---- the file ---- */

/* The padding between members is zero; another bundle may have been begun there. */
static int open_part(const char *part, uint64_t total, int *ret_fd, bool *ret_resumed,
		     struct eb_error **err)
{
	autofd int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	off_t size;

	if (fd < 0)
		return eb_throw_errno(err, "open '%s'", part);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return eb_throw(err, EB_E_CONFLICT, "'%s' is being written by another process",
				part);
	size = lseek(fd, 0, SEEK_END);
	*ret_resumed = size > 0 && (uint64_t)size == total;
	if (!*ret_resumed && ftruncate(fd, 0) < 0)
		return eb_throw_errno(err, "empty '%s'", part);
	*ret_fd = EB_TAKE_FD(fd);
	return 0;
}

static int publish(const struct pull *p, const char *part, const char *path, struct eb_error **err)
{
	if (fsync(p->fd) < 0)
		return eb_throw_errno(err, "write '%s'", part);
	if (rename(part, path) < 0)
		return eb_throw_errno(err, "rename '%s' to '%s'", part, path);
	return 0;
}

static int check(const char *part, const struct oci_key *key, struct eb_error **err)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	int r = bnd_open(part, &b, err);

	if (r >= 0)
		r = bnd_check_canonical(&b, err);
	if (r >= 0 && key && !bnd_signed_by(&b, key)) {
		r = eb_throw(err, EB_E_SIGNATURE, "none of %zu signatures is by that key",
			     b.n_signatures);
		r = eb_hint(err, r, "get the public key of whoever made this bundle");
	}
	return r;
}

static int fill(struct pull *p, const char *path, struct eb_error **err)
{
	autofree char *part = eb_xasprintf("%s.part", path);
	bool resumed = false;
	int r = open_part(part, p->layout.total, &p->fd, &resumed, err);

	if (r >= 0)
		r = bnd_layout_start(&p->layout, p->fd, err);
	if (r < 0)
		return r;
	r = fetch_all(p, resumed, err);
	if (r >= 0)
		r = copy_tool(p, err);
	if (r < 0)
		return eb_hint(err, r, "run it again: what is in '%s' will not be fetched anew",
			       part);
	r = check(part, p->o->key, err);
	if (r < 0 && resumed) {
		/* Something else was left between the members: once more, from nothing. */
		eb_ignore(unlink(part));
		return eb_hint(err, r, "run it again");
	}
	if (r < 0)
		eb_ignore(unlink(part));
	return r < 0 ? r : publish(p, part, path, err);
}

/* ---- a look before ---- */

static uint64_t free_bytes(const char *path)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir = slash == path ? eb_xstrdup("/")
			     : slash	   ? eb_xstrndup(path, (size_t)(slash - path))
					   : eb_xstrdup(".");
	struct statvfs v;

	return statvfs(dir, &v) < 0 ? UINT64_MAX : (uint64_t)v.f_bavail * v.f_frsize;
}

/* Blobs less what an interrupted run left of them. */
static void look(const struct pull *p, const char *path, struct bnd_pull_result *ret)
{
	autofree char *part = eb_xasprintf("%s.part", path);
	autofd int fd = open(part, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	bool resumed = fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == p->layout.total;

	for (size_t i = 0; i < p->layout.n; i++) {
		const struct bnd_blob *b = &p->layout.blobs[i];

		if (!b->text)
			ret->missing_bytes += b->size - (resumed ? bnd_pull_reached(fd, b) : 0);
	}
	ret->free_bytes = free_bytes(path);
	/* Space for all of it is set aside at the begin. */
	if (resumed && ret->free_bytes != UINT64_MAX)
		ret->free_bytes += p->layout.total;
}

int bnd_pull(struct oci_registry *reg, const struct oci_ref *ref, const char *path,
	     const struct bnd_pull_options *o, struct bnd_pull_result *ret, struct eb_error **err)
{
	EB_CLEANUP(pull_release_p) struct pull p = { .o = o, .fd = -1 };
	int r;

	pthread_mutex_init(&p.lock, NULL);
	r = bnd_pull_parts(reg, ref, &p.parts, err);
	if (r >= 0)
		r = bnd_pull_layout(&p.parts, &p.layout, err);
	if (r >= 0 && !o->plan)
		r = fill(&p, path, err);
	if (r < 0) {
		autofree char *name = oci_ref_text(ref);

		return eb_prefix(err, r, "%s", name);
	}
	*ret = (struct bnd_pull_result){ .root = p.parts.bundle.root.digest,
					 .file_bytes = p.layout.total,
					 .fetched_bytes = p.fetched,
					 .signatures = p.parts.bundle.n_signatures };
	if (o->plan)
		look(&p, path, ret);
	return 0;
}
