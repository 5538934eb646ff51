#include "pkg/wheel.h"

#include "base/hash.h"
#include "base/stream.h"
#include "mkwheel.h"
#include "pkg/cache.h"
#include "pkg/input.h"
#include "pkg/zip.h"
#include "testlib.h"

enum { CAP = 1 << 20 };

static const struct mkwheel_file files[] = {
	{ "demo/__init__.py", "x = 1\n" },
	{ "demo-1.0.data/scripts/tool", "#!python\nprint(1)\n" },
	{ "demo-1.0.data/scripts/shell", "#!/bin/sh\n" },
	{ "demo-1.0.dist-info/entry_points.txt", "[console_scripts]\nrun = demo:go\n" },
};

static int read_it(const struct eb_buf *b, struct pkg_wheel **ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	int r = pkg_zip_open_mem(b->data, b->len, &pkg_zip_default_limits, &z, err);

	return r < 0 ? r : pkg_wheel_read(z, "demo", "1.0", ret, err);
}

/* Of a wheel with the files and these changes. */
static int odd(const char *wheel, const char *metadata, const char *record, const char *skip,
	       struct eb_error **err)
{
	struct pkg_wheel *w = NULL;
	EB_AUTOBUF(b, CAP);
	int r;

	mkwheel(&b, files, EB_ARRAY_LEN(files), wheel, metadata, record, skip);
	r = read_it(&b, &w, err);
	if (r >= 0)
		pkg_index_free(&w->base);
	return r;
}

TEST(wheel, read_gives_members_and_texts)
{
	struct pkg_wheel *w = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);

	mkwheel(&b, files, EB_ARRAY_LEN(files), NULL, NULL, NULL, NULL);
	CHECK_OK(read_it(&b, &w, &e), e);
	CHECK_INT(w->base.n_entries, 7);
	CHECK_STR(w->base.entries[0].path, "demo/__init__.py");
	CHECK_STR(w->dist_info, "demo-1.0.dist-info");
	CHECK_STR(w->name, "Demo");
	CHECK_STR(w->tags, "py3-none-any\n");
	CHECK_STR(w->purelib, "true");
	CHECK_STR(w->scripts, "1 9\nprint(1)\n");
	CHECK_HAS(w->entry_points, "run = demo:go");
	CHECK_OK(pkg_wheel_check_file(w, "demo-1.0-py3-none-any.whl", &e), e);
	CHECK_FAIL(pkg_wheel_check_file(w, "demo-1.0-py2.py3-none-any.whl", &e), EB_E_FORMAT,
		   "no tag 'py2-none-any'", e);
	CHECK_FAIL(pkg_wheel_check_file(w, "other-1.0-py3-none-any.whl", &e), EB_E_FORMAT,
		   "holds 'Demo'", e);
	pkg_index_free(&w->base);
}

TEST(wheel, record_that_does_not_fit_is_refused)
{
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(odd(NULL, NULL, NULL, "demo/__init__.py", &e), EB_E_DIGEST,
		   "member 'demo/__init__.py' is not in demo-1.0.dist-info/RECORD", e);
	CHECK_FAIL(odd(NULL, NULL, "ghost.py,sha256=x,1\n", NULL, &e), EB_E_DIGEST,
		   "lists 'ghost.py', which is not there", e);
	CHECK_FAIL(odd(NULL, NULL,
		       "demo/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,6\n",
		       "demo/__init__.py", &e),
		   EB_E_DIGEST, "member 'demo/__init__.py' is not what", e);
	CHECK_FAIL(odd(NULL, NULL, "demo/__init__.py,md5=x,6\n", "demo/__init__.py", &e),
		   EB_E_UNSUPPORTED, "hash 'md5=x'", e);
	CHECK_FAIL(odd(NULL, NULL, "demo/__init__.py,,\n", "demo/__init__.py", &e),
		   EB_E_UNSUPPORTED, "expected sha256", e);
	CHECK_FAIL(odd(NULL, NULL, "no list\n", NULL, &e), EB_E_FORMAT, "RECORD: line 7", e);
}

