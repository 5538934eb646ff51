#include "bundle/diff.h"

#include <inttypes.h>

#include "base/json.h"
#include "mkbundle.h"
#include "tar_build.h"
#include "testlib.h"

/* "a.b[0].c" in j; fails the test when it is not there. */
static const json_t *at(const json_t *j, const char *path)
{
	autofree char *copy = eb_xstrdup(path);
	char *rest = copy, *word;

	while ((word = strsep(&rest, ".["))) {
		json_t *next = word[strspn(word, "0123456789")] == ']'
				       ? json_array_get(j, strtoumax(word, NULL, 10))
				       : json_object_get(j, word);

		if (!next)
			test_fail(__FILE__, __LINE__, "no '%s' in %s", path,
				  eb_json_canonical(j, NULL));
		j = next;
	}
	return j;
}

#define CHECK_AT_STR(j, path, want) CHECK_STR(json_string_value(at(j, path)), want)
#define CHECK_AT_INT(j, path, want) CHECK_INT(json_integer_value(at(j, path)), want)
#define CHECK_AT_COUNT(j, path, want) CHECK_INT(json_array_size(at(j, path)), want)

static int diff(const char *a, const char *b, bool files, json_t **ret, bool *same,
		struct eb_error **e)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle x = { 0 }, y = { 0 };

	CHECK_OK(bnd_open(a, &x, e), *e);
	CHECK_OK(bnd_open(b, &y, e), *e);
	return bnd_diff(&x, &y, files, NULL, ret, same, e);
}

static void add(struct eb_buf *tar, const char *path, char type, uint32_t mode, uint32_t uid,
		int64_t mtime, const char *link, const void *data, size_t n)
{
	struct oci_tar_entry e = { .path = path,
				   .type = type,
				   .mode = mode,
				   .uid = uid,
				   .mtime_sec = mtime,
				   .link = link,
				   .size = n };

	tb_member(tar, &e, data);
}

TEST(diff, same_bundle_has_no_difference)
{
	autojson json_t *j = NULL;
	struct eb_error *e = NULL;
	EB_AUTOBUF(tar, 1 << 20);
	bool same = false;

	tb_file(&tar, "a", "x");
	mkb_one(&tar, test_path("a.tar"));
	CHECK_OK(diff(test_path("a.tar"), test_path("a.tar"), true, &j, &same, &e), e);
	CHECK(same);
	CHECK_AT_COUNT(j, "images.same", 1);
	CHECK_AT_COUNT(j, "images.changed", 0);
	CHECK_AT_COUNT(j, "parts", 0);
	CHECK_AT_INT(j, "new_bytes", 0);
}

/* A bundle of an image that stays, one that changes, and one that only this side has. */
static void make_side(const char *path, bool newer)
{
	EB_CLEANUP(mkb_free_p) struct mkb *m = mkb_new();
	EB_AUTOBUF(shared, 1 << 20);
	EB_AUTOBUF(own, 1 << 20);
	json_t *config = json_pack("{s:[s,s],s:s}", "Env", "PATH=/bin", newer ? "X=2" : "X=1",
				   "User", newer ? "10" : "0");

	tb_file(&shared, "base", "x");
	mkb_layer(m, &shared, "base", EB_CODEC_ZSTD);
	mkb_platform(m, "amd64", NULL);
	mkb_image(m, "ess.internal/stays:1");
	tb_file(&own, "own", newer ? "new" : "old");
	mkb_layer(m, &shared, "base", EB_CODEC_ZSTD);
	mkb_layer(m, &own, "own", EB_CODEC_ZSTD);
	mkb_package(m, "libc6", newer ? "2.42" : "2.41");
	mkb_package(m, newer ? "arrived" : "left", "1");
	mkb_platform(m, "amd64", config);
	if (newer)
		mkb_platform(m, "arm64", NULL);
	mkb_image(m, newer ? "ess.internal/app:2" : "ess.internal/app:1");
	mkb_platform(m, "amd64", NULL);
	mkb_image(m, newer ? "ess.internal/arrived:1" : "ess.internal/left:1");
	mkb_write(m, path);
}

