#include "rootfs/tree.h"

#include "image/tar_write.h"
#include "testlib.h"

/* A tree with two packages and a recipe as origins 0, 1, 2. */
static struct rfs_tree *new_tree(void)
{
	struct rfs_tree *t = rfs_tree_new();

	rfs_tree_origin(t, RFS_ORIGIN_PACKAGE, "alpha", 0, 0);
	rfs_tree_origin(t, RFS_ORIGIN_PACKAGE, "beta", 1, 0);
	rfs_tree_origin(t, RFS_ORIGIN_RECIPE, "demo", 0, 1);
	return t;
}

#define TREE(t) EB_CLEANUP(rfs_tree_free_p) struct rfs_tree *t = new_tree()

static int add_file(struct rfs_tree *t, unsigned int origin, const char *path, unsigned int flags,
		    struct eb_error **err)
{
	struct rfs_attr a = { .type = RFS_FILE, .mode = 0644, .mtime_sec = 7, .size = 3 };

	a.content = (struct rfs_content){ .kind = RFS_INLINE, .data = "abc" };
	return rfs_add(t, origin, path, &a, flags, NULL, err);
}

static int add_dir(struct rfs_tree *t, unsigned int origin, const char *path, uint32_t mode,
		   struct eb_error **err)
{
	struct rfs_attr a = { .type = RFS_DIR, .mode = mode, .mtime_sec = 9 };

	return rfs_add(t, origin, path, &a, 0, NULL, err);
}

static int add_link(struct rfs_tree *t, unsigned int origin, const char *path, const char *target,
		    struct eb_error **err)
{
	struct rfs_attr a = { .type = RFS_SYMLINK, .target = target };

	return rfs_add(t, origin, path, &a, 0, NULL, err);
}

static int add_hard(struct rfs_tree *t, unsigned int origin, const char *path, const char *to,
		    struct eb_error **err)
{
	struct rfs_attr a = { .type = RFS_FILE, .hard_link = to };

	return rfs_add(t, origin, path, &a, 0, NULL, err);
}

static int collect(void *ctx, struct rfs_node *n, struct eb_error **err)
{
	autofree char *path = rfs_path(n);

	(void)err;
	eb_buf_addf(ctx, "%s\n", path);
	return 0;
}

/* All paths in walking order, one a line. */
static const char *list(const struct rfs_tree *t, struct eb_buf *b)
{
	eb_buf_clear(b);
	CHECK_OK(rfs_walk(t, collect, b, NULL), (struct eb_error *)NULL);
	return eb_buf_str(b);
}

TEST(tree, add_file_makes_implicit_parents)
{
	autoerror struct eb_error *e = NULL;
	struct rfs_node *n;
	TREE(t);

	CHECK_OK(add_file(t, 0, "usr/share/x", 0, &e), e);
	n = rfs_lookup(t, "usr/share");
	CHECK(n && n->type == RFS_DIR && n->implicit);
	CHECK_INT(n->mode, 0755);
	CHECK_INT(n->mtime_sec, 7);
	n = rfs_lookup(t, "/usr//share/./x");
	CHECK(n && n->type == RFS_FILE && !n->implicit);
	CHECK_INT(n->size, 3);
	CHECK(memcmp(n->content.data, "abc", 3) == 0);
	CHECK(!rfs_lookup(t, "usr/share/x/y"));
	CHECK(!rfs_lookup(t, "usr/nothing"));
	CHECK_INT(t->n_nodes, 4);
}

TEST(tree, add_refuses_whiteouts)
{
	static const char *const paths[] = { ".wh.etc", "etc/.wh.passwd", "usr/.wh..wh..opq",
					     "usr/.wh.lib/libc.so" };
	autoerror struct eb_error *e = NULL;
	TREE(t);

	for (size_t i = 0; i < EB_ARRAY_LEN(paths); i++)
		CHECK_FAIL(add_file(t, 0, paths[i], 0, &e), EB_E_FORMAT, "would be a whiteout", e);
	CHECK_OK(add_file(t, 0, "usr/.whale", 0, &e), e);
	CHECK_OK(add_file(t, 0, "usr/x.wh.y", 0, &e), e);
}

