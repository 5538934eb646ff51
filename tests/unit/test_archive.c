#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/stream.h"
#include "image/archive.h"
#include "image/mediatype.h"
#include "tar_build.h"
#include "testlib.h"

#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

/* A layout of one image with one layer "layer" and config "{}", its documents as text. */
struct sample {
	struct oci_descriptor config, layer, manifest;
	char *manifest_text, *index_text;
};

static void sample_release(struct sample *s)
{
	oci_descriptor_release(&s->config);
	oci_descriptor_release(&s->layer);
	oci_descriptor_release(&s->manifest);
	free(s->manifest_text);
	free(s->index_text);
}

static void sample_init(struct sample *s)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest index = { .n_items = 0 };
	size_t n = 0;

	oci_descriptor_of(OCI_MT_CONFIG, "{}", 2, &s->config);
	oci_descriptor_of(OCI_MT_LAYER_TAR, "layer", 5, &s->layer);
	oci_manifest_init(&m, false);
	oci_descriptor_copy(&s->config, &m.config);
	oci_manifest_add(&m, &s->layer);
	s->manifest_text = oci_manifest_write(&m, &n);
	oci_descriptor_of(OCI_MT_MANIFEST, s->manifest_text, n, &s->manifest);
	oci_manifest_init(&index, true);
	oci_manifest_add(&index, &s->manifest);
	s->index_text = oci_manifest_write(&index, NULL);
}

#define SAMPLE(name)                                                                               \
	__attribute__((cleanup(sample_release))) struct sample name;                               \
	sample_init(&name)

static void add_blob(struct eb_buf *b, const struct oci_descriptor *d, const char *text)
{
	char path[160];

	oci_digest_blob_path(&d->digest, path);
	tb_file(b, path, text);
}

static void sample_tar(const struct sample *s, struct eb_buf *b)
{
	EB_AUTOBUF(padded, 65536);

	eb_buf_addf(&padded, "%s%*s\n", s->index_text, 100, "");
	tb_file(b, "oci-layout", LAYOUT);
	tb_file(b, "index.json", eb_buf_str(&padded));
	tb_file(b, "ess-bundle", "tool");
	add_blob(b, &s->manifest, s->manifest_text);
	add_blob(b, &s->config, "{}");
	add_blob(b, &s->layer, "layer");
}

static int open_bytes(const struct eb_buf *b, struct oci_archive **ret, struct eb_error **err)
{
	const char *path = test_path("a.tar");
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	CHECK_INT(write(fd, b->data, b->len), b->len);
	close(fd);
	return oci_archive_open(path, ret, err);
}

/* The archive opens, and everything in it is what the sample says. */
static void check_sample(const struct oci_archive *a, const struct sample *s)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
	autoerror struct eb_error *e = NULL;
	autofree char *text = NULL;
	size_t n = 0;

	CHECK_INT(oci_archive_index(a)->n_items, 1);
	CHECK_OK(oci_archive_manifest(a, &oci_archive_index(a)->items[0], &m, &e), e);
	CHECK(oci_digest_eq(&m.items[0].digest, &s->layer.digest));
	CHECK_OK(oci_archive_blob_text(a, &s->layer, 5, &text, &n, &e), e);
	CHECK_STR(text, "layer");
	CHECK_INT(n, 5);
	CHECK_FAIL(oci_archive_blob_text(a, &s->layer, 4, &text, &n, &e), EB_E_LIMIT,
		   "of 5 bytes is larger than 4", e);
}

TEST(archive, open_tar_finds_members_by_offset)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	const struct oci_member *m;
	EB_AUTOBUF(b, 1 << 20);
	SAMPLE(s);

	sample_tar(&s, &b);
	tb_end(&b);
	CHECK_OK(open_bytes(&b, &a, &e), e);
	check_sample(a, &s);
	CHECK_INT(oci_archive_count(a), 6);
	CHECK_STR(oci_archive_member(a, 2)->name, "ess-bundle");
	m = oci_archive_find(a, "index.json");
	CHECK_INT(m->header_offset, 1024);
	CHECK_INT(m->offset, 1536);
	CHECK_INT(m->size, strlen(s.index_text) + 101);
	CHECK(!oci_archive_find(a, "index.jso") && !oci_archive_find(a, "z"));
	CHECK_INT(oci_archive_end_offset(a), b.len);
	CHECK_INT(oci_archive_file_size(a), b.len);
	CHECK(!oci_archive_is_dir(a) && oci_archive_fd(a) >= 0);
	CHECK_STR(oci_archive_path(a), test_path("a.tar"));
}

