/* The lock of one recipe: exactly which inputs, one line each, sorted, without any host, made to be
 * reviewed as a diff; and what came out. lock.yaml beside recipe.yaml (long lines are cut here):
 *
 *   # Made by 'ess-bundle lock'. Review the diff; do not edit.
 *   format: 1
 *   recipe: redis
 *   inputs: <sha256 of what the recipes ask for, see rcp_lock_inputs_hash()>
 *   others: <the same for what python, go, archives and files ask for; left out without them>
 *   epoch: 1763773844
 *   suites:
 *   - {archive: debian, suite: trixie, date: 1763773844, sha256: <of InRelease>}
 *   packages:
 *   - {arch: amd64, name: libc6, version: 2.41-12, size: 2847128, sha256: <of the .deb>, ..
 *      path: pool/main/g/glibc/libc6_2.41-12_amd64.deb, archive: debian, suite: trixie, ..
 *      source: glibc}
 *   wheels:
 *   - {arch: amd64, name: matrix-synapse, version: 1.160.0, size: 5, sha256: .., ..
 *      file: matrix_synapse-1.160.0-cp310-abi3-manylinux_2_28_x86_64.whl}
 *   programs:
 *   - {arch: amd64, module: example.org/server, version: v1.13.5, package: ./cmd/server, ..
 *      toolchain: go1.26.8, gosum: <sha256>, size: 9, sha256: ..}
 *   modules:
 *   - {module: example.org/library, version: v1.0.0, h1: "h1:..="}
 *   archives:
 *   - {name: web-1.2.tar.gz, version: 1.2, url: "https://..", size: 7, sha256: ..}
 *   files:
 *   - {path: /usr/share/x, url: "https://..", size: 7, sha256: ..}
 *   built:
 *   - {arch: amd64, name: bytecode, tool: python3.13 3.13.5-2, size: 3, sha256: ..}
 *   blobs:
 *   - {kind: index, version: 1.2, type: application/vnd.oci.image.index.v1+json, size: 5, ..
 *      sha256: ..}
 *   - {arch: amd64, kind: layer, type: .., size: 5, sha256: ..}
 *   codecs:
 *   - {kind: zstd, level: 9, arch: amd64, version: 1.5.7+dfsg-1, ..
 *      library: usr/lib/x86_64-linux-gnu/libzstd.so.1.5.7, size: 303984, sha256: .., path: .., ..
 *      archive: debian}
 *   results:
 *   - {arch: amd64, codec: zstd, key: <hex>, manifest: sha256:.., config: sha256:.., ..
 *      size: 1234}
 *   layers:
 *   - {arch: amd64, codec: zstd, n: 0, name: glibc, diff_id: sha256:.., digest: sha256:.., ..
 *      size: 11, diff_size: 22}
 *
 * epoch is that of the newest input: the clock of the build. A package whose own architecture is
 * not that of the image has "deb_arch: all" after "arch". Keys come in this order; a section
 * without lines is left out; values that YAML could misread are quoted. Only the packages that this
 * stage adds to those of `from` are listed. */
#pragma once

#include "base/cleanup.h"

struct eb_arena;
struct eb_error;

struct rcp_locked_suite {
	const char *archive, *suite;
	int64_t date_sec;   /* Date of the InRelease file */
	const char *sha256; /* of the InRelease file */
};

struct rcp_locked_package {
	/* of the image: amd64 (an Architecture: all package is listed for each) */
	const char *arch;
	const char *name, *version, *path, *archive, *suite, *source, *sha256;
	const char *deb_arch; /* of the package: amd64, all; NULL when adding: as arch */
	uint64_t size;
};

struct rcp_locked_wheel {
	const char *arch; /* of the image; a wheel for any architecture is listed for each */
	const char *name; /* normalised as PEP 503 says: "matrix-synapse" */
	const char *version, *sha256;
	const char *file; /* name of the wheel, "matrix_synapse-1.160.0-cp310-abi3-...whl" */
	uint64_t size;
};

