/* The installation report of pip (--report, version 1): text of another program, read strictly. */
#pragma once

#include "pkg/pip.h"

/* env: what the markers had to be evaluated with, members of a JSON object; NULL = do not compare.
 * Wheels whose name is in `provided` are left out. Errors: EB_E_FORMAT saying where; EB_E_LIMIT;
 * EB_E_UNSUPPORTED (another version, an environment that is not `env`); EB_E_UNSOLVABLE for what is
 * no wheel. */
struct json_t;
int pkg_pip_report_parse(const char *text, size_t n, const struct json_t *env,
			 const struct pkg_pip_provided *provided, size_t n_provided,
			 struct pkg_pip_set **ret, struct eb_error **err) EB_MUST_CHECK;