TEST(wheel, descriptions_that_do_not_fit_are_refused)
{
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(odd("Wheel-Version: 2.0\nRoot-Is-Purelib: true\nTag: x\n", NULL, NULL, NULL, &e),
		   EB_E_UNSUPPORTED, "Wheel-Version is '2.0', expected 1.x", e);
	CHECK_FAIL(odd("Wheel-Version: 1.0\nTag: x\n", NULL, NULL, NULL, &e), EB_E_FORMAT,
		   "expected Root-Is-Purelib", e);
	CHECK_FAIL(odd("\nWheel-Version: 1.0\n", NULL, NULL, NULL, &e), EB_E_FORMAT,
		   "Wheel-Version is ''", e);
	CHECK_FAIL(odd(NULL, "Name: other\nVersion: 1.0\n", NULL, NULL, &e), EB_E_FORMAT,
		   "is of other 1.0, expected demo 1.0", e);
	CHECK_FAIL(odd(NULL, "Name: demo\nVersion: 1.1\n", NULL, NULL, &e), EB_E_FORMAT,
		   "is of demo 1.1, expected demo 1.0", e);
	CHECK_FAIL(odd(NULL, "\nName: demo\nVersion: 1.0\n", NULL, NULL, &e), EB_E_FORMAT,
		   "expected Name and Version", e);
}

TEST(wheel, archive_without_description_is_no_wheel)
{
	static const struct mkwheel_file two[] = { { "demo-2.dist-info/WHEEL", "" } };
	struct pkg_wheel *w = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);

	mkwheel(&b, two, 1, NULL, NULL, NULL, NULL);
	CHECK_FAIL(read_it(&b, &w, &e), EB_E_FORMAT, "expected one .dist-info", e);
}

/* Puts the wheel into a cache below the test's directory. */
static void store(const struct eb_buf *b, struct pkg_cache *c, char sha256[static 65])
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(pkg_cache_open(test_path("cache"), c, &e), e);
	eb_sha256_hex(b->data, b->len, sha256);
	CHECK_OK(pkg_cache_store(c, sha256, b->len, eb_reader_mem(b->data, b->len), "wheel", &e),
		 e);
}

TEST(wheel, input_streams_members_in_the_order_of_the_index)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { 0 };
	EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL, *y = NULL;
	char sha256[65], text[100];
	struct oci_tar_entry m;
	uint32_t n = 99;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	struct pkg_input in = { .kind = PKG_INPUT_WHEEL,
				.what = "wheel demo",
				.name = "demo",
				.version = "1.0",
				.sha256 = sha256 };

	mkwheel(&b, files, EB_ARRAY_LEN(files), NULL, NULL, NULL, NULL);
	store(&b, &c, sha256);
	in.size = b.len;
	CHECK_STR(pkg_input_noun(in.kind), "wheel");
	CHECK_OK(pkg_input_index(&c, &in, &x, &e), e);
	/* The second time it comes from the stored text. */
	CHECK_OK(pkg_input_index(&c, &in, &y, &e), e);
	CHECK_INT(y->n_entries, x->n_entries);
	CHECK_STR(((struct pkg_wheel *)y)->record, ((struct pkg_wheel *)x)->record);
	CHECK_STR(((struct pkg_wheel *)y)->scripts, ((struct pkg_wheel *)x)->scripts);
	CHECK_OK(pkg_data_open(&c, &in, &d, &e), e);
	CHECK_INT(pkg_data_next(d, &m, &n, &e), 1);
	CHECK_INT(n, 0);
	CHECK_STR(m.path, x->entries[0].path);
	CHECK_INT(pkg_data_read(d, text, sizeof(text), &e), 6);
	CHECK(memcmp(text, "x = 1\n", 6) == 0);
	for (size_t i = 1; i < x->n_entries; i++)
		CHECK_INT(pkg_data_next(d, &m, &n, &e), 1);
	CHECK_INT(pkg_data_next(d, &m, &n, &e), 0);
	CHECK_OK(pkg_data_drain(d, &e), e);
}

TEST(wheel, input_that_is_another_is_refused)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { 0 };
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	autofree char *path = NULL;
	char sha256[65];
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, CAP);
	struct pkg_input in = { .kind = PKG_INPUT_WHEEL,
				.what = "wheel demo",
				.name = "demo",
				.version = "1.1",
				.sha256 = sha256 };

	mkwheel(&b, files, EB_ARRAY_LEN(files), NULL, NULL, NULL, NULL);
	store(&b, &c, sha256);
	in.size = b.len;
	CHECK_FAIL(pkg_input_index(&c, &in, &x, &e), EB_E_FORMAT,
		   "wheel demo: demo-1.0.dist-info/METADATA: is of Demo 1.0, expected demo 1.1", e);
	path = eb_xasprintf("sources/sha256/%s", sha256);
	/* A damaged file is found before it is read as a zip. */
	CHECK_OK(eb_dir_write(&c.dir, path, "PK", 2, 0644, &e), e);
	CHECK_FAIL(pkg_input_index(&c, &in, &x, &e), EB_E_DIGEST, "wheel demo", e);
}