TEST(diff, changed_image_lists_packages_layers_and_config)
{
	autojson json_t *j = NULL;
	struct eb_error *e = NULL;
	const json_t *p;
	bool same = true;

	make_side(test_path("a.tar"), false);
	make_side(test_path("b.tar"), true);
	CHECK_OK(diff(test_path("a.tar"), test_path("b.tar"), false, &j, &same, &e), e);
	CHECK(!same);
	CHECK_AT_STR(j, "images.same[0]", "ess.internal/stays:1");
	CHECK_AT_STR(j, "images.added[0].ref", "ess.internal/arrived:1");
	CHECK_AT_STR(j, "images.removed[0].ref", "ess.internal/left:1");
	CHECK_AT_COUNT(j, "images.changed", 1);
	CHECK_AT_STR(j, "images.changed[0].old.ref", "ess.internal/app:1");
	CHECK_AT_STR(j, "images.changed[0].new.ref", "ess.internal/app:2");
	CHECK_AT_STR(j, "images.changed[0].platforms[1].change", "added");
	p = at(j, "images.changed[0].platforms[0]");
	CHECK_AT_STR(p, "packages.changed[0].name", "libc6");
	CHECK_AT_STR(p, "packages.changed[0].old", "2.41");
	CHECK_AT_STR(p, "packages.changed[0].new", "2.42");
	CHECK_AT_STR(p, "packages.added[0].name", "arrived");
	CHECK_AT_STR(p, "packages.removed[0].name", "left");
	CHECK_AT_INT(p, "layers.shared", 1);
	CHECK_AT_COUNT(p, "layers.changed", 1);
	CHECK_AT_STR(p, "layers.changed[0].holds", "own");
	CHECK(json_is_true(at(p, "layers.changed[0].content")));
	CHECK_AT_COUNT(p, "layers.added", 0);
	CHECK_AT_COUNT(p, "config", 2);
	CHECK_AT_STR(p, "config[0].key", "Env X");
	CHECK_AT_STR(p, "config[0].new", "2");
	CHECK_AT_STR(p, "config[1].key", "User");
	CHECK(json_object_get(p, "files") == NULL);
	CHECK_AT_STR(j, "parts[0].title", "application/vnd.ess.bundle.definition.v1+json");
}

TEST(diff, other_compression_is_told_from_other_content)
{
	autojson json_t *j = NULL;
	struct eb_error *e = NULL;
	bool same = true;

	for (int i = 0; i < 2; i++) {
		EB_CLEANUP(mkb_free_p) struct mkb *m = mkb_new();
		EB_AUTOBUF(tar, 1 << 20);

		tb_file(&tar, "a", "x");
		mkb_layer(m, &tar, "one", i ? EB_CODEC_GZIP : EB_CODEC_ZSTD);
		mkb_platform(m, "amd64", NULL);
		mkb_image(m, "h/x:1");
		mkb_write(m, test_path(i ? "b.tar" : "a.tar"));
	}
	CHECK_OK(diff(test_path("a.tar"), test_path("b.tar"), true, &j, &same, &e), e);
	CHECK(json_is_false(at(j, "images.changed[0].platforms[0].layers.changed[0].content")));
	CHECK_AT_COUNT(j, "images.changed[0].platforms[0].files", 0);
}

