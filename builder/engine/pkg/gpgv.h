/* Verifying a text with an inline OpenPGP signature, by the program gpgv. Only the text that the
 * signature covers comes back. */
#pragma once

#include "base/cleanup.h"

struct eb_buf;
struct eb_error;

/* keyrings: files, NULL-terminated, at least one. n bytes of text are the whole message. what is
 * for messages ("InRelease of debian/trixie").
 * One good signature by a key of the keyrings, made with SHA-256 or better, is needed; signatures
 * of unknown, expired or revoked keys beside it do not count; a bad one spoils the text.
 * Errors: EB_E_SIGNATURE (also for a text that is not signed at all), EB_E_NOT_FOUND (no gpgv, with
 * the hint to install it), EB_E_PROGRAM. */
int pkg_gpgv(const char *const *keyrings, const char *text, size_t n, const char *what,
	     struct eb_buf *signed_text, struct eb_error **err) EB_MUST_CHECK;
