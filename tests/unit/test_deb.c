#include "pkg/deb.h"

#include <sys/stat.h>

#include "base/hash.h"
#include "base/stream.h"
#include "mkdeb.h"
#include "pkg/cache.h"
#include "pkg/input.h"
#include "testlib.h"

enum { ROOM = 8 << 20 };

static int index_of(const struct eb_buf *deb, struct pkg_deb_index **ret, struct eb_error **err)
{
	return pkg_deb_index_read(eb_reader_mem(deb->data, deb->len), "demo.deb",
				  &pkg_deb_default_limits, ret, err);
}

/* Index that must fail. */
#define CHECK_REFUSED(deb, code, message)                                                          \
	do {                                                                                       \
		EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x_ = NULL;                  \
		CHECK_FAIL(index_of(deb, &x_, &e), code, message, e);                              \
		CHECK(!x_);                                                                        \
	} while (0)

/* A data.tar with one of everything. */
static void sample_tar(struct eb_buf *tar)
{
	struct oci_xattr cap = { "security.capability", "\1\0\0\2", 4 };
	struct oci_tar_entry ping = { .path = "usr/bin/ping",
				      .type = '0',
				      .mode = 04755,
				      .uid = 3,
				      .gid = 4,
				      .mtime_sec = 1234,
				      .size = 5,
				      .xattrs = &cap,
				      .n_xattrs = 1 };

	mkdeb_tar_dir(tar, "");
	mkdeb_tar_dir(tar, "usr");
	mkdeb_tar_dir(tar, "usr/bin");
	mkdeb_tar_add(tar, &ping, "hello");
	mkdeb_tar_link(tar, '1', "usr/bin/ping4", "usr/bin/ping");
	mkdeb_tar_link(tar, '2', "usr/bin/ping6", "/usr/bin/ping");
	mkdeb_tar_file(tar, "usr/100% t\tab", "");
	mkdeb_tar_end(tar);
}

static void check_sample(const struct pkg_deb_index *x)
{
	autofree char *description = pkg_deb_field(x, "description");
	const struct pkg_entry *e = x->files.entries;

	CHECK_INT(x->files.n_entries, 7);
	CHECK_STR(x->control, MKDEB_CONTROL);
	CHECK_STR(x->scripts, "postinst");
	CHECK_HAS(x->md5sums, "usr/bin/x");
	CHECK(!x->conffiles);
	CHECK_STR(description, "a demonstration of packages");
	CHECK(!pkg_deb_field(x, "Nothing"));
	CHECK_STR(e[0].path, "");
	CHECK_STR(e[3].path, "usr/bin/ping");
	CHECK_INT(e[3].type, '0');
	CHECK_INT(e[3].mode, 04755);
	CHECK_INT(e[3].uid, 3);
	CHECK_INT(e[3].gid, 4);
	CHECK_INT(e[3].mtime_sec, 1234);
	CHECK_INT(e[3].size, 5);
	CHECK_INT(e[3].n_xattrs, 1);
	CHECK_STR(e[3].xattrs[0].name, "security.capability");
	CHECK_INT(e[3].xattrs[0].size, 4);
	CHECK(memcmp(e[3].xattrs[0].value, "\1\0\0\2", 4) == 0);
	CHECK_INT(e[4].type, '1');
	CHECK_STR(e[4].link, "usr/bin/ping");
	CHECK_INT(e[5].type, '2');
	CHECK_STR(e[5].link, "/usr/bin/ping");
	CHECK_STR(e[6].path, "usr/100% t\tab");
}

TEST(deb, index_read_knows_every_compression)
{
	static const char *const how[] = { "", "gz", "xz", "zst" };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, ROOM);

	sample_tar(&tar);
	for (size_t i = 0; i < EB_ARRAY_LEN(how); i++) {
		EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL;
		EB_AUTOBUF(deb, ROOM);

		mkdeb(&deb, how[i], MKDEB_CONTROL, &tar);
		CHECK_OK(index_of(&deb, &x, &e), e);
		check_sample(x);
	}
}

