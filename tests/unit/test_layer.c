#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <zstd.h>

#include "base/codec.h"
#include "base/pool.h"
#include "base/stream.h"
#include "image/cut.h"
#include "image/layer.h"
#include "image/mediatype.h"
#include "testlib.h"

/* A made-up tree: member i has a path and a size that follow from `seed` and i. */
struct plan {
	size_t n;
	struct oci_tar_entry *entries;
	char (*paths)[64];
	bool *cut;
};

static uint64_t scramble(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static void plan_release(struct plan *p)
{
	free(p->entries);
	free(p->paths);
	free(p->cut);
}
EB_DEFINE_RELEASE(struct plan, plan_release)

static void plan_cuts(struct plan *p)
{
	autofree struct oci_cut_item *items = eb_xcalloc(p->n, sizeof(*items));

	for (size_t i = 0; i < p->n; i++)
		items[i] = (struct oci_cut_item){ p->entries[i].path,
						  oci_tar_member_size(&p->entries[i]) };
	oci_cut_plan(items, p->n, p->cut);
}

/* n members of up to 128 KiB; the one at `huge` (if < n) gets huge_bytes. */
static void plan_make(struct plan *p, size_t n, size_t huge, uint64_t huge_bytes)
{
	p->n = n;
	p->entries = eb_xcalloc(n, sizeof(*p->entries));
	p->paths = eb_xcalloc(n, sizeof(*p->paths));
	p->cut = eb_xcalloc(n, sizeof(*p->cut));
	for (size_t i = 0; i < n; i++) {
		uint64_t r = scramble(i + 1);

		snprintf(p->paths[i], sizeof(p->paths[i]), "dir/%05zu", i);
		p->entries[i] = (struct oci_tar_entry){ .path = p->paths[i], .mode = 0644 };
		switch (i == huge ? 9 : r % 10) {
		case 0:
			p->entries[i].type = '5';
			p->entries[i].mode = 0755;
			break;
		case 1:
			p->entries[i].type = '2';
			p->entries[i].link = "target";
			break;
		default:
			p->entries[i].type = '0';
			p->entries[i].size = i == huge ? huge_bytes : (r >> 8) % 131072;
		}
	}
	plan_cuts(p);
}

/* Data of the file at `path`: depends on the path and the offset only, half of it compressible. */
static void content(const char *path, uint64_t offset, uint8_t *p, size_t n)
{
	uint64_t h = 0;

	for (const char *s = path; *s; s++)
		h = scramble(h + (uint8_t)*s);
	for (size_t i = 0; i < n; i++, offset++)
		p[i] = offset % 16 < 8 ? (uint8_t)('a' + offset % 7)
				       : (uint8_t)(scramble(h + offset / 4) >> (offset % 4 * 8));
}

static int feed(struct oci_layer *l, const struct plan *p, struct eb_error **err)
{
	static uint8_t buf[100000];

	for (size_t i = 0; i < p->n; i++) {
		const struct oci_tar_entry *e = &p->entries[i];
		int c = oci_layer_entry(l, e, p->cut[i], err);

		if (c < 0)
			return c;
		for (uint64_t done = 0; done < e->size;) {
			size_t part = e->size - done < sizeof(buf) ? (size_t)(e->size - done)
								   : sizeof(buf);

			content(e->path, done, buf, part);
			c = oci_layer_data(l, buf, part, err);
			if (c < 0)
				return c;
			done += part;
		}
	}
	return 0;
}

/* The whole plan as a layer into out, on a pool of so many threads. */
static void build(const struct plan *p, unsigned int threads, enum eb_codec_kind kind, int level,
		  struct eb_buf *out, struct oci_layer_result *ret)
{
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *pool = eb_pool_new(threads);
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *codec = NULL;
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = out ? eb_writer_buf(out) : NULL;
	EB_CLEANUP(oci_layer_free_p) struct oci_layer *l = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_codec_open_system(kind, level, &codec, &e), e);
	l = oci_layer_new(pool, codec, w);
	CHECK_OK(feed(l, p, &e), e);
	CHECK_OK(oci_layer_finish(l, ret, &e), e);
}

static void unpack(enum eb_codec_kind kind, const struct eb_buf *packed, struct eb_buf *out)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_codec_reader(kind, eb_reader_mem(packed->data, packed->len), UINT64_MAX, 0, &r,
				 &e),
		 e);
	CHECK_OK(eb_read_all(r, out, "tar", &e), e);
}

