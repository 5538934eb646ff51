/* One file that is served: an OCI image layout in a tar, opened once. Everything the server has to
 * know about its documents is gathered here when it is opened; blobs stay in the file and are sent
 * from it by offset. A source is bound to the bytes that were there when it was opened: a file that
 * is replaced by another (rename) goes on being served from the old one, which this keeps open; a
 * file that is written to in place makes its source stale, for ever, and a stale source gives
 * nothing any more. */
#pragma once

#include <stdatomic.h>
#include <sys/stat.h>

#include "image/archive.h"

struct MHD_Response;

/* A manifest or index, by digest. */
struct reg_manifest {
	struct oci_digest digest;
	uint64_t size;
	const struct oci_member *member;  /* NULL for one that was made here: it has its text */
	char *media_type, *artifact_type; /* artifact_type as a referrer's descriptor has it */
	json_t *annotations;		  /* NULL = none; owned */
	bool is_index, has_subject;
	struct oci_digest subject;
	uint64_t content_bytes; /* of config and layers; 0 for an index */
	char *text; /* its bytes, or NULL where too many documents would stay in memory */
	struct MHD_Response *reply; /* made from text by the server; NULL before */
};

/* What people are shown of an image. */
struct reg_platform {
	char *name; /* "linux/arm64" */
	uint64_t bytes;
};

/* A name under which something can be asked for. */
struct reg_entry {
	char *host; /* "ess.internal"; NULL for what has no name of its own (the bundle itself) */
	char *path, *tag; /* tag NULL = by digest only */
	const struct reg_manifest *manifest;
	struct reg_platform *platforms;
	size_t n_platforms;
	bool is_image; /* shown to people */
};

struct reg_served {
	/* private */
	atomic_uint refs;
	atomic_bool stale;
	struct stat opened; /* of the file when its documents were read */
	atomic_bool leased;
	/* read-only after opening */
	struct oci_archive *archive;
	int fd; /* of the archive */
	char *title;
	struct oci_digest root;		/* "" = not a bundle */
	struct reg_manifest *manifests; /* sorted by digest */
	size_t n_manifests;
	struct reg_entry *entries;
	size_t n_entries;
	size_t n_signatures;
};

enum { REG_TEXT_MAX_BYTES = 16 * 1024 * 1024, REG_MAX_DOCUMENTS = 100000 };

/* Takes ownership of a, also on failure: a layout in a file whose bytes the caller has verified
 * (documents are verified again while they are read). *stale_before: what fstat() said before that
 * verification, so that a change during it is noticed; NULL = not known. The result has one
 * reference. Errors: EB_E_UNSUPPORTED (a directory), EB_E_CONFLICT (it changed meanwhile),
 * EB_E_FORMAT, EB_E_LIMIT, EB_E_DIGEST. */
int reg_served_new(struct oci_archive *a, const struct stat *before, struct reg_served **ret,
		   struct eb_error **err) EB_MUST_CHECK;
struct reg_served *reg_served_ref(struct reg_served *s); /* any thread */
struct reg_served *reg_served_unref(struct reg_served *s);
EB_DEFINE_CLEANUP(struct reg_served *, reg_served_unref)

/* NULL = none. */
const struct reg_manifest *reg_served_manifest(const struct reg_served *s,
					       const struct oci_digest *d);
/* Are these still the bytes that were verified? One fstat(); false for ever once it was. Any
 * thread. */
bool reg_served_is_fresh(struct reg_served *s);
/* Ask the kernel to send us `signal` before anybody opens the file for writing, and to let him wait
 * until reg_served_yield(). False where that cannot be had (another's file, some file systems). */
bool reg_served_lease(struct reg_served *s, int signal);
/* If somebody waits to write: mark it stale and say true; the caller ends what is being sent from
 * it and then calls reg_served_yield(). */
bool reg_served_is_wanted(struct reg_served *s);
void reg_served_yield(struct reg_served *s);