TEST(diff, files_name_every_kind_of_change)
{
	enum { LARGE = 3 * 4096 + 100 };
	autofree char *large = eb_xcalloc(1, LARGE);
	autojson json_t *j = NULL;
	struct eb_error *e = NULL;
	const json_t *f;
	EB_AUTOBUF(a, 1 << 20);
	EB_AUTOBUF(b, 1 << 20);
	bool same = true;

	add(&a, "content", '0', 0644, 0, 1, NULL, large, LARGE);
	add(&a, "gone", '0', 0644, 0, 1, NULL, "1", 1);
	add(&a, "grown", '0', 0644, 0, 1, NULL, large, 4096);
	add(&a, "link", '2', 0777, 0, 1, "x", NULL, 0);
	add(&a, "meta", '0', 0644, 0, 1, NULL, "1", 1);
	add(&a, "same", '0', 0644, 0, 1, NULL, "1", 1);
	add(&a, "type", '0', 0644, 0, 1, NULL, "", 0);
	large[2 * 4096 + 17] = 1;
	add(&b, "content", '0', 0644, 0, 1, NULL, large, LARGE);
	add(&b, "grown", '0', 0644, 0, 1, NULL, large, 4097);
	add(&b, "link", '2', 0777, 0, 1, "y", NULL, 0);
	add(&b, "meta", '0', 0600, 5, 2, NULL, "1", 1);
	add(&b, "same", '0', 0644, 0, 1, NULL, "1", 1);
	add(&b, "type", '5', 0644, 0, 1, NULL, NULL, 0);
	add(&b, "added", '0', 0644, 0, 1, NULL, "1", 1);
	mkb_one(&a, test_path("a.tar"));
	mkb_one(&b, test_path("b.tar"));
	CHECK_OK(diff(test_path("a.tar"), test_path("b.tar"), true, &j, &same, &e), e);
	f = at(j, "images.changed[0].platforms[0].files");
	CHECK_INT(json_array_size(f), 7);
	CHECK_STR(json_string_value(at(json_array_get(f, 0), "path")), "added");
	CHECK_STR(json_string_value(at(json_array_get(f, 0), "change[0]")), "added");
	CHECK_STR(json_string_value(at(json_array_get(f, 1), "change[0]")), "content");
	CHECK_INT(json_array_size(at(json_array_get(f, 1), "change")), 1);
	CHECK_INT(json_integer_value(at(json_array_get(f, 1), "first_difference")), 2 * 4096 + 17);
	CHECK_STR(json_string_value(at(json_array_get(f, 2), "change[0]")), "removed");
	CHECK_INT(json_integer_value(at(json_array_get(f, 3), "first_difference")), 4096);
	CHECK_INT(json_integer_value(at(json_array_get(f, 3), "new.size")), 4097);
	CHECK_STR(json_string_value(at(json_array_get(f, 4), "new.link")), "y");
	CHECK_INT(json_array_size(at(json_array_get(f, 5), "change")), 3);
	CHECK_STR(json_string_value(at(json_array_get(f, 5), "new.mode")), "0600");
	CHECK_INT(json_integer_value(at(json_array_get(f, 5), "new.uid")), 5);
	CHECK_STR(json_string_value(at(json_array_get(f, 6), "new.type")), "directory");
}

TEST(diff, files_of_damaged_layer_fail)
{
	autojson json_t *j = NULL;
	struct eb_error *e = NULL;
	EB_AUTOBUF(a, 1 << 20);
	EB_AUTOBUF(b, 1 << 20);
	bool same = true;

	tb_file(&a, "a", "1");
	tb_file(&b, "a", "2");
	mkb_one(&a, test_path("a.tar"));
	mkb_one(&b, test_path("b.tar"));
	EB_AUTOBUF(text, 8 << 20);
	CHECK_OK(eb_file_read(test_path("b.tar"), &text, &e), e);
	bool found = false;

	for (size_t i = 0; i + 600 < text.len; i++)
		if (memcmp(text.data + i, b.data, 600) == 0) {
			text.data[i + 512] = '3';
			found = true;
		}
	CHECK(found);
	CHECK_OK(eb_file_write(test_path("b.tar"), text.data, text.len, 0644, &e), e);
	CHECK_FAIL(diff(test_path("a.tar"), test_path("b.tar"), true, &j, &same, &e), EB_E_DIGEST,
		   "b.tar': layer 0 (one)", e);
}