/* A tar reader that is not ours finds every member and its data. */
static void check_tar(const struct plan *p, const struct eb_buf *tar)
{
	struct archive *a = archive_read_new();
	struct archive_entry *ae;
	autofree uint8_t *got = eb_xmalloc(64 << 20), *want = eb_xmalloc(64 << 20);

	archive_read_support_format_tar(a);
	CHECK_INT(archive_read_open_memory(a, tar->data, tar->len), ARCHIVE_OK);
	for (size_t i = 0; i < p->n; i++) {
		const struct oci_tar_entry *e = &p->entries[i];

		CHECK_INT(archive_read_next_header(a, &ae), ARCHIVE_OK);
		CHECK(strncmp(archive_entry_pathname(ae), e->path, strlen(e->path)) == 0);
		CHECK_INT(archive_entry_size(ae), e->size);
		if (e->size == 0)
			continue;
		CHECK_INT(archive_read_data(a, got, e->size), e->size);
		content(e->path, 0, want, e->size);
		CHECK(memcmp(got, want, e->size) == 0);
	}
	CHECK_INT(archive_read_next_header(a, &ae), ARCHIVE_EOF);
	archive_read_free(a);
}

enum { CAP = 128 << 20 };

TEST(layer, bytes_do_not_depend_on_the_pool)
{
	const unsigned int sizes[] = { 1, 2, 7 };
	EB_CLEANUP(plan_release_p) struct plan p = { 0 };
	struct oci_layer_result r[3];
	EB_AUTOBUF(tar, CAP);
	EB_AUTOBUF(first, CAP);
	struct oci_digest d;

	plan_make(&p, 500, 250, 21 << 20);
	for (size_t i = 0; i < EB_ARRAY_LEN(sizes); i++) {
		EB_AUTOBUF(out, CAP);

		build(&p, sizes[i], EB_CODEC_ZSTD, 3, i ? &out : &first, &r[i]);
		CHECK_STR(r[i].digest.text, r[0].digest.text);
		CHECK_STR(r[i].diff_id.text, r[0].diff_id.text);
		CHECK_INT(r[i].blocks, r[0].blocks);
		if (i)
			CHECK(out.len == first.len && memcmp(out.data, first.data, out.len) == 0);
	}
	CHECK_INT(r[0].size, first.len);
	oci_digest_of(first.data, first.len, &d);
	CHECK_STR(r[0].digest.text, d.text);
	CHECK_STR(r[0].media_type, OCI_MT_LAYER_ZSTD);
	CHECK(r[0].blocks > 8);
	unpack(EB_CODEC_ZSTD, &first, &tar);
	CHECK_INT(r[0].diff_size, tar.len);
	oci_digest_of(tar.data, tar.len, &d);
	CHECK_STR(r[0].diff_id.text, d.text);
	check_tar(&p, &tar);
}

TEST(layer, codecs_give_one_diff_id)
{
	static const enum eb_codec_kind kinds[] = { EB_CODEC_NONE, EB_CODEC_GZIP, EB_CODEC_ZSTD };
	static const char *const types[] = { OCI_MT_LAYER_TAR, OCI_MT_LAYER_GZIP,
					     OCI_MT_LAYER_ZSTD };
	EB_CLEANUP(plan_release_p) struct plan p = { 0 };
	struct oci_layer_result r[3], measured;

	plan_make(&p, 200, SIZE_MAX, 0);
	for (size_t i = 0; i < EB_ARRAY_LEN(kinds); i++) {
		EB_AUTOBUF(out, CAP);
		EB_AUTOBUF(tar, CAP);

		build(&p, 2, kinds[i], 1, &out, &r[i]);
		CHECK_STR(r[i].diff_id.text, r[0].diff_id.text);
		CHECK_STR(r[i].media_type, types[i]);
		unpack(kinds[i], &out, &tar);
		check_tar(&p, &tar);
	}
	CHECK_STR(r[0].digest.text, r[0].diff_id.text);
	build(&p, 2, EB_CODEC_ZSTD, 1, NULL, &measured);
	CHECK_STR(measured.digest.text, r[2].digest.text);
	CHECK_INT(measured.size, r[2].size);
}

TEST(layer, without_members_is_one_block)
{
	struct plan none = { 0 };
	struct oci_layer_result r;
	EB_AUTOBUF(out, CAP);
	EB_AUTOBUF(tar, CAP);

	build(&none, 2, EB_CODEC_ZSTD, 3, &out, &r);
	CHECK_INT(r.blocks, 1);
	CHECK_INT(r.diff_size, 1024);
	unpack(EB_CODEC_ZSTD, &out, &tar);
	check_tar(&none, &tar);
}

