#include "bundle/batch.h"

#include <fcntl.h>

#include "base/error.h"

void bnd_batch_init(struct bnd_batch *b)
{
	*b = (struct bnd_batch){ .n = 0 };
	pthread_mutex_init(&b->lock, NULL);
}

void bnd_batch_release(struct bnd_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		eb_tmpfile_release(&b->held[i]);
	pthread_mutex_destroy(&b->lock);
	b->n = 0;
}

static bool is_full(const struct bnd_batch *b)
{
	return b->n == BND_BATCH_FILES || b->bytes >= BND_BATCH_BYTES;
}

/* Under the lock: the others wait, as they would for the disk anyway. */
static int name_all(struct bnd_batch *b, struct eb_error **err)
{
	int r = eb_tmpfile_publish_many(b->held, b->n, err);

	for (size_t i = 0; i < b->n; i++)
		eb_tmpfile_release(&b->held[i]);
	b->n = 0;
	b->bytes = 0;
	return r;
}

int bnd_batch_add(struct bnd_batch *b, struct eb_tmpfile *t, uint64_t bytes, struct eb_error **err)
{
	int r = 0;

	/* The disk may begin while more is fetched; whether it did, the sync finds out. */
	eb_ignore(sync_file_range(t->fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	pthread_mutex_lock(&b->lock);
	b->held[b->n++] = *t;
	*t = (struct eb_tmpfile){ .fd = -1, .dirfd = -1 };
	b->bytes += bytes;
	if (is_full(b))
		r = name_all(b, err);
	pthread_mutex_unlock(&b->lock);
	return r;
}

int bnd_batch_finish(struct bnd_batch *b, struct eb_error **err)
{
	int r;

	pthread_mutex_lock(&b->lock);
	r = name_all(b, err);
	pthread_mutex_unlock(&b->lock);
	return r;
}
