/* A bundle as one JSON document: what 'inspect --json' prints and other programs read. */
#pragma once

#include "bundle/reader.h"

/* {"name","version","root":{"digest","mediaType"},"images":[{"name","ref","digest","platforms":[..],
 *  "size_bytes","layers":[{"digest","size_bytes","diff_id",...}],"packages":[..]}],"manifests":[],
 *  "signatures":[{"digest","signs"}]}. New reference. Configs are read for the diff ids. */
int bnd_describe(const struct bnd_bundle *b, json_t **ret, struct eb_error **err) EB_MUST_CHECK;
