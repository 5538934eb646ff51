/* Keys named on the command line. */
#pragma once

#include "cli/env.h"

struct bnd_layout;
struct oci_descriptor;
struct oci_key;

struct signing {
	struct oci_key *key;
	const char *reference; /* borrowed: the name that is signed */
	char public_id[48];    /* names the key in output */
};
void signing_release(struct signing *s);
EB_DEFINE_RELEASE(struct signing, signing_release)

/* Names the key file by what is in it, without its password: taking that to the key takes longer
 * than finding that nothing has to be signed. */
int signing_name(const char *path, char ret[static 65], struct eb_error **err) EB_MUST_CHECK;
/* A private key file; its password comes from COSIGN_PASSWORD or is asked for. */
int signing_load(const char *path, struct signing *ret, struct eb_error **err) EB_MUST_CHECK;
/* A public key file. */
int signing_load_public(const char *path, struct oci_key **ret,
			struct eb_error **err) EB_MUST_CHECK;
/* For bnd_plan_options.sign; ctx is a struct signing. */
int signing_add(void *ctx, const struct oci_descriptor *root, struct bnd_layout *layout,
		struct oci_descriptor *ret_entry, struct eb_error **err);
