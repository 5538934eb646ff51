#include "bundle/writer.h"

#include <errno.h>
#include <fcntl.h>

#include "base/stream.h"
#include "image/archive.h"
#include "image/mediatype.h"
#include "image/tar_write.h"
#include "testlib.h"

static void add(struct bnd_layout *l, enum bnd_class class, const char *text)
{
	autoerror struct eb_error *e = NULL;
	struct oci_digest d;

	oci_digest_of(text, strlen(text), &d);
	CHECK_OK(bnd_layout_add(l, class, &d, strlen(text), eb_xstrdup(text), &e), e);
}

static void set_index(struct bnd_layout *l)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;

	oci_manifest_init(&m, true);
	l->index_json = oci_manifest_write(&m, &l->index_size);
	l->index_space = bnd_index_space(l->index_size, 3);
}

TEST(writer, index_space_is_rounded_up)
{
	CHECK_INT(bnd_index_space(1, 0), 4096);
	CHECK_INT(bnd_index_space(4096, 0), 4096);
	CHECK_INT(bnd_index_space(4097, 0), 8192);
	CHECK(bnd_index_space(4000, 10) >= 4000 + 10 * 500);
}

TEST(writer, file_is_a_layout_in_its_order)
{
	EB_CLEANUP(bnd_layout_release_p) struct bnd_layout l = { .mtime_sec = 77 };
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	static const char *const texts[] = { "doc one",	 "doc two",	  "data one",
					     "data two", "signature two", "signature one" };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);
	const char *path = test_path("x.tar");
	autofd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	add(&l, BND_SIGNATURE, texts[4]);
	add(&l, BND_DATA, texts[2]);
	add(&l, BND_DOCUMENT, texts[0]);
	add(&l, BND_SIGNATURE, texts[5]);
	add(&l, BND_DATA, texts[3]);
	add(&l, BND_DOCUMENT, texts[1]);
	add(&l, BND_DATA, texts[1]); /* there already */
	l.has_tool = true;
	l.tool = eb_xstrdup("tool");
	l.tool_size = 4;
	set_index(&l);
	bnd_layout_place(&l);
	CHECK_INT(l.n, 6);
	CHECK_OK(bnd_layout_start(&l, fd, &e), e);
	CHECK_OK(oci_archive_open(path, &a, &e), e);
	CHECK_INT(oci_archive_file_size(a), l.total);
	CHECK_INT(oci_archive_end_offset(a), l.total);
	CHECK_INT(oci_archive_count(a), 9);
	CHECK_STR(oci_archive_member(a, 0)->name, "oci-layout");
	CHECK_STR(oci_archive_member(a, 1)->name, "index.json");
	CHECK_STR(oci_archive_member(a, 2)->name, "ess-bundle");
	CHECK_INT(oci_archive_member(a, 2)->offset, bnd_layout_front(&l).tool_offset);
	CHECK_OK(eb_file_read(path, &b, &e), e);
	for (size_t i = 0; i < l.n; i++) {
		const struct oci_member *m = oci_archive_find_blob(a, &l.blobs[i].digest);

		CHECK_INT(m->offset, l.blobs[i].offset);
		CHECK(memcmp(b.data + m->offset, l.blobs[i].text, m->size) == 0);
		if (i > 0)
			CHECK(l.blobs[i].offset > l.blobs[i - 1].offset);
		if (i > 0 && l.blobs[i].class == l.blobs[i - 1].class &&
		    l.blobs[i].class != BND_SIGNATURE)
			CHECK(strcmp(l.blobs[i - 1].digest.text, l.blobs[i].digest.text) < 0);
	}
	CHECK_STR(l.blobs[4].text, texts[4]);
	CHECK_STR(l.blobs[5].text, texts[5]);
}

TEST(writer, blobs_are_filled_at_their_places)
{
	EB_CLEANUP(bnd_layout_release_p) struct bnd_layout l = { .mtime_sec = 77 };
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = NULL;
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	autoerror struct eb_error *e = NULL;
	autofree char *text = NULL;
	const char *path = test_path("x.tar");
	autofd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	oci_descriptor_of(OCI_MT_LAYER_TAR, "later", 5, &d);
	CHECK_OK(bnd_layout_add(&l, BND_DATA, &d.digest, 5, NULL, &e), e);
	set_index(&l);
	bnd_layout_place(&l);
	CHECK_OK(bnd_layout_start(&l, fd, &e), e);
	w = bnd_layout_blob(bnd_layout_find(&l, &d.digest), fd);
	CHECK_OK(eb_write(w, "later", 5, &e), e);
	CHECK_FAIL(eb_write(w, "x", 1, &e), EB_E_LIMIT, "", e);
	CHECK_OK(oci_archive_open(path, &a, &e), e);
	CHECK_OK(oci_archive_blob_text(a, &d, 100, &text, NULL, &e), e);
	CHECK_STR(text, "later");
}

/* 200000 would take minutes if adding were linear. */
TEST(writer, many_blobs_are_found)
{
	EB_CLEANUP(bnd_layout_release_p) struct bnd_layout l = { .mtime_sec = 0 };
	autoerror struct eb_error *e = NULL;
	struct oci_digest d;
	char text[16];

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 200000; i++) {
			snprintf(text, sizeof(text), "%d", i);
			oci_digest_of(text, strlen(text), &d);
			CHECK_OK(bnd_layout_add(&l, BND_DATA, &d, (uint64_t)i, NULL, &e), e);
		}
	CHECK_INT(l.n, 200000);
	oci_digest_of("x", 1, &d);
	CHECK(bnd_layout_find(&l, &d) == NULL);
	CHECK_FAIL(bnd_layout_add(&l, BND_DATA, &d, 1, NULL, &e), EB_E_LIMIT, "blobs", e);
	oci_digest_of("12345", 5, &d);
	CHECK_INT(bnd_layout_find(&l, &d)->size, 12345);
	l.n = 1000; /* placing makes a header for each */
	bnd_layout_place(&l);
	oci_digest_of("123", 3, &d);
	CHECK_INT(bnd_layout_find(&l, &d)->size, 123);
}

TEST(writer, no_room_is_said_before_anything_is_written)
{
	EB_CLEANUP(bnd_layout_release_p) struct bnd_layout l = { .mtime_sec = 77 };
	autoerror struct eb_error *e = NULL;
	autofd int fd = open(test_path("x"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct oci_digest d;
	int r;

	oci_digest_of("x", 1, &d);
	CHECK_OK(bnd_layout_add(&l, BND_DATA, &d, (uint64_t)1 << 60, NULL, &e), e);
	set_index(&l);
	bnd_layout_place(&l);
	r = bnd_layout_start(&l, fd, &e);
	CHECK(r == -ENOSPC || r == -EFBIG);
	CHECK_HAS(e->message, "no room for the 11529215046068");
	CHECK_INT(lseek(fd, 0, SEEK_END), 0);
}
