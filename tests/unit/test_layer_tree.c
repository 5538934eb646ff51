#include "pkg/layer_tree.h"

#include "base/stream.h"
#include "mkdeb.h"
#include "pkg/tarball.h"
#include "rootfs/tree.h"
#include "testlib.h"

enum { ROOM = 1 << 20 };

static int apply(struct rfs_tree *t, struct eb_buf *tar, struct eb_error **err)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	unsigned int origin = rfs_tree_origin(t, RFS_ORIGIN_PACKAGE, "layer", 0, 0);
	int r;

	mkdeb_tar_end(tar);
	r = pkg_tar_index_read(eb_reader_mem(tar->data, tar->len), "layer",
			       &pkg_archive_default_limits, &x, err);
	return r < 0 ? r : pkg_layer_to_tree(t, origin, x, err);
}

/* etc/{motd,passwd} lib -> usr/lib, usr/lib/one = usr/lib/uno, opt/{a,b/c} */
static void first(struct rfs_tree *t)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, ROOM);

	mkdeb_tar_dir(&tar, "etc");
	mkdeb_tar_file(&tar, "etc/motd", "hi");
	mkdeb_tar_file(&tar, "etc/passwd", "root");
	mkdeb_tar_link(&tar, '2', "lib", "usr/lib");
	mkdeb_tar_file(&tar, "usr/lib/one", "one");
	mkdeb_tar_link(&tar, '1', "usr/lib/uno", "usr/lib/one");
	mkdeb_tar_link(&tar, '1', "lib64", "lib");
	mkdeb_tar_file(&tar, "opt/a", "a");
	mkdeb_tar_file(&tar, "opt/b/c", "c");
	CHECK_OK(apply(t, &tar, &e), e);
}

TEST(layer_tree, entries_are_there_with_links)
{
	EB_CLEANUP(rfs_tree_free_p) struct rfs_tree *t = rfs_tree_new();
	const struct rfs_node *n;

	first(t);
	n = rfs_lookup(t, "lib/uno");
	CHECK(n && n->link == rfs_lookup(t, "usr/lib/one"));
	CHECK_INT(n->link->content.kind, RFS_MEMBER);
	CHECK_INT(n->link->content.member, 4);
	/* Another name of a symbolic link is one like it. */
	n = rfs_lookup(t, "lib64");
	CHECK(n && n->type == RFS_SYMLINK);
	CHECK_STR(n->target, "usr/lib");
}

TEST(layer_tree, whiteouts_hide_what_was_before_whatever_their_order)
{
	EB_CLEANUP(rfs_tree_free_p) struct rfs_tree *t = rfs_tree_new();
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, ROOM);

	first(t);
	mkdeb_tar_file(&tar, "opt/new", "new");
	mkdeb_tar_file(&tar, "opt/.wh..wh..opq", "");
	mkdeb_tar_file(&tar, "etc/motd", "again");
	mkdeb_tar_file(&tar, "etc/.wh.motd", "");
	mkdeb_tar_file(&tar, "usr/.wh.lib", "");
	mkdeb_tar_file(&tar, ".wh.not-there", "");
	mkdeb_tar_file(&tar, ".wh..wh.plnk/x", "");
	CHECK_OK(apply(t, &tar, &e), e);
	CHECK(rfs_lookup(t, "opt/new"));
	CHECK(!rfs_lookup(t, "opt/a"));
	CHECK(!rfs_lookup(t, "opt/b"));
	CHECK(!rfs_lookup(t, "usr/lib"));
	CHECK(rfs_lookup(t, "usr"));
	CHECK(!rfs_lookup(t, ".wh..wh.plnk"));
	CHECK_INT(rfs_lookup(t, "etc/motd")->size, 5);
	/* It is a tree of its own: nothing of it has to be hidden. */
	CHECK_INT(t->n_whiteouts, 0);
}

TEST(layer_tree, entries_take_the_place_of_what_was_there)
{
	EB_CLEANUP(rfs_tree_free_p) struct rfs_tree *t = rfs_tree_new();
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, ROOM);

	first(t);
	mkdeb_tar_file(&tar, "opt", "now a file");
	mkdeb_tar_dir(&tar, "etc/motd");
	mkdeb_tar_file(&tar, "etc/motd/x", "x");
	mkdeb_tar_link(&tar, '2', "usr/lib/one", "two");
	CHECK_OK(apply(t, &tar, &e), e);
	CHECK_INT(rfs_lookup(t, "opt")->type, RFS_FILE);
	CHECK(!rfs_lookup(t, "opt/a"));
	CHECK_INT(rfs_lookup(t, "etc/motd")->type, RFS_DIR);
	CHECK(rfs_lookup(t, "etc/motd/x"));
	CHECK(rfs_lookup(t, "etc/passwd"));
	CHECK_INT(rfs_lookup(t, "usr/lib/one")->type, RFS_SYMLINK);
	/* The other name keeps the content. */
	CHECK(!rfs_lookup(t, "usr/lib/uno")->link);
	CHECK_INT(rfs_lookup(t, "usr/lib/uno")->size, 3);
}

TEST(layer_tree, hard_link_to_nothing_is_refused)
{
	EB_CLEANUP(rfs_tree_free_p) struct rfs_tree *t = rfs_tree_new();
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, ROOM);

	mkdeb_tar_link(&tar, '1', "x", "not/there");
	CHECK_FAIL(apply(t, &tar, &e), EB_E_FORMAT, "layer 'layer'", e);
}