struct rcp_locked_program { /* a Go program: what was built, and what came out */
	const char *arch, *module, *version;
	const char *package;   /* "./cmd/server" */
	const char *toolchain; /* "go1.26.8" */
	const char *gosum;     /* SHA-256 of the list of all modules and their sums */
	const char *sha256;    /* of the program */
	uint64_t size;
};

struct rcp_locked_module { /* a line of go.sum; version may end in "/go.mod", as there */
	const char *module, *version, *h1;
};

struct rcp_locked_archive {
	const char *arch;    /* NULL = for all */
	const char *name;    /* of the recipe's entry */
	const char *version; /* as the recipe says; may be NULL */
	const char *url;     /* as the recipe says; NULL for a commit */
	const char *commit;  /* of git; NULL for a URL */
	const char *sha256;
	uint64_t size;
};

struct rcp_locked_file {  /* a file of the recipe that is downloaded */
	const char *path; /* in the image */
	const char *url, *sha256;
	uint64_t size;
};

struct rcp_locked_built {	 /* what a build tool made, kept in the cache by hash */
	const char *arch, *name; /* "bytecode" */
	const char *tool;	 /* "python3.13 3.13.5-2" */
	const char *sha256;
	uint64_t size;
};

struct rcp_locked_blob {     /* of an image that is carried as it is */
	const char *arch;    /* of the image that needs it; NULL = every one: index, signatures */
	const char *kind;    /* RCP_BLOB_* */
	const char *version; /* of the image, on what the recipe's digest names; else NULL */
	const char *signs; /* digest of what the top of something that hangs is about; else NULL */
	const char *media_type; /* as whatever lists it says */
	const char *sha256;
	uint64_t size;
};
#define RCP_BLOB_INDEX "index"
#define RCP_BLOB_MANIFEST "manifest"
#define RCP_BLOB_CONFIG "config"
#define RCP_BLOB_LAYER "layer"
#define RCP_BLOB_ATTESTATION "attestation" /* in the index, about a platform; and what it lists */
/* What hangs on the image, and all that it lists: under one of cosign's tags, or by its subject. */
#define RCP_BLOB_SIGNATURE "signature" /* ".sig" */
#define RCP_BLOB_ATT "att"	       /* ".att" */
#define RCP_BLOB_SBOM "sbom"	       /* ".sbom" */
#define RCP_BLOB_REFERRER "referrer"

struct rcp_locked_codec {
	const char *kind, *arch, *version, *library, *path, *archive, *sha256;
	int level;
	uint64_t size;
};

struct rcp_locked_result {
	const char *arch, *codec;      /* "amd64", "zstd" */
	const char *key;	       /* 64 hex digits: hash of all that decided the result */
	const char *manifest, *config; /* digests */
	uint64_t size;		       /* of the manifest, bytes */
};

struct rcp_locked_layer {
	const char *arch, *codec, *diff_id, *digest;
	const char *name; /* which inputs it holds: letters, digits, "+-._ " */
	unsigned int n;	  /* position among the layers that this stage adds */
	uint64_t size, diff_size;
};

struct rcp_lock {
	struct eb_arena *arena;
	const char *file; /* as reached; NULL when not read from one */
	const char *recipe;
	int64_t epoch_sec;
	/* Hash of the recipe parts that this lock answers, for "lock is stale". Whoever makes a
	 * lock sets it, to text that outlives the lock (its arena will do). */
	const char *inputs_sha256;
	const char
		*others_sha256; /* the same for inputs of other kinds; NULL when there are none */
	struct rcp_locked_suite *suites;
	struct rcp_locked_package *packages;
	struct rcp_locked_wheel *wheels;
	struct rcp_locked_program *programs;
	struct rcp_locked_module *modules;
	struct rcp_locked_archive *archives;
	struct rcp_locked_file *files;
	struct rcp_locked_built *built;
	struct rcp_locked_blob *blobs;
	struct rcp_locked_codec *codecs;
	struct rcp_locked_result *results;
	struct rcp_locked_layer *layers;
	size_t n_suites, n_packages, n_wheels, n_programs, n_modules, n_archives, n_files, n_built,
		n_blobs, n_codecs, n_results, n_layers;
};

