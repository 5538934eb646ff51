/* Files that get their names together. Syncing each file by itself makes the file system write its
 * journal each time; of many that were written before, the first sync writes it for all. A file has
 * no name before its content is on the disk, as ever, so what is found under a name is whole. */
#pragma once

#include <pthread.h>

#include "base/dir.h"

enum {
	/* What a kill may cost, at most. */
	BND_BATCH_FILES = 64,
	BND_BATCH_BYTES = 256 * 1024 * 1024,
};

struct bnd_batch { /* shared by threads */
	struct eb_tmpfile held[BND_BATCH_FILES];
	size_t n;
	uint64_t bytes;
	pthread_mutex_t lock;
};

void bnd_batch_init(struct bnd_batch *b);
void bnd_batch_release(struct bnd_batch *b); /* what has no name yet never gets one */
EB_DEFINE_RELEASE(struct bnd_batch, bnd_batch_release)
/* t, written, `bytes` long, is taken (failure included). Names all when there are many. */
int bnd_batch_add(struct bnd_batch *b, struct eb_tmpfile *t, uint64_t bytes,
		  struct eb_error **err) EB_MUST_CHECK;
/* Everything has its name, on the disk. */
int bnd_batch_finish(struct bnd_batch *b, struct eb_error **err) EB_MUST_CHECK;
