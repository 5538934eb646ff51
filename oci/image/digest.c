/* Content digests: the grammar of image-spec, descriptor.md#digests, and the two algorithms it
 * registers. */
#include "image/digest.h"

#include "base/error.h"

static const struct {
	const char *name;
	size_t hex;
	enum eb_hash_alg alg;
} algorithms[] = {
	{ "sha256", EB_SHA256_HEX, EB_SHA256 },
	{ "sha512", EB_HASH_MAX_HEX, EB_SHA512 },
};

/* algorithm ::= component (separator component)*, component ::= [a-z0-9]+, separator ::= [+._-] */
static bool is_algorithm(const char *p, size_t n)
{
	bool after_letter = false;

	for (size_t i = 0; i < n; i++) {
		bool letter = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9');

		if (!letter && (!after_letter || !strchr("+._-", p[i])))
			return false;
		after_letter = letter;
	}
	return after_letter;
}

int oci_digest_parse(const char *text, struct oci_digest *ret, struct eb_error **err)
{
	const char *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (!colon || !is_algorithm(text, n))
		return eb_throw(err, EB_E_FORMAT,
				"'%.160s' is not a digest, expected 'sha256:' and 64 hex digits",
				text);
	for (size_t i = 0; i < EB_ARRAY_LEN(algorithms); i++) {
		if (strlen(algorithms[i].name) != n || memcmp(algorithms[i].name, text, n) != 0)
			continue;
		if (strlen(colon + 1) != algorithms[i].hex ||
		    !eb_is_hex(colon + 1, algorithms[i].hex))
			return eb_throw(err, EB_E_FORMAT,
					"digest '%.160s': expected %zu lower-case hex digits after "
					"the colon, found %zu characters",
					text, algorithms[i].hex, strlen(colon + 1));
		snprintf(ret->text, sizeof(ret->text), "%s", text);
		return 0;
	}
	return eb_throw(
		err, EB_E_UNSUPPORTED,
		"digest '%.160s': algorithm '%.*s' is not supported, expected sha256 or sha512",
		text, n > 40 ? 40 : (int)n, text);
}

void oci_digest_of(const void *p, size_t n, struct oci_digest *ret)
{
	char hex[EB_SHA256_HEX + 1];

	eb_sha256_hex(p, n, hex);
	oci_digest_from_hex(hex, ret);
}

void oci_digest_from_hex(const char *sha256_hex, struct oci_digest *ret)
{
	snprintf(ret->text, sizeof(ret->text), "sha256:%s", sha256_hex);
}

bool oci_digest_eq(const struct oci_digest *a, const struct oci_digest *b)
{
	return strcmp(a->text, b->text) == 0;
}

const char *oci_digest_hex(const struct oci_digest *d)
{
	const char *colon = strchr(d->text, ':');

	return colon ? colon + 1 : d->text;
}

enum eb_hash_alg oci_digest_alg(const struct oci_digest *d)
{
	return strncmp(d->text, "sha512:", 7) == 0 ? EB_SHA512 : EB_SHA256;
}

void oci_digest_blob_path(const struct oci_digest *d, char out[static 160])
{
	snprintf(out, 160, "blobs/%s/%s", oci_digest_alg(d) == EB_SHA512 ? "sha512" : "sha256",
		 oci_digest_hex(d));
}
