#include "base/stream.h"
#include "mkdeb.h"
#include "pkg/tarball.h"
#include "rootfs/tree.h"
#include "testlib.h"

enum { ROOM = 1 << 20 };

struct fixture {
	struct rfs_tree *t;
	unsigned int origin;
	struct eb_buf tar;
	struct pkg_archive_place p;
};

static void start(struct fixture *f)
{
	*f = (struct fixture){ .t = rfs_tree_new(),
			       .p = { .subpath = "", .to = "app", .epoch_sec = 1000 } };
	f->origin = rfs_tree_origin(f->t, RFS_ORIGIN_PACKAGE, "demo", 0, 0);
	eb_buf_init(&f->tar, ROOM);
}

static void end(struct fixture *f)
{
	rfs_tree_free(f->t);
	eb_buf_release(&f->tar);
}
EB_DEFINE_RELEASE(struct fixture, end)

#define FIXTURE(f)                                                                                 \
	autoerror struct eb_error *e = NULL;                                                       \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	start(&f)

static int add(struct fixture *f, struct eb_error **err)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	int r;

	mkdeb_tar_end(&f->tar);
	r = pkg_tar_index_read(eb_reader_mem(f->tar.data, f->tar.len), "demo",
			       &pkg_archive_default_limits, &x, err);
	return r < 0 ? r : pkg_archive_to_tree(f->t, f->origin, x, &f->p, err);
}

/* web-1/{dist/{index.html,js/a.js,js/b.js = a.js},doc/x} */
static void sample(struct fixture *f)
{
	mkdeb_tar_dir(&f->tar, "web-1");
	mkdeb_tar_dir(&f->tar, "web-1/dist");
	mkdeb_tar_file(&f->tar, "web-1/doc/x", "doc");
	mkdeb_tar_file(&f->tar, "web-1/dist/index.html", "hi");
	mkdeb_tar_file(&f->tar, "web-1/dist/js/a.js", "js");
	mkdeb_tar_link(&f->tar, '1', "web-1/dist/js/b.js", "web-1/dist/js/a.js");
	mkdeb_tar_link(&f->tar, '1', "web-1/dist/copyright", "web-1/doc/x");
}

TEST(archive_tree, strip_and_subpath_choose)
{
	const struct rfs_node *n;
	FIXTURE(f);

	sample(&f);
	f.p.strip = 1;
	f.p.subpath = "dist";
	f.p.uid = 5;
	f.p.gid = 6;
	CHECK_OK(add(&f, &e), e);
	n = rfs_lookup(f.t, "app/index.html");
	CHECK(n != NULL);
	CHECK_INT(n->uid, 5);
	CHECK_INT(n->gid, 6);
	CHECK_INT(n->content.kind, RFS_MEMBER);
	CHECK_INT(n->content.member, 3);
	CHECK(rfs_lookup(f.t, "app/js/b.js")->link == rfs_lookup(f.t, "app/js/a.js"));
	/* Its other name was left out: it holds the content itself. */
	n = rfs_lookup(f.t, "app/copyright");
	CHECK(n && !n->link);
	CHECK_INT(n->content.member, 2);
	CHECK_INT(n->size, 3);
	CHECK(!rfs_lookup(f.t, "app/doc"));
	CHECK(!rfs_lookup(f.t, "doc"));
}

TEST(archive_tree, strip_alone_takes_all_below)
{
	FIXTURE(f);

	sample(&f);
	f.p.strip = 1;
	f.p.to = "";
	CHECK_OK(add(&f, &e), e);
	CHECK(rfs_lookup(f.t, "dist/index.html"));
	CHECK(rfs_lookup(f.t, "doc/x"));
}

/* "distant" begins like "dist", and is not below it. */
TEST(archive_tree, subpath_is_a_directory)
{
	FIXTURE(f);

	mkdeb_tar_file(&f.tar, "distant", "no");
	mkdeb_tar_file(&f.tar, "dist/a", "yes");
	f.p.subpath = "dist";
	CHECK_OK(add(&f, &e), e);
	CHECK(rfs_lookup(f.t, "app/a"));
	CHECK_INT(rfs_lookup(f.t, "app")->n_child, 1);
}

TEST(archive_tree, modes_and_times_are_cut_down)
{
	static const struct oci_xattr cap = { "security.capability", "x", 1 };
	struct oci_tar_entry m = { .path = "suid",
				   .type = '0',
				   .mode = 06777,
				   .uid = 1000,
				   .mtime_sec = 5000,
				   .xattrs = &cap,
				   .n_xattrs = 1 };
	const struct rfs_node *n;
	FIXTURE(f);

	mkdeb_tar_add(&f.tar, &m, "");
	CHECK_OK(add(&f, &e), e);
	n = rfs_lookup(f.t, "app/suid");
	CHECK_INT(n->mode, 0755);
	CHECK_INT(n->uid, 0);
	CHECK_INT(n->mtime_sec, 1000);
	CHECK_INT(n->n_xattrs, 0);
}

TEST(archive_tree, nothing_left_is_said)
{
	FIXTURE(f);

	sample(&f);
	f.p.subpath = "distt";
	CHECK_FAIL(add(&f, &e), EB_E_FORMAT,
		   "'strip' and 'subpath' leave none; the first is 'web-1'", e);
}

TEST(archive_tree, links_out_of_the_root_are_refused)
{
	static const char *const bad[] = { "../../etc/passwd", "../..", "x/../../../y" };
	static const char *const good[] = { "../etc/passwd", "/etc/passwd", "x/../../y" };

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		FIXTURE(f);

		mkdeb_tar_link(&f.tar, '2', "l", bad[i]);
		CHECK_FAIL(add(&f, &e), EB_E_FORMAT, "climbs out of the root", e);
	}
	for (size_t i = 0; i < EB_ARRAY_LEN(good); i++) {
		FIXTURE(f);

		mkdeb_tar_link(&f.tar, '2', "l", good[i]);
		CHECK_OK(add(&f, &e), e);
	}
}

TEST(archive_tree, members_behind_a_link_are_refused)
{
	FIXTURE(f);

	mkdeb_tar_link(&f.tar, '2', "etc", "/etc");
	mkdeb_tar_file(&f.tar, "etc/passwd", "root::0:0:::");
	CHECK_FAIL(add(&f, &e), EB_E_FORMAT, "'etc/passwd' lies behind 'etc'", e);
	CHECK(!rfs_lookup(f.t, "etc/passwd"));
}

TEST(archive_tree, hard_link_to_nothing_is_refused)
{
	FIXTURE(f);

	mkdeb_tar_link(&f.tar, '1', "a", "b");
	mkdeb_tar_file(&f.tar, "b", "later");
	CHECK_FAIL(add(&f, &e), EB_E_FORMAT, "hard link to 'b', which is no file before it", e);
}

TEST(archive_tree, what_others_have_is_a_conflict)
{
	struct rfs_attr a = { .type = RFS_FILE, .content = { .kind = RFS_INLINE, .data = "" } };
	FIXTURE(f);

	CHECK_OK(rfs_add(f.t, rfs_tree_origin(f.t, RFS_ORIGIN_PACKAGE, "other", 0, 0), "app/one",
			 &a, 0, NULL, &e),
		 e);
	mkdeb_tar_file(&f.tar, "one", "x");
	CHECK_FAIL(add(&f, &e), EB_E_CONFLICT, "other", e);
}
