/* Rendered objects as a Helm chart: Chart.yaml, values.yaml without values, and a template for each
 * object that gives it as it is. Hooks are hooks, the rest is the release. What was rendered for a
 * name and a namespace can be installed only as those: the first template says so. */
#pragma once

#include "render/objects.h"

struct rnd_chart {
	const char *name, *version; /* of the bundle */
	const char *release, *namespace_;
};

/* Into the directory `path`, made when missing. Errors: EB_E_CONFLICT when templates of another
 * rendering are there, those of the file system. */
int rnd_write_chart(const struct rnd_chart *c, const struct rnd_objects *o, const char *path,
		    struct eb_error **err) EB_MUST_CHECK;
/* The version as SemVer 2 (heap), which Helm wants: "1.2" becomes "1.2.0", other text follows
 * "0.0.0-". */
char *rnd_chart_version(const char *version);