TEST(deb, index_survives_its_stored_form)
{
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL, *y = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, ROOM);
	EB_AUTOBUF(deb, ROOM);
	EB_AUTOBUF(text, ROOM);
	EB_AUTOBUF(again, ROOM);

	sample_tar(&tar);
	mkdeb(&deb, "", MKDEB_CONTROL, &tar);
	CHECK_OK(index_of(&deb, &x, &e), e);
	x->files.entries[1].mtime_sec = -77;
	x->files.entries[2].mtime_sec = INT64_MIN;
	pkg_deb_index_write(x, &text);
	CHECK_HAS(eb_buf_str(&text), "usr/100%25 t%09ab\t\n");
	CHECK_OK(pkg_deb_index_parse(text.data, text.len, &y, &e), e);
	check_sample(y);
	CHECK_INT(y->files.entries[1].mtime_sec, -77);
	CHECK(y->files.entries[2].mtime_sec == INT64_MIN);
	pkg_deb_index_write(y, &again);
	CHECK_STR(eb_buf_str(&again), eb_buf_str(&text));
}

TEST(deb, index_parse_refuses_what_it_did_not_write)
{
#define HEAD "ess-deb-index 1\nscripts\t\ncontrol\tPackage: aa%0aVersion: 1%0aArchitecture: all\n"
	static const char *const bad[] = {
		"",
		"ess-deb-index 2\n",
		HEAD,
		HEAD "entries\t1\nend\n",
		HEAD "entries\t0\n",
		HEAD "entries\t0\nend\nx",
		HEAD "entries\t99999999999999999999\nend\n",
		HEAD "entries\t1\n5\t755\t0\t0\t0\t0\t../x\t\nend\n",
		HEAD "entries\t1\n5\t755\t0\t0\t0\t0\t/x\t\nend\n",
		HEAD "entries\t1\n0\t755\t0\t0\t0\t0\t\t\nend\n",
		HEAD "entries\t1\n2\t755\t0\t0\t0\t0\tx\t\nend\n",
		HEAD "entries\t1\n0\t755\t0\t0\t0\t0\tx\ty\nend\n",
		HEAD "entries\t1\n3\t755\t0\t0\t0\t0\tx\t\nend\n",
		HEAD "entries\t1\n0\t75555\t0\t0\t0\t0\tx\t\nend\n",
		HEAD "entries\t1\n0\t755\t0\t0\t--1\t0\tx\t\nend\n",
		HEAD "entries\t1\n0\t755\t0\t0\t0\t0\tx%0\t\nend\n",
		HEAD "entries\t1\n0\t755\t0\t0\t0\t0\tx%00y\t\nend\n",
		HEAD "entries\t1\n0\t755\t0\t0\t0\t0\tx%ZZ\ty\tz\nend\n",
		HEAD "entries\t1\n0\t755\t0\t0\t0\t0\tx\t\tname\nend\n",
		HEAD "entries\t1\n0\t755\t0\t0\t0\t0\tx\t\t\tvalue\nend\n",
	};
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL;
	const char *good = HEAD "entries\t1\n0\t755\t0\t0\t0\t0\tx\t\tn\tv%00\nend\n";

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++)
		CHECK_FAIL(pkg_deb_index_parse(bad[i], strlen(bad[i]), &x, &e), EB_E_FORMAT,
			   "stored index", e);
	CHECK_OK(pkg_deb_index_parse(good, strlen(good), &x, &e), e);
	CHECK_INT(x->files.entries[0].xattrs[0].size, 2);
}

TEST(deb, index_read_refuses_wrong_members)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, ROOM);
	EB_AUTOBUF(good, ROOM);
	EB_AUTOBUF(deb, ROOM);

	sample_tar(&tar);
	mkdeb_ar_begin(&deb);
	CHECK_REFUSED(&deb, EB_E_FORMAT,
		      "demo.deb: not a Debian package: expected debian-binary first, "
		      "found nothing");
	mkdeb_ar_member(&deb, "debian-binary", "3.0\n", 4);
	CHECK_REFUSED(&deb, EB_E_UNSUPPORTED, "package format 3.0, expected 2.0");
	eb_buf_clear(&deb);
	mkdeb_ar_begin(&deb);
	mkdeb_ar_member(&deb, "debian-binary", "2.0\n", 4);
	CHECK_REFUSED(&deb, EB_E_FORMAT, "package ends without control.tar");
	mkdeb_ar_member(&deb, "_ignored", "x", 1);
	mkdeb_ar_member(&deb, "data.tar", tar.data, tar.len);
	CHECK_REFUSED(&deb, EB_E_FORMAT, "expected control.tar, found member 'data.tar'");
	eb_buf_clear(&deb);
	mkdeb_ar_begin(&deb);
	mkdeb_ar_member(&deb, "debian-binary", "2.0\n", 4);
	mkdeb_ar_member(&deb, "control.tar.lzma", "x", 1);
	CHECK_REFUSED(&deb, EB_E_UNSUPPORTED, "member 'control.tar.lzma'");
	mkdeb(&good, "", MKDEB_CONTROL, &tar);
	mkdeb_ar_member(&good, "_more", "x", 1);
	mkdeb_ar_member(&good, "data.tar", tar.data, tar.len);
	CHECK_REFUSED(&good, EB_E_FORMAT, "member 'data.tar' after the package's data");
}

