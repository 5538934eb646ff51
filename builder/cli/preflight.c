#include "cli/preflight.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/env.h"
#include "dist/registry.h"
#include "image/manifest.h"

static bool seen_before(const struct preflight *p, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(p->repos[k], p->repos[i]) == 0)
			return true;
	return false;
}

static int try_one(struct cmd_env *env, const struct preflight *p, const char *repo, json_t *checks,
		   uint64_t *ret_usec, struct eb_error **err)
{
	const char *host = oci_registry_host(p->registry);
	struct eb_error *e = NULL;
	int r = oci_registry_try_push(p->registry, repo, ret_usec, &e);

	if (checks) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "repository", repo);
		eb_json_set(j, "writable", json_boolean(r >= 0));
		if (r < 0)
			eb_json_set_str(j, "problem", e->message);
		eb_json_push(checks, j);
	} else {
		env_printf(env, "%-8s %s/%s\n", r < 0 ? "refused" : "writable", host, repo);
	}
	if (r < 0)
		return eb_error_forward(err, e);
	return 0;
}

/* Without a limit nobody knows how fast the line is; requests take their time all the same. */
static double seconds_at_least(const struct preflight *p, uint64_t usec)
{
	size_t requests = p->sum->documents + p->sum->blobs_mounted + 2 * p->sum->blobs_sent;
	double s = (double)requests * (double)usec / 1e6 / (p->parallel ? p->parallel : 1);

	return p->max_rate ? s + (double)p->sum->bytes_sent / (double)p->max_rate : s;
}

int preflight_push(struct cmd_env *env, const struct preflight *p, json_t *j, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest refs = { .media_type = NULL };
	json_t *checks = j ? eb_json_array() : NULL;
	uint64_t usec = 0, slowest = 0;
	struct oci_digest none;
	bool api = false;
	double seconds;
	int r = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct eb_error *e = NULL;
		int one;

		if (seen_before(p, i))
			continue;
		one = try_one(env, p, p->repos[i], checks, &usec, &e);
		if (usec > slowest)
			slowest = usec;
		if (one < 0 && r >= 0)
			r = eb_error_forward(err, e);
		else
			eb_error_free(e);
	}
	oci_digest_of("", 0, &none);
	if (p->n && r >= 0)
		eb_ignore(oci_registry_referrers(p->registry, p->repos[p->n - 1], &none, &refs,
						 &api, NULL));
	seconds = seconds_at_least(p, slowest);
	if (j) {
		eb_json_set(j, "checks", checks);
		eb_json_set(j, "referrers_api", json_boolean(api));
		eb_json_set(j, "seconds_at_least", json_real(seconds));
	} else if (p->n && r >= 0) {
		env_note(env, "%s the referrers API; at least %.1f s", api ? "has" : "lacks",
			 seconds);
	}
	return r;
}
