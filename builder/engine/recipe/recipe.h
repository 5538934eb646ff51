/* A recipe: what one image is made of. Read from recipes/<name>/recipe.yaml; the JSON Schema beside
 * the code (recipe.schema.json) says the same for editors. Immutable after loading; all strings
 * live in the recipe's arena. */
#pragma once

#include <jansson.h>

#include "recipe/yaml.h"

struct rcp_pos {
	const char *file;
	unsigned int line, column;
};

/* A Debian suite to take packages from. */
struct rcp_suite {
	const char *archive; /* "debian", "debian-security": last path element of a mirror's URL */
	const char *name;    /* "trixie", "trixie-security" */
	const char **components; /* {"main"} by default */
	size_t n_components;
	int priority; /* higher wins; default 500 */
	struct rcp_pos pos;
};

struct rcp_word { /* a name in a list, with its place */
	const char *text;
	const char **arches; /* only for these architectures; none = all */
	size_t n_arches;
	struct rcp_pos pos;
};

struct rcp_user {
	const char *name, *home, *shell, *comment;
	uint32_t uid, gid;
	const char *group; /* group of that gid; its own name by default */
	struct rcp_pos pos;
};

struct rcp_group {
	const char *name;
	uint32_t gid;
	const char **members;
	size_t n_members;
	struct rcp_pos pos;
};

/* A program that the same sources as this one are built to: RCP_OWN_URL "NAME". It is looked for in
 * the directories of sources only, by that name. */
#define RCP_OWN_URL "own://ess-bundle/"
bool rcp_is_own(const char *url); /* NULL is none */

struct rcp_remote {	      /* what is downloaded */
	const char *url;      /* NULL = nothing is */
	const char **mirrors; /* further URLs of the same bytes */
	size_t n_mirrors;
	const char *sha256; /* NULL: what the lock says */
	uint64_t size;	    /* 0 = not said */
};

/* A tar (compressed or not) or zip that is unpacked into the image, or a commit of a git repository
 * as such a tar. */
struct rcp_archive {
	const char *name;    /* by default the last part of the URL; "repository-<commit>" */
	const char *version; /* for lists of what is inside; or NULL */
	struct rcp_remote remote;
	const char *git;     /* repository or bundle, from the recipe's directory, or NULL */
	const char *commit;  /* with git */
	uint64_t strip;	     /* leading components that are left out */
	const char *subpath; /* below that, only what is in this directory; "" = all */
	const char *to;	     /* absolute in the image */
	const char **arches; /* only for these architectures; none = all */
	size_t n_arches;
	uint32_t uid, gid; /* of everything in it */
	struct rcp_pos pos;
};

struct rcp_go { /* a Go program, built from modules */
	const char *module, *version;
	const char *package;   /* "./cmd/server"; default "." */
	const char *path;      /* absolute in the image */
	const char *toolchain; /* "go1.26.8" */
	struct rcp_word *tags;
	size_t n_tags;
	const char *ldflags; /* NULL = none */
	struct rcp_pos pos;
};

struct rcp_python {		 /* distributions as wheels */
	const char *interpreter; /* "python3.13": a Debian package of the image; NULL = no python */
	struct rcp_word *requirements; /* PEP 508 without URLs */
	struct rcp_word *provided;     /* distributions that Debian packages of the image bring */
	size_t n_requirements, n_provided;
	const char *target;  /* default /usr/local/lib/<interpreter>/dist-packages */
	const char *scripts; /* default /usr/local/bin */
	bool bytecode;	     /* default true */
	struct rcp_pos pos;
};

struct rcp_upstream {	    /* somebody else's image, carried byte for byte */
	const char *ref;    /* "registry.example.org/team/server:1.2"; NULL = the image is built */
	const char *digest; /* of its index, or of its only manifest: what the name stood for */
	struct rcp_pos pos;
};

enum rcp_entry_kind { RCP_FILE, RCP_DIRECTORY, RCP_LINK };

struct rcp_entry {
	enum rcp_entry_kind kind;
	const char *path;	  /* absolute in the image, "/etc/redis/redis.conf" */
	const char *text;	  /* RCP_FILE: content written in the recipe, or NULL */
	const char *source;	  /* RCP_FILE: path relative to the recipe's directory, or NULL */
	struct rcp_remote remote; /* RCP_FILE: downloaded, or no URL */
	const char *target;	  /* RCP_LINK */
	uint32_t mode;		  /* default 0644, 0755 for directories */
	uint32_t uid, gid;	  /* default 0 */
	bool replace;		  /* may take the place of a package's file */
	struct rcp_pos pos;
};

struct rcp_permission { /* change what a package ships */
	const char *path;
	bool has_mode, has_owner;
	uint32_t mode, uid, gid;
	struct rcp_pos pos;
};

struct rcp_pair { /* alternatives: name -> path; diversions: path -> new path */
	const char *from, *to;
	struct rcp_pos pos;
};

