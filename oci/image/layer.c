/* The pipeline of a layer. The thread that calls us fills blocks with tar bytes and hashes them for
 * the diffID; the pool compresses; the sink hashes the compressed bytes and passes them on, in
 * order.
 *
 *   caller: header, data, padding -> SHA-256 -> block --push--> pool: compress --sink--> SHA-256,
 * out
 *
 * Memory: a block under way holds either its plain bytes (OCI_BLOCK_MAX at most) or its compressed
 * ones. Buffers for both are kept and used again, as are the codec's contexts, as many as were ever
 * in use at once. Blocks are on average less than half as long as the longest, so a buffer that is
 * put aside gives the memory above the usual length back to the system. With two threads at level 9
 * the pipeline then takes 34 to 40 MiB at the peak, contexts included; keeping it all would take 8
 * MiB more, and giving all of it back costs a tenth of the time (page faults). */
#include "image/layer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stream.h"
#include "image/cut.h"
#include "image/mediatype.h"

enum {
	/* A whole block and the end of the archive, which joins the last one. */
	BLOCK_ROOM = OCI_BLOCK_MAX + OCI_TAR_END_BYTES,
	/* pax records of one member: the extended attributes of a file and long paths */
	HEADER_MAX = 4 * 1024 * 1024,
	PLAIN_KEEP = 4 * 1024 * 1024,
	PACKED_KEEP = 2 * 1024 * 1024,
	/* Blocks waiting for an earlier one hold their compressed bytes only. */
	DEPTH_SPARE = 2,
};

/* Memory of a fixed size, mapped at its first use. */
struct chunk {
	uint8_t *p;
	size_t n; /* bytes in use */
	struct chunk *next;
};

/* Chunks that no block is using. */
struct store {
	size_t room; /* bytes of each chunk */
	size_t keep; /* bytes whose memory stays when a chunk is put aside */
	struct chunk *free;
};

struct block {
	struct chunk *plain, *packed;
};

/* Contexts that no thread is using. */
struct spare {
	struct eb_codec_ctx *ctx;
	struct spare *next;
};

struct oci_layer {
	const struct eb_codec *codec;
	struct eb_pipe *pipe;
	struct block *block; /* being filled */
	struct eb_hash *diff;
	uint64_t diff_size;
	struct eb_buf header;
	char *path;		/* of the current member, for messages */
	uint64_t left, padding; /* data that must still come for it */
	bool huge;		/* the current member has blocks of its own */
	bool cut;		/* the next byte begins a block */
	struct oci_cut_rolling rolling;
	int failed;
	struct eb_writer *out; /* the sink's: hashes, counts and passes on */
	uint32_t blocks;
	pthread_mutex_t lock; /* of what follows */
	struct spare *spare;
	struct store plain, packed;
};

/* ---- blocks ---- */

static int chunk_take(struct oci_layer *l, struct store *store, struct chunk **ret,
		      struct eb_error **err)
{
	struct chunk *k;
	void *p;

	pthread_mutex_lock(&l->lock);
	k = store->free;
	if (k)
		store->free = k->next;
	pthread_mutex_unlock(&l->lock);
	if (!k) {
		p = mmap(NULL, store->room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
		if (p == MAP_FAILED)
			return eb_throw_errno(err, "get %zu bytes of memory", store->room);
		k = eb_xcalloc(1, sizeof(*k));
		k->p = p;
	}
	k->n = 0;
	*ret = k;
	return 0;
}

static void chunk_give(struct oci_layer *l, struct store *store, struct chunk **from)
{
	struct chunk *k = EB_TAKE_PTR(*from);

	if (!k)
		return;
	if (k->n > store->keep)
		madvise(k->p + store->keep, store->room - store->keep, MADV_DONTNEED);
	pthread_mutex_lock(&l->lock);
	k->next = store->free;
	store->free = k;
	pthread_mutex_unlock(&l->lock);
}

static void store_release(struct store *store)
{
	struct chunk *next;

	for (struct chunk *k = store->free; k; k = next) {
		next = k->next;
		munmap(k->p, store->room);
		free(k);
	}
}

static void drop(void *ctx, void *item)
{
	struct oci_layer *l = ctx;
	struct block *b = item;

	chunk_give(l, &l->plain, &b->plain);
	chunk_give(l, &l->packed, &b->packed);
	free(b);
}

static int block_new(struct oci_layer *l, struct block **ret, struct eb_error **err)
{
	struct block *b = eb_xcalloc(1, sizeof(*b));
	int c = chunk_take(l, &l->plain, &b->plain, err);

	if (c < 0) {
		free(b);
		return c;
	}
	*ret = b;
	return 0;
}

/* ---- the pool's side ---- */

static struct spare *take_spare(struct oci_layer *l)
{
	struct spare *s;

