#include "registry/served.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/mediatype.h"
#include "registry/served_walk.h"

struct reg_served *reg_served_ref(struct reg_served *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

static void entry_release(struct reg_entry *e)
{
	for (size_t i = 0; i < e->n_platforms; i++)
		free(e->platforms[i].name);
	free(e->platforms);
	free(e->host);
	free(e->path);
	free(e->tag);
}

static void manifest_release(struct reg_manifest *m)
{
	if (m->reply)
		MHD_destroy_response(m->reply);
	free(m->media_type);
	free(m->artifact_type);
	free(m->text);
	json_decref(m->annotations);
}

struct reg_served *reg_served_unref(struct reg_served *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
		return NULL;
	for (size_t i = 0; i < s->n_entries; i++)
		entry_release(&s->entries[i]);
	for (size_t i = 0; i < s->n_manifests; i++)
		manifest_release(&s->manifests[i]);
	free(s->entries);
	free(s->manifests);
	free(s->title);
	oci_archive_free(s->archive);
	free(s);
	return NULL;
}

static int by_digest(const void *pa, const void *pb)
{
	const struct reg_manifest *a = pa, *b = pb;

	return strcmp(a->digest.text, b->digest.text);
}

const struct reg_manifest *reg_served_manifest(const struct reg_served *s,
					       const struct oci_digest *d)
{
	struct reg_manifest key = { .digest = *d };

	return s->n_manifests ? bsearch(&key, s->manifests, s->n_manifests, sizeof(key), by_digest)
			      : NULL;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_content(const struct stat *a, const struct stat *b)
{
	/* Not st_ctim: renaming the file or linking to it changes that and no byte. */
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim);
}

bool reg_served_is_fresh(struct reg_served *s)
{
	struct stat st;

	if (atomic_load_explicit(&s->stale, memory_order_acquire))
		return false;
	if (fstat(s->fd, &st) == 0 && same_content(&s->opened, &st))
		return true;
	atomic_store(&s->stale, true);
	return false;
}

bool reg_served_lease(struct reg_served *s, int signal)
{
	s->leased = fcntl(s->fd, F_SETSIG, signal) == 0 && fcntl(s->fd, F_SETLEASE, F_RDLCK) == 0;
	return s->leased;
}

bool reg_served_is_wanted(struct reg_served *s)
{
	/* While a break is under way this says what the lease is to become. */
	if (!s->leased || fcntl(s->fd, F_GETLEASE) == F_RDLCK)
		return false;
	atomic_store(&s->stale, true);
	return true;
}

void reg_served_yield(struct reg_served *s)
{
	s->leased = false;
	eb_ignore(fcntl(s->fd, F_SETLEASE, F_UNLCK));
}

int reg_served_new(struct oci_archive *a, const struct stat *before, struct reg_served **ret,
		   struct eb_error **err)
{
	EB_CLEANUP(reg_served_unref_p) struct reg_served *s = eb_xcalloc(1, sizeof(*s));
	int r;

	atomic_init(&s->refs, 1);
	s->archive = a;
	s->fd = oci_archive_fd(a);
	if (s->fd < 0)
		return eb_throw(err, EB_E_UNSUPPORTED,
				"'%s' is a directory; only whole files are served",
				oci_archive_path(a));
	if (fstat(s->fd, &s->opened) < 0)
		return eb_throw_errno(err, "'%s'", oci_archive_path(a));
	if (before && !same_content(before, &s->opened))
		return eb_throw(err, EB_E_CONFLICT, "'%s' changed while it was read",
				oci_archive_path(a));
	r = reg_walk(s, err);
	if (r < 0)
		return eb_prefix(err, r, "'%s'", oci_archive_path(a));
	*ret = EB_TAKE_PTR(s);
	return 0;
}
