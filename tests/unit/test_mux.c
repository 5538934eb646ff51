#include "mirror/mux.h"

#include "base/stream.h"
#include "image/mediatype.h"
#include "testlib.h"

/* A source that has one document with one layer, and says where a blob was asked for. */
struct place {
	char *text;
	struct oci_descriptor root, layer;
	unsigned int asked;
	bool absent;
};

static int place_text(void *ctx, const struct oci_descriptor *d, char **ret, struct eb_error **err)
{
	struct place *p = ctx;

	(void)d;
	(void)err;
	if (p->absent)
		return OCI_SOURCE_ABSENT;
	*ret = eb_xstrdup(p->text);
	return 0;
}

static int place_blob(void *ctx, const struct oci_descriptor *d, uint64_t offset,
		      struct eb_reader **ret, struct eb_error **err)
{
	struct place *p = ctx;

	(void)d;
	(void)offset;
	p->asked++;
	*ret = NULL;
	(void)err;
	return 0;
}

static void place_init(struct place *p, const char *layer)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	size_t n;

	*p = (struct place){ .text = NULL };
	oci_manifest_init(&m, false);
	oci_descriptor_of(OCI_MT_CONFIG, layer, strlen(layer) - 1, &m.config);
	oci_descriptor_of(OCI_MT_LAYER_TAR, layer, strlen(layer), &p->layer);
	oci_manifest_add(&m, &p->layer);
	p->text = oci_manifest_write(&m, &n);
	oci_descriptor_of(OCI_MT_MANIFEST, p->text, n, &p->root);
}

static void place_release(struct place *p)
{
	free(p->text);
	oci_descriptor_release(&p->root);
	oci_descriptor_release(&p->layer);
}
EB_DEFINE_RELEASE(struct place, place_release)

TEST(mux, parts_come_from_where_their_image_is)
{
	EB_CLEANUP(place_release_p) struct place a;
	EB_CLEANUP(place_release_p) struct place b;
	EB_CLEANUP(mir_mux_free_p) struct mir_mux *m = mir_mux_new();
	struct oci_source from_a = { &a, place_text, place_blob }, from_b = from_a, all;
	autoerror struct eb_error *e = NULL;
	struct eb_reader *in = NULL;
	autofree char *text = NULL;

	place_init(&a, "one");
	place_init(&b, "two");
	from_b.ctx = &b;
	all = mir_mux_source(m);
	mir_mux_add(m, &a.root.digest, &from_a, NULL, "a");
	mir_mux_add(m, &b.root.digest, &from_b, NULL, "b");
	CHECK_FAIL(all.blob(all.ctx, &b.layer, 0, &in, &e), EB_E_NOT_FOUND, "nothing lists sha256",
		   e);
	CHECK_OK(all.text(all.ctx, &b.root, &text, &e), e);
	CHECK_OK(all.blob(all.ctx, &b.layer, 0, &in, &e), e);
	CHECK_INT(a.asked, 0);
	CHECK_INT(b.asked, 1);
	CHECK(!mir_mux_repo(m, &b.layer.digest));
	mir_mux_settle(m);
	CHECK_STR(mir_mux_repo(m, &b.layer.digest), "b");
	CHECK(!mir_mux_repo(m, &a.layer.digest));
	a.absent = true;
	CHECK_INT(all.text(all.ctx, &a.root, &text, &e), OCI_SOURCE_ABSENT);
}

TEST(mux, a_document_made_here_is_not_asked_for)
{
	EB_CLEANUP(place_release_p) struct place a;
	EB_CLEANUP(mir_mux_free_p) struct mir_mux *m = mir_mux_new();
	struct oci_source from = { &a, place_text, place_blob }, all = mir_mux_source(m);
	autoerror struct eb_error *e = NULL;
	autofree char *text = NULL;
	struct eb_reader *in = NULL;

	place_init(&a, "one");
	a.absent = true;
	mir_mux_add(m, &a.root.digest, &from, a.text, NULL);
	CHECK_OK(all.text(all.ctx, &a.root, &text, &e), e);
	CHECK_STR(text, a.text);
	CHECK_OK(all.blob(all.ctx, &a.layer, 0, &in, &e), e);
	CHECK_INT(a.asked, 1);
}

TEST(mux, many_are_found_again)
{
	EB_CLEANUP(mir_mux_free_p) struct mir_mux *m = mir_mux_new();
	struct place p = { .text = NULL };
	struct oci_source from = { &p, place_text, place_blob }, all = mir_mux_source(m);
	autoerror struct eb_error *e = NULL;
	struct eb_reader *in = NULL;

	for (unsigned int i = 0; i < 5000; i++) {
		struct oci_digest d;

		oci_digest_of(&i, sizeof(i), &d);
		mir_mux_add(m, &d, &from, NULL, "x");
	}
	for (unsigned int i = 0; i < 5000; i++) {
		struct oci_descriptor d = { .size = 1 };

		oci_digest_of(&i, sizeof(i), &d.digest);
		CHECK_OK(all.blob(all.ctx, &d, 0, &in, &e), e);
	}
	CHECK_INT(p.asked, 5000);
}