TEST(archive, open_tolerates_what_tar_programs_add)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);
	char path[160];
	SAMPLE(s);

	tb_extended(&b, 'g', "13 comment=x\n");
	tb_header(&b, "./", '5', "", 0);
	tb_file(&b, "./oci-layout", LAYOUT);
	tb_extended(&b, 'x', "19 path=index.json\n30 mtime=1700000000.123456789\n");
	tb_file(&b, "cut-nam", s.index_text);
	tb_header(&b, "./blobs/", '5', "", 0);
	tb_header(&b, "./blobs/sha256/", '5', "", 0);
	oci_digest_blob_path(&s.manifest.digest, path);
	tb_extended(&b, 'L', path);
	tb_file(&b, "blobs/sha256/cut", s.manifest_text);
	add_blob(&b, &s.config, "{}");
	oci_digest_blob_path(&s.layer.digest, path);
	tb_extended(&b, 'x', "10 size=5\n");
	tb_header(&b, path, '0', "", 0);
	tb_data(&b, "layer", 5);
	tb_end(&b);
	tb_zeros(&b, 8192);
	CHECK_OK(open_bytes(&b, &a, &e), e);
	check_sample(a, &s);
	CHECK_INT(oci_archive_count(a), 5);
	CHECK_INT(oci_archive_end_offset(a), b.len - 8192);
	/* The member begins with its first extended header. */
	CHECK_INT(oci_archive_find(a, "index.json")->offset -
			  oci_archive_find(a, "index.json")->header_offset,
		  512 * 3);
}

TEST(archive, blob_missing_wrong_size_or_altered)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor other = { .size = 0 };
	autoerror struct eb_error *e = NULL;
	struct eb_reader *r = NULL;
	autofree char *text = NULL;
	EB_AUTOBUF(b, 1 << 20);
	size_t n;
	SAMPLE(s);

	sample_tar(&s, &b);
	b.data[b.len - 512] = 'L';
	tb_end(&b);
	CHECK_OK(open_bytes(&b, &a, &e), e);
	CHECK_INT(oci_archive_blob_text(a, &s.layer, 5, &text, &n, &e), -EB_E_DIGEST);
	CHECK_HAS(e->message, "a.tar': member 'blobs/sha256/");
	eb_error_clear(&e);
	s.layer.size = 6;
	CHECK_FAIL(oci_archive_blob(a, &s.layer, &r, &e), EB_E_DIGEST, "has 5 bytes, expected 6",
		   e);
	oci_descriptor_of("a/b", "other", 5, &other);
	CHECK_FAIL(oci_archive_blob(a, &other, &r, &e), EB_E_NOT_FOUND, "is not in it", e);
	CHECK(!r && !text);
}

TEST(archive, manifest_of_another_kind_is_refused)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	struct oci_manifest m;
	EB_AUTOBUF(b, 1 << 20);
	SAMPLE(s);

	sample_tar(&s, &b);
	tb_end(&b);
	CHECK_OK(open_bytes(&b, &a, &e), e);
	free(s.manifest.media_type);
	s.manifest.media_type = eb_xstrdup(OCI_MT_INDEX);
	CHECK_FAIL(oci_archive_manifest(a, &s.manifest, &m, &e), EB_E_FORMAT,
		   "is described as 'application/vnd.oci.image.index.v1+json' and is an image "
		   "manifest",
		   e);
	CHECK_FAIL(oci_archive_manifest(a, &s.layer, &m, &e), EB_E_UNSUPPORTED, "is neither", e);
}

TEST(archive, open_every_truncation_fails)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);
	SAMPLE(s);

	sample_tar(&s, &b);
	tb_end(&b);
	for (size_t n = b.len - 1; n > 0; n -= n > 77 ? 77 : n) {
		b.len = n;
		CHECK_INT(open_bytes(&b, &a, &e), -EB_E_FORMAT);
		eb_error_clear(&e);
	}
	b.len = 0;
	CHECK_FAIL(open_bytes(&b, &a, &e), EB_E_FORMAT, "file ends at 0 without the end-of", e);
}

