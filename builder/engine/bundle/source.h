/* The recipes, locks and files that a bundle was made from, as one tar inside it: what an auditor
 * needs to make the same bytes again. bundles/<name>/..., recipes/<name>/... */
#pragma once

#include "bundle/def.h"
#include "image/chain.h"

struct eb_buf;

enum { BND_SOURCE_MAX_BYTES = 64 * 1024 * 1024 };

int bnd_source_tar(const struct bnd_def *def, const struct img_chain *const *chains, size_t n,
		   int64_t mtime_sec, struct eb_buf *out, struct eb_error **err) EB_MUST_CHECK;
