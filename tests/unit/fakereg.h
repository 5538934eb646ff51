/* A registry in memory for tests, which misbehaves as real ones do. */
#pragma once

#include "httpd.h"

enum fakereg_auth { FAKEREG_OPEN, FAKEREG_BASIC, FAKEREG_BEARER };

/* Set before use; may be changed between requests. */
struct fakereg_ways {
	enum fakereg_auth auth;
	const char *user, *password; /* needed when auth is on; NULL user = anybody gets a token */
	const char *realm;	     /* of Bearer; NULL = its own /token */
	unsigned int token_uses;     /* requests that a token is good for; 0 = for ever */
	const char *token_answer;    /* instead of a token; NULL = a proper one */
	bool form_only;		     /* the token server takes POST alone */

	bool no_digest_header, no_location, no_mount, no_patch, patch_201, no_range_header;
	bool relative_location, location_with_query;
	const char *location_base; /* "http://other" instead of its own */
	const char *chunk_min;	   /* OCI-Chunk-Min-Length */
	size_t max_body;	   /* 413 above; 0 = no limit */
	size_t cut_after; /* read so much of a PATCH or PUT of a blob, keep it, and hang up */
	unsigned int cut_times;
	unsigned int busy_times;    /* 429 with Retry-After: 0 so often, before everything else */
	int busy_status;	    /* instead of 429 */
	bool html;		    /* 200 and a page for everything */
	bool wrong_bytes;	    /* blobs and manifests have another last byte */
	size_t drop_after;	    /* GETs of blobs break off after so many bytes */
	const char *redirect_blobs; /* "http://other": 307 to there + path */
	size_t page;		    /* entries of one page of tags; 0 = all */
	bool referrers, subject;    /* has the referrers API; answers OCI-Subject */
	bool no_tag_delete;
};

struct fakereg;
struct fakereg *fakereg_start(void);
struct fakereg *fakereg_stop(struct fakereg *f);
EB_DEFINE_CLEANUP(struct fakereg *, fakereg_stop)
struct fakereg_ways *fakereg_ways(struct fakereg *f);
struct httpd *fakereg_httpd(struct fakereg *f);
const char *fakereg_host(struct fakereg *f);
/* Put a blob in directly; its digest into out. */
void fakereg_add_blob(struct fakereg *f, const char *repo, const void *p, size_t n,
		      char out[static 80]);
void fakereg_add_manifest(struct fakereg *f, const char *repo, const char *tag, const char *type,
			  const char *text, char out[static 80]);
/* NULL = not there. */
const char *fakereg_blob(struct fakereg *f, const char *repo, const char *digest, size_t *ret_n);
const char *fakereg_manifest(struct fakereg *f, const char *repo, const char *version);
/* Requests with that method whose path holds `part`. */
size_t fakereg_count(struct fakereg *f, const char *method, const char *part);
/* Body bytes that came in PATCH, PUT and POST. */
uint64_t fakereg_received(struct fakereg *f);