TEST(archive, open_flipped_header_bit_fails)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);
	SAMPLE(s);

	sample_tar(&s, &b);
	tb_end(&b);
	for (size_t i = 1024; i < 1536; i += 3) {
		b.data[i] ^= 2;
		if (i < 1024 + 154 || i >= 1024 + 156)
			CHECK_FAIL(open_bytes(&b, &a, &e), EB_E_FORMAT,
				   "tar header at offset 1024, after member 'oci-layout'", e);
		b.data[i] ^= 2;
	}
}

TEST(archive, open_damage_is_named)
{
	static const struct {
		const char *name;
		char type;
		const char *extended;
		uint64_t size;
		int code;
		const char *message;
	} rows[] = {
		{ "big", '0', NULL, 1 << 20, EB_E_FORMAT,
		  "member 'big': its 1048576 bytes go past the end of the file" },
		{ "big", '0', "28 size=9223372036854775807\n", 0, EB_E_FORMAT, "go past the end" },
		{ "big", '0', "28 size=9223372036854775808\n", 0, EB_E_LIMIT, "is larger than" },
		{ "twice", '0', "10 size=1\n10 size=0\n", 0, EB_E_FORMAT, "in two pax records" },
		{ "twice", '0', "9 path=a\n9 path=b\n", 0, EB_E_FORMAT, "two extended headers" },
		{ "x", '0', "16 GNU.sparse.a\n", 0, EB_E_FORMAT, "record without key" },
		{ "x", '0', "22 GNU.sparse.major=1\n", 0, EB_E_UNSUPPORTED, "is a sparse file" },
		{ "oci-layout", '0', NULL, 0, EB_E_FORMAT,
		  "member 'oci-layout' is there twice, at offsets 0 and" },
		{ "./oci-layout", '0', NULL, 0, EB_E_FORMAT, "'oci-layout' is there twice" },
		{ "../x", '0', NULL, 0, EB_E_FORMAT,
		  "member '../x': its name is not a path inside" },
		{ "/x", '0', NULL, 0, EB_E_FORMAT, "not a path inside" },
		{ "a//b", '0', NULL, 0, EB_E_FORMAT, "not a path inside" },
		{ "", '0', NULL, 0, EB_E_FORMAT, "not a path inside" },
		{ "link", '2', NULL, 0, EB_E_UNSUPPORTED,
		  "is neither a file nor a directory (type '2')" },
		{ "hard", '1', NULL, 0, EB_E_UNSUPPORTED, "(type '1')" },
		{ "dir", '5', NULL, 512, EB_E_FORMAT, "is a directory with data" },
	};
	SAMPLE(s);

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(b, 1 << 20);

		sample_tar(&s, &b);
		if (rows[i].extended)
			tb_extended(&b, 'x', rows[i].extended);
		tb_header(&b, rows[i].name, rows[i].type, "", rows[i].size);
		tb_end(&b);
		CHECK_FAIL(open_bytes(&b, &a, &e), rows[i].code, rows[i].message, e);
	}
}

TEST(archive, open_bad_ends_fail)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);
	size_t whole;
	SAMPLE(s);

	sample_tar(&s, &b);
	whole = b.len;
	CHECK_FAIL(open_bytes(&b, &a, &e), EB_E_FORMAT, "without the end-of-archive blocks", e);
	tb_zeros(&b, 512);
	CHECK_FAIL(open_bytes(&b, &a, &e), EB_E_FORMAT, "inside the end-of-archive blocks", e);
	tb_file(&b, "hidden", "x");
	tb_end(&b);
	CHECK_FAIL(open_bytes(&b, &a, &e), EB_E_FORMAT, "a header follows a single", e);
	b.len = whole;
	tb_extended(&b, 'x', "9 path=a\n");
	tb_end(&b);
	CHECK_FAIL(open_bytes(&b, &a, &e), EB_E_FORMAT, "ends after an extended header", e);
	b.len = whole;
	tb_end(&b);
	eb_buf_adds(&b, "trailing");
	CHECK_OK(open_bytes(&b, &a, &e), e);
	CHECK_INT(oci_archive_end_offset(a), whole + 1024);
	CHECK_INT(oci_archive_file_size(a), whole + 1024 + 8);
}