/* ---- blocks ---- */

struct frames {
	uint64_t print[256], plain[256];
	size_t n;
};

static void frames_of(const struct eb_buf *packed, struct frames *f)
{
	f->n = 0;
	for (size_t at = 0; at < packed->len;) {
		const char *p = packed->data + at;
		size_t size = ZSTD_findFrameCompressedSize(p, packed->len - at);
		uint8_t hash[EB_SHA256_BYTES];

		CHECK(!ZSTD_isError(size));
		CHECK(f->n < EB_ARRAY_LEN(f->print));
		eb_sha256(p, size, hash);
		memcpy(&f->print[f->n], hash, 8);
		f->plain[f->n++] = ZSTD_getFrameContentSize(p, size);
		at += size;
	}
}

static size_t new_frames(const struct frames *before, const struct frames *now)
{
	size_t count = 0, j;

	for (size_t i = 0; i < now->n; i++) {
		for (j = 0; j < before->n && before->print[j] != now->print[i]; j++)
			;
		count += j == before->n;
	}
	return count;
}

TEST(layer, one_inserted_member_changes_at_most_two_other_blocks)
{
	EB_CLEANUP(plan_release_p) struct plan p = { 0 }, more = { 0 };
	static struct frames before, now;
	struct oci_layer_result r;
	size_t total = 0;

	plan_make(&p, 400, SIZE_MAX, 0);
	for (size_t at = 20; at < 400; at += 90) {
		EB_AUTOBUF(out, CAP);
		EB_AUTOBUF(out2, CAP);

		build(&p, 2, EB_CODEC_ZSTD, 1, &out, &r);
		frames_of(&out, &before);
		plan_release(&more);
		plan_make(&more, 401, SIZE_MAX, 0);
		memcpy(more.entries, p.entries, at * sizeof(*p.entries));
		memcpy(more.entries + at + 1, p.entries + at, (400 - at) * sizeof(*p.entries));
		more.entries[at] = (struct oci_tar_entry){
			.path = "dir/inserted", .type = '0', .mode = 0644, .size = 12345
		};
		plan_cuts(&more);
		build(&more, 2, EB_CODEC_ZSTD, 1, &out2, &r);
		frames_of(&out2, &now);
		CHECK(now.n >= 5);
		CHECK(new_frames(&before, &now) >= 1);
		CHECK(new_frames(&before, &now) <= 3);
		total += new_frames(&before, &now);
	}
	CHECK(total <= 7); /* mostly its own alone */
}

TEST(layer, huge_members_stand_in_blocks_of_their_own)
{
	EB_CLEANUP(plan_release_p) struct plan p = { 0 };
	static struct frames f;
	struct oci_layer_result r;
	uint64_t sum = 0, start, size;
	EB_AUTOBUF(out, CAP);
	bool begins = false, ends = false;

	plan_make(&p, 60, 30, 20 << 20);
	for (size_t i = 0; i < p.n; i++)
		p.cut[i] = false; /* the layer sees to it by itself */
	build(&p, 2, EB_CODEC_ZSTD, 1, &out, &r);
	start = 0;
	for (size_t i = 0; i < 30; i++)
		start += oci_tar_member_size(&p.entries[i]);
	size = oci_tar_member_size(&p.entries[30]);
	frames_of(&out, &f);
	CHECK_INT(f.n, r.blocks);
	for (size_t i = 0; i < f.n; i++) {
		begins |= sum == start;
		sum += f.plain[i];
		ends |= sum == start + size;
		CHECK(f.plain[i] > 0);
		CHECK(f.plain[i] <= OCI_BLOCK_MAX);
	}
	CHECK(begins && ends);
	CHECK_INT(sum, r.diff_size);
}

TEST(layer, blocks_stay_small_without_a_plan)
{
	EB_CLEANUP(plan_release_p) struct plan p = { 0 };
	static struct frames f;
	struct oci_layer_result r;
	EB_AUTOBUF(out, CAP);

	plan_make(&p, 400, SIZE_MAX, 0);
	memset(p.cut, 0, 400 * sizeof(*p.cut));
	build(&p, 2, EB_CODEC_ZSTD, 1, &out, &r);
	frames_of(&out, &f);
	CHECK(f.n >= 3);
	for (size_t i = 0; i < f.n; i++)
		CHECK(f.plain[i] <= OCI_BLOCK_MAX + OCI_TAR_END_BYTES);
}

/* ---- failures ---- */

