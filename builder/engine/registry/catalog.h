/* What one or several sources offer together: repositories with their tags. Immutable; a changed
 * file makes a new catalog, and whoever still answers from the old one keeps it alive. A
 * repository holds every document and blob of the files that have an image of its name: bytes are
 * asked for by digest, so they cannot be the wrong ones. */
#pragma once

#include "base/buf.h"
#include "base/span.h"
#include "registry/served.h"

struct reg_tag {
	const char *tag; /* borrowed from the source */
	const struct reg_manifest *manifest;
	struct reg_served *source;
};

struct reg_repo {
	char *name;
	bool listed;	      /* in _catalog: names without host are */
	struct reg_tag *tags; /* sorted by bytes */
	size_t n_tags;
	struct reg_served **sources; /* in the order of the command line */
	size_t n_sources;
};

struct reg_catalog {
	/* private */
	atomic_uint refs;
	/* read-only */
	struct reg_served **sources;
	size_t n_sources;
	struct reg_repo *repos; /* sorted by name */
	size_t n_repos;
	size_t n_clashes;      /* tags that two files give to different images */
	struct eb_buf clashes; /* their names, one a line */
};

/* Takes a reference of each source. Where two sources give one name to different images the first
 * one has it. */
struct reg_catalog *reg_catalog_new(struct reg_served *const *sources, size_t n) EB_MALLOC;
struct reg_catalog *reg_catalog_ref(struct reg_catalog *c); /* any thread */
struct reg_catalog *reg_catalog_unref(struct reg_catalog *c);
EB_DEFINE_CLEANUP(struct reg_catalog *, reg_catalog_unref)

/* The repository of this name, NULL = none. With ns (the host that a mirror is asked in place of,
 * as containerd says it) the name is that host's and no other's. */
const struct reg_repo *reg_catalog_find(const struct reg_catalog *c, const char *ns,
					struct eb_span name);
const struct reg_tag *reg_repo_tag(const struct reg_repo *r, struct eb_span tag);
/* *ret_source is the file it is in. */
const struct reg_manifest *reg_repo_manifest(const struct reg_repo *r, const struct oci_digest *d,
					     struct reg_served **ret_source);
const struct oci_member *reg_repo_blob(const struct reg_repo *r, const struct oci_digest *d,
				       struct reg_served **ret_source);