TEST(archive, open_huge_extended_header_is_limit)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);

	tb_header(&b, "x", 'x', "", 1 << 17);
	tb_zeros(&b, (1 << 17) + 4096);
	CHECK_FAIL(open_bytes(&b, &a, &e), EB_E_LIMIT, "extended header of 131072 bytes", e);
}

TEST(archive, open_missing_documents_or_wrong_version)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);

	tb_file(&b, "manifest.json", "[]");
	tb_end(&b);
	CHECK_INT(open_bytes(&b, &a, &e), -EB_E_FORMAT);
	CHECK_HAS(e->message, "no member 'oci-layout'");
	CHECK_HAS(e->hint, "docker save");
	eb_error_clear(&e);
	eb_buf_clear(&b);
	tb_file(&b, "oci-layout", LAYOUT);
	tb_end(&b);
	CHECK_FAIL(open_bytes(&b, &a, &e), EB_E_FORMAT, "no member 'index.json'", e);
	eb_buf_clear(&b);
	tb_file(&b, "oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}");
	tb_end(&b);
	CHECK_FAIL(open_bytes(&b, &a, &e), EB_E_UNSUPPORTED,
		   "oci-layout: imageLayoutVersion: expected '1.0.0', found '2.0.0'", e);
	eb_buf_clear(&b);
	tb_file(&b, "oci-layout", LAYOUT);
	tb_file(&b, "index.json", "{\"schemaVersion\":2,\"manifests\":[{}]}");
	tb_end(&b);
	CHECK_FAIL(open_bytes(&b, &a, &e), EB_E_FORMAT, "index.json: manifests[0].mediaType", e);
}

TEST(archive, open_compressed_hints)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);

	eb_buf_adds(&b, "\x1f\x8b\x08 and so on");
	tb_zeros(&b, 1024);
	CHECK_INT(open_bytes(&b, &a, &e), -EB_E_FORMAT);
	CHECK_HAS(e->hint, "decompress it first");
}

TEST(archive, open_is_no_file)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_INT(oci_archive_open(test_path("none"), &a, &e), -2);
	eb_error_clear(&e);
	CHECK_INT(mkfifo(test_path("fifo"), 0600), 0);
	CHECK_FAIL(oci_archive_open(test_path("fifo"), &a, &e), EB_E_UNSUPPORTED, "is neither", e);
}

static void write_file(const char *name, const char *text)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(test_path("%s", name), text, strlen(text), 0600, &e), e);
}

TEST(archive, open_directory_reads_the_same)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	EB_AUTODIR(made);
	autoerror struct eb_error *e = NULL;
	autofree char *text = NULL;
	char path[160];
	size_t n;
	SAMPLE(s);

	CHECK_OK(eb_dir_open(test_path("blobs/sha256"), true, &made, &e), e);
	write_file("oci-layout", LAYOUT);
	write_file("index.json", s.index_text);
	oci_digest_blob_path(&s.manifest.digest, path);
	write_file(path, s.manifest_text);
	oci_digest_blob_path(&s.config.digest, path);
	write_file(path, "{}");
	oci_digest_blob_path(&s.layer.digest, path);
	write_file(path, "layer");
	CHECK_INT(symlink("/etc/passwd", test_path("blobs/sha256/link")), 0);
	CHECK_OK(oci_archive_open(test_dir(), &a, &e), e);
	check_sample(a, &s);
	CHECK(oci_archive_is_dir(a));
	CHECK_INT(oci_archive_fd(a), -1);
	CHECK_INT(oci_archive_count(a), 5);
	CHECK_STR(oci_archive_member(a, 3)->name, "index.json");
	write_file(path, "LAYER");
	CHECK_FAIL(oci_archive_blob_text(a, &s.layer, 5, &text, &n, &e), EB_E_DIGEST, "expected",
		   e);
	write_file(path, "longer");
	CHECK_FAIL(oci_archive_blob_text(a, &s.layer, 5, &text, &n, &e), EB_E_CONFLICT,
		   "changed while it was in use", e);
	CHECK_INT(unlink(path[0] ? test_path("%s", path) : ""), 0);
	CHECK_INT(symlink("/etc/passwd", test_path("%s", path)), 0);
	CHECK(oci_archive_blob_text(a, &s.layer, 5, &text, &n, &e) < 0);
	eb_error_clear(&e);
}
