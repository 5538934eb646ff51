/* Programs written in Go: module and version in, one static program per architecture out, the same
 * bytes on every machine.
 *
 * The module itself is the main module of the build, in a private copy with its own go.mod and
 * go.sum (so its replace lines count, which 'go install module@version' refuses), and what is
 * compiled is hashed: the module while it is copied, its dependencies after the build against the
 * sums in the program itself. Modules come through the machine's own Go as it is configured;
 * nothing of that configuration shapes the result or is shown in messages.
 *
 * In the cache: go/mod (Go's module cache, directories writable), go/build (Go's build cache),
 * go/work-* (a build under way), go/lock. The finished program is a source like any other, by its
 * SHA-256. */
#pragma once

#include "pkg/cache.h"
#include "pkg/gosum.h"

struct eb_arena;
struct eb_progress;

struct pkg_go_options {
	const struct pkg_cache *cache;
	const char *client; /* the machine's Go; NULL = "go" from PATH */
	/* "NAME=value", NULL-terminated: what the machine's Go needs to reach its module proxy
	 * (HOME, PATH, GOPROXY, GOSUMDB, GOPRIVATE, proxies, certificates...). */
	const char *const *env;
	const char *const *source_dirs; /* --sources: other caches whose modules may be used */
	bool offline;
	unsigned int jobs; /* 0 = one per CPU */
	struct eb_progress *progress;
};

struct pkg_go_program {
	const char *module, *version; /* "github.com/livekit/livekit-server", "v1.13.5" */
	const char *package;	      /* of the module, "./cmd/server" */
	const char *toolchain;	      /* "go1.26.8" */
	const char *const *tags;
	size_t n_tags;
	const char *ldflags; /* beside "-s -w -buildid=", may be NULL */
	const char *arch;    /* "amd64" */
};

struct pkg_go_module {
	const char *module, *version, *h1;
};

/* What came, or what must come, out. */
struct pkg_go_result {
	struct eb_arena *arena; /* of the module list */
	char sha256[65];	/* of the program, which is in the cache */
	uint64_t size;
	char gosum[65];		       /* of the lines "module version h1\n" of modules */
	struct pkg_go_module *modules; /* what is in the program, itself first, then sorted */
	size_t n_modules;
};
void pkg_go_result_release(struct pkg_go_result *r);
EB_DEFINE_RELEASE(struct pkg_go_result, pkg_go_result_release)

/* Build it and put it into the cache.
 * expect  sha256, size and gosum of the lock, and the main module's sum as modules[0]; NULL when
 *         there is no lock yet.
 * ret     may be NULL.
 * Errors: EB_E_NOT_FOUND (no Go, no such toolchain, no such module), EB_E_OFFLINE, EB_E_DIGEST (a
 * module or the result is not what was expected; nothing is stored, a damaged module is removed
 * from the cache), EB_E_AUTH, EB_E_NETWORK, EB_E_PROGRAM (it does not compile).
 * Threads and processes: one build at a time per cache; others wait. */
int pkg_go_build(const struct pkg_go_options *o, const struct pkg_go_program *p,
		 const struct pkg_go_result *expect, struct pkg_go_result *ret,
		 struct eb_error **err) EB_MUST_CHECK;

/* The hash that stands for a list of modules: over its lines, sorted. */
void pkg_go_gosum(const struct pkg_go_module *m, size_t n, char out[static 65]);
