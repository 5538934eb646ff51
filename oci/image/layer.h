/* A layer in the making: tar members in, {diffID, digest, size} and the compressed bytes out, in
 * one pass, on the pool. Bytes do not depend on the pool's size. */
#pragma once

#include "base/cleanup.h"
#include "image/digest.h"
#include "image/tar_write.h"

struct eb_codec;
struct eb_error;
struct eb_pool;
struct eb_writer;

struct oci_layer_result {
	struct oci_digest diff_id, digest;
	uint64_t diff_size, size; /* uncompressed and compressed bytes */
	uint32_t blocks;
	char media_type[64];
};

struct oci_layer;
/* out is borrowed and written to by any thread of the pool, one at a time; it is not finished. NULL
 * only measures. One thread at a time calls the functions of a layer; several layers may share a
 * pool. After a failure every further call but oci_layer_free() fails with the same code. */
struct oci_layer *oci_layer_new(struct eb_pool *pool, const struct eb_codec *codec,
				struct eb_writer *out) EB_MALLOC;
struct oci_layer *oci_layer_free(struct oci_layer *l);
EB_DEFINE_CLEANUP(struct oci_layer *, oci_layer_free)
/* Begin a member; cut_before comes from oci_cut_plan(). A file of e->size bytes must then get
 * exactly so many by oci_layer_data(); padding is added here. A member larger than OCI_BLOCK_MAX is
 * put in blocks of its own whatever cut_before says, and no block grows over OCI_BLOCK_MAX. Errors:
 * EB_E_FORMAT when the member before lacks data, EB_E_LIMIT for more than 4 MiB of headers,
 * whatever out failed with (for this block or an earlier one). */
int oci_layer_entry(struct oci_layer *l, const struct oci_tar_entry *e, bool cut_before,
		    struct eb_error **err) EB_MUST_CHECK;
int oci_layer_data(struct oci_layer *l, const void *p, size_t n,
		   struct eb_error **err) EB_MUST_CHECK;
/* The end-of-archive blocks belong to the last block. Nothing may be called after it. */
int oci_layer_finish(struct oci_layer *l, struct oci_layer_result *ret,
		     struct eb_error **err) EB_MUST_CHECK;
