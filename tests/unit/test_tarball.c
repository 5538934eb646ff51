#include "pkg/tarball.h"

#include <sys/stat.h>

#include "base/hash.h"
#include "base/stream.h"
#include "mkdeb.h"
#include "pkg/cache.h"
#include "pkg/input.h"
#include "pkg/zip_write.h"
#include "tar_build.h"
#include "testlib.h"

enum { ROOM = 4 << 20 };

struct fixture {
	struct pkg_cache cache;
	char sha256[EB_SHA256_HEX + 1];
	struct pkg_input in;
};

static void end(struct fixture *f)
{
	pkg_cache_release(&f->cache);
}
EB_DEFINE_RELEASE(struct fixture, end)

/* Put an archive into a cache. */
static void start(struct fixture *f, const struct eb_buf *b)
{
	autoerror struct eb_error *e = NULL;

	f->cache = (struct pkg_cache){ .dir = { .fd = -1 } };
	CHECK_OK(pkg_cache_open(test_path("cache"), &f->cache, &e), e);
	CHECK_OK(pkg_cache_store_text(&f->cache, b->data, b->len, f->sha256, &e), e);
	f->in = (struct pkg_input){ .kind = PKG_INPUT_ARCHIVE,
				    .what = "archive 'demo'",
				    .sha256 = f->sha256,
				    .size = b->len };
}

static void sample_tar(struct eb_buf *b)
{
	mkdeb_tar_dir(b, "top");
	mkdeb_tar_file(b, "top/one", "first");
	mkdeb_tar_link(b, '2', "top/link", "one");
	mkdeb_tar_file(b, "top/two", "second");
	mkdeb_tar_end(b);
}

/* The content of one member, read from the stream. */
static char *content(struct fixture *f, const char *path)
{
	EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
	autoerror struct eb_error *e = NULL;
	struct oci_tar_entry m;
	uint32_t member;
	char *found = NULL;
	int r;

	CHECK_OK(pkg_data_open(&f->cache, &f->in, &d, &e), e);
	while ((r = pkg_data_next(d, &m, &member, &e)) > 0) {
		char text[64] = "";

		if (strcmp(m.path, path) != 0)
			continue;
		CHECK(pkg_data_read(d, text, sizeof(text) - 1, &e) >= 0);
		free(found);
		found = eb_xstrdup(text);
	}
	CHECK_OK(r, e);
	return found;
}

TEST(tarball, every_compression_is_read)
{
	static const char *const how[] = { "", "gz", "xz", "zst", "bz2" };

	for (size_t i = 0; i < EB_ARRAY_LEN(how); i++) {
		EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
		EB_CLEANUP(end_p) struct fixture f;
		autoerror struct eb_error *e = NULL;
		autofree char *text = NULL;
		EB_AUTOBUF(b, ROOM);

		sample_tar(&b);
		if (*how[i])
			mkdeb_compress(&b, how[i]);
		start(&f, &b);
		CHECK_OK(pkg_input_index(&f.cache, &f.in, &x, &e), e);
		CHECK_INT(x->n_entries, 4);
		CHECK_STR(x->entries[2].link, "one");
		text = content(&f, "top/two");
		CHECK_STR(text, "second");
	}
}

TEST(tarball, zip_is_read_whatever_it_is_called)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL, *again = NULL;
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;
	struct pkg_zip_writer w;
	autofree char *text = NULL;
	EB_AUTOBUF(b, ROOM);

	pkg_zip_writer_init(&w, &b);
	pkg_zip_writer_add(&w, "a", "alpha", 5);
	pkg_zip_writer_add(&w, "d/b", "beta", 4);
	pkg_zip_writer_end(&w);
	start(&f, &b);
	CHECK_OK(pkg_input_index(&f.cache, &f.in, &x, &e), e);
	CHECK_INT(x->n_entries, 2);
	CHECK_INT(x->entries[1].mode, 0644);
	text = content(&f, "d/b");
	CHECK_STR(text, "beta");
	/* From the derived file, too. */
	CHECK_OK(pkg_input_index(&f.cache, &f.in, &again, &e), e);
	CHECK_STR(again->entries[1].path, "d/b");
}