TEST(tree, walk_gives_byte_order_parents_first)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1000);
	TREE(t);

	CHECK_OK(add_file(t, 0, "b", 0, &e), e);
	CHECK_OK(add_file(t, 0, "a/z", 0, &e), e);
	CHECK_OK(add_file(t, 0, "a-b", 0, &e), e);
	CHECK_OK(add_file(t, 0, "a/B", 0, &e), e);
	CHECK_OK(add_file(t, 0, "\303\251", 0, &e), e);
	CHECK_STR(list(t, &b), "a\na/B\na/z\na-b\nb\n\303\251\n");
}

TEST(tree, add_directory_twice_keeps_first_owner)
{
	autoerror struct eb_error *e = NULL;
	struct rfs_node *n;
	TREE(t);

	CHECK_OK(add_dir(t, 0, "var/lib", 0700, &e), e);
	CHECK_OK(add_dir(t, 1, "var/lib", 0711, &e), e);
	n = rfs_lookup(t, "var/lib");
	CHECK_INT(n->mode, 0700);
	CHECK_INT(n->origin, 0);
	/* "var" was only implied so far. */
	CHECK_OK(add_dir(t, 1, "var", 0711, &e), e);
	n = rfs_lookup(t, "var");
	CHECK_INT(n->mode, 0711);
	CHECK_INT(n->origin, 1);
	CHECK(!n->implicit);
	CHECK_INT(n->n_child, 1);
}

TEST(tree, add_file_twice_names_both_owners)
{
	autoerror struct eb_error *e = NULL;
	TREE(t);

	CHECK_OK(add_file(t, 0, "etc/x", 0, &e), e);
	CHECK_FAIL(add_file(t, 1, "etc/x", 0, &e), EB_E_CONFLICT,
		   "'/etc/x': file of package 'beta' meets file of package 'alpha'", e);
	CHECK_FAIL(add_dir(t, 1, "etc/x", 0755, &e), EB_E_CONFLICT, "directory of package 'beta'",
		   e);
	CHECK_FAIL(add_file(t, 1, "etc/x/y", 0, &e), EB_E_CONFLICT,
		   "'/etc/x': directory of package 'beta' meets file", e);
	CHECK_FAIL(add_file(t, 0, "etc/x", RFS_REPLACE, &e), EB_E_CONFLICT, "package 'alpha'", e);
}

TEST(tree, add_replace_takes_file_but_not_directory)
{
	autoerror struct eb_error *e = NULL;
	TREE(t);

	CHECK_OK(add_file(t, 0, "etc/x", 0, &e), e);
	CHECK_OK(add_file(t, 2, "etc/x", RFS_REPLACE, &e), e);
	CHECK_INT(rfs_lookup(t, "etc/x")->origin, 2);
	CHECK_INT(t->n_nodes, 3);
	CHECK_OK(add_dir(t, 0, "etc/d", 0755, &e), e);
	CHECK_FAIL(add_file(t, 2, "etc/d", RFS_REPLACE, &e), EB_E_CONFLICT,
		   "file of recipe 'demo' meets directory of package 'alpha'", e);
}

TEST(tree, add_identical_symlink_is_fine)
{
	autoerror struct eb_error *e = NULL;
	TREE(t);

	CHECK_OK(add_link(t, 0, "bin", "usr/bin", &e), e);
	CHECK_OK(add_link(t, 1, "bin", "usr/bin", &e), e);
	CHECK_INT(rfs_lookup(t, "bin")->origin, 0);
	CHECK_INT(rfs_lookup(t, "bin")->mode, 0777);
	CHECK_FAIL(add_link(t, 1, "bin", "/usr/bin", &e), EB_E_CONFLICT, "symbolic link", e);
	CHECK_FAIL(add_link(t, 1, "empty", "", &e), EB_E_FORMAT, "without a target", e);
}