	pthread_mutex_lock(&l->lock);
	s = l->spare;
	if (s)
		l->spare = s->next;
	pthread_mutex_unlock(&l->lock);
	if (!s) {
		s = eb_xcalloc(1, sizeof(*s));
		s->ctx = eb_codec_ctx_new(l->codec);
	}
	return s;
}

static void give_spare(struct oci_layer *l, struct spare *s)
{
	pthread_mutex_lock(&l->lock);
	s->next = l->spare;
	l->spare = s;
	pthread_mutex_unlock(&l->lock);
}

static int compress(void *ctx, void *item, struct eb_error **err)
{
	struct oci_layer *l = ctx;
	struct block *b = item;
	struct spare *s;
	int c = chunk_take(l, &l->packed, &b->packed, err);

	if (c < 0)
		return c;
	s = take_spare(l);
	c = eb_codec_block(s->ctx, b->plain->p, b->plain->n, b->packed->p, l->packed.room,
			   &b->packed->n, err);
	give_spare(l, s);
	chunk_give(l, &l->plain, &b->plain);
	return c;
}

static int pass_on(void *ctx, void *item, struct eb_error **err)
{
	struct oci_layer *l = ctx;
	struct block *b = item;
	int c = eb_write(l->out, b->packed->p, b->packed->n, err);

	l->blocks++;
	drop(ctx, item);
	return c;
}

/* ---- the caller's side ---- */

struct oci_layer *oci_layer_new(struct eb_pool *pool, const struct eb_codec *codec,
				struct eb_writer *out)
{
	static const struct eb_pipe_ops ops = { compress, pass_on, drop };
	struct oci_layer *l = eb_xcalloc(1, sizeof(*l));

	l->codec = codec;
	l->diff = eb_hash_new(EB_SHA256);
	l->out = eb_writer_hash(out);
	eb_buf_init(&l->header, HEADER_MAX);
	pthread_mutex_init(&l->lock, NULL);
	l->plain = (struct store){ .room = BLOCK_ROOM, .keep = PLAIN_KEEP };
	l->packed = (struct store){ .room = eb_codec_bound(codec, BLOCK_ROOM),
				    .keep = PACKED_KEEP };
	l->pipe = eb_pipe_new(pool, eb_pool_size(pool) + DEPTH_SPARE, &ops, l);
	return l;
}

struct oci_layer *oci_layer_free(struct oci_layer *l)
{
	struct spare *next;

	if (!l)
		return NULL;
	eb_pipe_free(l->pipe); /* first: its threads use all the rest */
	if (l->block)
		drop(l, l->block);
	store_release(&l->plain);
	store_release(&l->packed);
	for (struct spare *s = l->spare; s; s = next) {
		next = s->next;
		eb_codec_ctx_free(s->ctx);
		free(s);
	}
	pthread_mutex_destroy(&l->lock);
	eb_writer_free(l->out);
	eb_hash_free(l->diff);
	eb_buf_release(&l->header);
	free(l->path);
	free(l);
	return NULL;
}

/* The first failure is told in full; calls after it only repeat its code. */
static int fail(struct oci_layer *l, int code)
{
	if (code < 0)
		l->failed = code;
	return code;
}

static int check_usable(const struct oci_layer *l, struct eb_error **err)
{
	if (l->failed < 0)
		return eb_throw(err, -l->failed, "the layer failed before");
	return 0;
}

static int push(struct oci_layer *l, struct eb_error **err)
{
	return eb_pipe_push(l->pipe, EB_TAKE_PTR(l->block), err);
}

/* Put bytes in the current block, or in a new one if it was cut off. */
static int put(struct oci_layer *l, const void *p, size_t n, struct eb_error **err)
{
	int c;

	if (n == 0)
		return 0;
	if (l->cut && l->block) {
		c = push(l, err);
		if (c < 0)
			return c;
	}
	l->cut = false;
	if (!l->block) {
		c = block_new(l, &l->block, err);
		if (c < 0)
			return c;
	}
	assert(l->block->plain->n + n <= BLOCK_ROOM);
	memcpy(l->block->plain->p + l->block->plain->n, p, n);
	l->block->plain->n += n;
	eb_hash_update(l->diff, p, n);
	l->diff_size += n;
	return 0;
}

/* Bytes of a member: those of a huge one are cut where the rolling hash says. */
static int put_member(struct oci_layer *l, const void *p, size_t n, struct eb_error **err)
{
	while (n > 0) {
		bool cut = false;
		size_t part = l->huge ? oci_cut_rolling_next(&l->rolling, p, n, &cut) : n;
		int c = put(l, p, part, err);

		if (c < 0)
			return c;
		l->cut |= cut;
		p = (const char *)p + part;
		n -= part;
	}
	return 0;
}

static int end_member(struct oci_layer *l, struct eb_error **err)
{
	static const char zeros[512];
	int c = put_member(l, zeros, l->padding, err);

	if (c < 0)
		return c;
	l->padding = 0;
	l->cut |= l->huge;
	return 0;
}

static int check_complete(const struct oci_layer *l, struct eb_error **err)
{
	if (l->left == 0)
		return 0;
	return eb_throw(err, EB_E_FORMAT, "'%s': %llu bytes of its data are missing", l->path,
			(unsigned long long)l->left);
}

static int begin_member(struct oci_layer *l, const struct oci_tar_entry *e, bool cut_before,
			struct eb_error **err)
{
	uint64_t size = oci_tar_member_size(e);
	int c;

