/* Dependency fields (Debian policy 7.1) as libsolv's dependency ids, and back into text.
 *
 * libsolv has one name space for packages and what they provide. Architecture qualifiers are put
 * into the name, as apt does: "foo:any" is a name of its own, written "foo%any" inside the pool
 * ('%' occurs in no package name), which packages with "Multi-Arch: allowed" provide. ":native" and
 * the pool's own architecture mean the plain name; any other architecture is a name that nothing
 * provides.
 *
 * Versions: policy says that a missing revision equals the revision "0", libsolv orders it before
 * all others; so a version without a revision is entered with "-0", and pkg_dep_text() leaves that
 * away again. */
#pragma once

#include <solv/pool.h>
#include <solv/queue.h>

struct eb_buf;
struct eb_error;

enum pkg_dep_kind {
	PKG_DEP_NEEDS,	   /* alternatives allowed */
	PKG_DEP_CONFLICTS, /* none */
	PKG_DEP_PROVIDES,  /* none, and only "=" */
};

enum {
	PKG_DEP_MAX_GROUPS = 20000, /* Debian's longest Provides names 1600 */
	PKG_DEP_MAX_ALTERNATIVES = 200,
};

/* Append one id per comma-separated group of text (NULL is an empty field) to out. Alternatives are
 * REL_OR chains that lean right, so the first is the name part of the outermost. "<" and ">" mean
 * "<=" and ">=", as dpkg takes them. Errors: EB_E_FORMAT, EB_E_LIMIT quoting the group. */
int pkg_dep_parse(Pool *pool, const char *arch, const char *text, enum pkg_dep_kind kind,
		  Queue *out, struct eb_error **err) EB_MUST_CHECK;
/* The id of a version. */
Id pkg_dep_version(Pool *pool, const char *s, size_t n);
/* The relation behind an id, NULL for a plain name. Valid until the next id is made. */
const Reldep *pkg_dep_relation(const Pool *pool, Id dep);
/* Take the first alternative off *rest (0 at the end). */
Id pkg_dep_next(const Pool *pool, Id *rest);
/* The package name that an alternative is about. */
Id pkg_dep_name(const Pool *pool, Id dep);
/* True if the relation carries a version. */
bool pkg_dep_has_version(const Pool *pool, Id dep);
/* "libfoo (>= 2) | libbar:any" */
void pkg_dep_text(Pool *pool, Id dep, struct eb_buf *out);