TEST(tree, add_directory_over_link_puts_contents_behind_it)
{
	autoerror struct eb_error *e = NULL;
	struct rfs_node *n;
	TREE(t);

	CHECK_OK(add_dir(t, 0, "usr/lib", 0755, &e), e);
	CHECK_OK(add_link(t, 0, "lib", "usr/lib", &e), e);
	CHECK_OK(add_dir(t, 1, "lib", 0700, &e), e);
	CHECK_OK(add_file(t, 1, "lib/x.so", 0, &e), e);
	CHECK_INT(rfs_lookup(t, "lib")->type, RFS_SYMLINK);
	CHECK_INT(rfs_lookup_follow(t, "lib")->mode, 0755);
	n = rfs_lookup(t, "usr/lib/x.so");
	CHECK(n && n == rfs_lookup(t, "lib/x.so"));
	CHECK_OK(add_link(t, 0, "broken", "usr/none", &e), e);
	CHECK_FAIL(add_dir(t, 1, "broken", 0755, &e), EB_E_CONFLICT, "meets symbolic link", e);
}

TEST(tree, add_through_links_stays_in_root)
{
	autoerror struct eb_error *e = NULL;
	autofree char *path = NULL;
	TREE(t);

	CHECK_OK(add_link(t, 0, "a/out", "../../../../etc", &e), e);
	CHECK_OK(add_link(t, 0, "a/abs", "/etc", &e), e);
	CHECK_OK(add_file(t, 0, "a/out/evil", 0, &e), e);
	path = rfs_path(rfs_lookup(t, "a/out/evil"));
	CHECK_STR(path, "etc/evil");
	CHECK(rfs_lookup(t, "a/abs/evil") == rfs_lookup(t, "etc/evil"));
	CHECK(rfs_lookup(t, "../../etc/evil") == rfs_lookup(t, "etc/evil"));
	CHECK_FAIL(add_file(t, 0, "../x", 0, &e), EB_E_FORMAT, "not a path inside the root", e);
	CHECK_FAIL(add_file(t, 0, "/x", 0, &e), EB_E_FORMAT, "not a path inside the root", e);
	CHECK_FAIL(add_file(t, 0, "x/./y", 0, &e), EB_E_FORMAT, "not a path inside the root", e);
	CHECK_FAIL(add_file(t, 0, "", 0, &e), EB_E_FORMAT, "the root is a file", e);
}

TEST(tree, link_loops_end)
{
	autoerror struct eb_error *e = NULL;
	TREE(t);

	CHECK_OK(add_link(t, 0, "a", "b", &e), e);
	CHECK_OK(add_link(t, 0, "b", "a", &e), e);
	CHECK_OK(add_link(t, 0, "self", "self/self/self", &e), e);
	CHECK(rfs_lookup(t, "a"));
	CHECK(!rfs_lookup_follow(t, "a"));
	CHECK(!rfs_lookup(t, "a/x"));
	CHECK(!rfs_lookup_follow(t, "self"));
	CHECK_FAIL(add_file(t, 0, "a/x", 0, &e), EB_E_LIMIT, "more than 40 symbolic links", e);
	CHECK_FAIL(add_file(t, 0, "self/x", 0, &e), EB_E_LIMIT, "more than 40 symbolic links", e);
}

TEST(tree, add_too_deep_or_long_is_refused)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(deep, 4096);
	EB_AUTOBUF(name, 4096);
	TREE(t);

	for (int i = 0; i < RFS_MAX_DEPTH; i++)
		eb_buf_adds(&deep, i ? "/d" : "d");
	CHECK_OK(add_dir(t, 0, eb_buf_str(&deep), 0755, &e), e);
	eb_buf_adds(&deep, "/x");
	CHECK_FAIL(add_file(t, 0, eb_buf_str(&deep), 0, &e), EB_E_LIMIT,
		   "deeper than 256 directories", e);
	for (int i = 0; i < 256; i++)
		eb_buf_addc(&name, 'n');
	CHECK_FAIL(add_file(t, 0, eb_buf_str(&name), 0, &e), EB_E_LIMIT, "name of 256 bytes", e);
}