/* A package whose control.tar has the given files (names and texts in turn, NULL ends). */
static void with_control(struct eb_buf *deb, const char *const *files)
{
	EB_AUTOBUF(control, ROOM);
	EB_AUTOBUF(tar, ROOM);

	for (; *files; files += 2)
		mkdeb_tar_file(&control, files[0], files[1]);
	mkdeb_tar_end(&control);
	mkdeb_tar_end(&tar);
	mkdeb_ar_begin(deb);
	mkdeb_ar_member(deb, "debian-binary", "2.0\n", 4);
	mkdeb_ar_member(deb, "control.tar", control.data, control.len);
	mkdeb_ar_member(deb, "data.tar", tar.data, tar.len);
}

TEST(deb, index_read_refuses_bad_control)
{
	static const struct {
		const char *files[8], *message;
	} cases[] = {
		{ { "md5sums", "x" }, "control.tar: has no file 'control'" },
		{ { "control", MKDEB_CONTROL, "control", MKDEB_CONTROL },
		  "control.tar: 'control': is there twice" },
		{ { "control", "Package: ../x\nVersion: 1\nArchitecture: all\n" },
		  "control: Package is '../x'" },
	};
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		EB_AUTOBUF(deb, ROOM);

		with_control(&deb, cases[i].files);
		CHECK_REFUSED(&deb, EB_E_FORMAT, cases[i].message);
	}
}

TEST(deb, index_read_refuses_hostile_members)
{
	static const struct {
		struct oci_tar_entry entry;
		int code;
		const char *message;
	} cases[] = {
		{ { .path = "../etc/passwd", .type = '0' }, EB_E_FORMAT, "'..' component" },
		{ { .path = "a/../../x", .type = '0' }, EB_E_FORMAT, "'..' component" },
		{ { .path = "/etc/passwd", .type = '0' }, EB_E_FORMAT, "is absolute" },
		{ { .path = "a//b", .type = '0' }, EB_E_FORMAT, "simplest form" },
		{ { .path = "x", .type = '1', .link = "/etc/shadow" },
		  EB_E_FORMAT,
		  "hard link target" },
		{ { .path = "x", .type = '1', .link = "../shadow" },
		  EB_E_FORMAT,
		  "hard link target" },
		{ { .path = "dev/sda", .type = '4' }, EB_E_UNSUPPORTED, "a device node" },
		{ { .path = "dev/null", .type = '3' }, EB_E_UNSUPPORTED, "a device node" },
		{ { .path = "fifo", .type = '6' }, EB_E_UNSUPPORTED, "member of type '6'" },
	};
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		EB_AUTOBUF(tar, ROOM);
		EB_AUTOBUF(deb, ROOM);

		mkdeb_tar_add(&tar, &cases[i].entry, NULL);
		mkdeb_tar_end(&tar);
		mkdeb(&deb, "", MKDEB_CONTROL, &tar);
		CHECK_REFUSED(&deb, cases[i].code, "demo.deb: data.tar");
		eb_buf_clear(&deb);
		mkdeb(&deb, "gz", MKDEB_CONTROL, &tar);
		CHECK_REFUSED(&deb, cases[i].code, cases[i].message);
	}
}

