/* Where a layer is cut into blocks.
 *
 * The cuts follow from the list of members alone: a segment that is larger than OCI_BLOCK_MAX is
 * split at the member boundary with the smallest priority (a hash of the member's path, divided by
 * its size in tar blocks so that boundaries are spread by bytes, ties broken by position), and its
 * parts again. The parts are the subtrees of a treap, and a treap's shape depends on the set of its
 * keys only: adding, removing or changing one member changes at most two blocks besides the ones
 * that hold the member itself. A member larger than OCI_BLOCK_MAX stands in blocks of its own and
 * is cut inside by a rolling hash (layer.c). Same members, same cuts: that is what makes layers
 * parallel, randomly readable and cheap to send as a delta. */
#pragma once

#include "base/cleanup.h"

enum { OCI_BLOCK_MAX = 8 * 1024 * 1024 };

struct oci_cut_item {
	const char *path;
	uint64_t bytes; /* header, data and padding */
};

/* cut_before[i] = a block begins with member i. cut_before[0] is always true (if n > 0). */
void oci_cut_plan(const struct oci_cut_item *items, size_t n, bool *cut_before);

/* Content-defined cutting inside a huge member: feed bytes, get where the current block ends. */
struct oci_cut_rolling {
	uint64_t hash, length;
};
/* Looks at p[0..n): returns how many bytes belong to the current block; *ret_cut says whether the
 * block ends there. */
size_t oci_cut_rolling_next(struct oci_cut_rolling *c, const void *p, size_t n, bool *ret_cut);
