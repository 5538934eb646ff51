/* Two bundles side by side. */
#pragma once

#include "bundle/reader.h"

struct eb_progress;

/* One document about what differs:
 *
 *  {"same":bool, "old":{"file","name","version","root"}, "new":{..}, "new_bytes":N,
 *   "parts":[{"title","old","new"}],
 *   "images":{"same":[ref], "added":[{"ref","digest"}], "removed":[..],
 *     "changed":[{"image","old":{"ref","digest"},"new":{..},
 *       "platforms":[{"platform","change":"added"|"removed"|"changed",
 *         "packages":{"added":[{"name","version"}],"removed":[..],"changed":[{"name","old","new"}]},
 *         "layers":{"shared":N,"added":[{"holds","digest","size_bytes"}],"removed":[..],
 *                   "changed":[{"holds","content":bool,"old":{..},"new":{..}}]},
 *         "config":[{"key","old","new"}], "new_bytes":N, "files":[..]}]}]}}
 *
 * new_bytes: of blobs that the old bundle does not have. files: with `with_files`, see
 * diff_files.h; reads all layers of what changed. *ret_same is whether the roots are the same.
 * Images belong together that have the same name without host and tag. Errors: those of reading
 * either. */
int bnd_diff(const struct bnd_bundle *old_bundle, const struct bnd_bundle *new_bundle,
	     bool with_files, struct eb_progress *progress, json_t **ret, bool *ret_same,
	     struct eb_error **err) EB_MUST_CHECK;
