/* Image configuration (image-spec, config.md). */
#pragma once

#include <jansson.h>

#include "image/digest.h"

struct oci_history {
	char *created_by, *comment;
	bool empty_layer;
};

struct oci_config {
	char *architecture, *os, *variant;
	int64_t created_sec; /* < 0 = not written */
	json_t *config; /* the "config" object: Env, Entrypoint, Cmd, User, ...; owned, may be NULL
			 */
	struct oci_digest *diff_ids;
	size_t n_diff_ids;
	struct oci_history *history;
	size_t n_history;
};

void oci_config_release(struct oci_config *c);
EB_DEFINE_RELEASE(struct oci_config, oci_config_release)
int oci_config_parse(const char *text, size_t n, struct oci_config *ret,
		     struct eb_error **err) EB_MUST_CHECK;
char *oci_config_write(const struct oci_config *c, size_t *ret_n); /* canonical; heap */
void oci_config_add_layer(struct oci_config *c, const struct oci_digest *diff_id,
			  const char *created_by);
