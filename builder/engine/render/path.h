/* Places in a values tree, as people write them: "synapse.workers.pusher", "a.list[0]",
 * "labels["app.kubernetes.io/name"]". */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_buf;

void rnd_path_key(struct eb_buf *path, const char *key);
void rnd_path_index(struct eb_buf *path, size_t i);
/* Back to the first n bytes. */
void rnd_path_cut(struct eb_buf *path, size_t n);

/* What is at `path` in tree, borrowed, or NULL. */
json_t *rnd_path_get(const json_t *tree, const char *path);
/* Where the value at `path` was written, or what holds it: "file:line:column", borrowed; NULL when
 * nothing is known. places: from rnd_yaml_read(). */
const char *rnd_path_place(const json_t *places, const char *path);
/* Take the first step of *path off: a key (heap, *ret_key) or an index (*ret_key NULL). False at
 * the end, or when it is malformed. */
bool rnd_path_step(const char **path, char **ret_key, size_t *ret_index);