TEST(layer, wrong_amount_of_data_is_refused)
{
	static const struct oci_tar_entry file = { .path = "a", .type = '0', .size = 1000 },
					  dir = { .path = "d", .type = '5', .size = 77 };
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *pool = eb_pool_new(2);
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *codec = NULL;
	autoerror struct eb_error *e = NULL;
	struct oci_layer_result r;
	char data[2000] = "";

	CHECK_OK(eb_codec_open_system(EB_CODEC_ZSTD, 1, &codec, &e), e);
	for (int how = 0; how < 4; how++) {
		EB_CLEANUP(oci_layer_free_p)
		struct oci_layer *l = oci_layer_new(pool, codec, NULL);

		CHECK_OK(oci_layer_entry(l, how == 3 ? &dir : &file, true, &e), e);
		if (how == 0)
			CHECK_FAIL(oci_layer_data(l, data, 1001, &e), EB_E_FORMAT,
				   "'a': 1 bytes more than its announced size", e);
		if (how == 3)
			CHECK_FAIL(oci_layer_data(l, data, 77, &e), EB_E_FORMAT,
				   "'d': 77 bytes more", e);
		if (how == 1 || how == 2)
			CHECK_OK(oci_layer_data(l, data, 990, &e), e);
		if (how == 1)
			CHECK_FAIL(oci_layer_entry(l, &file, true, &e), EB_E_FORMAT,
				   "'a': 10 bytes of its data are missing", e);
		if (how == 2)
			CHECK_FAIL(oci_layer_finish(l, &r, &e), EB_E_FORMAT,
				   "'a': 10 bytes of its data are missing", e);
		CHECK_FAIL(oci_layer_finish(l, &r, &e), EB_E_FORMAT, "failed before", e);
		CHECK_FAIL(oci_layer_data(l, data, 1, &e), EB_E_FORMAT, "failed before", e);
	}
}

TEST(layer, nothing_comes_after_the_end)
{
	static const struct oci_tar_entry dir = { .path = "d", .type = '5' };
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *pool = eb_pool_new(1);
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *codec = NULL;
	EB_CLEANUP(oci_layer_free_p) struct oci_layer *l = NULL;
	autoerror struct eb_error *e = NULL;
	struct oci_layer_result r;

	CHECK_OK(eb_codec_open_system(EB_CODEC_NONE, 0, &codec, &e), e);
	l = oci_layer_new(pool, codec, NULL);
	CHECK_OK(oci_layer_finish(l, &r, &e), e);
	CHECK_INT(oci_layer_entry(l, &dir, true, NULL), -EB_E_USAGE);
	CHECK_INT(oci_layer_finish(l, &r, NULL), -EB_E_USAGE);
}

/* Fails once so many bytes have come, and counts how often it is asked after that. */
struct full_disk {
	struct eb_writer base;
	size_t room;
	int refused;
};

static int full_write(struct eb_writer *base, const void *p, size_t n, struct eb_error **err)
{
	struct full_disk *w = (struct full_disk *)base;

	(void)p;
	if (n > w->room) {
		w->refused++;
		return eb_throw(err, ENOSPC, "write bundle: no space left");
	}
	w->room -= n;
	return 0;
}

TEST(layer, failure_of_out_is_reported_once)
{
	static const struct eb_writer_ops ops = { full_write, NULL, NULL };
	const unsigned int sizes[] = { 1, 2, 7 };
	EB_CLEANUP(plan_release_p) struct plan p = { 0 };

	plan_make(&p, 400, SIZE_MAX, 0);
	for (size_t i = 0; i < EB_ARRAY_LEN(sizes); i++) {
		EB_CLEANUP(eb_pool_free_p) struct eb_pool *pool = eb_pool_new(sizes[i]);
		EB_CLEANUP(eb_codec_free_p) struct eb_codec *codec = NULL;
		EB_CLEANUP(oci_layer_free_p) struct oci_layer *l = NULL;
		struct full_disk w = { { &ops }, 3 << 20, 0 };
		autoerror struct eb_error *e = NULL;
		struct oci_layer_result r;
		int c;

		CHECK_OK(eb_codec_open_system(EB_CODEC_ZSTD, 1, &codec, &e), e);
		l = oci_layer_new(pool, codec, &w.base);
		c = feed(l, &p, &e);
		if (c == 0)
			c = oci_layer_finish(l, &r, &e);
		CHECK_FAIL(c, ENOSPC, "no space left", e);
		CHECK_FAIL(oci_layer_finish(l, &r, &e), ENOSPC, "failed before", e);
		l = oci_layer_free(l);
		CHECK_INT(w.refused, 1);
	}
}
