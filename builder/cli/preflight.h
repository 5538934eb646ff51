/* What --plan finds out about a registry beyond what is there: would it take it? */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"
#include "dist/push.h"

struct cmd_env;
struct oci_registry;

struct preflight {
	struct oci_registry *registry;
	const struct oci_push_result *sum; /* of the plan */
	uint64_t max_rate;		   /* bytes per second, 0 = no limit */
	unsigned int parallel;
	const char *const *repos; /* those with something to send; one may be there twice */
	size_t n;
};

/* Begins an upload in each repository and cancels it, which shows whether the credentials suffice,
 * the repository exists or is made, and its name is taken; asks for the referrers API. Prints
 * lines, or adds "checks", "referrers_api" and "seconds_at_least" to `j`. Fails as the first
 * repository did that refused, after all were tried. */
int preflight_push(struct cmd_env *env, const struct preflight *p, json_t *j,
		   struct eb_error **err) EB_MUST_CHECK;