/* EB_E_NOT_FOUND (with the hint to run lock) when dir has no lock.yaml. Malformed: EB_E_RECIPE with
 * file:line:column. What was read is sorted. */
int rcp_lock_load(const char *dir, struct rcp_lock **ret, struct eb_error **err) EB_MUST_CHECK;
int rcp_lock_parse(const char *file, const char *text, size_t n, struct rcp_lock **ret,
		   struct eb_error **err) EB_MUST_CHECK;
struct rcp_lock *rcp_lock_new(const char *recipe) EB_MALLOC;
struct rcp_lock *rcp_lock_free(struct rcp_lock *l);
EB_DEFINE_CLEANUP(struct rcp_lock *, rcp_lock_free)
/* Appending copies; strings of the argument are duplicated into the arena. */
void rcp_lock_add_suite(struct rcp_lock *l, const struct rcp_locked_suite *s);
void rcp_lock_add_package(struct rcp_lock *l, const struct rcp_locked_package *p);
void rcp_lock_add_wheel(struct rcp_lock *l, const struct rcp_locked_wheel *w);
void rcp_lock_add_program(struct rcp_lock *l, const struct rcp_locked_program *p);
void rcp_lock_add_module(struct rcp_lock *l, const struct rcp_locked_module *m);
void rcp_lock_add_archive(struct rcp_lock *l, const struct rcp_locked_archive *a);
void rcp_lock_add_file(struct rcp_lock *l, const struct rcp_locked_file *f);
void rcp_lock_add_built(struct rcp_lock *l, const struct rcp_locked_built *b);
void rcp_lock_add_blob(struct rcp_lock *l, const struct rcp_locked_blob *b);
void rcp_lock_add_codec(struct rcp_lock *l, const struct rcp_locked_codec *c);
void rcp_lock_add_result(struct rcp_lock *l, const struct rcp_locked_result *r);
void rcp_lock_add_layer(struct rcp_lock *l, const struct rcp_locked_layer *y);
void rcp_lock_clear_others(struct rcp_lock *l);	 /* archives and files */
void rcp_lock_clear_results(struct rcp_lock *l); /* results and layers */
void rcp_lock_sort(struct rcp_lock *l);
/* What the lock has for the recipe's archive on `arch`, or NULL; for a downloaded file. */
const struct rcp_locked_archive *rcp_lock_find_archive(const struct rcp_lock *l, const char *name,
						       const char *arch);
const struct rcp_locked_file *rcp_lock_find_file(const struct rcp_lock *l, const char *path);
/* Canonical text: sorts l, the same for the same content (heap). Reading it back and writing again
 * gives the same bytes. */
char *rcp_lock_write(struct rcp_lock *l, size_t *ret_n);
/* What a human reviews, one line per change: "+ libfoo 1.2 (amd64) +1.2 MiB", "- ...",
 * "~ libc6 2.41-11 -> 2.41-12 (amd64, arm64, security) -1.0 KiB", also of suites, codecs and every
 * other section of inputs, and last "4 changes, +1.2 MiB" (of what is to be downloaded). "" when no
 * input changes; results do not count. old may be NULL. Heap. */
char *rcp_lock_diff(const struct rcp_lock *old, const struct rcp_lock *now);
/* The hash that inputs_sha256 holds, over the parts of the chain's recipes that decide which Debian
 * packages are chosen (suites, packages, exclude, recommends, architectures, codecs). */
struct rcp_chain;
struct rcp_recipe;
void rcp_lock_inputs_hash(const struct rcp_chain *chain, char out[static 65]);
/* The hash that others_sha256 holds: over what python, go, archives and files of this recipe ask
 * for; "" when they ask for nothing. */
void rcp_lock_others_hash(const struct rcp_recipe *r, char out[static 65]);

enum rcp_lock_state {
	RCP_LOCK_ANSWERS,
	RCP_LOCK_OTHERS_STALE, /* the Debian packages are what is asked for, other inputs are not */
	RCP_LOCK_STALE,
};
/* Does the lock of the chain's last stage answer it? */
enum rcp_lock_state rcp_lock_state(const struct rcp_lock *l, const struct rcp_chain *chain);
