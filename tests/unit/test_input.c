#include "pkg/input.h"

#include <sys/stat.h>

#include "base/hash.h"
#include "base/stream.h"
#include "pkg/cache.h"
#include "pkg/index.h"
#include "testlib.h"

static const char text[] = "the bytes of a program";

struct fixture {
	struct pkg_cache cache;
	char sha256[EB_SHA256_HEX + 1];
	struct pkg_input in;
};

static void start(struct fixture *f)
{
	autoerror struct eb_error *e = NULL;

	f->cache = (struct pkg_cache){ .dir = { .fd = -1 } };
	CHECK_OK(pkg_cache_open(test_path("cache"), &f->cache, &e), e);
	CHECK_OK(pkg_cache_store_text(&f->cache, text, strlen(text), f->sha256, &e), e);
	f->in = (struct pkg_input){ .kind = PKG_INPUT_FILE,
				    .what = "file demo",
				    .name = "demo",
				    .sha256 = f->sha256,
				    .size = strlen(text) };
}

static void end(struct fixture *f)
{
	pkg_cache_release(&f->cache);
}
EB_DEFINE_RELEASE(struct fixture, end)

#define FIXTURE(f)                                                                                 \
	autoerror struct eb_error *e = NULL;                                                       \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	start(&f)

TEST(input, file_has_one_member_with_its_bytes)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
	struct oci_tar_entry m;
	uint32_t member = 99;
	char got[64];
	FIXTURE(f);

	CHECK_OK(pkg_input_index(&f.cache, &f.in, &x, &e), e);
	CHECK_INT(x->n_entries, 1);
	CHECK_INT(x->entries[0].type, '0');
	CHECK_INT(x->entries[0].size, strlen(text));
	CHECK_OK(pkg_data_open(&f.cache, &f.in, &d, &e), e);
	CHECK_INT(pkg_data_next(d, &m, &member, &e), 1);
	CHECK_INT(member, 0);
	CHECK_INT(m.size, strlen(text));
	CHECK_INT(pkg_data_read(d, got, 4, &e), 4);
	CHECK_INT(pkg_data_read(d, got + 4, sizeof(got) - 4, &e), strlen(text) - 4);
	CHECK(memcmp(got, text, strlen(text)) == 0);
	CHECK_INT(pkg_data_read(d, got, sizeof(got), &e), 0);
	CHECK_INT(pkg_data_next(d, &m, &member, &e), 0);
	CHECK_INT(pkg_data_next(d, &m, &member, &e), 0);
	CHECK_OK(pkg_data_drain(d, &e), e);
}

/* Same length, other bytes: found by reading on, by going to the end, by giving up early. */
TEST(input, file_that_was_damaged_is_a_digest_mismatch)
{
	for (int how = 0; how < 3; how++) {
		EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
		struct oci_tar_entry m;
		uint32_t member;
		char got[64], path[512];
		FIXTURE(f);

		snprintf(path, sizeof(path), "%s/sources/sha256/%s", test_path("cache"), f.sha256);
		CHECK_INT(remove(path), 0);
		CHECK_OK(eb_file_write(path, "the bytes of a pro-ram", strlen(text), 0444, &e), e);
		CHECK_OK(pkg_data_open(&f.cache, &f.in, &d, &e), e);
		CHECK_INT(pkg_data_next(d, &m, &member, &e), 1);
		if (how == 0) {
			ssize_t n;

			while ((n = pkg_data_read(d, got, sizeof(got), &e)) > 0)
				;
			CHECK_FAIL(n < 0 ? (int)n : pkg_data_drain(d, &e), EB_E_DIGEST, "file demo",
				   e);
		} else if (how == 1) {
			CHECK_FAIL(pkg_data_next(d, &m, &member, &e), EB_E_DIGEST, "file demo", e);
		} else {
			CHECK_FAIL(pkg_data_drain(d, &e), EB_E_DIGEST, "file demo", e);
		}
	}
}

TEST(input, what_the_cache_lacks_is_named)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
	FIXTURE(f);

	f.in.sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
	CHECK_FAIL(pkg_input_index(&f.cache, &f.in, &x, &e), EB_E_NOT_FOUND, "file demo", e);
	CHECK_FAIL(pkg_data_open(&f.cache, &f.in, &d, &e), EB_E_NOT_FOUND, "file demo", e);
}

TEST(input, kind_without_reader_is_refused)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
	FIXTURE(f);

	f.in.kind = (enum pkg_input_kind)77;
	CHECK_FAIL(pkg_input_index(&f.cache, &f.in, &x, &e), EB_E_UNSUPPORTED, "file demo", e);
	CHECK_FAIL(pkg_data_open(&f.cache, &f.in, &d, &e), EB_E_UNSUPPORTED, "file demo", e);
	CHECK_STR(pkg_input_noun(PKG_INPUT_DEB), "package");
	CHECK_STR(pkg_input_noun((enum pkg_input_kind)77), "input");
}
