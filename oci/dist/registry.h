/* Client of a registry (OCI distribution-spec 1.1). All of it may be called by several threads at
 * once: each request takes a connection of its own and gives it back. Every failure names the
 * registry, the repository, what was wanted, how often it was tried and why it failed: EB_E_AUTH,
 * EB_E_NOT_FOUND, EB_E_NETWORK (the network, or an answer that no registry gives), EB_E_DIGEST
 * (other bytes than their digest says), EB_E_LIMIT (too large for either side), EB_E_UNSUPPORTED.
 */
#pragma once

#include "image/manifest.h"

struct eb_buf;
struct eb_gate;
struct eb_reader;
struct oci_creds;
struct oci_registry;
struct oci_transport;

struct oci_registry_options {
	struct oci_transport *transport; /* borrowed */
	const struct oci_creds *creds;	 /* borrowed; NULL = none */
	bool plain_http;		 /* http instead of https */
	bool push;			 /* ask for the right to push at once */
	bool delete;			 /* and to delete */
	const char *notes;		 /* folder for what half-sent uploads need to go on in
					    another run (dist/session.h); copied, NULL = none */
};

/* host as in a reference ("docker.io"). Opens no connection yet. */
int oci_registry_new(const char *host, const struct oci_registry_options *o,
		     struct oci_registry **ret, struct eb_error **err) EB_MUST_CHECK;
struct oci_registry *oci_registry_free(struct oci_registry *r);
EB_DEFINE_CLEANUP(struct oci_registry *, oci_registry_free)
const char *oci_registry_host(const struct oci_registry *r);
/* That of its transport: for each blob or document that is brought or sent. */
struct eb_gate *oci_registry_gate(const struct oci_registry *r);

/* Is there a registry, and does it let us in? */
int oci_registry_ping(struct oci_registry *r, struct eb_error **err) EB_MUST_CHECK;

/* ---- manifests; version is a tag or a digest ---- */

/* Digest, size and type, as the registry says (it is asked for the document itself when its answer
 * to HEAD lacks them). */
int oci_registry_head(struct oci_registry *r, const char *repo, const char *version,
		      struct oci_descriptor *ret, struct eb_error **err) EB_MUST_CHECK;
/* The document as it is (heap, NUL-terminated) with the descriptor of its very bytes: these hash to
 * `version` when it is a digest, and are a manifest or an index. */
int oci_registry_manifest(struct oci_registry *r, const char *repo, const char *version,
			  char **ret_text, struct oci_descriptor *ret,
			  struct eb_error **err) EB_MUST_CHECK;
/* Put d's bytes under `version`. *ret_subject (may be NULL) says whether the registry took note of
 * the document's subject (OCI-Subject), so that nobody else has to. */
int oci_registry_put_manifest(struct oci_registry *r, const char *repo, const char *version,
			      const struct oci_descriptor *d, const char *text, bool *ret_subject,
			      struct eb_error **err) EB_MUST_CHECK;
/* By tag: the tag alone; by digest: the document with all its tags. */
int oci_registry_delete(struct oci_registry *r, const char *repo, const char *version,
			struct eb_error **err) EB_MUST_CHECK;

/* ---- blobs ---- */

/* EB_E_NOT_FOUND when it is not there; EB_E_DIGEST when it has another size than d. */
int oci_registry_has_blob(struct oci_registry *r, const char *repo, const struct oci_descriptor *d,
			  struct eb_error **err) EB_MUST_CHECK;
/* The bytes from `offset` on, not verified; where the connection breaks, the rest is asked for.
 * Free it before r. */
int oci_registry_blob(struct oci_registry *r, const char *repo, const struct oci_descriptor *d,
		      uint64_t offset, struct eb_reader **ret, struct eb_error **err) EB_MUST_CHECK;
/* The same from the start on, verified when it ends. */
int oci_registry_blob_verified(struct oci_registry *r, const char *repo,
			       const struct oci_descriptor *d, struct eb_reader **ret,
			       struct eb_error **err) EB_MUST_CHECK;
/* A small blob as text. */
int oci_registry_blob_text(struct oci_registry *r, const char *repo, const struct oci_descriptor *d,
			   size_t max, char **ret, struct eb_error **err) EB_MUST_CHECK;

/* Where the bytes of a blob come from. open() is called again, with another offset, when part of it
 * has to be sent again; the readers need not verify. */
struct oci_blob_source {
	void *ctx;
	int (*open)(void *ctx, const struct oci_descriptor *d, uint64_t offset,
		    struct eb_reader **ret, struct eb_error **err);
};
struct oci_upload_result {
	bool mounted;	     /* nothing was sent, another repository had it */
	bool resumed;	     /* part of it was there from an earlier run */
	uint64_t sent_bytes; /* with what was sent twice */
};
/* Send a blob that is not there. `from` is a repository to mount it from, NULL = none known. What
 * is sent is checked against d's digest before the registry is told that it is complete. */
int oci_registry_put_blob(struct oci_registry *r, const char *repo, const struct oci_descriptor *d,
			  const char *from, const struct oci_blob_source *src,
			  struct oci_upload_result *ret, struct eb_error **err) EB_MUST_CHECK;

/* Would it let us write there? An upload is begun and cancelled. *ret_usec: how long the former
 * took. Errors as for oci_registry_put_blob(). */
int oci_registry_try_push(struct oci_registry *r, const char *repo, uint64_t *ret_usec,
			  struct eb_error **err) EB_MUST_CHECK;

/* ---- discovery ---- */

/* All tags as the registry orders them; free with oci_tags_free(). */
int oci_registry_tags(struct oci_registry *r, const char *repo, char ***ret, size_t *ret_n,
		      struct eb_error **err) EB_MUST_CHECK;
void oci_tags_free(char **tags, size_t n);
/* What refers to `subject`: from the referrers API, else from the tag "ALG-HEX". ret is initialised
 * to an index, empty when nothing does. *ret_api (may be NULL) says which of them it was. */
int oci_registry_referrers(struct oci_registry *r, const char *repo,
			   const struct oci_digest *subject, struct oci_manifest *ret,
			   bool *ret_api, struct eb_error **err) EB_MUST_CHECK;
/* Add n descriptors (with artifactType and annotations) to the tag "ALG-HEX" of subject, in one
 * write; for registries that do not keep referrers themselves. */
int oci_registry_add_referrers(struct oci_registry *r, const char *repo,
			       const struct oci_digest *subject, const struct oci_descriptor *d,
			       size_t n, struct eb_error **err) EB_MUST_CHECK;
/* "sha256-HEX" plus suffix (".sig", ""). */
void oci_digest_tag(const struct oci_digest *d, const char *suffix, char out[static 160]);
