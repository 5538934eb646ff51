/* Versions in tags, and ranges of them (semver.org 2.0, with what tags make of it): "1.4.2",
 * "v1.4", "2024.01.15", "2.0.0-rc.1"; what follows '+' or '_' (which stands for '+' in tags) does
 * not count. A range is alternatives parted by "||", each some conditions that must all hold:
 *
 *   >=1.2 <2     1.2.0 and above, below 2          ^1.4   1.4.0 and above, below 2
 *   1.x, 1       any 1                             ^0.4   0.4.0 and above, below 0.5
 *   =1.4.2       just this one                     ~1.4   any 1.4
 *   !=1.4.1      any but this one                  *      any
 *
 * Where a condition leaves numbers out, its bounds stand before all pre-releases: "<2" holds for no
 * 2.0.0-rc.1. */
#pragma once

#include "base/span.h"

struct eb_arena;
struct eb_error;
struct mir_range; /* immutable, in an arena */

enum { MIR_RANGE_MAX_BYTES = 256, MIR_RANGE_MAX_BOUNDS = 64 };

struct mir_version {
	uint64_t number[3];
	struct eb_span pre; /* between '-' and '+', empty = none; in the text it was read from */
};

/* False when it is no version: one to three numbers of at most 18 digits, and so on. */
bool mir_version_parse(struct eb_span text, struct mir_version *ret);
/* < 0, 0, > 0; precedence as in semver.org, section 11. */
int mir_version_cmp(const struct mir_version *a, const struct mir_version *b);

/* Errors: EB_E_FORMAT quoting the part that is wrong, EB_E_LIMIT. */
int mir_range_parse(const char *text, struct eb_arena *arena, const struct mir_range **ret,
		    struct eb_error **err) EB_MUST_CHECK;
/* A pre-release is in the range only if `prerelease`, or if a condition names one of the same three
 * numbers (">=2.0.0-rc.1"). */
bool mir_range_has(const struct mir_range *r, const struct mir_version *v, bool prerelease);
