/* What a request path asks for (distribution-spec, "Endpoints"). */
#pragma once

#include "base/span.h"

enum reg_route_kind {
	REG_ROUTE_NONE, /* no such place */
	REG_ROUTE_PAGE, /* "/", for people */
	REG_ROUTE_HEALTH,
	REG_ROUTE_METRICS,
	REG_ROUTE_PING, /* "/v2/" */
	REG_ROUTE_CATALOG,
	REG_ROUTE_TAGS,
	REG_ROUTE_MANIFEST,
	REG_ROUTE_BLOB,
	REG_ROUTE_REFERRERS,
	REG_ROUTE_UPLOAD,     /* what only a registry that can be written to has */
	REG_ROUTE_BAD_NAME,   /* the repository's name breaks the grammar */
	REG_ROUTE_BAD_DIGEST, /* where a digest has to stand */
	REG_ROUTE_KINDS
};

struct reg_route {
	enum reg_route_kind kind;
	struct eb_span name;	  /* repository; borrowed from the path */
	struct eb_span reference; /* tag or digest; borrowed */
	bool by_digest;		  /* reference is a well-formed digest */
};

/* path is decoded and has no query. Any text is fine. */
void reg_route_parse(const char *path, struct reg_route *ret);
/* "manifest", "blob", ...: for metrics and the log. */
const char *reg_route_name(enum reg_route_kind kind);
