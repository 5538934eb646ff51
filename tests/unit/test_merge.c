#include "rootfs/merge.h"

#include "testlib.h"

#define DOCS                                                                                       \
	{ "/usr/share/doc/*", false }, { "/usr/share/doc/*/copyright", true },                     \
	{                                                                                          \
		"/usr/share/man/**", false                                                         \
	}

static const struct rfs_rule docs[] = { DOCS };
static const struct rfs_merge_options with_docs = { .rules = docs, .n_rules = 3 };

TEST(merge, wants_last_match_wins)
{
	static const struct rfs_rule rules[] = {
		DOCS,
		{ "/usr/share/doc/secret/*", false },
	};
	struct rfs_merge_options o = { .rules = rules, .n_rules = EB_ARRAY_LEN(rules) };

	CHECK(rfs_merge_wants(&o, "usr/bin/x"));
	CHECK(!rfs_merge_wants(&o, "usr/share/doc/x"));
	CHECK(!rfs_merge_wants(&o, "usr/share/doc/x/changelog.gz"));
	CHECK(rfs_merge_wants(&o, "usr/share/doc/x/copyright"));
	/* "*" matches slashes, as dpkg has it. */
	CHECK(rfs_merge_wants(&o, "usr/share/doc/x/y/copyright"));
	CHECK(!rfs_merge_wants(&o, "usr/share/doc/secret/copyright"));
	CHECK(!rfs_merge_wants(&o, "usr/share/man/man1/x.1.gz"));
	CHECK(rfs_merge_wants(&o, "usr/share/man"));
	CHECK(rfs_merge_wants(&(struct rfs_merge_options){ 0 }, "usr/share/man/x"));
}

TEST(merge, leads_knows_directories_of_includes)
{
	CHECK(rfs_merge_leads(&with_docs, "usr/share/doc/libx"));
	CHECK(rfs_merge_leads(&with_docs, "usr/share"));
	CHECK(!rfs_merge_leads(&with_docs, "usr/share/doc/libx/changelog"));
	CHECK(!rfs_merge_leads(&with_docs, "usr/share/man/man1"));
}

static void check_place(const struct rfs_merge_options *o, const char *package, const char *path,
			bool is_link, const char *want)
{
	autofree char *got = rfs_merge_place(o, package, path, is_link);

	CHECK_STR(got, want);
}

TEST(merge, place_moves_old_directories_into_usr)
{
	struct rfs_merge_options o = { .merged_usr = true };

	check_place(&o, "p", "lib/x.so", false, "usr/lib/x.so");
	check_place(&o, "p", "lib64", false, "usr/lib64");
	check_place(&o, "p", "lib64", true, "lib64");
	check_place(&o, "p", "sbin/init", true, "usr/sbin/init");
	check_place(&o, "p", "libexec/x", false, "libexec/x");
	check_place(&o, "p", "usr/bin/x", false, "usr/bin/x");
	check_place(&o, "p", "", false, "");
	o.merged_usr = false;
	check_place(&o, "p", "lib/x.so", false, "lib/x.so");
}

TEST(merge, place_diverts_either_name)
{
	static const struct rfs_diversion d[] = {
		{ "/bin/sh", "/bin/sh.distrib", "dash" },
		{ "/etc/x", "/etc/x.orig", NULL },
	};
	struct rfs_merge_options o = { .merged_usr = true, .diversions = d, .n_diversions = 2 };

	check_place(&o, "bash", "bin/sh", false, "usr/bin/sh.distrib");
	check_place(&o, "bash", "usr/bin/sh", false, "usr/bin/sh.distrib");
	check_place(&o, "dash", "bin/sh", false, "usr/bin/sh");
	check_place(&o, "any", "etc/x", false, "etc/x.orig");
	check_place(&o, "any", "etc/x/y", false, "etc/x/y");
}

TEST(merge, time_is_clamped_to_epoch)
{
	struct rfs_merge_options o = { .epoch_sec = 100 };

	CHECK_INT(rfs_merge_time(&o, 99), 99);
	CHECK_INT(rfs_merge_time(&o, 101), 100);
	CHECK_INT(rfs_merge_time(&o, -5), -5);
}

TEST(merge, remove_matching_takes_subtrees)
{
	static const char *const paths[] = { "usr/share/doc/a/copyright", "usr/share/doc/b",
					     "usr/share/locale/de/x", "usr/bin/doc" };
	EB_CLEANUP(rfs_tree_free_p) struct rfs_tree *t = rfs_tree_new();
	struct rfs_attr a = { .type = RFS_FILE, .mode = 0644 };
	autoerror struct eb_error *e = NULL;
	size_t n = 0;

	rfs_tree_origin(t, RFS_ORIGIN_PACKAGE, "p", 0, 0);
	for (size_t i = 0; i < EB_ARRAY_LEN(paths); i++)
		CHECK_OK(rfs_add(t, 0, paths[i], &a, 0, NULL, &e), e);
	CHECK_OK(rfs_remove_matching(t, "/usr/share/doc/*", &n, &e), e);
	CHECK_INT(n, 3);
	CHECK(rfs_lookup(t, "usr/share/doc") && !rfs_lookup(t, "usr/share/doc/a"));
	CHECK_OK(rfs_remove_matching(t, "/usr/share/loc?le", &n, &e), e);
	CHECK_INT(n, 1);
	CHECK(!rfs_lookup(t, "usr/share/locale"));
	CHECK_OK(rfs_remove_matching(t, "/nothing/*", &n, &e), e);
	CHECK_INT(n, 0);
	CHECK_INT(t->n_nodes, 6);
}
