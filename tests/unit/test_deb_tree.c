#include "pkg/deb_tree.h"

#include "base/stream.h"
#include "mkdeb.h"
#include "pkg/deb.h"
#include "testlib.h"

enum { ROOM = 8 << 20, EPOCH = 500 };

struct fixture {
	struct rfs_tree *tree;
	struct rfs_merge_options options;
	struct eb_buf tar; /* data.tar of the next package, without its end */
};

static void start(struct fixture *f)
{
	*f = (struct fixture){ .tree = rfs_tree_new() };
	f->options.merged_usr = true;
	f->options.epoch_sec = EPOCH;
	eb_buf_init(&f->tar, ROOM);
}

static void end(struct fixture *f)
{
	rfs_tree_free(f->tree);
	eb_buf_release(&f->tar);
}
EB_DEFINE_RELEASE(struct fixture, end)

#define FIXTURE(f)                                                                                 \
	autoerror struct eb_error *e = NULL;                                                       \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	start(&f)

/* Package what is in f->tar and add it to the tree. more: further lines of the control file. */
static int add(struct fixture *f, const char *name, const char *version, const char *more,
	       struct eb_error **err)
{
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL;
	EB_AUTOBUF(control, 4096);
	EB_AUTOBUF(deb, ROOM);
	unsigned int origin;
	int r;

	mkdeb_tar_end(&f->tar);
	eb_buf_addf(&control, "Package: %s\nVersion: %s\nArchitecture: all\n%s", name, version,
		    more);
	mkdeb(&deb, "", eb_buf_str(&control), &f->tar);
	eb_buf_clear(&f->tar);
	r = pkg_deb_index_read(eb_reader_mem(deb.data, deb.len), name, &pkg_deb_default_limits, &x,
			       err);
	if (r < 0)
		return r;
	origin = rfs_tree_origin(f->tree, RFS_ORIGIN_PACKAGE, name, 0, 0);
	return pkg_deb_to_tree(f->tree, origin, x, &f->options, err);
}

static const char *owner(struct fixture *f, const char *path)
{
	const struct rfs_node *n = rfs_lookup(f->tree, path);

	return n ? f->tree->origins[n->origin].name : NULL;
}

TEST(deb_tree, entries_become_nodes)
{
	const struct rfs_node *n;
	FIXTURE(f);

	mkdeb_tar_dir(&f.tar, "");
	mkdeb_tar_dir(&f.tar, "usr");
	mkdeb_tar_file(&f.tar, "usr/x", "abc");
	mkdeb_tar_link(&f.tar, '1', "usr/y", "usr/x");
	mkdeb_tar_link(&f.tar, '2', "usr/z", "x");
	CHECK_OK(add(&f, "demo", "1", "", &e), e);
	n = rfs_lookup(f.tree, "usr/x");
	CHECK_INT(n->content.kind, RFS_MEMBER);
	CHECK_INT(n->content.origin, n->origin);
	CHECK_INT(n->content.member, 2);
	CHECK_INT(n->size, 3);
	CHECK_INT(n->mtime_sec, EPOCH); /* was 1000 */
	CHECK(rfs_lookup(f.tree, "usr/y")->link == n);
	CHECK(rfs_lookup_follow(f.tree, "usr/z") == n);
	CHECK(!rfs_lookup(f.tree, "usr")->implicit);
}

TEST(deb_tree, metadata_is_where_scanners_look)
{
	const struct rfs_node *n;
	FIXTURE(f);

	CHECK_OK(add(&f, "demo", "1", "Depends:\n a,\n b\n", &e), e);
	n = rfs_lookup(f.tree, "var/lib/dpkg/status.d/demo");
	CHECK_STR(n->content.data, "Package: demo\nStatus: install ok installed\nVersion: 1\n"
				   "Architecture: all\nDepends: a,\n b\n");
	CHECK_INT(n->size, strlen(n->content.data));
	CHECK_INT(n->mtime_sec, EPOCH);
	CHECK_INT(n->mode, 0644);
	n = rfs_lookup(f.tree, "var/lib/dpkg/status.d/demo.md5sums");
	CHECK_HAS(n->content.data, "usr/bin/x");
}

