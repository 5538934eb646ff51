/* The bodies of answers that are made anew each time: tags/list, _catalog, referrers, errors
 * (distribution-spec, "Content Discovery" and "Error Codes"). */
#pragma once

#include "registry/catalog.h"

/* What ?n= and ?last= say. */
struct reg_window {
	uint64_t n;	  /* at most so many; UINT64_MAX = all */
	const char *last; /* only what sorts behind it; NULL = from the start */
};

/* The body as JSON (heap). *ret_next is the last one given (borrowed) when there are more behind
 * it, for the Link header; else NULL. */
char *reg_tags_body(const struct reg_repo *r, const char *name, const struct reg_window *w,
		    const char **ret_next, size_t *ret_n);
char *reg_catalog_body(const struct reg_catalog *c, const struct reg_window *w,
		       const char **ret_next, size_t *ret_n);
/* An index of what says it refers to `subject`, of this artifactType only unless NULL; empty when
 * there is none. */
char *reg_referrers_body(const struct reg_repo *r, const struct oci_digest *subject,
			 const char *artifact_type, size_t *ret_n);
/* {"errors":[{"code":...,"message":...}]} */
char *reg_error_body(const char *code, const char *message, size_t *ret_n);
