/* Notes of uploads that are under way, so that a push which was killed goes on where the registry
 * is. One small file for each blob and repository in one folder, for its owner only:
 *
 *   FOLDER/<sha256 of "HOST/REPO@DIGEST">   0600, locked (flock) by the process that sends the blob
 *   line 1: sha256 of all that follows      a damaged or half-written one counts as none
 *   line 2: "ess-bundle upload 1"
 *   line 3: HOST/REPO@DIGEST
 *   line 4: URL of the session, at the registry itself, without user or password
 *
 * URLs at other hosts are not kept: they tend to carry the right to write in themselves. A file is
 * removed when its upload ends, and after a week otherwise. Notes never fail: without them a blob
 * is sent from its begin. */
#pragma once

#include "image/digest.h"

struct oci_session; /* one thread */

/* folder is made if need be. NULL when it cannot be, or when another process sends this blob now.
 */
struct oci_session *oci_session_open(const char *folder, const char *host, const char *repo,
				     const struct oci_digest *digest);
/* Closes the file; one without a URL is removed. NULL is fine here and below. */
struct oci_session *oci_session_free(struct oci_session *s);
EB_DEFINE_CLEANUP(struct oci_session *, oci_session_free)
/* The URL that was kept, if it is of the same origin as `base`; heap, NULL = none. */
char *oci_session_url(struct oci_session *s, const char *base);
/* Keep url if it may be kept, otherwise what oci_session_forget() does. */
void oci_session_save(struct oci_session *s, const char *base, const char *url);
/* True when the note holds a URL now. */
bool oci_session_is_kept(const struct oci_session *s);
void oci_session_forget(struct oci_session *s);