TEST(deb_tree, old_directories_go_to_usr_in_any_order)
{
	FIXTURE(f);

	mkdeb_tar_dir(&f.tar, "lib");
	mkdeb_tar_file(&f.tar, "lib/libx.so.1", "x");
	mkdeb_tar_link(&f.tar, '1', "lib/libx.so", "lib/libx.so.1");
	CHECK_OK(add(&f, "libx", "1", "", &e), e);
	mkdeb_tar_link(&f.tar, '2', "lib", "usr/lib");
	mkdeb_tar_dir(&f.tar, "usr/lib");
	CHECK_OK(add(&f, "base-files", "1", "", &e), e);
	CHECK_INT(rfs_lookup(f.tree, "lib")->type, RFS_SYMLINK);
	CHECK_STR(owner(&f, "usr/lib/libx.so.1"), "libx");
	CHECK(rfs_lookup(f.tree, "usr/lib/libx.so")->link != NULL);
	/* The same file by its other name. */
	mkdeb_tar_file(&f.tar, "usr/lib/libx.so.1", "x");
	CHECK_FAIL(add(&f, "other", "1", "", &e), EB_E_CONFLICT,
		   "package 'other': '/usr/lib/libx.so.1': file of package 'other' meets file of "
		   "package 'libx'",
		   e);
}

TEST(deb_tree, replaces_settles_conflicts)
{
	FIXTURE(f);

	mkdeb_tar_file(&f.tar, "etc/a", "old");
	CHECK_OK(add(&f, "old", "1.0", "", &e), e);
	mkdeb_tar_file(&f.tar, "etc/a", "new");
	CHECK_OK(add(&f, "new", "2", "Replaces: old (<< 1.1)\n", &e), e);
	CHECK_STR(owner(&f, "etc/a"), "new");
	/* The replaced package comes later: its file gives way. */
	mkdeb_tar_file(&f.tar, "etc/b", "new");
	CHECK_OK(add(&f, "newer", "2", "Replaces: older\n", &e), e);
	mkdeb_tar_file(&f.tar, "etc/b", "old");
	CHECK_OK(add(&f, "older", "1", "", &e), e);
	CHECK_STR(owner(&f, "etc/b"), "newer");
	/* The version does not fit. */
	mkdeb_tar_file(&f.tar, "etc/a", "third");
	CHECK_FAIL(add(&f, "third", "1", "Replaces: new (<< 2)\n", &e), EB_E_CONFLICT,
		   "'/etc/a': file of package 'third' meets file of package 'new'", e);
}

TEST(deb_tree, duplicates_and_types_in_one_package_are_refused)
{
	FIXTURE(f);

	mkdeb_tar_file(&f.tar, "etc/a", "1");
	mkdeb_tar_file(&f.tar, "etc/a", "2");
	CHECK_FAIL(add(&f, "twice", "1", "", &e), EB_E_CONFLICT,
		   "'/etc/a': file of package 'twice' meets file of package 'twice'", e);
	mkdeb_tar_dir(&f.tar, "opt/d");
	mkdeb_tar_file(&f.tar, "opt/d", "x");
	CHECK_FAIL(add(&f, "over", "1", "", &e), EB_E_CONFLICT,
		   "file of package 'over' meets "
		   "directory",
		   e);
	mkdeb_tar_file(&f.tar, "srv/f", "x");
	mkdeb_tar_file(&f.tar, "srv/f/g", "x");
	CHECK_FAIL(add(&f, "under", "1", "", &e), EB_E_CONFLICT,
		   "'/srv/f': directory of package 'under' meets file", e);
}

TEST(deb_tree, links_out_of_the_root_stay_inside)
{
	autofree char *path = NULL;
	FIXTURE(f);

	mkdeb_tar_link(&f.tar, '2', "opt/x", "../../../../etc");
	mkdeb_tar_link(&f.tar, '2', "opt/y", "/../..");
	mkdeb_tar_file(&f.tar, "opt/x/passwd", "root");
	mkdeb_tar_file(&f.tar, "opt/y/top", "x");
	CHECK_OK(add(&f, "evil", "1", "", &e), e);
	path = rfs_path(rfs_lookup(f.tree, "opt/x/passwd"));
	CHECK_STR(path, "etc/passwd");
	CHECK(rfs_lookup(f.tree, "top") == rfs_lookup(f.tree, "opt/y/top"));
	mkdeb_tar_link(&f.tar, '2', "loop", "loop");
	mkdeb_tar_file(&f.tar, "loop/x", "x");
	CHECK_FAIL(add(&f, "looping", "1", "", &e), EB_E_LIMIT, "more than 40 symbolic links", e);
}

