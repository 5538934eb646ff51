#include "rootfs/fixups.h"

#include "testlib.h"

enum { EPOCH = 1700000000 };

struct fixture {
	struct rfs_tree *tree;
	struct rfs_fixup_env env;
	unsigned int reads, prefetched;
};

/* Files with RFS_MEMBER content read as their own path. */
static int read_path(void *ctx, const struct rfs_node *n, struct eb_buf *out, struct eb_error **err)
{
	autofree char *path = rfs_path(n);
	struct fixture *f = ctx;

	(void)err;
	f->reads++;
	eb_buf_addf(out, "-----BEGIN CERTIFICATE-----\n%s", path);
	return 0;
}

static int count_prefetch(void *ctx, const struct rfs_node *const *nodes, size_t n,
			  struct eb_error **err)
{
	struct fixture *f = ctx;

	(void)nodes;
	(void)err;
	f->prefetched += (unsigned int)n;
	return 0;
}

static void start(struct fixture *f)
{
	*f = (struct fixture){ .tree = rfs_tree_new() };
	f->env = (struct rfs_fixup_env){ .tree = f->tree,
					 .arch = "amd64",
					 .epoch_sec = EPOCH,
					 .read = read_path,
					 .prefetch = count_prefetch,
					 .ctx = f };
	rfs_tree_origin(f->tree, RFS_ORIGIN_PACKAGE, "base-files", 0, 0);
	rfs_tree_origin(f->tree, RFS_ORIGIN_RECIPE, "demo", 0, 0);
}

static void end(struct fixture *f)
{
	rfs_tree_free(f->tree);
}
EB_DEFINE_RELEASE(struct fixture, end)

#define MORE_FIXTURE(f)                                                                            \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	start(&f)
#define FIXTURE(f)                                                                                 \
	autoerror struct eb_error *e = NULL;                                                       \
	MORE_FIXTURE(f)

/* text NULL: the content is a package's. */
static void put(struct fixture *f, unsigned int origin, const char *path, const char *text)
{
	autoerror struct eb_error *e = NULL;
	struct rfs_attr a = { .type = RFS_FILE, .mode = 0644, .mtime_sec = 5 };

	a.size = text ? strlen(text) : 10;
	a.content.kind = text ? RFS_INLINE : RFS_MEMBER;
	a.content.data = text;
	CHECK_OK(rfs_add(f->tree, origin, path, &a, 0, NULL, &e), e);
}

static void put_link(struct fixture *f, unsigned int origin, const char *path, const char *target)
{
	autoerror struct eb_error *e = NULL;
	struct rfs_attr a = { .type = RFS_SYMLINK, .target = target };

	CHECK_OK(rfs_add(f->tree, origin, path, &a, 0, NULL, &e), e);
}

static void put_dir(struct fixture *f, unsigned int origin, const char *path, uint32_t mode)
{
	autoerror struct eb_error *e = NULL;
	struct rfs_attr a = { .type = RFS_DIR, .mode = mode };

	CHECK_OK(rfs_add(f->tree, origin, path, &a, 0, NULL, &e), e);
}

/* Text of an inline file. */
static const char *text_of(struct fixture *f, const char *path)
{
	const struct rfs_node *n = rfs_lookup(f->tree, path);

	return n && n->type == RFS_FILE ? n->content.data : NULL;
}

static const char *target_of(struct fixture *f, const char *path)
{
	const struct rfs_node *n = rfs_lookup(f->tree, path);

	return n && n->type == RFS_SYMLINK ? n->target : NULL;
}

TEST(fixups, run_unknown_names_the_nearest)
{
	FIXTURE(f);

	CHECK_FAIL(rfs_fixup_run("paswd", &f.env, &e), EB_E_NOT_FOUND,
		   "unknown fix-up 'paswd', did you mean 'passwd'?", e);
	CHECK_FAIL(rfs_fixup_run("zzzzzzzz", &f.env, &e), EB_E_NOT_FOUND,
		   "unknown fix-up 'zzzzzzzz'", e);
}

