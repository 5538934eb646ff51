#include "bundle/pull_blob.h"

#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/stream.h"
#include "dist/registry.h"

enum { IO_BYTES = 256 * 1024, MAX_ZEROS = 64 * 1024 };

/* One blob on its way. */
struct job {
	const struct bnd_pull_place *place;
	const struct bnd_blob *b;
	struct eb_hash *hash; /* of the bytes before `at` */
	char *buf;
	uint64_t at, fetched;
	bool again; /* what comes was counted as progress before */
};

static void job_release(struct job *j)
{
	eb_hash_free(j->hash);
	free(j->buf);
}
EB_DEFINE_RELEASE(struct job, job_release)

/* ---- what is there ---- */

/* Where the data ends, as far as the file system knows: the scan below need not read holes. */
static uint64_t data_end(int fd, const struct bnd_blob *b)
{
	off_t hole = lseek(fd, (off_t)b->offset, SEEK_HOLE);
	uint64_t n = hole < 0 ? b->size : (uint64_t)hole - b->offset;

	return n < b->size ? n : b->size;
}

uint64_t bnd_pull_reached(int fd, const struct bnd_blob *b)
{
	autofree char *buf = eb_xmalloc(IO_BYTES);
	uint64_t end = data_end(fd, b);

	while (end > 0) {
		size_t n = end < IO_BYTES ? (size_t)end : IO_BYTES;

		if (pread(fd, buf, n, (off_t)(b->offset + end - n)) != (ssize_t)n)
			return 0;
		for (size_t i = n; i-- > 0;)
			if (buf[i] != 0)
				return end - n + i + 1;
		end -= n;
	}
	return 0;
}

/* Take what is there before `end` for received. */
static void take(struct job *j, uint64_t end)
{
	while (j->at < end) {
		uint64_t left = end - j->at;
		size_t n = left < IO_BYTES ? (size_t)left : IO_BYTES;

		if (pread(j->place->fd, j->buf, n, (off_t)(j->b->offset + j->at)) != (ssize_t)n)
			return;
		eb_hash_update(j->hash, j->buf, n);
		j->at += n;
	}
}

static void start_over(struct job *j)
{
	eb_hash_free(j->hash);
	j->hash = eb_hash_new(oci_digest_alg(&j->b->digest));
	j->at = 0;
}

static void keep(struct job *j)
{
	uint64_t reached = bnd_pull_reached(j->place->fd, j->b);
	char hex[EB_HASH_MAX_HEX + 1];

	/* It may end in zeros and be whole, as a tar does. */
	if (reached > 0 && reached < j->b->size && j->b->size - reached <= MAX_ZEROS) {
		take(j, j->b->size);
		eb_hash_peek_hex(j->hash, hex);
		if (strcmp(hex, oci_digest_hex(&j->b->digest)) == 0)
			return;
		start_over(j);
	}
	take(j, reached);
}

/* ---- the rest ---- */

static int fetch(struct job *j, struct eb_error **err)
{
	const struct oci_descriptor d = { .digest = j->b->digest, .size = j->b->size };
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *out = NULL;
	ssize_t got;
	int r;

	if (j->at == j->b->size)
		return 0;
	out = eb_writer_region(j->place->fd, j->b->offset + j->at, j->b->size - j->at);
	r = oci_registry_blob(j->place->registry, j->place->repo, &d, j->at, &in, err);
	if (r < 0)
		return r;
	while ((got = eb_read(in, j->buf, IO_BYTES, err)) > 0) {
		r = eb_write(out, j->buf, (size_t)got, err);
		if (r < 0)
			return r;
		eb_hash_update(j->hash, j->buf, (size_t)got);
		j->at += (uint64_t)got;
		j->fetched += (uint64_t)got;
		if (!j->again)
			eb_progress_advance(j->place->progress, j->place->task, (uint64_t)got);
	}
	return got < 0 ? (int)got : eb_writer_finish(out, err);
}

/* The rest of the blob, and is it what it should be? */
static int complete(struct job *j, struct eb_error **err)
{
	char hex[EB_HASH_MAX_HEX + 1];
	int r = fetch(j, err);

	if (r < 0)
		return r;
	eb_hash_final_hex(j->hash, hex);
	if (strcmp(hex, oci_digest_hex(&j->b->digest)) == 0)
		return 0;
	return eb_throw(err, EB_E_DIGEST, "blob %s of %s/%s: its %llu bytes hash to %s",
			j->b->digest.text, oci_registry_host(j->place->registry), j->place->repo,
			(unsigned long long)j->b->size, hex);
}

int bnd_pull_blob(const struct bnd_pull_place *p, const struct bnd_blob *b, uint64_t *ret_fetched,
		  struct eb_error **err)
{
	EB_CLEANUP(job_release_p)
	struct job j = { .place = p, .b = b, .buf = eb_xmalloc(IO_BYTES) };
	struct eb_error *e = NULL;
	int r;

	start_over(&j);
	if (p->resumed)
		keep(&j);
	eb_progress_advance(p->progress, p->task, j.at);
	r = complete(&j, &e);
	if (r == -EB_E_DIGEST) {
		/* Damaged on its way, or on the disk before: not twice in a row. */
		eb_log(EB_LOG_DEBUG, "%s; all of it once more", e->message);
		eb_error_clear(&e);
		start_over(&j);
		j.again = true;
		r = complete(&j, &e);
		if (r == -EB_E_DIGEST)
			eb_ignore(eb_prefix(&e, r, "fetched twice"));
	}
	*ret_fetched = j.fetched;
	return r < 0 ? eb_error_forward(err, e) : 0;
}
