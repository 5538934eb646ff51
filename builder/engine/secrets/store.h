/* Generated values in the cluster: one Secret per name, made once and never overwritten. */
#pragma once

#include <jansson.h>

#include "secrets/generate.h"

struct eb_error;
struct kube_api;

#define SEC_MANAGED_BY "app.kubernetes.io/managed-by"
#define SEC_MANAGER "matrix-tools-init-secrets"

struct sec_ensure {
	const char *namespace_;
	const json_t *labels; /* for a new Secret, and put on one that lacks them; may be NULL */
	int64_t now_msec;
	/* The text of a template file, heap. */
	int (*read_template)(void *ctx, const char *path, char **ret, struct eb_error **err);
	void *ctx;
	/* One line for people, without any value: "made SYNAPSE_MACAROON". May be NULL. */
	void (*say)(void *ctx, const char *text);
};

/* Every key of the specs is there afterwards, in one write for each Secret. A key that exists stays
 * as it is, but for a signing key that could be guessed: that one is replaced and, where SEC_EXTRA
 * is among the specs, retired there. Any number of these may run at once: whoever comes second
 * keeps what the first one wrote. Errors: EB_E_CONFLICT for a Secret that is somebody else's. */
int sec_ensure_all(struct kube_api *api, const struct sec_specs *specs, const struct sec_ensure *e,
		   struct eb_error **err) EB_MUST_CHECK;
/* "k=v,k=v" as an object. Errors: EB_E_USAGE. */
int sec_labels_parse(const char *text, json_t **ret, struct eb_error **err) EB_MUST_CHECK;