TEST(deb_tree, filters_keep_what_leads_to_wanted_files)
{
	static const struct rfs_rule rules[] = { { "/usr/share/doc/*", false },
						 { "/usr/share/doc/*/copyright", true },
						 { "/opt/*", false },
						 { "/opt/a/b/keep", true } };
	FIXTURE(f);

	f.options.rules = rules;
	f.options.n_rules = EB_ARRAY_LEN(rules);
	mkdeb_tar_dir(&f.tar, "usr/share/doc");
	mkdeb_tar_dir(&f.tar, "usr/share/doc/demo");
	mkdeb_tar_file(&f.tar, "usr/share/doc/demo/changelog", "x");
	mkdeb_tar_file(&f.tar, "usr/share/doc/demo/copyright", "x");
	mkdeb_tar_dir(&f.tar, "usr/share/doc/empty");
	mkdeb_tar_link(&f.tar, '2', "usr/share/doc/demo-common", "demo");
	mkdeb_tar_dir(&f.tar, "opt/a");
	mkdeb_tar_dir(&f.tar, "opt/a/b");
	mkdeb_tar_dir(&f.tar, "opt/c");
	mkdeb_tar_file(&f.tar, "opt/a/b/drop", "x");
	mkdeb_tar_file(&f.tar, "opt/a/b/keep", "x");
	CHECK_OK(add(&f, "demo", "1", "", &e), e);
	CHECK(rfs_lookup(f.tree, "usr/share/doc/demo/copyright"));
	CHECK(!rfs_lookup(f.tree, "usr/share/doc/demo")->implicit);
	CHECK(!rfs_lookup(f.tree, "usr/share/doc/demo/changelog"));
	CHECK(!rfs_lookup(f.tree, "usr/share/doc/empty"));
	CHECK(rfs_lookup(f.tree, "usr/share/doc/demo-common"));
	CHECK(!rfs_lookup(f.tree, "opt/a")->implicit);
	CHECK(!rfs_lookup(f.tree, "opt/a/b")->implicit);
	CHECK(rfs_lookup(f.tree, "opt/a/b/keep") && !rfs_lookup(f.tree, "opt/a/b/drop"));
	CHECK(!rfs_lookup(f.tree, "opt/c"));
}

TEST(deb_tree, hard_links_to_filtered_files_carry_the_content)
{
	static const struct rfs_rule rules[] = { { "/usr/bin/perl5.40", false } };
	const struct rfs_node *n;
	FIXTURE(f);

	f.options.rules = rules;
	f.options.n_rules = 1;
	mkdeb_tar_file(&f.tar, "usr/bin/perl5.40", "perl");
	mkdeb_tar_link(&f.tar, '1', "usr/bin/perl", "usr/bin/perl5.40");
	mkdeb_tar_link(&f.tar, '1', "usr/bin/pl", "usr/bin/perl5.40");
	CHECK_OK(add(&f, "perl", "1", "", &e), e);
	n = rfs_lookup(f.tree, "usr/bin/perl");
	CHECK(!rfs_lookup(f.tree, "usr/bin/perl5.40"));
	CHECK(!n->link);
	CHECK_INT(n->content.member, 0);
	CHECK_INT(n->size, 4);
	CHECK(rfs_lookup(f.tree, "usr/bin/pl")->link == n);
	mkdeb_tar_link(&f.tar, '1', "usr/bin/q", "usr/bin/r");
	CHECK_FAIL(add(&f, "bad", "1", "", &e), EB_E_FORMAT,
		   "'/usr/bin/q': hard link to 'usr/bin/r', which is no file before it", e);
}

TEST(deb_tree, diversions_rename_for_others)
{
	static const struct rfs_diversion d[] = { { "/usr/bin/sh", "/usr/bin/sh.orig", "shiny" } };
	FIXTURE(f);

	f.options.diversions = d;
	f.options.n_diversions = 1;
	mkdeb_tar_file(&f.tar, "bin/sh", "x");
	CHECK_OK(add(&f, "dash", "1", "", &e), e);
	mkdeb_tar_file(&f.tar, "usr/bin/sh", "x");
	CHECK_OK(add(&f, "shiny", "1", "", &e), e);
	CHECK_STR(owner(&f, "usr/bin/sh"), "shiny");
	CHECK_STR(owner(&f, "usr/bin/sh.orig"), "dash");
}
