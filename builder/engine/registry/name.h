/* Image names as a registry sees them: host, repository path, tag, digest (distribution-spec,
 * "Pulling manifests"; the host rules are those that every container engine shares). */
#pragma once

#include "base/cleanup.h"
#include "base/span.h"

struct eb_error;

enum { REG_NAME_MAX = 255, REG_TAG_MAX = 128 };

struct reg_name {
	char *host;   /* "docker.io" when the name has none; with its port, if any */
	char *path;   /* "library/redis" */
	char *tag;    /* NULL = none */
	char *digest; /* "sha256:...", NULL = none */
};

/* "redis", "ess.internal/redis:8", "host:5000/a/b@sha256:...". A name without host is one of
 * docker.io, below library/ when it has one part only. Errors: EB_E_FORMAT naming it. */
int reg_name_parse(const char *image, struct reg_name *ret, struct eb_error **err) EB_MUST_CHECK;
void reg_name_release(struct reg_name *n);
EB_DEFINE_RELEASE(struct reg_name, reg_name_release)

/* The grammar of <name> and of a tag in <reference>, lengths included. */
bool reg_path_is_valid(struct eb_span path);
bool reg_tag_is_valid(struct eb_span tag);
/* The one name of a registry that has several: docker.io for its aliases, else `host` itself. */
const char *reg_host_canonical(const char *host);
