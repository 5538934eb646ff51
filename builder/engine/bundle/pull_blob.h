/* Inside bundle/pull: one blob from a registry to its place in the file. What an interrupted run
 * left there is kept: a blob is written front to back, so of the space that was set aside for it
 * all before the last byte that is not zero was received. Nothing else is kept of it; whether it is
 * right, the digest of the whole says. */
#pragma once

#include "bundle/writer.h"

struct eb_progress;
struct oci_registry;

struct bnd_pull_place {
	struct oci_registry *registry;
	const char *repo;
	int fd;
	bool resumed; /* there may be something */
	struct eb_progress *progress;
	unsigned int task;
};

/* Bytes of b that are in the file, from its begin on; a few fewer than were received when these end
 * in zeros. */
uint64_t bnd_pull_reached(int fd, const struct bnd_blob *b);
/* The blob is whole and verified afterwards. A wrong digest makes it fetch all of it once more.
 * *ret_fetched: bytes that came over the network. Errors: those of oci_registry_blob(), -errno. */
int bnd_pull_blob(const struct bnd_pull_place *p, const struct bnd_blob *b, uint64_t *ret_fetched,
		  struct eb_error **err) EB_MUST_CHECK;
