#include "bundle/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "bundle/sign.h"
#include "image/mediatype.h"
#include "mkdemo.h"
#include "retar.h"
#include "sign/key.h"
#include "testlib.h"

enum { BUNDLE_BYTES = 1 << 20, STEP = 512 };

struct fixture {
	struct demo m;
	struct oci_key *key;
	const char *path;
	struct eb_buf good; /* the bytes of a signed bundle */
};

static void start(struct fixture *f, bool small, bool sign)
{
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .path = NULL };
	demo_init(&f->m, 1);
	f->m.small = small;
	CHECK_OK(oci_key_generate(&f->key, &e), e);
	f->path = demo_bundle(&f->m, "demo.tar", sign ? f->key : NULL);
	eb_buf_init(&f->good, BUNDLE_BYTES);
	demo_read(f->path, &f->good);
}

static void end(struct fixture *f)
{
	eb_buf_release(&f->good);
	oci_key_free(f->key);
	demo_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)

static int verify(struct fixture *f, const struct oci_key *key, struct eb_error **err)
{
	struct bnd_verify_result res;

	return bnd_verify(f->path, key, f->m.pool, NULL, NULL, &res, err);
}

TEST(verify, signed_bundle_is_accepted)
{
	EB_CLEANUP(end_p) struct fixture f;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	autoerror struct eb_error *e = NULL;
	struct bnd_verify_result res;

	start(&f, true, true);
	CHECK(f.good.len < 100 * 1024);
	CHECK_OK(bnd_verify(f.path, f.key, f.m.pool, NULL, &b, &res, &e), e);
	CHECK_INT(res.signatures, 1);
	CHECK_INT(res.valid, 1);
	CHECK_INT(b.n_images, 1);
	CHECK(bnd_signed_by(&b, f.key));
	CHECK_OK(bnd_verify(f.path, NULL, f.m.pool, NULL, NULL, &res, &e), e);
	CHECK_INT(res.valid, 0);
}

/* In long runs of one byte (padding) every 32nd stands for the others, unless ESS_TEST_ALL is set.
 */
static bool worth_testing(const struct eb_buf *b, size_t i)
{
	if (i < 16 || i % 32 == 0 || getenv("ESS_TEST_ALL"))
		return true;
	for (size_t k = 1; k < 16; k++)
		if (b->data[i - k] != b->data[i])
			return true;
	return false;
}

TEST(verify, any_flipped_bit_is_refused)
{
	EB_CLEANUP(end_p) struct fixture f;
	autofd int fd = -1;

	start(&f, true, true);
	fd = open(f.path, O_RDWR | O_CLOEXEC);
	for (size_t i = 0; i < f.good.len; i++) {
		autoerror struct eb_error *e = NULL;
		char c = (char)(f.good.data[i] ^ 1 << i % 8);
		int r;

		if (!worth_testing(&f.good, i))
			continue;
		CHECK_INT(pwrite(fd, &c, 1, (off_t)i), 1);
		r = verify(&f, f.key, &e);
		if (r >= 0 || eb_code_exit_status(r) != 3)
			test_fail(__FILE__, __LINE__, "bit %zu of byte %zu: %d %s", i % 8, i, r,
				  e ? e->message : "accepted");
		CHECK_HAS(e->message, f.path);
		CHECK_INT(pwrite(fd, &f.good.data[i], 1, (off_t)i), 1);
	}
	CHECK_INT(verify(&f, f.key, NULL), 0);
}

TEST(verify, truncation_is_refused)
{
	EB_CLEANUP(end_p) struct fixture f;

	start(&f, true, true);
	for (size_t n = f.good.len; n > 0; n = n > STEP ? n - STEP : 0) {
		autoerror struct eb_error *e = NULL;
		int r;

		CHECK_INT(truncate(f.path, (off_t)(n - 1)), 0);
		r = verify(&f, f.key, &e);
		if (r >= 0 || eb_code_exit_status(r) != 3)
			test_fail(__FILE__, __LINE__, "%zu bytes: %d %s", n - 1, r,
				  e ? e->message : "accepted");
		CHECK_HAS(e->message, f.path);
		CHECK_INT(truncate(f.path, (off_t)(n - n % STEP - (n % STEP ? 0 : STEP))), 0);
		if (n > STEP)
			CHECK_INT(eb_code_exit_status(verify(&f, f.key, NULL)), 3);
	}
}