TEST(tree, hard_link_shares_content_and_survives_removal_of_its_holder)
{
	autoerror struct eb_error *e = NULL;
	struct rfs_node *perl, *five, *zed;
	TREE(t);

	CHECK_OK(add_file(t, 0, "usr/bin/perl", 0, &e), e);
	CHECK_OK(add_hard(t, 0, "usr/bin/perl5", "usr/bin/perl", &e), e);
	CHECK_OK(add_hard(t, 0, "zed", "usr/bin/perl5", &e), e);
	perl = rfs_lookup(t, "usr/bin/perl");
	five = rfs_lookup(t, "usr/bin/perl5");
	zed = rfs_lookup(t, "zed");
	CHECK(five->link == perl && zed->link == perl);
	CHECK_INT(perl->n_links, 2);
	CHECK_INT(five->size, 3);
	CHECK_OK(rfs_remove(t, perl, &e), e);
	CHECK(!five->link && five->content.data && zed->link == five);
	CHECK_INT(five->n_links, 1);
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "usr"), &e), e);
	CHECK(!zed->link && zed->content.data);
	CHECK_INT(zed->n_links, 0);
	CHECK_INT(t->n_nodes, 2);
	CHECK_INT(t->n_whiteouts, 0);
	CHECK_FAIL(add_hard(t, 0, "y", "gone", &e), EB_E_FORMAT, "which is not there", e);
	CHECK_OK(add_dir(t, 0, "d", 0755, &e), e);
	CHECK_FAIL(add_hard(t, 0, "y", "d", &e), EB_E_FORMAT, "which is no file", e);
}

TEST(tree, replacing_a_holder_hands_its_content_over)
{
	autoerror struct eb_error *e = NULL;
	struct rfs_node *b;
	TREE(t);

	CHECK_OK(add_file(t, 0, "a", 0, &e), e);
	CHECK_OK(add_hard(t, 0, "b", "a", &e), e);
	CHECK_OK(add_file(t, 2, "a", RFS_REPLACE, &e), e);
	b = rfs_lookup(t, "b");
	CHECK(!b->link && b->content.data);
	CHECK_INT(b->origin, 0);
	CHECK_INT(rfs_lookup(t, "a")->n_links, 0);
	CHECK_FAIL(add_hard(t, 0, "a", "a", &e), EB_E_CONFLICT, "meets file", e);
}

TEST(tree, touch_changes_every_name_of_a_file)
{
	autoerror struct eb_error *e = NULL;
	struct rfs_node *a, *b;
	TREE(t);

	CHECK_OK(add_file(t, 0, "a", 0, &e), e);
	CHECK_OK(add_hard(t, 0, "b", "a", &e), e);
	rfs_inherit(t);
	a = rfs_lookup(t, "a");
	b = rfs_lookup(t, "b");
	CHECK(a->inherited && b->inherited);
	b->mode = 04755;
	rfs_touch(t, b, 2);
	CHECK_INT(a->mode, 04755);
	CHECK_INT(a->origin, 2);
	CHECK(!a->inherited && !b->inherited);
}

TEST(tree, removing_inherited_nodes_notes_whiteouts)
{
	autoerror struct eb_error *e = NULL;
	TREE(t);

	CHECK_OK(add_file(t, 0, "a/b/c", 0, &e), e);
	CHECK_OK(add_file(t, 0, "a/d", 0, &e), e);
	CHECK_OK(add_file(t, 0, "a-x", 0, &e), e);
	CHECK_OK(add_file(t, 0, "k", 0, &e), e);
	rfs_inherit(t);
	CHECK_OK(add_file(t, 2, "a/new", 0, &e), e);
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "k"), &e), e);
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "a/d"), &e), e);
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "a-x"), &e), e);
	CHECK_INT(t->n_whiteouts, 3);
	CHECK_STR(t->whiteouts[0], "a-x");
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "a"), &e), e);
	CHECK_INT(t->n_whiteouts, 3);
	CHECK_STR(t->whiteouts[0], "a");
	CHECK_STR(t->whiteouts[1], "a-x");
	CHECK_STR(t->whiteouts[2], "k");
	CHECK_FAIL(rfs_remove(t, t->root, &e), EB_E_UNSUPPORTED, "root directory", e);
}

