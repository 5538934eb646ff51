/* Signatures inside a bundle file: they hang on the root and are never part of what it covers, so
 * the root digest is the same with and without them. A signature is three blobs (payload, config,
 * manifest) and an entry of index.json without a name, which carries BND_ANN_SIGNS and cosign's
 * `kind`. */
#pragma once

#include "bundle/writer.h"
#include "sign/simple_signing.h"

enum { BND_SIGN_MAX_BYTES = 16 * 1024 * 1024 }; /* of what one run adds to a file */

/* Sign the root for a bundle that is being planned, and give the entry of index.json. reference is
 * the bundle's own name
 * ("ess.internal/quickstart"). */
int bnd_sign_layout(const struct oci_key *key, const char *reference,
		    const struct oci_descriptor *root, struct bnd_layout *layout,
		    struct oci_descriptor *ret_entry, struct eb_error **err) EB_MUST_CHECK;
/* The entry of index.json for a signature manifest. */
void bnd_sign_entry(const struct oci_descriptor *manifest, const struct oci_digest *signs,
		    struct oci_descriptor *ret);

/* Add a signature to a bundle file, in place: what is there is verified first, every byte of it,
 * the new blobs are appended and index.json's blanks take the new entry, so no second copy of the
 * file is ever needed. A run that was killed at any time leaves a file that is as before, or is
 * signed, or that verification refuses and the next run repairs (mend.h). Signing again with the
 * same key changes nothing (*ret_added = false). Errors: those of bnd_verify(), EB_E_CONFLICT when
 * another process signs it, EB_E_LIMIT when index.json is full. */
struct eb_pool;
struct eb_progress;
int bnd_sign_file(const char *path, const struct oci_key *key, struct eb_pool *pool,
		  struct eb_progress *progress, bool *ret_added, struct oci_digest *ret_root,
		  struct eb_error **err) EB_MUST_CHECK;