TEST(verify, trailing_data_is_refused)
{
	static const size_t sizes[] = { 1, 512, 1024, 10240 };
	EB_CLEANUP(end_p) struct fixture f;

	start(&f, true, true);
	for (size_t i = 0; i < EB_ARRAY_LEN(sizes) * 2; i++) {
		autoerror struct eb_error *e = NULL;
		autofree char *more = eb_xcalloc(1, f.good.len + sizes[i / 2]);

		memcpy(more, f.good.data, f.good.len);
		memset(more + f.good.len, i % 2 ? 'x' : 0, sizes[i / 2]);
		demo_write(f.path, more, f.good.len + sizes[i / 2]);
		CHECK_FAIL(verify(&f, f.key, &e), EB_E_DIGEST, "a bundle of this content has", e);
	}
}

/* ---- members bent, headers right ---- */

static void take_apart(struct fixture *f, struct retar *t)
{
	retar_read(f->path, DEMO_EPOCH, t);
}

/* Put together again, it is refused with these words and exit status 3. */
static void check_bent(struct fixture *f, const struct retar *t, const char *part)
{
	autoerror struct eb_error *e = NULL;
	int r;

	retar_write(t, f->path);
	r = verify(f, f->key, &e);
	if (r >= 0 || eb_code_exit_status(r) != 3)
		test_fail(__FILE__, __LINE__, "%s: %d %s", part, r, e ? e->message : "accepted");
	CHECK_HAS(e->message, part);
	CHECK_HAS(e->message, f->path);
}

#define BENT(f, t)                                                                                 \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	EB_CLEANUP(retar_release_p) struct retar t;                                                \
	start(&f, false, true);                                                                    \
	take_apart(&f, &t)

static void swap(struct retar_member *a, struct retar_member *b)
{
	struct retar_member c = *a;

	*a = *b;
	*b = c;
}

TEST(verify, members_put_together_again_are_the_same)
{
	EB_AUTOBUF(again, BUNDLE_BYTES);
	BENT(f, t);

	retar_write(&t, f.path);
	demo_read(f.path, &again);
	CHECK_INT(again.len, f.good.len);
	CHECK(memcmp(again.data, f.good.data, again.len) == 0);
}

TEST(verify, reordered_members_are_refused)
{
	BENT(f, t);

	swap(&t.m[t.n - 1], &t.m[t.n - 2]);
	check_bent(&f, &t, "stands at byte");
	swap(&t.m[t.n - 1], &t.m[t.n - 2]);
	swap(&t.m[0], &t.m[1]);
	check_bent(&f, &t, "oci-layout: stands at byte");
}

TEST(verify, exchanged_content_is_refused)
{
	struct retar_member *a = NULL, *b = NULL;
	BENT(f, t);

	for (size_t i = 3; i < t.n && !b; i++) {
		a = &t.m[i];
		for (size_t k = i + 1; k < t.n && !b; k++)
			if (t.m[k].n == a->n && memcmp(t.m[k].data, a->data, a->n) != 0)
				b = &t.m[k];
	}
	CHECK(b != NULL);
	{
		char *data = a->data;

		a->data = b->data;
		b->data = data;
	}
	check_bent(&f, &t, "blobs/sha256/");
}

TEST(verify, doubled_missing_and_extra_members_are_refused)
{
	BENT(f, t);

	retar_add(&t, t.m[t.n - 1].name, t.m[t.n - 1].data);
	check_bent(&f, &t, t.m[t.n - 1].name);
	retar_drop(&t, &t.m[t.n - 1]);
	retar_add(&t, "hello", "world");
	check_bent(&f, &t, "");
	retar_drop(&t, &t.m[t.n - 1]);
	retar_add(&t,
		  "blobs/sha256/b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
		  "hello world");
	check_bent(&f, &t,
		   "blobs/sha256/b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2"
		   "efcde9: neither the root nor a signature covers it");
	retar_drop(&t, &t.m[t.n - 1]);
	for (size_t i = t.n; i > 0; i--) {
		struct retar_member m = t.m[i - 1];

		memmove(&t.m[i - 1], &t.m[i], (t.n - i) * sizeof(m));
		t.n--;
		check_bent(&f, &t, "");
		memmove(&t.m[i], &t.m[i - 1], (t.n - i + 1) * sizeof(m));
		t.m[i - 1] = m;
		t.n++;
	}
}

TEST(verify, index_that_says_other_names_is_refused)
{
	struct retar_member *index;
	BENT(f, t);

	index = retar_find(&t, "index.json");
	CHECK_INT(retar_replace(index, "internal/base:1", "internal/basf:1"), 2);
	check_bent(&f, &t, "index.json: its content was altered");
}

/* An entry says that it signs the root; the payload that is signed names another digest. */
static int sign_another(void *ctx, const struct oci_descriptor *root, struct bnd_layout *layout,
			struct oci_descriptor *ret_entry, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor other = { .size = root->size };
	int r;

	oci_digest_of("another", 7, &other.digest);
	r = bnd_sign_layout(ctx, "example.internal/demo", &other, layout, ret_entry, err);
	if (r >= 0)
		oci_descriptor_annotate(ret_entry, BND_ANN_SIGNS, root->digest.text);
	return r;
}

