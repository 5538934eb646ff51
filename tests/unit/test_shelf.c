#include <errno.h>
#include <unistd.h>

#include "registry/shelf.h"
#include "reglayout.h"
#include "testlib.h"

struct heard {
	int changed, failed, gone;
	char why[200];
};

static void said(void *ctx, enum reg_shelf_event what, const char *path, const struct eb_error *why)
{
	struct heard *h = ctx;

	CHECK(path != NULL);
	h->changed += what == REG_SHELF_CHANGED;
	h->failed += what == REG_SHELF_FAILED;
	h->gone += what == REG_SHELF_GONE;
	if (why)
		snprintf(h->why, sizeof(h->why), "%s", why->message);
}

static int open_it(void *ctx EB_UNUSED, const char *path, struct oci_archive **ret,
		   struct eb_error **err)
{
	return oci_archive_open(path, ret, err);
}

/* A whole new file in the place of the old one. */
static void replace(const char *path, const char *name)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();
	const char *temp = test_path("new.tar");

	rl_image(l, name, "layer");
	rl_write(l, temp);
	CHECK_INT(rename(temp, path), 0);
}

static bool has(const struct reg_shelf *s, const char *name)
{
	EB_CLEANUP(reg_catalog_unref_p) struct reg_catalog *c = reg_shelf_catalog(s);

	return reg_catalog_find(c, NULL, eb_span_str(name)) != NULL;
}

TEST(shelf, refresh_takes_a_new_file_when_it_has_settled)
{
	const char *path = test_path("a.tar");
	EB_CLEANUP(reg_shelf_free_p) struct reg_shelf *s = reg_shelf_new(&path, 1, open_it, NULL);
	autoerror struct eb_error *e = NULL;
	struct heard h = { 0 };

	replace(path, "h.x/one:1");
	CHECK_OK(reg_shelf_open(s, &e), e);
	CHECK(has(s, "one") && !reg_shelf_refresh(s, false, said, &h));
	replace(path, "h.x/two:1");
	CHECK(!reg_shelf_refresh(s, false, said, &h)); /* may be in the making */
	CHECK(has(s, "one"));
	CHECK(reg_shelf_refresh(s, false, said, &h));
	CHECK(has(s, "two") && !has(s, "one"));
	CHECK(!reg_shelf_refresh(s, false, said, &h));
	replace(path, "h.x/three:1");
	CHECK(reg_shelf_refresh(s, true, said, &h)); /* asked to */
	CHECK(has(s, "three"));
	CHECK_INT(h.changed, 2);
	CHECK_INT(h.failed + h.gone, 0);
}

TEST(shelf, refresh_keeps_the_old_file_when_the_new_one_is_bad)
{
	const char *path = test_path("a.tar");
	EB_CLEANUP(reg_shelf_free_p) struct reg_shelf *s = reg_shelf_new(&path, 1, open_it, NULL);
	autoerror struct eb_error *e = NULL;
	struct heard h = { 0 };

	replace(path, "h.x/one:1");
	CHECK_OK(reg_shelf_open(s, &e), e);
	CHECK_INT(unlink(path), 0);
	CHECK(!reg_shelf_refresh(s, true, said, &h) && !reg_shelf_refresh(s, true, said, &h));
	CHECK_INT(h.gone, 1);
	CHECK(has(s, "one"));
	CHECK_OK(eb_file_write(path, "no tar", 6, 0600, &e), e);
	CHECK(!reg_shelf_refresh(s, true, said, &h));
	CHECK(has(s, "one"));
	CHECK_INT(h.failed, 1);
	CHECK_HAS(h.why, "a.tar");
	CHECK(!reg_shelf_refresh(s, false, said, &h)); /* not again and again */
	CHECK_INT(h.failed, 1);
	replace(path, "h.x/two:1");
	CHECK(reg_shelf_refresh(s, true, said, &h));
	CHECK(has(s, "two"));
}

TEST(shelf, refresh_drops_a_file_that_was_written_to)
{
	const char *paths[] = { test_path("a.tar"), test_path("b.tar") };
	EB_CLEANUP(reg_shelf_free_p) struct reg_shelf *s = reg_shelf_new(paths, 2, open_it, NULL);
	autoerror struct eb_error *e = NULL;
	struct heard h = { 0 };

	replace(paths[0], "h.x/one:1");
	replace(paths[1], "h.x/two:1");
	CHECK_OK(reg_shelf_open(s, &e), e);
	CHECK_INT(truncate(paths[0], 700), 0);
	CHECK(!reg_shelf_refresh(s, true, said, &h));
	CHECK_INT(h.failed, 1);
	CHECK(!has(s, "one") && has(s, "two"));
}

TEST(shelf, open_fails_with_the_first_bad_file)
{
	const char *paths[] = { test_path("a.tar"), test_path("none.tar") };
	EB_CLEANUP(reg_shelf_free_p) struct reg_shelf *s = reg_shelf_new(paths, 2, open_it, NULL);
	autoerror struct eb_error *e = NULL;

	replace(paths[0], "h.x/one:1");
	CHECK_FAIL(reg_shelf_open(s, &e), ENOENT, "none.tar", e);
}