TEST(deb, index_read_limits_bytes_entries_and_depth)
{
	struct pkg_deb_limits lim = pkg_deb_default_limits;
	autoerror struct eb_error *e = NULL;
	struct pkg_deb_index *x = NULL;
	EB_AUTOBUF(tar, ROOM);
	EB_AUTOBUF(deb, ROOM);
	EB_AUTOBUF(path, ROOM);

	sample_tar(&tar);
	mkdeb(&deb, "", MKDEB_CONTROL, &tar);
	lim.entries = 3;
	CHECK_FAIL(pkg_deb_index_read(eb_reader_mem(deb.data, deb.len), "d", &lim, &x, &e),
		   EB_E_LIMIT, "limit 'entries'", e);
	lim = pkg_deb_default_limits;
	lim.data_bytes = 4;
	CHECK_FAIL(pkg_deb_index_read(eb_reader_mem(deb.data, deb.len), "d", &lim, &x, &e),
		   EB_E_LIMIT, "limit 'total_bytes'", e);
	lim = pkg_deb_default_limits;
	lim.control_bytes = 4;
	CHECK_FAIL(pkg_deb_index_read(eb_reader_mem(deb.data, deb.len), "d", &lim, &x, &e),
		   EB_E_LIMIT, "control.tar", e);
	/* A path of 10000 nested directories. */
	for (int i = 0; i < 10000; i++)
		eb_buf_adds(&path, i ? "/d" : "d");
	eb_buf_clear(&tar);
	eb_buf_clear(&deb);
	mkdeb_tar_dir(&tar, eb_buf_str(&path));
	mkdeb_tar_end(&tar);
	mkdeb(&deb, "xz", MKDEB_CONTROL, &tar);
	CHECK_REFUSED(&deb, EB_E_LIMIT, "limit 'path_bytes'");
	path.data[2001] = '\0';
	eb_buf_clear(&tar);
	eb_buf_clear(&deb);
	mkdeb_tar_dir(&tar, path.data);
	mkdeb_tar_end(&tar);
	mkdeb(&deb, "xz", MKDEB_CONTROL, &tar);
	CHECK_REFUSED(&deb, EB_E_LIMIT, "limit 'depth'");
}

/* Names and attributes compress well, and all of them are kept in memory. */
TEST(deb, index_read_limits_memory)
{
	struct pkg_deb_limits lim = pkg_deb_default_limits;
	struct oci_xattr value = { "user.x", "1234567890", 10 };
	struct oci_tar_entry named = {
		.path = "file", .type = '0', .xattrs = &value, .n_xattrs = 1
	};
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, ROOM);
	EB_AUTOBUF(deb, ROOM);
	EB_AUTOBUF(long_name, ROOM);

	for (int i = 0; i < 4000; i++)
		eb_buf_addc(&long_name, i % 100 ? 'n' : '/');
	for (int i = 0; i < 100; i++) {
		long_name.data[0] = (char)('a' + i % 26);
		mkdeb_tar_file(&tar, eb_buf_str(&long_name), "");
	}
	mkdeb_tar_end(&tar);
	mkdeb(&deb, "gz", MKDEB_CONTROL, &tar);
	lim.index_bytes = 300000;
	CHECK_FAIL(pkg_deb_index_read(eb_reader_mem(deb.data, deb.len), "d", &lim, &x, &e),
		   EB_E_LIMIT, "(limit 'index_bytes')", e);
	lim.index_bytes = 500000;
	CHECK_OK(pkg_deb_index_read(eb_reader_mem(deb.data, deb.len), "d", &lim, &x, &e), e);
	eb_buf_clear(&tar);
	eb_buf_clear(&deb);
	for (int i = 0; i < 1000; i++)
		mkdeb_tar_add(&tar, &named, NULL);
	mkdeb_tar_end(&tar);
	mkdeb(&deb, "gz", MKDEB_CONTROL, &tar);
	lim.index_bytes = 40000;
	x = pkg_deb_index_free(x);
	CHECK_FAIL(pkg_deb_index_read(eb_reader_mem(deb.data, deb.len), "d", &lim, &x, &e),
		   EB_E_LIMIT, "data.tar: 'file': with it the list of members", e);
}

