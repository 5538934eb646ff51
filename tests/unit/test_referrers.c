#include "image/mediatype.h"
#include "registry_client.h"

#define AUTODESC(var)                                                                              \
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor var = { .media_type = NULL }

static void signature(const char *text, struct oci_descriptor *d)
{
	oci_descriptor_of(OCI_MT_MANIFEST, text, strlen(text), d);
	d->artifact_type = eb_xstrdup("application/x-signature");
	oci_descriptor_annotate(d, "by", text);
}

TEST(referrers, without_the_api_they_are_under_a_tag)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest none = { .media_type = NULL };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	struct oci_descriptor two[2] = { { .media_type = NULL }, { .media_type = NULL } };
	struct oci_digest subject;
	bool api = true;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	oci_digest_of("subject", 7, &subject);
	CHECK_OK(oci_registry_referrers(c.registry, "a", &subject, &none, &api, &e), e);
	CHECK(!api);
	CHECK_INT(none.n_items, 0);
	signature("one", &two[0]);
	signature("two", &two[1]);
	CHECK_OK(oci_registry_add_referrers(c.registry, "a", &subject, two, 2, &e), e);
	CHECK_OK(oci_registry_add_referrers(c.registry, "a", &subject, two, 2, &e), e);
	/* One write for both, none when nothing is new. */
	CHECK_INT(fakereg_count(f, "PUT", "/manifests/sha256-"), 1);
	CHECK_OK(oci_registry_referrers(c.registry, "a", &subject, &m, &api, &e), e);
	CHECK_INT(m.n_items, 2);
	CHECK_STR(m.items[1].artifact_type, "application/x-signature");
	CHECK_STR(oci_descriptor_annotation(&m.items[1], "by"), "two");
	oci_descriptor_release(&two[0]);
	oci_descriptor_release(&two[1]);
}

TEST(referrers, api_is_asked_first)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	struct oci_digest subject;
	autofree char *path = NULL;
	bool api = false;
	char digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	oci_digest_of("subject", 7, &subject);
	path = eb_xasprintf("/v2/a/referrers/%s", subject.text);
	fakereg_ways(f)->referrers = true;
	fakereg_add_manifest(f, "a", path, OCI_MT_INDEX,
			     "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MT_INDEX
			     "\",\"manifests\":[]}",
			     digest);
	CHECK_OK(oci_registry_referrers(c.registry, "a", &subject, &m, &api, &e), e);
	CHECK(api);
	CHECK_INT(fakereg_count(f, "GET", "/manifests/"), 0);
}

TEST(referrers, a_tag_that_is_no_index_fails)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	struct oci_digest subject;
	char tag[160], digest[80];
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	oci_digest_of("subject", 7, &subject);
	oci_digest_tag(&subject, "", tag);
	fakereg_add_manifest(f, "a", tag, OCI_MT_MANIFEST, "{}", digest);
	CHECK_INT(oci_registry_referrers(c.registry, "a", &subject, &m, NULL, &e), -EB_E_FORMAT);
}
