/* What a mirrored repository is called at its destination. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

struct mir_rename {
	const char *from; /* "docker.io/library": whole components at the front of HOST/PATH */
	const char *to;	  /* what stands there instead; the result is the whole name */
};

struct mir_naming {
	/* Template for what no rule names; NULL = the path, in layouts behind the host. */
	const char *path;
	const struct mir_rename *renames;
	size_t n_renames;
	/* The destination is a layout: names begin with the host as it is, "localhost:5000/x". In a
	 * registry the host is part of the path, where it may have no colon. */
	bool is_layout;
};

/* Templates hold text and {host}, {path} ("library/redis") and {name} ("redis"). NULL when `s` is
 * one that makes repository names, else what it should be. */
const char *mir_target_check(const char *s);
/* The repository (heap). image: template of the image itself, or NULL; host: NULL = none known. The
 * image's template counts before rules, the first rule that fits before the common template.
 * Errors: EB_E_USAGE naming what came out and why it is no name. */
int mir_target_repo(const struct mir_naming *naming, const char *image, const char *host,
		    const char *path, char **ret, struct eb_error **err) EB_MUST_CHECK;