struct rcp_codec {	     /* a library that shapes bytes, taken from a package of the suites */
	const char *kind;    /* "zstd", "gzip" */
	const char *package; /* "libzstd1" */
	const char *library; /* path in the package without the architecture part: "libzstd.so.1" */
	int level;	     /* 0 = the default */
	struct rcp_pos pos;
};

struct rcp_recipe {
	struct eb_arena *arena;
	const char *dir, *file; /* directory, and recipe.yaml in it, as the user reached them */
	const char *name;
	const char *summary, *description; /* NULL when not given */
	const char *version;		   /* literal, or NULL */
	const char *version_package;	   /* take the version of this package, or NULL */
	struct rcp_pos version_pos;
	const char *from; /* name of the recipe this one builds on, or NULL */
	struct rcp_pos from_pos;
	const char *
		*architectures; /* "amd64", "arm64"; empty: those of `from` (until in a chain) */
	size_t n_architectures;
	struct rcp_suite *suites; /* empty: those of `from` (until in a chain) */
	size_t n_suites;
	struct rcp_word *packages, *exclude;
	size_t n_packages, n_exclude;
	bool recommends;
	struct rcp_upstream image; /* then there is nothing but name, version and architectures */
	struct rcp_python python;
	struct rcp_go *go;
	size_t n_go;
	struct rcp_archive *archives;
	size_t n_archives;
	struct rcp_word *path_exclude,
		*path_include; /* globs as in dpkg.cfg; in a chain, those of `from` come first */
	size_t n_path_exclude, n_path_include;
	struct rcp_user *users;
	size_t n_users;
	struct rcp_group *groups;
	size_t n_groups;
	struct rcp_entry *entries; /* files, directories, links, in this order */
	size_t n_entries;
	struct rcp_word *remove; /* globs of absolute paths, after everything else */
	size_t n_remove;
	struct rcp_permission *permissions;
	size_t n_permissions;
	struct rcp_pair *alternatives, *diversions;
	size_t n_alternatives, n_diversions;
	struct rcp_codec *codecs; /* empty: those of `from` (until in a chain) */
	size_t n_codecs;
	struct rcp_word *fixups; /* names known to rootfs/fixups.h */
	size_t n_fixups;
	json_t *config;	     /* the OCI "config" object of this recipe alone; never NULL */
	json_t *annotations; /* object of strings or NULL */
};

/* dir holds recipe.yaml. Errors: EB_E_RECIPE with file:line:column, EB_E_NOT_FOUND. */
int rcp_load(const char *dir, struct rcp_recipe **ret, struct eb_error **err) EB_MUST_CHECK;
/* The same from text (tests, fuzzing, recipes inside a bundle). */
int rcp_parse(const char *dir, const char *file, const char *text, size_t n,
	      struct rcp_recipe **ret, struct eb_error **err) EB_MUST_CHECK;
struct rcp_recipe *rcp_free(struct rcp_recipe *r);
EB_DEFINE_CLEANUP(struct rcp_recipe *, rcp_free)
bool rcp_archive_is_for(const struct rcp_archive *a, const char *arch);
int rcp_throw(const struct rcp_pos *pos, struct eb_error **err, const char *fmt, ...)
	EB_PRINTF(3, 4);
#define rcp_throw(...) eb_is_failure(rcp_throw(__VA_ARGS__))

/* The recipe in `dir` and what it builds on, the first of the chain first; recipes are siblings
 * (dir/../<from>). A cycle is refused with the whole chain named. In a chain, what a recipe
 * inherits is filled in: architectures, suites and codecs of its parent when it has none of its
 * own, path-exclude and path-include of its parent before its own. Checked as well: every stage is
 * built for the architectures of the next, "name/suite" names one of the suites, no account
 * contradicts one of a parent (the same name and number again, with another home or shell, replaces
 * it). */
struct rcp_chain {
	struct rcp_recipe **stage;
	size_t n;
};
int rcp_chain_load(const char *dir, struct rcp_chain *ret, struct eb_error **err) EB_MUST_CHECK;
void rcp_chain_release(struct rcp_chain *c);
EB_DEFINE_RELEASE(struct rcp_chain, rcp_chain_release)

/* The OCI "config" object of the whole chain (new reference, possibly empty): a later stage's key
 * replaces that of an earlier one, but Env is merged by the variables' names and sorted. base is
 * that of the image of somebody else's that the chain begins with, or NULL; an Entrypoint of the
 * chain takes base's Cmd away with it. */
json_t *rcp_config_merge(const struct rcp_chain *chain, const json_t *base);

/* Names of the directories in `parent` that hold a recipe.yaml, sorted, NULL-terminated, at most
 * 1000, in the arena; for "did you mean". None when the directory cannot be read. */
const char *const *rcp_list_recipes(struct eb_arena *arena, const char *parent);
/* The directory called `name` beside `dir` (heap): lexically where that is possible, as messages
 * read better without "..". */
char *rcp_sibling(const char *dir, const char *name);
