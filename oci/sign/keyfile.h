/* The encrypted private key file of cosign: PEM around JSON around a secretbox. */
#pragma once

#include "base/cleanup.h"

struct eb_buf;
struct eb_error;

/* Is there an encrypted key, and where is the base64 text between its PEM lines? */
bool oci_keyfile_find(const char *pem, size_t n, const char **ret_body, size_t *ret_n);
/* PKCS#8 DER into out, which the caller wipes. */
int oci_keyfile_decrypt(const char *pem, size_t n, const char *password, const char *what,
			struct eb_buf *out, struct eb_error **err) EB_MUST_CHECK;
int oci_keyfile_encrypt(const uint8_t *der, size_t n, const char *password, struct eb_buf *out,
			struct eb_error **err) EB_MUST_CHECK;