TEST(tree, adding_again_takes_the_whiteout_back)
{
	autoerror struct eb_error *e = NULL;
	TREE(t);

	CHECK_OK(add_file(t, 0, "a/b/c", 0, &e), e);
	CHECK_OK(add_file(t, 0, "a/d", 0, &e), e);
	CHECK_OK(add_file(t, 0, "k", 0, &e), e);
	rfs_inherit(t);
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "k"), &e), e);
	CHECK_OK(add_file(t, 2, "k", 0, &e), e);
	CHECK_INT(t->n_whiteouts, 0);
	/* A directory in the place of a directory would show the old children. */
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "a/b"), &e), e);
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "a"), &e), e);
	CHECK_OK(add_file(t, 2, "a/d", 0, &e), e);
	CHECK_INT(t->n_whiteouts, 1);
	CHECK_STR(t->whiteouts[0], "a/.wh..opq");
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "a/d"), &e), e);
	CHECK_INT(t->n_whiteouts, 1);
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "a"), &e), e);
	CHECK_INT(t->n_whiteouts, 1);
	CHECK_STR(t->whiteouts[0], "a");
}

TEST(tree, removing_what_replaced_an_inherited_file_needs_a_whiteout)
{
	autoerror struct eb_error *e = NULL;
	TREE(t);

	CHECK_OK(add_file(t, 0, "a", 0, &e), e);
	CHECK_OK(add_file(t, 0, "b", 0, &e), e);
	rfs_inherit(t);
	CHECK_OK(add_file(t, 2, "a", RFS_REPLACE, &e), e);
	CHECK(!rfs_lookup(t, "a")->inherited);
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "a"), &e), e);
	rfs_touch(t, rfs_lookup(t, "b"), 2);
	CHECK_OK(rfs_remove(t, rfs_lookup(t, "b"), &e), e);
	CHECK_INT(t->n_whiteouts, 2);
}

TEST(tree, xattrs_are_copied)
{
	autoerror struct eb_error *e = NULL;
	char value[] = "cap";
	struct oci_xattr x = { "security.capability", value, 3 };
	struct rfs_attr a = { .type = RFS_FILE, .mode = 0755, .xattrs = &x, .n_xattrs = 1 };
	struct rfs_node *n;
	TREE(t);

	CHECK_OK(rfs_add(t, 0, "bin/ping", &a, 0, &n, &e), e);
	value[0] = 'X';
	CHECK_INT(n->n_xattrs, 1);
	CHECK_STR(n->xattrs[0].name, "security.capability");
	CHECK(memcmp(n->xattrs[0].value, "cap", 3) == 0);
}

TEST(tree, big_directory_in_any_order_is_sorted)
{
	enum { N = 20000 };
	autoerror struct eb_error *e = NULL;
	struct rfs_node *d;
	char path[32];
	TREE(t);

	for (unsigned int i = 0; i < N; i++) {
		/* 7919 is prime and does not divide N: every name once, far from sorted. */
		snprintf(path, sizeof(path), "big/f%05u", i * 7919u % N);
		CHECK_OK(add_file(t, 0, path, 0, &e), e);
	}
	d = rfs_lookup(t, "big");
	CHECK_INT(d->n_child, N);
	for (size_t i = 1; i < d->n_child; i++)
		if (strcmp(d->child[i - 1]->name, d->child[i]->name) >= 0)
			CHECK_STR(d->child[i - 1]->name, "in order");
	CHECK(rfs_lookup(t, "big/f19999"));
}