/* Same name, same size, other bytes: in a tar, at its end, in a zip. */
TEST(tarball, other_bytes_are_a_digest_mismatch)
{
	for (int how = 0; how < 3; how++) {
		EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
		EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
		EB_CLEANUP(end_p) struct fixture f;
		autoerror struct eb_error *e = NULL;
		struct pkg_zip_writer w;
		struct oci_tar_entry m;
		uint32_t member;
		char path[512];
		EB_AUTOBUF(b, ROOM);
		int r;

		if (how == 2) {
			pkg_zip_writer_init(&w, &b);
			pkg_zip_writer_add(&w, "a", "alpha", 5);
			pkg_zip_writer_end(&w);
		} else {
			sample_tar(&b);
		}
		start(&f, &b);
		snprintf(path, sizeof(path), "%s/sources/sha256/%s", test_path("cache"), f.sha256);
		b.data[how == 0 ? 513 : how == 1 ? b.len - 1 : 32] ^= 1;
		CHECK_INT(remove(path), 0);
		CHECK_OK(eb_file_write(path, b.data, b.len, 0444, &e), e);
		r = pkg_data_open(&f.cache, &f.in, &d, &e);
		while (r >= 0 && (r = pkg_data_next(d, &m, &member, &e)) > 0)
			;
		CHECK_FAIL(r, EB_E_DIGEST, "archive 'demo'", e);
		/* Found damaged, it was moved away. */
		CHECK_FAIL(pkg_input_index(&f.cache, &f.in, &x, &e), EB_E_NOT_FOUND,
			   "archive 'demo'", e);
	}
}

static void check_tar_refused(const struct eb_buf *b, int code, const char *part)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(pkg_tar_index_read(eb_reader_mem(b->data, b->len), "archive 'demo'",
				      &pkg_archive_default_limits, &x, &e),
		   code, part, e);
}

TEST(tarball, hostile_tars_are_refused)
{
	static const struct {
		const char *name;
		char type;
		const char *link;
		int code;
		const char *part;
	} bad[] = {
		{ "../x", '0', "", EB_E_FORMAT, "has a '..' component" },
		{ "a/../../x", '0', "", EB_E_FORMAT, "has a '..' component" },
		{ "/etc/passwd", '0', "", EB_E_FORMAT, "is absolute" },
		{ "x", '1', "../../etc/passwd", EB_E_FORMAT, "has a '..' component" },
		{ "x", '1', "/etc/passwd", EB_E_FORMAT, "is absolute" },
		{ "null", '3', "", EB_E_UNSUPPORTED, "a device node" },
		{ "disk", '4', "", EB_E_UNSUPPORTED, "a device node" },
		{ "pipe", '6', "", EB_E_UNSUPPORTED, "member of type '6'" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		EB_AUTOBUF(b, ROOM);

		tb_header(&b, bad[i].name, bad[i].type, bad[i].link, 0);
		tb_end(&b);
		check_tar_refused(&b, bad[i].code, bad[i].part);
		check_tar_refused(&b, bad[i].code, "archive 'demo': ");
	}
}

TEST(tarball, what_is_no_archive_is_refused)
{
	EB_AUTOBUF(b, ROOM);

	eb_buf_adds(&b, "<!doctype html><title>Sign in</title>");
	for (int i = 0; i < 100; i++)
		eb_buf_adds(&b, "<p>Please sign in to go on to the file.</p>");
	check_tar_refused(&b, EB_E_FORMAT, "archive 'demo': ");
}

TEST(tarball, bomb_is_stopped_by_the_ratio)
{
	autofree char *zeros = eb_xcalloc(1, 64 << 20);
	struct oci_tar_entry m = { .path = "bomb", .type = '0', .mode = 0644, .size = 64 << 20 };
	EB_AUTOBUF(b, 70 << 20);

	mkdeb_tar_add(&b, &m, zeros);
	mkdeb_tar_end(&b);
	mkdeb_compress(&b, "zst");
	CHECK(b.len < 64 << 10);
	check_tar_refused(&b, EB_E_LIMIT, "more than 1000 times as many");
}

TEST(tarball, limits_hold)
{
	struct pkg_archive_limits lim = pkg_archive_default_limits;
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, ROOM);

	sample_tar(&b);
	lim.entries = 3;
	CHECK_FAIL(pkg_tar_index_read(eb_reader_mem(b.data, b.len), "d", &lim, &x, &e), EB_E_LIMIT,
		   "more than 3 members", e);
	lim = pkg_archive_default_limits;
	lim.data_bytes = 10;
	CHECK_FAIL(pkg_tar_index_read(eb_reader_mem(b.data, b.len), "d", &lim, &x, &e), EB_E_LIMIT,
		   "total_bytes", e);
	lim = pkg_archive_default_limits;
	lim.index_bytes = 20;
	CHECK_FAIL(pkg_tar_index_read(eb_reader_mem(b.data, b.len), "d", &lim, &x, &e), EB_E_LIMIT,
		   "index_bytes", e);
}