TEST(verify, signature_over_another_root_is_refused)
{
	EB_CLEANUP(end_p) struct fixture f;
	EB_CLEANUP(demo_build_release_p) struct demo_build b = { .def = NULL };
	autoerror struct eb_error *e = NULL;
	struct bnd_plan_options o = { .sign = sign_another };

	start(&f, true, true);
	o.sign_ctx = f.key;
	CHECK_OK(demo_plan(&f.m, NULL, &o, &b, &e), e);
	CHECK_OK(bnd_plan_write(&b.plan, f.path, &e), e);
	CHECK_FAIL(verify(&f, f.key, &e), EB_E_SIGNATURE, ": is over sha256:", e);
	CHECK_FAIL(verify(&f, NULL, &e), EB_E_SIGNATURE, ", the root is sha256:", e);
}

TEST(verify, changed_root_takes_its_signature_along_in_vain)
{
	struct retar_member *root;
	BENT(f, t);

	root = retar_with(&t, NULL, "\"" BND_ANN_FORMAT "\":\"1\"");
	CHECK(root != NULL);
	CHECK_INT(retar_replace(root, "a small bundle", "a Small bundle"), 1);
	retar_rename(&t, root);
	check_bent(&f, &t, "");
}

TEST(verify, other_format_is_refused)
{
	struct retar_member *root;
	BENT(f, t);

	root = retar_with(&t, NULL, "\"" BND_ANN_FORMAT "\":\"1\"");
	retar_replace(root, "\"" BND_ANN_FORMAT "\":\"1\"", "\"" BND_ANN_FORMAT "\":\"2\"");
	retar_rename(&t, root);
	check_bent(&f, &t, "bundle format 2; this program reads format 1");
}

TEST(verify, stripped_signature_is_no_signature)
{
	struct retar_member *index, *m;
	BENT(f, t);
	char *entry, *rest;

	index = retar_find(&t, "index.json");
	entry = strstr(index->data, ",{\"annotations\":{\"kind\"");
	CHECK(entry != NULL);
	rest = strstr(entry, "}],");
	CHECK(rest != NULL);
	/* Blanks are moved to the end, where they belong. */
	{
		size_t cut = (size_t)(rest + 1 - entry);

		memmove(entry, entry + cut, index->n - (size_t)(entry - index->data) - cut);
		memset(index->data + index->n - cut - 1, ' ', cut);
		index->data[index->n - 1] = '\n';
	}
	check_bent(&f, &t, "neither the root nor a signature covers it");
	for (int i = 0; i < 3; i++)
		retar_drop(&t, &t.m[t.n - 1]);
	check_bent(&f, &t, "the bundle is not signed");
	m = retar_with(&t, NULL, "dev.cosignproject.cosign/signature");
	CHECK(m == NULL);
}

/* Who cannot sign as the key may add a signature of his own, but not carry things in it. */
TEST(verify, signature_of_other_form_is_refused)
{
	struct retar_member *sig;
	BENT(f, t);

	sig = retar_with(&t, NULL, "dev.cosignproject.cosign/signature");
	CHECK(sig != NULL);
	CHECK_INT(retar_replace(sig, "simplesigning.v1+json", "simplesigning.v2+json"), 1);
	retar_rename(&t, sig);
	check_bent(&f, &t, "layers[0]: expected at most 65536 bytes of type");
}

TEST(verify, unreadable_file_keeps_its_own_code)
{
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;

	start(&f, true, true);
	f.path = test_path("missing.tar");
	CHECK_FAIL(verify(&f, f.key, &e), ENOENT, "missing.tar", e);
	f.path = test_path("bundles");
	CHECK_INT(eb_code_exit_status(verify(&f, f.key, &e)), 3);
}

TEST(verify, result_counts_what_was_checked)
{
	EB_CLEANUP(end_p) struct fixture f;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	autoerror struct eb_error *e = NULL;
	struct bnd_verify_result res;

	start(&f, false, false);
	CHECK_FAIL(verify(&f, f.key, &e), EB_E_SIGNATURE, "the bundle is not signed", e);
	CHECK_OK(bnd_verify(f.path, NULL, f.m.pool, NULL, &b, &res, &e), e);
	CHECK_INT(res.blobs, oci_archive_count(b.archive) - 3);
	CHECK(res.bytes > 0 && res.bytes < f.good.len);
	CHECK_OK(bnd_verify_content(&b, f.m.pool, NULL, &e), e);
	CHECK(!bnd_signed_by(&b, f.key));
}