TEST(deb, index_read_limits_attributes)
{
	struct oci_xattr values[65];
	struct oci_tar_entry file = { .path = "file", .type = '0', .xattrs = values };
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL;
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(values); i++)
		values[i] = (struct oci_xattr){ test_path("user.%02zu", i), "v", 1 };
	for (file.n_xattrs = 64; file.n_xattrs <= 65; file.n_xattrs++) {
		EB_AUTOBUF(tar, ROOM);
		EB_AUTOBUF(deb, ROOM);

		mkdeb_tar_add(&tar, &file, NULL);
		mkdeb_tar_end(&tar);
		mkdeb(&deb, "gz", MKDEB_CONTROL, &tar);
		if (file.n_xattrs == 64)
			CHECK_OK(index_of(&deb, &x, &e), e);
		else
			CHECK_REFUSED(&deb, EB_E_LIMIT, "65 extended attributes, at most 64");
	}
}

TEST(deb, identity_is_what_was_promised)
{
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, ROOM);
	EB_AUTOBUF(deb, ROOM);

	sample_tar(&tar);
	mkdeb(&deb, "", MKDEB_CONTROL, &tar);
	CHECK_OK(index_of(&deb, &x, &e), e);
	CHECK_OK(pkg_deb_check_identity(x, "1.2-3", "amd64", &e), e);
	CHECK_FAIL(pkg_deb_check_identity(x, "1.2-4", "amd64", &e), EB_E_FORMAT,
		   "says version '1.2-3', its archive's list '1.2-4'", e);
	CHECK_FAIL(pkg_deb_check_identity(x, "1.2-3", "arm64", &e), EB_E_FORMAT,
		   "says architecture 'amd64', expected 'arm64' or 'all'", e);
}

TEST(deb, index_read_refuses_decompression_bombs)
{
	enum { BOMB = 64 << 20 };
	autoerror struct eb_error *e = NULL;
	autofree char *zero = eb_xcalloc(1, BOMB);
	struct oci_tar_entry big = { .path = "big", .type = '0', .size = BOMB };
	EB_AUTOBUF(tar, (size_t)2 * BOMB);
	EB_AUTOBUF(deb, ROOM);

	mkdeb_tar_add(&tar, &big, zero);
	mkdeb_tar_end(&tar);
	mkdeb(&deb, "zst", MKDEB_CONTROL, &tar);
	CHECK(deb.len < 100000);
	CHECK_REFUSED(&deb, EB_E_LIMIT, "demo.deb: data.tar");
}

TEST(deb, index_read_refuses_every_truncation)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, ROOM);
	EB_AUTOBUF(deb, ROOM);
	size_t whole;

	sample_tar(&tar);
	mkdeb(&deb, "gz", MKDEB_CONTROL, &tar);
	whole = deb.len;
	for (deb.len = 0; deb.len < whole; deb.len += 7) {
		EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL;

		if (index_of(&deb, &x, &e) >= 0)
			CHECK_INT(deb.len, whole);
		eb_error_clear(&e);
	}
}

/* ---- by way of the cache ---- */

/* Of a member that is ignored and that nobody reads before the end. */
enum { PAD = 256 * 1024 };

struct cached {
	struct pkg_cache cache;
	struct eb_buf deb;
	char sha256[65];
};

static void start(struct cached *c)
{
	static const char pad[PAD];
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, ROOM);

	eb_buf_init(&c->deb, ROOM);
	sample_tar(&tar);
	mkdeb(&c->deb, "xz", MKDEB_CONTROL, &tar);
	mkdeb_ar_member(&c->deb, "_pad", pad, sizeof(pad));
	CHECK_OK(pkg_cache_open(test_path("cache"), &c->cache, &e), e);
	CHECK_OK(pkg_cache_store_text(&c->cache, c->deb.data, c->deb.len, c->sha256, &e), e);
}

static void end(struct cached *c)
{
	pkg_cache_release(&c->cache);
	eb_buf_release(&c->deb);
}
EB_DEFINE_RELEASE(struct cached, end)

static struct pkg_input input_of(const struct cached *c)
{
	return (struct pkg_input){
		.kind = PKG_INPUT_DEB, .what = "demo", .sha256 = c->sha256, .size = c->deb.len
	};
}

static int cached_index(const struct cached *c, struct pkg_deb_index **ret, struct eb_error **err)
{
	const struct pkg_input in = input_of(c);
	struct pkg_index *x = NULL;
	int r = pkg_input_index(&c->cache, &in, &x, err);

	if (r >= 0)
		*ret = (struct pkg_deb_index *)x;
	return r;
}

