/* References of images in registries, "host[:port]/path[:tag][@digest]" (distribution-spec, pulling
 * manifests; the grammar that registries hold to). */
#pragma once

#include "image/digest.h"

enum { OCI_REF_MAX_BYTES = 1024, OCI_REPO_MAX_BYTES = 255, OCI_TAG_MAX_BYTES = 128 };

#define OCI_DOCKER_HOST "docker.io"

struct oci_ref {
	char *host; /* "docker.io", "registry.example.org:5000", "[::1]:5000" */
	char *repo; /* "library/redis" */
	char *tag;  /* NULL = none */
	struct oci_digest digest;
};

void oci_ref_release(struct oci_ref *r);
EB_DEFINE_RELEASE(struct oci_ref, oci_ref_release)
/* The first component is a host when it has a dot, a colon or is "localhost"; otherwise, as
 * everybody expects, "redis" is docker.io/library/redis and "a/b" is docker.io/a/b. A digest that
 * stands beside a tag is what counts. Errors: EB_E_USAGE naming the part and the character,
 * EB_E_UNSUPPORTED (digest algorithm). */
int oci_ref_parse(const char *text, struct oci_ref *ret, struct eb_error **err) EB_MUST_CHECK;
/* "host[:port][/path]" as a place to put repositories below; repo is "" without a path. EB_E_USAGE,
 * also when there is a tag or digest. */
int oci_ref_parse_prefix(const char *text, struct oci_ref *ret,
			 struct eb_error **err) EB_MUST_CHECK;
/* Tag or digest for a URL: the digest if there is one, else the tag, else "latest". */
const char *oci_ref_version(const struct oci_ref *r);
char *oci_ref_text(const struct oci_ref *r); /* in full; heap */
void oci_ref_copy(const struct oci_ref *from, struct oci_ref *to);
/* Where the API of `host` is: docker.io's is elsewhere. Static storage or host itself. */
const char *oci_ref_api_host(const char *host);

/* EB_E_USAGE saying which character is wrong where. */
int oci_repo_check(const char *repo, struct eb_error **err) EB_MUST_CHECK;
int oci_tag_check(const char *tag, struct eb_error **err) EB_MUST_CHECK;
int oci_host_check(const char *host, struct eb_error **err) EB_MUST_CHECK;
