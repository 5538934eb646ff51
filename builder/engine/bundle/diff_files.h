/* Two file systems, file by file. Private to diff.c. */
#pragma once

#include <jansson.h>

#include "bundle/layers.h"

/* First differing bytes are looked up for this many files of a platform. */
enum { BND_DIFF_MAX_OFFSETS = 4096, BND_DIFF_MAX_FILES = 50000 /* listed of a platform */ };

/* [{"path","change":["content",..],"old":{..},"new":{..},"first_difference":N}], by path. "change"
 * is ["added"] or ["removed"], or in what they differ; old and new hold what differs, and the sizes
 * of  files. New reference. Those above the limit are only counted, in *ret_left_out. */
int bnd_diff_files(const struct bnd_layers *old_layers, const struct bnd_layers *new_layers,
		   json_t **ret, uint64_t *ret_left_out, struct eb_error **err) EB_MUST_CHECK;
