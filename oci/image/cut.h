/* Where a layer is cut into blocks.
 *
 * The cuts follow from the list of members alone. Each member boundary has a priority: a hash of
 * the path of the member that begins there, divided by its size in tar blocks, so that low values
 * are spread evenly by bytes. A boundary is a cut when no boundary within OCI_CUT_RADIUS bytes to
 * either side has a smaller priority (of equal ones the first counts as smaller). Cuts are thus at
 * least that far apart, and adding, removing or changing one member can make or unmake one cut to
 * its left and one to its right: at most two blocks change besides the one that holds it (or held
 * it). In the few places where no such cut comes within OCI_BLOCK_MAX bytes, the part is split at
 * its boundary of smallest priority, and its parts again, as long as they are too large; only there
 * a change may touch one block more.
 *
 * A member larger than OCI_BLOCK_MAX stands in blocks of its own and is cut inside by a rolling
 * hash. Same members, same cuts: that is what makes layers parallel, randomly readable and cheap to
 * send as a delta. All of this is part of the format: another constant, another digest. */
#pragma once

#include "base/cleanup.h"

enum {
	OCI_BLOCK_MAX = 6 * 1024 * 1024,
	/* Natural cuts are twice as far apart on average: blocks of 3 MiB. Half of OCI_BLOCK_MAX,
	 * so that few gaps between them are longer than that and have to be split. */
	OCI_CUT_RADIUS = 1536 * 1024,
};

struct oci_cut_item {
	const char *path;
	uint64_t bytes; /* header, data and padding */
};

/* cut_before[i] = a block begins with member i. cut_before[0] is always true (if n > 0). Takes time
 * and memory linear in n, whatever the members. */
void oci_cut_plan(const struct oci_cut_item *items, size_t n, bool *cut_before);

/* Content-defined cutting inside a huge member: feed bytes, get where the current block ends. A
 * block ends where the hash of the last 64 bytes has 21 zero bits at its top, not before
 * OCI_ROLLING_MIN and at the latest at OCI_BLOCK_MAX; 4 MiB on average. Start with all zero. */
enum { OCI_ROLLING_MIN = 2 * 1024 * 1024 };

struct oci_cut_rolling {
	uint64_t hash, length;
};
/* Looks at p[0..n): returns how many bytes belong to the current block; *ret_cut says whether the
 * block ends there. */
size_t oci_cut_rolling_next(struct oci_cut_rolling *c, const void *p, size_t n, bool *ret_cut);