TEST(fixups, names_are_sorted_and_have_summaries)
{
	const char *const *names = rfs_fixup_names();

	for (size_t i = 0; names[i]; i++) {
		CHECK(rfs_fixup_summary(names[i]) != NULL);
		CHECK(i == 0 || strcmp(names[i - 1], names[i]) < 0);
	}
	CHECK(!rfs_fixup_summary("nothing"));
}

TEST(fixups, usrmerge_links_by_architecture)
{
	FIXTURE(f);

	put_link(&f, 0, "bin", "usr/bin");
	CHECK_OK(rfs_fixup_run("usrmerge", &f.env, &e), e);
	CHECK_STR(target_of(&f, "lib64"), "usr/lib64");
	CHECK_STR(target_of(&f, "sbin"), "usr/sbin");
	CHECK_INT(rfs_lookup(f.tree, "bin")->origin, 0);
	CHECK_INT(rfs_lookup_follow(f.tree, "lib")->mtime_sec, EPOCH);
	MORE_FIXTURE(arm);
	arm.env.arch = "arm64";
	CHECK_OK(rfs_fixup_run("usrmerge", &arm.env, &e), e);
	CHECK(!rfs_lookup(arm.tree, "lib64"));
	MORE_FIXTURE(bad);
	put(&bad, 1, "sbin/tool", "x");
	CHECK_FAIL(rfs_fixup_run("usrmerge", &bad.env, &e), EB_E_CONFLICT,
		   "fix-up 'usrmerge': '/sbin': symbolic link", e);
}

