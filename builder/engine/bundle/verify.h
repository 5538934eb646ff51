/* Is this file the bundle that somebody signed? Every byte is accounted for: each member's header
 * is the one that we write, its data has the digest of its name, what lies between is zero, nothing
 * is there that the root does not cover, index.json says no more than the root and the signatures
 * do, and one of the signatures is by the key. */
#pragma once

#include "bundle/reader.h"

struct eb_pool;
struct eb_progress;
struct oci_key;

struct bnd_verify_result {
	uint64_t blobs, bytes;
	size_t signatures; /* that are there */
	size_t valid;	   /* that are by the key */
};

/* key NULL checks everything but the signature. All failures have exit status 3 (EB_E_DIGEST,
 * EB_E_SIGNATURE) and name the member; only trouble of the machine (reading the file) keeps its
 * own. */
int bnd_verify(const char *path, const struct oci_key *key, struct eb_pool *pool,
	       struct eb_progress *progress, struct bnd_bundle *ret_bundle,
	       struct bnd_verify_result *ret, struct eb_error **err) EB_MUST_CHECK;

/* Read and check all that the root covers, and that the signatures there are are whole; by whom
 * they are and the form of the file are left aside. */
int bnd_verify_content(struct bnd_bundle *b, struct eb_pool *pool, struct eb_progress *progress,
		       struct eb_error **err) EB_MUST_CHECK;
/* Is one of the bundle's signatures by this key? */
bool bnd_signed_by(const struct bnd_bundle *b, const struct oci_key *key);
