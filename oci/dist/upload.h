/* Inside dist/blob_put: one upload session (distribution-spec, pushing blobs). */
#pragma once

#include "base/hash.h"
#include "dist/request.h"
#include "dist/session.h"

struct oci_upload {
	struct oci_registry *registry;
	const char *repo;
	const struct oci_descriptor *d;
	const struct oci_blob_source *source;
	char *url;		     /* of the session, NULL = none */
	uint64_t at;		     /* bytes that the registry has */
	uint64_t chunk;		     /* most bytes of one request; 0 = all that is left */
	uint64_t min_chunk;	     /* the registry takes no smaller ones but the last */
	bool no_patch;		     /* it takes the whole at once only */
	struct oci_session *session; /* owned; NULL = no note is kept */
	bool resumed;		     /* part of it was sent by another run */
	bool again;		     /* it was begun anew because the digest was wrong */
	bool one_piece;		     /* the registry took a first part and then no second */
	unsigned int parts_refused;
	unsigned int attempt;
	uint64_t reached; /* farthest byte when attempts were counted anew */
	uint64_t sent_bytes;

	/* the bytes on their way */
	struct eb_reader *in; /* NULL = closed */
	uint64_t in_at, base; /* of in; of the request under way */
	struct eb_hash *hash; /* of all bytes up to hashed */
	uint64_t hashed;
	bool source_failed;
};

void oci_upload_release(struct oci_upload *u);
EB_DEFINE_RELEASE(struct oci_upload, oci_upload_release)
/* POST for a session; *ret_mounted when `from` made it unnecessary. */
int oci_upload_start(struct oci_upload *u, const char *from, bool *ret_mounted,
		     struct eb_error **err) EB_MUST_CHECK;
/* Ask how far it is. EB_E_NOT_FOUND when the registry knows nothing of the session any more. */
int oci_upload_ask(struct oci_upload *u, struct eb_error **err) EB_MUST_CHECK;
/* A request of the session, not run yet. finish = with the digest, as a PUT. */
void oci_upload_request(struct oci_upload *u, const char *method, bool finish, uint64_t n,
			struct oci_request *q);
/* What the answer says about where to go on and from which byte. */
int oci_upload_follow(struct oci_upload *u, const struct oci_request *q, uint64_t n,
		      struct eb_error **err) EB_MUST_CHECK;
/* Read what the registry has already, for the hash of all. */
int oci_upload_catch_up(struct oci_upload *u, struct eb_error **err) EB_MUST_CHECK;
void oci_upload_cancel(struct oci_upload *u);