TEST(fixups, passwd_has_root_and_nobody_always)
{
	FIXTURE(f);

	CHECK_OK(rfs_fixup_run("passwd", &f.env, &e), e);
	CHECK_STR(text_of(&f, "etc/passwd"),
		  "root:x:0:0:root:/root:/usr/sbin/nologin\n"
		  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
	CHECK_STR(text_of(&f, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
	CHECK_INT(rfs_lookup(f.tree, "etc/passwd")->mode, 0644);
	CHECK(!rfs_lookup(f.tree, "etc/shadow"));
}

TEST(fixups, passwd_sorts_by_id_and_keeps_lines)
{
	static const char *const members[] = { "web", "redis" };
	static const struct rfs_user users[] = {
		{ .name = "web", .uid = 10003, .gid = 10003, .home = "/srv", .comment = "Web" },
		{ .name = "redis", .uid = 999, .gid = 0, .shell = "/bin/sh" },
	};
	static const struct rfs_group groups[] = { { "tls", 500, members, 2 } };
	unsigned int origin;
	FIXTURE(f);

	put(&f, 0, "etc/passwd", "root:!:0:0:Mine:/root:/bin/bash\n\nold:x:7:7::/:/bin/false\n");
	put(&f, 0, "etc/group", "tls:x:500:redis\n");
	f.env.users = users;
	f.env.n_users = 2;
	f.env.groups = groups;
	f.env.n_groups = 1;
	CHECK_OK(rfs_fixup_run("passwd", &f.env, &e), e);
	CHECK_STR(text_of(&f, "etc/passwd"),
		  "root:!:0:0:Mine:/root:/bin/bash\nold:x:7:7::/:/bin/false\n"
		  "redis:x:999:0::/nonexistent:/bin/sh\n"
		  "web:x:10003:10003:Web:/srv:/usr/sbin/nologin\n"
		  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
	CHECK_STR(text_of(&f, "etc/group"),
		  "root:x:0:\ntls:x:500:redis,web\nweb:x:10003:\nnogroup:x:65534:\n");
	/* Again: nothing to change, nothing touched. */
	origin = rfs_lookup(f.tree, "etc/passwd")->origin;
	CHECK_OK(rfs_fixup_run("passwd", &f.env, &e), e);
	CHECK_INT(rfs_lookup(f.tree, "etc/passwd")->origin, origin);
}

TEST(fixups, passwd_refuses_what_contradicts)
{
	struct rfs_user u[2] = { { .name = "a", .uid = 5, .gid = 5 },
				 { .name = "b", .uid = 5, .gid = 6 } };
	FIXTURE(f);

	f.env.users = u;
	f.env.n_users = 2;
	CHECK_FAIL(rfs_fixup_run("passwd", &f.env, &e), EB_E_CONFLICT, "user id 5 is 'a' and 'b'",
		   e);
	u[1] = (struct rfs_user){ .name = "a", .uid = 6, .gid = 5 };
	CHECK_FAIL(rfs_fixup_run("passwd", &f.env, &e), EB_E_CONFLICT, "user 'a' is 5 and 6", e);
	u[1] = (struct rfs_user){ .name = "b", .uid = 6, .gid = 5, .group = "x" };
	CHECK_FAIL(rfs_fixup_run("passwd", &f.env, &e), EB_E_CONFLICT,
		   "user 'b': group id 5 is 'a' and 'x'", e);
	u[1] = (struct rfs_user){ .name = "b:c", .uid = 6, .gid = 5 };
	CHECK_FAIL(rfs_fixup_run("passwd", &f.env, &e), EB_E_FORMAT, "user 'b:c'", e);
	u[1] = (struct rfs_user){ .name = "b", .uid = 6, .gid = 5, .home = "/x\nroot" };
	CHECK_FAIL(rfs_fixup_run("passwd", &f.env, &e), EB_E_FORMAT, "home directory", e);
	put(&f, 0, "etc/passwd", "ok:x:1:1:::\nbroken\n");
	CHECK_FAIL(rfs_fixup_run("passwd", &f.env, &e), EB_E_FORMAT,
		   "fix-up 'passwd': '/etc/passwd', line 2: expected name:x:id", e);
}

TEST(fixups, ca_certificates_joins_in_path_order)
{
	FIXTURE(f);

	CHECK_FAIL(rfs_fixup_run("ca-certificates", &f.env, &e), EB_E_NOT_FOUND,
		   "no certificates in '/usr/share/ca-certificates'", e);
	put(&f, 0, "usr/share/ca-certificates/mozilla/B.crt", NULL);
	put(&f, 0, "usr/share/ca-certificates/mozilla/A.crt", NULL);
	put(&f, 0, "usr/share/ca-certificates/mozilla/README", NULL);
	put(&f, 1, "usr/local/share/ca-certificates/own.crt", "-----BEGIN CERTIFICATE-----\nown\n");
	CHECK_OK(rfs_fixup_run("ca-certificates", &f.env, &e), e);
	CHECK_STR(text_of(&f, "etc/ssl/certs/ca-certificates.crt"),
		  "-----BEGIN CERTIFICATE-----\nusr/share/ca-certificates/mozilla/A.crt\n"
		  "-----BEGIN CERTIFICATE-----\nusr/share/ca-certificates/mozilla/B.crt\n"
		  "-----BEGIN CERTIFICATE-----\nown\n");
	CHECK_INT(f.reads, 2);
	CHECK_INT(f.prefetched, 3);
	put(&f, 1, "usr/share/ca-certificates/x.crt", "not one");
	CHECK_FAIL(rfs_fixup_run("ca-certificates", &f.env, &e), EB_E_FORMAT,
		   "'/usr/share/ca-certificates/x.crt': expected a PEM certificate", e);
}

TEST(fixups, ca_certificates_builds_on_a_bundle_whose_parts_are_gone)
{
	static const char own[] = "-----BEGIN CERTIFICATE-----\nown\n";
	unsigned int origin;
	FIXTURE(f);

	put(&f, 0, "usr/share/ca-certificates/mozilla/A.crt", NULL);
	CHECK_OK(rfs_fixup_run("ca-certificates", &f.env, &e), e);
	CHECK_OK(rfs_remove(f.tree, rfs_lookup(f.tree, "usr"), &e), e);
	origin = rfs_lookup(f.tree, "etc/ssl/certs/ca-certificates.crt")->origin;
	CHECK_OK(rfs_fixup_run("ca-certificates", &f.env, &e), e);
	CHECK_INT(rfs_lookup(f.tree, "etc/ssl/certs/ca-certificates.crt")->origin, origin);
	put(&f, 1, "usr/local/share/ca-certificates/own.crt", own);
	for (int i = 0; i < 2; i++) {
		CHECK_OK(rfs_fixup_run("ca-certificates", &f.env, &e), e);
		CHECK_STR(text_of(&f, "etc/ssl/certs/ca-certificates.crt"),
			  "-----BEGIN CERTIFICATE-----\n"
			  "usr/share/ca-certificates/mozilla/A.crt\n"
			  "-----BEGIN CERTIFICATE-----\nown\n");
	}
}

TEST(fixups, os_release_links_when_missing)
{
	FIXTURE(f);

	CHECK_FAIL(rfs_fixup_run("os-release", &f.env, &e), EB_E_NOT_FOUND,
		   "'/usr/lib/os-release' is not there", e);
	put(&f, 0, "usr/lib/os-release", "ID=debian\n");
	CHECK_OK(rfs_fixup_run("os-release", &f.env, &e), e);
	CHECK_STR(target_of(&f, "etc/os-release"), "../usr/lib/os-release");
}

TEST(fixups, tzdata_sets_utc)
{
	FIXTURE(f);

	CHECK_FAIL(rfs_fixup_run("tzdata", &f.env, &e), EB_E_NOT_FOUND, "zoneinfo/Etc/UTC", e);
	put(&f, 0, "usr/share/zoneinfo/Etc/UTC", NULL);
	put_link(&f, 0, "etc/localtime", "/usr/share/zoneinfo/Europe/Berlin");
	CHECK_OK(rfs_fixup_run("tzdata", &f.env, &e), e);
	CHECK_STR(target_of(&f, "etc/localtime"), "/usr/share/zoneinfo/Etc/UTC");
	CHECK_STR(text_of(&f, "etc/timezone"), "Etc/UTC\n");
}

TEST(fixups, nsswitch_keeps_one_that_is_there)
{
	FIXTURE(f);

	CHECK_OK(rfs_fixup_run("nsswitch", &f.env, &e), e);
	CHECK_HAS(text_of(&f, "etc/nsswitch.conf"), "hosts: files dns\n");
	MORE_FIXTURE(own);
	put(&own, 1, "etc/nsswitch.conf", "hosts: dns\n");
	CHECK_OK(rfs_fixup_run("nsswitch", &own.env, &e), e);
	CHECK_STR(text_of(&own, "etc/nsswitch.conf"), "hosts: dns\n");
}

TEST(fixups, ld_so_refuses_directories_with_libraries)
{
	FIXTURE(f);

	put(&f, 0, "etc/ld.so.conf.d/a.conf", "# multiarch\n/usr/lib/x86_64-linux-gnu\n");
	put(&f, 0, "etc/ld.so.conf.d/b.conf", "/opt/none\n/usr/lib/x86_64-linux-gnu/plug # x\n");
	put(&f, 0, "usr/lib/x86_64-linux-gnu/libc.so.6", NULL);
	put_dir(&f, 0, "usr/lib/x86_64-linux-gnu/plug", 0755);
	CHECK_OK(rfs_fixup_run("ld-so", &f.env, &e), e);
	put(&f, 0, "usr/lib/x86_64-linux-gnu/plug/libz.so.1", NULL);
	CHECK_FAIL(rfs_fixup_run("ld-so", &f.env, &e), EB_E_UNSUPPORTED,
		   "fix-up 'ld-so': '/etc/ld.so.conf.d/b.conf': "
		   "'/usr/lib/x86_64-linux-gnu/plug' has 'libz.so.1'",
		   e);
}

TEST(fixups, tmp_gives_modes_and_links)
{
	struct rfs_node *n;
	FIXTURE(f);

	put_dir(&f, 0, "tmp", 0755);
	put_dir(&f, 0, "run", 0755);
	rfs_inherit(f.tree);
	CHECK_OK(rfs_fixup_run("tmp", &f.env, &e), e);
	n = rfs_lookup(f.tree, "tmp");
	CHECK_INT(n->mode, 01777);
	CHECK(!n->inherited);
	CHECK(rfs_lookup(f.tree, "run")->inherited);
	CHECK_STR(target_of(&f, "var/run"), "/run");
	CHECK(rfs_lookup(f.tree, "var/lock/../../var/tmp") == rfs_lookup(f.tree, "var/tmp"));
	CHECK_INT(rfs_lookup(f.tree, "var/tmp")->mode, 01777);
}

TEST(fixups, tmp_makes_links_of_empty_directories)
{
	FIXTURE(f);

	put_dir(&f, 0, "var/run", 0755);
	put_dir(&f, 0, "var/lock", 01777);
	CHECK_OK(rfs_fixup_run("tmp", &f.env, &e), e);
	CHECK_STR(target_of(&f, "var/run"), "/run");
	CHECK_STR(target_of(&f, "var/lock"), "/run/lock");
	MORE_FIXTURE(bad);
	put(&bad, 1, "var/run/demo/pid", "1");
	CHECK_FAIL(rfs_fixup_run("tmp", &bad.env, &e), EB_E_CONFLICT, "'/var/run' has 'demo' in it",
		   e);
}

TEST(fixups, alternatives_link_and_check)
{
	static struct rfs_alternative a[] = { { "/usr/bin/awk", "/usr/bin/mawk" },
					      { "pager", "/usr/bin/more" } };
	FIXTURE(f);

	f.env.alternatives = a;
	f.env.n_alternatives = 2;
	put(&f, 0, "usr/bin/mawk", NULL);
	CHECK_FAIL(rfs_fixup_run("alternatives", &f.env, &e), EB_E_NOT_FOUND,
		   "'pager' is to be '/usr/bin/more', which is not there", e);
	put(&f, 0, "usr/bin/more", NULL);
	CHECK_OK(rfs_fixup_run("alternatives", &f.env, &e), e);
	CHECK_STR(target_of(&f, "usr/bin/awk"), "/etc/alternatives/awk");
	CHECK_STR(target_of(&f, "etc/alternatives/awk"), "/usr/bin/mawk");
	CHECK(rfs_lookup_follow(f.tree, "usr/bin/pager") == rfs_lookup(f.tree, "usr/bin/more"));
	/* A later stage may choose another. */
	a[0].path = "/usr/bin/more";
	CHECK_OK(rfs_fixup_run("alternatives", &f.env, &e), e);
	CHECK_STR(target_of(&f, "etc/alternatives/awk"), "/usr/bin/more");
	a[0].link = "/usr/bin/mawk";
	CHECK_FAIL(rfs_fixup_run("alternatives", &f.env, &e), EB_E_CONFLICT,
		   "'/usr/bin/mawk' is there already, from 'base-files'", e);
}

TEST(fixups, dpkg_clean_leaves_status_and_recipe)
{
	FIXTURE(f);

	put(&f, 0, "var/lib/dpkg/status.d/base-files", "Package: base-files\n");
	put(&f, 0, "var/lib/dpkg/info/x", NULL);
	put_dir(&f, 0, "var/cache/apt/archives", 0755);
	put(&f, 1, "var/lib/apt/mine", "x");
	CHECK_OK(rfs_fixup_run("dpkg-clean", &f.env, &e), e);
	CHECK(rfs_lookup(f.tree, "var/lib/dpkg/status.d/base-files"));
	CHECK(!rfs_lookup(f.tree, "var/lib/dpkg/info"));
	CHECK(!rfs_lookup(f.tree, "var/cache/apt/archives"));
	CHECK(rfs_lookup(f.tree, "var/lib/apt/mine"));
}