	eb_buf_clear(&l->header);
	oci_tar_header(e, &l->header);
	c = eb_buf_check(&l->header, "tar header", err);
	if (c < 0)
		return eb_prefix(err, c, "'%s'", e->path);
	free(l->path);
	l->path = eb_xstrdup(e->path);
	l->left = e->type == '0' ? e->size : 0;
	l->padding = oci_tar_padding(l->left);
	l->huge = size > OCI_BLOCK_MAX;
	l->rolling = (struct oci_cut_rolling){ 0 };
	/* The last one is for callers without a plan: no block may outgrow its room. */
	l->cut |= cut_before || l->huge || (l->block && l->block->plain->n + size > OCI_BLOCK_MAX);
	c = put_member(l, l->header.data, l->header.len, err);
	if (c == 0 && l->left == 0)
		c = end_member(l, err);
	return c;
}

int oci_layer_entry(struct oci_layer *l, const struct oci_tar_entry *e, bool cut_before,
		    struct eb_error **err)
{
	int c = check_usable(l, err);

	if (c < 0)
		return c;
	c = check_complete(l, err);
	if (c == 0)
		c = begin_member(l, e, cut_before, err);
	return fail(l, c);
}

int oci_layer_data(struct oci_layer *l, const void *p, size_t n, struct eb_error **err)
{
	int c = check_usable(l, err);

	if (c < 0)
		return c;
	if (n > l->left)
		return fail(l, eb_throw(err, EB_E_FORMAT,
					"'%s': %llu bytes more than its announced size",
					l->path ? l->path : "", (unsigned long long)(n - l->left)));
	c = put_member(l, p, n, err);
	l->left -= n;
	if (c == 0 && n > 0 && l->left == 0)
		c = end_member(l, err);
	return fail(l, c);
}

static const char *media_type(enum eb_codec_kind kind)
{
	switch (kind) {
	case EB_CODEC_NONE:
		break;
	case EB_CODEC_GZIP:
		return OCI_MT_LAYER_GZIP;
	case EB_CODEC_ZSTD:
		return OCI_MT_LAYER_ZSTD;
	}
	return OCI_MT_LAYER_TAR;
}

static int finish(struct oci_layer *l, struct eb_error **err)
{
	static const char zeros[OCI_TAR_END_BYTES];
	int c = check_complete(l, err);

	if (c < 0)
		return c;
	l->cut = false;
	c = put(l, zeros, sizeof(zeros), err);
	if (c == 0)
		c = push(l, err);
	if (c == 0)
		c = eb_pipe_finish(l->pipe, err);
	return c;
}

int oci_layer_finish(struct oci_layer *l, struct oci_layer_result *ret, struct eb_error **err)
{
	char hex[EB_HASH_MAX_HEX + 1];
	int c = check_usable(l, err);

	if (c < 0)
		return c;
	c = fail(l, finish(l, err));
	if (c < 0)
		return c;
	l->failed = -EB_E_USAGE; /* nothing may come after this */
	*ret = (struct oci_layer_result){ .diff_size = l->diff_size,
					  .size = eb_writer_hash_size(l->out),
					  .blocks = l->blocks };
	eb_hash_final_hex(l->diff, hex);
	oci_digest_from_hex(hex, &ret->diff_id);
	eb_writer_hash_hex(l->out, hex);
	oci_digest_from_hex(hex, &ret->digest);
	snprintf(ret->media_type, sizeof(ret->media_type), "%s",
		 media_type(eb_codec_kind(l->codec)));
	return 0;
}
