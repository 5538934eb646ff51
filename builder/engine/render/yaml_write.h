/* YAML out of a JSON tree, the same bytes for the same tree: block style, two blanks a level, keys
 * sorted but for those that name a Kubernetes object, which come first. A text stands without
 * quotes only where YAML 1.1 and 1.2 both take it for text; one of several lines is a literal
 * block, unless it holds what such a block cannot. */
#pragma once

#include <jansson.h>

struct eb_buf;

/* One document without "---", ending in a newline. out's cap is the limit: check it afterwards. */
void rnd_yaml_write(const json_t *j, struct eb_buf *out);
