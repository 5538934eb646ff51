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

enum bnd_depth {
	BND_DOCUMENTS,	/* all but what the images' layers hold: quick on any size */
	BND_EVERY_BYTE, /* what bnd_verify() checks, without the key */
};
/* Open a bundle to work with it, and check so much of it. Failures as of bnd_verify(). A
 * directory, which bnd_verify() refuses, can be opened, too. */
int bnd_open_checked(const char *path, enum bnd_depth depth, struct eb_pool *pool,
		     struct eb_progress *progress, struct bnd_bundle *ret,
		     struct eb_error **err) EB_MUST_CHECK;
/* The code under which something wrong with a bundle's content is a failed verification: gives it
 * to the error, too. Codes of other troubles stay. */
int bnd_as_verification(int r, struct eb_error **err) EB_MUST_CHECK;

/* Read and check all that the root covers, and that the signatures there are are whole; by whom
 * they are and the form of the file are left aside. */
int bnd_verify_content(struct bnd_bundle *b, struct eb_pool *pool, struct eb_progress *progress,
		       struct eb_error **err) EB_MUST_CHECK;
/* Is one of the bundle's signatures by this key? */
bool bnd_signed_by(const struct bnd_bundle *b, const struct oci_key *key);
