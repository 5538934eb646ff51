/* The list of a mirror: what is brought where. mirror.schema.json beside the code says the same for
 * editors, ess-bundle-mirror(5) explains it:
 *
 *   to: registry.example.org/mirror     # or oci:DIR, oci-archive:FILE
 *   path: "{path}"                      # below it; {host}, {path}, {name}
 *   rename: [{from: docker.io/library, to: hub}]
 *   plain-http: ["127.0.0.1:5000"]
 *   platforms: [linux/amd64]            # these four also for each image
 *   sparse: false
 *   referrers: true
 *   keep: 5
 *   images:
 *   - from: docker.io/library/redis
 *     tags: ["8.*", "/8\\.[0-9]+-alpine/"]
 *     exclude: ["*-rc*"]
 *     semver: ">=7.2 <9"
 *     prerelease: false
 *     prefix: release-                  # of tags, before and behind the version
 *     suffix: -alpine
 *     digests: ["sha256:..."]
 *     to: cache/redis
 *   - {from: "oci:layouts/x", names: ["*redis*"]}
 *
 * Immutable after loading; strings live in the list's arena. */
#pragma once

#include "dist/ref.h"
#include "mirror/pattern.h"
#include "mirror/semver.h"
#include "mirror/target.h"
#include "recipe/recipe.h"

enum {
	MIR_MAX_IMAGES = 4096,
	MIR_MAX_PATTERNS = 256,
	MIR_MAX_PLATFORMS = 32,
	MIR_MAX_KEEP = 100000,
};

struct mir_patterns {
	struct mir_pattern *items;
	size_t n;
};

struct mir_image {
	struct rcp_pos pos;
	const char *from; /* as written */
	/* Where it is: a layout (folder, archive or bundle) or a repository; path is relative to
	 * the working directory. */
	const char *path; /* NULL = a repository */
	bool is_bundle;
	struct oci_ref ref;

	struct mir_patterns tags, exclude, names;
	const struct mir_range *range; /* NULL = any */
	bool prerelease;
	const char *prefix, *suffix; /* NULL = none */
	struct oci_digest *digests;
	size_t n_digests;

	const char **platforms; /* "linux/arm64/v8", "linux/amd64"; none = all */
	size_t n_platforms;
	bool sparse; /* the index stays what it is, the other platforms stay away */
	bool referrers;
	uint64_t keep; /* 0 = all */
	const char *to;
};

enum mir_to { MIR_TO_REGISTRY, MIR_TO_FOLDER, MIR_TO_ARCHIVE };

/* Where to: "HOST[:PORT][/PREFIX]", "oci:DIR", "oci-archive:FILE". */
struct mir_destination {
	enum mir_to kind;
	const char *text; /* as written */
	const char *path; /* of a layout, relative to the working directory */
	struct oci_ref ref;
};

struct mir_list {
	struct eb_arena *arena;
	const char *file, *dir;
	struct mir_destination to; /* text NULL = not given */
	struct mir_naming naming;
	struct mir_rename *renames;
	const char **plain_http;
	size_t n_plain_http;
	const char **platforms; /* defaults of the images */
	size_t n_platforms;
	bool sparse, referrers;
	uint64_t keep;
	struct mir_image *images;
	size_t n_images;
};

/* Errors: EB_E_RECIPE with file:line:column; -errno. Does not look at the places it names. */
int mir_list_load(const char *path, struct mir_list **ret, struct eb_error **err) EB_MUST_CHECK;
/* dir: what relative paths are relative to, "" = the working directory. */
int mir_list_parse(const char *dir, const char *file, const char *text, size_t n,
		   struct mir_list **ret, struct eb_error **err) EB_MUST_CHECK;
struct mir_list *mir_list_free(struct mir_list *l);
EB_DEFINE_CLEANUP(struct mir_list *, mir_list_free)
/* Another destination than the one in the file. A relative path is one from `dir`. EB_E_USAGE. */
int mir_list_set_to(struct mir_list *l, const char *dir, const char *text,
		    struct eb_error **err) EB_MUST_CHECK;
bool mir_list_is_plain_http(const struct mir_list *l, const char *host);
/* Must tags be listed to know which of them are meant? */
bool mir_image_asks_for_tags(const struct mir_image *im);
