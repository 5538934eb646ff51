#include "mirror/narrow.h"

#include "image/mediatype.h"
#include "testlib.h"

struct index {
	struct oci_manifest m;
	struct oci_descriptor desc;
	char *text;
};

static void index_release(struct index *x)
{
	oci_manifest_release(&x->m);
	oci_descriptor_release(&x->desc);
	free(x->text);
}
EB_DEFINE_RELEASE(struct index, index_release)

static void add(struct index *x, const char *os, const char *arch, const char *variant,
		const char *attests)
{
	autofree char *text = eb_xasprintf("%s %s %s %s", os, arch, variant ? variant : "",
					   attests ? attests : "");
	struct oci_descriptor d;

	oci_descriptor_of(OCI_MT_MANIFEST, text, strlen(text), &d);
	d.platform.os = eb_xstrdup(os);
	d.platform.architecture = eb_xstrdup(arch);
	d.platform.variant = variant ? eb_xstrdup(variant) : NULL;
	if (attests)
		oci_descriptor_annotate(&d, "vnd.docker.reference.digest", attests);
	oci_manifest_add(&x->m, &d);
	oci_descriptor_release(&d);
}

static struct index sample(void)
{
	struct index x = { .text = NULL };
	size_t n;

	oci_manifest_init(&x.m, true);
	oci_manifest_annotate(&x.m, "org.example.a", "b");
	add(&x, "linux", "amd64", NULL, NULL);
	add(&x, "linux", "arm64", "v8", NULL);
	add(&x, "linux", "arm", "v7", NULL);
	add(&x, "unknown", "unknown", NULL, x.m.items[0].digest.text);
	add(&x, "unknown", "unknown", NULL, x.m.items[2].digest.text);
	x.text = oci_manifest_write(&x.m, &n);
	oci_descriptor_of(OCI_MT_INDEX, x.text, n, &x.desc);
	return x;
}

TEST(narrow, one_platform_is_its_manifest)
{
	static const char *const want[] = { "linux/arm64" };
	EB_CLEANUP(index_release_p) struct index x = sample();
	EB_CLEANUP(mir_narrowed_release_p) struct mir_narrowed n = { .text = NULL };
	autoerror struct eb_error *e = NULL;
	bool all = true;

	CHECK_OK(mir_narrow(&x.desc, x.text, want, 1, false, &all, &n, &e), e);
	CHECK(!all && !n.text);
	CHECK_STR(n.root.digest.text, x.m.items[1].digest.text);
	CHECK_STR(n.platforms, "linux/arm64/v8");
}

TEST(narrow, several_make_an_index_with_their_attestations)
{
	static const char *const want[] = { "linux/amd64", "linux/arm64/v8", "linux/s390x" };
	EB_CLEANUP(index_release_p) struct index x = sample();
	EB_CLEANUP(mir_narrowed_release_p) struct mir_narrowed n = { .text = NULL };
	EB_CLEANUP(mir_narrowed_release_p) struct mir_narrowed again = { .text = NULL };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	autoerror struct eb_error *e = NULL;
	bool all = true;

	CHECK_OK(mir_narrow(&x.desc, x.text, want, 3, false, &all, &n, &e), e);
	CHECK(!all && n.text);
	CHECK_STR(n.platforms, "linux/amd64, linux/arm64/v8");
	CHECK_OK(oci_manifest_parse(n.text, n.root.size, &m, &e), e);
	CHECK_INT(m.n_items, 3);
	CHECK_STR(m.items[2].digest.text, x.m.items[3].digest.text);
	CHECK_STR(oci_manifest_annotation(&m, "org.example.a"), "b");
	/* The same bytes each time, or every run would have something to do. */
	CHECK_OK(mir_narrow(&x.desc, x.text, want, 3, false, &all, &again, &e), e);
	CHECK_STR(again.text, n.text);
}

TEST(narrow, all_platforms_change_nothing)
{
	static const char *const want[] = { "linux/amd64", "linux/arm64", "linux/arm" };
	EB_CLEANUP(index_release_p) struct index x = sample();
	struct mir_narrowed n = { .text = NULL };
	autoerror struct eb_error *e = NULL;
	bool all = false;

	CHECK_OK(mir_narrow(&x.desc, x.text, want, 3, false, &all, &n, &e), e);
	CHECK(all && !n.text);
}

TEST(narrow, no_platform_names_those_there_are)
{
	static const char *const want[] = { "linux/arm/v6", "windows/amd64" };
	EB_CLEANUP(index_release_p) struct index x = sample();
	struct mir_narrowed n = { .text = NULL };
	autoerror struct eb_error *e = NULL;
	bool all = false;

	CHECK_FAIL(mir_narrow(&x.desc, x.text, want, 2, false, &all, &n, &e), EB_E_NOT_FOUND,
		   "but for linux/amd64, linux/arm64/v8, linux/arm/v7", e);
}

TEST(narrow, sparse_says_what_comes_along)
{
	static const char *const want[] = { "linux/amd64" };
	EB_CLEANUP(index_release_p) struct index x = sample();
	EB_CLEANUP(mir_narrowed_release_p) struct mir_narrowed n = { .text = NULL };
	autoerror struct eb_error *e = NULL;
	bool all = true;

	CHECK_OK(mir_narrow(&x.desc, x.text, want, 1, true, &all, &n, &e), e);
	CHECK(!all && !n.text);
	CHECK_STR(n.root.digest.text, x.desc.digest.text);
	CHECK_INT(n.n_kept, 2);
	CHECK_STR(n.kept[0].digest.text, x.m.items[0].digest.text);
	CHECK_STR(n.kept[1].digest.text, x.m.items[3].digest.text);
	CHECK_INT(n.n_absent, 3);
	CHECK_STR(n.absent[0].text, x.m.items[1].digest.text);
}
