/* SHA-256 and SHA-512 over OpenSSL's EVP. */
#pragma once

#include "base/cleanup.h"

enum eb_hash_alg { EB_SHA256, EB_SHA512 };

enum { EB_SHA256_BYTES = 32, EB_SHA256_HEX = 64, EB_HASH_MAX_BYTES = 64, EB_HASH_MAX_HEX = 128 };

struct eb_hash;

/* Never fails (aborts when OpenSSL cannot give the algorithm). One hash belongs to one thread. */
struct eb_hash *eb_hash_new(enum eb_hash_alg alg) EB_MALLOC;
void eb_hash_update(struct eb_hash *h, const void *p, size_t n);
/* Lower-case hex and NUL into out; the hash starts anew afterwards. */
void eb_hash_final_hex(struct eb_hash *h, char out[static EB_HASH_MAX_HEX + 1]);
/* The state so far as hex, without ending the hash. */
void eb_hash_peek_hex(const struct eb_hash *h, char out[static EB_HASH_MAX_HEX + 1]);
struct eb_hash *eb_hash_free(struct eb_hash *h);
EB_DEFINE_CLEANUP(struct eb_hash *, eb_hash_free)

void eb_sha256(const void *p, size_t n, uint8_t out[static EB_SHA256_BYTES]);
void eb_sha256_hex(const void *p, size_t n, char out[static EB_SHA256_HEX + 1]);
void eb_hex(const uint8_t *p, size_t n, char *out); /* 2 n + 1 bytes into out */
bool eb_is_hex(const char *s, size_t n);	    /* exactly n lower-case hex digits */