static int cached_data(const struct cached *c, struct pkg_data **ret, struct eb_error **err)
{
	const struct pkg_input in = input_of(c);

	return pkg_data_open(&c->cache, &in, ret, err);
}

/* Overwrite one byte of a file of the cache. */
static void damage(const char *path, long offset)
{
	FILE *f;

	CHECK_INT(chmod(path, 0644), 0);
	f = fopen(path, "r+");
	CHECK(f != NULL);
	CHECK_INT(fseek(f, offset, SEEK_SET), 0);
	CHECK(fputc(0x55, f) != EOF);
	CHECK_INT(fclose(f), 0);
}

TEST(deb, index_cached_is_made_once_and_remade_when_damaged)
{
	EB_CLEANUP(end_p) struct cached c;
	autoerror struct eb_error *e = NULL;
	char source[512], derived[512];

	start(&c);
	snprintf(source, sizeof(source), "%s/sources/sha256/%s", test_path("cache"), c.sha256);
	snprintf(derived, sizeof(derived), "%s/derived/debindex-1/%s", test_path("cache"),
		 c.sha256);
	for (int i = 0; i < 3; i++) {
		EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL;

		CHECK_OK(cached_index(&c, &x, &e), e);
		check_sample(x);
		if (i == 0)
			damage(derived, 90);
	}
	/* The derived file alone answers now. */
	CHECK_INT(remove(source), 0);
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL;
	CHECK_OK(cached_index(&c, &x, &e), e);
	CHECK_INT(remove(derived), 0);
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *y = NULL;
	CHECK_FAIL(cached_index(&c, &y, &e), EB_E_NOT_FOUND, "demo", e);
}

TEST(deb, data_streams_members_to_the_verified_end)
{
	EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
	EB_CLEANUP(end_p) struct cached c;
	autoerror struct eb_error *e = NULL;
	struct oci_tar_entry m;
	uint32_t number = 99;
	char text[64];
	int r;

	start(&c);
	CHECK_OK(cached_data(&c, &d, &e), e);
	for (uint32_t i = 0; i < 4; i++) {
		CHECK_INT(pkg_data_next(d, &m, &number, &e), 1);
		CHECK_INT(number, i);
	}
	CHECK_STR(m.path, "usr/bin/ping");
	CHECK_INT(pkg_data_read(d, text, sizeof(text), &e), 5);
	CHECK(memcmp(text, "hello", 5) == 0);
	CHECK_INT(pkg_data_read(d, text, sizeof(text), &e), 0);
	while ((r = pkg_data_next(d, &m, &number, &e)) > 0)
		;
	CHECK_OK(r, e);
	CHECK_INT(number, 6);
	CHECK_OK(pkg_data_drain(d, &e), e);
}

TEST(deb, data_of_a_damaged_file_is_a_digest_mismatch)
{
	autoerror struct eb_error *e = NULL;

	/* In the ar header, the control part, the compressed data, the last byte. */
	for (int i = 0; i < 4; i++) {
		EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
		EB_CLEANUP(end_p) struct cached c;
		struct oci_tar_entry m;
		uint32_t number;
		char path[512];
		int r;

		start(&c);
		snprintf(path, sizeof(path), "%s/sources/sha256/%s", test_path("cache"), c.sha256);
		damage(path, i == 0   ? 9
			     : i == 1 ? 200
			     : i == 2 ? (long)c.deb.len - PAD - 300
				      : (long)c.deb.len - 2);
		r = cached_data(&c, &d, &e);
		while (r >= 0 && (r = pkg_data_next(d, &m, &number, &e)) > 0)
			;
		CHECK_FAIL(r, EB_E_DIGEST, "demo", e);
	}
}

TEST(deb, data_drain_checks_the_hash)
{
	EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
	EB_CLEANUP(end_p) struct cached c;
	autoerror struct eb_error *e = NULL;
	char path[512];

	start(&c);
	snprintf(path, sizeof(path), "%s/sources/sha256/%s", test_path("cache"), c.sha256);
	damage(path, (long)c.deb.len - 2);
	CHECK_OK(cached_data(&c, &d, &e), e);
	CHECK_FAIL(pkg_data_drain(d, &e), EB_E_DIGEST, "demo", e);
}
