#include "image/rootfs_build.h"

#include "mkdeb.h"
#include "mkdemo.h"
#include "testlib.h"

enum { TAR_BYTES = 1 << 20 };

struct fixture {
	struct demo m;
	struct img_chain chain;
	struct img_rootfs fs;
};

static void start(struct fixture *f)
{
	*f = (struct fixture){ .chain = { .n = 0 } };
	demo_init(&f->m, 2);
	demo_all(&f->m);
}

static void end(struct fixture *f)
{
	img_rootfs_release(&f->fs);
	img_chain_release(&f->chain);
	demo_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)

#define FIXTURE(f)                                                                                 \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	autoerror struct eb_error *e = NULL;                                                       \
	start(&f)

/* A recipe "top" from base with these keys, its tree on amd64. */
static int build(struct fixture *f, const char *keys, struct eb_error **err)
{
	autofree char *text = eb_xasprintf("name: top\nfrom: base\n%s", keys);
	autoerror struct eb_error *e = NULL;

	img_rootfs_release(&f->fs);
	img_chain_release(&f->chain);
	demo_recipe("top", text);
	demo_lock_write(demo_lock("top"));
	CHECK_OK(img_chain_load(test_path("recipes/top"), &f->chain, &e), e);
	return img_rootfs_build(&f->m.env, &f->chain, "amd64", &f->fs, err);
}

static const struct rfs_node *node(const struct fixture *f, const char *path)
{
	const struct rfs_node *n = rfs_lookup(f->fs.tree, path);

	if (!n)
		test_fail(__FILE__, __LINE__, "no %s", path);
	return n;
}

TEST(rootfs_build, stages_follow_one_another)
{
	FIXTURE(f);

	CHECK_OK(build(&f, "files: [{path: /etc/mine, content: xy}]\n", &e), e);
	CHECK_INT(f.fs.inputs.n, 2);
	CHECK(node(&f, "usr/lib/libdemo.so.1")->inherited);
	CHECK(node(&f, "usr/lib/libdemo-alias.so.1")->link == node(&f, "usr/lib/libdemo.so.1"));
	CHECK_INT(node(&f, "usr/lib/libdemo.so")->type, RFS_SYMLINK);
	CHECK(node(&f, "etc/demo.conf")->inherited);
	CHECK(!node(&f, "etc/mine")->inherited);
	CHECK_INT(node(&f, "etc/mine")->size, 2);
	CHECK_INT(node(&f, "etc/mine")->mtime_sec, DEMO_EPOCH);
}

TEST(rootfs_build, recipe_decides_over_packages)
{
	FIXTURE(f);

	demo_file("recipes/top/own", "12345");
	CHECK_OK(build(&f,
		       "files: [{path: /usr/share/one, source: own, mode: \"0600\", owner: "
		       "\"3:4\", replace: true}]\n"
		       "directories: [{path: /usr/share, mode: \"0700\", owner: \"1:2\"}]\n"
		       "links: [{path: /l, target: /usr/share/one}]\n"
		       "permissions: [{path: /usr/lib/libdemo-alias.so.1, mode: \"4755\"}]\n",
		       &e),
		 e);
	CHECK_INT(node(&f, "usr/share/one")->size, 5);
	CHECK_INT(node(&f, "usr/share/one")->mode, 0600);
	CHECK_INT(node(&f, "usr/share/one")->gid, 4);
	CHECK_INT(node(&f, "usr/share")->mode, 0700);
	CHECK_INT(node(&f, "usr/share")->uid, 1);
	CHECK_STR(node(&f, "l")->target, "/usr/share/one");
	/* Both names of a file. */
	CHECK_INT(node(&f, "usr/lib/libdemo.so.1")->mode, 04755);
	CHECK(!node(&f, "usr/lib/libdemo.so.1")->inherited);
}

TEST(rootfs_build, removal_of_the_parents_file_is_a_whiteout)
{
	FIXTURE(f);

	CHECK_OK(build(&f, "remove: [/usr/share/*]\n", &e), e);
	CHECK(rfs_lookup(f.fs.tree, "usr/share/one") == NULL);
	CHECK_INT(f.fs.tree->n_whiteouts, 2);
	CHECK_STR(f.fs.tree->whiteouts[0], "usr/share/one");
}

TEST(rootfs_build, failures_name_the_line)
{
	static const struct {
		const char *keys;
		int code;
		const char *message;
	} cases[] = {
		{ "remove: [/usr/none]\n", EB_E_RECIPE,
		  "recipes/top/recipe.yaml:3:10: '/usr/none' matches nothing" },
		{ "permissions: [{path: /none, mode: \"0600\"}]\n", EB_E_RECIPE, "recipe.yaml:3:" },
		{ "files: [{path: /usr/share/one, content: x}]\n", EB_E_CONFLICT,
		  "recipe.yaml:3:" },
	};
	FIXTURE(f);

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++)
		CHECK_FAIL(build(&f, cases[i].keys, &e), cases[i].code, cases[i].message, e);
}

TEST(rootfs_build, packages_that_own_one_path_conflict)
{
	struct rcp_lock *l;
	EB_AUTOBUF(tar, TAR_BYTES);
	FIXTURE(f);

	demo_recipe("top", "name: top\nfrom: base\ndebian: {packages: [rival]}\n");
	l = demo_lock("top");
	mkdeb_tar_file(&tar, "usr/share/one", "other");
	demo_package(&f.m, l, "rival", "rival", &tar);
	demo_lock_write(l);
	CHECK_OK(img_chain_load(test_path("recipes/top"), &f.chain, &e), e);
	CHECK_INT(img_rootfs_build(&f.m.env, &f.chain, "amd64", &f.fs, &e), -EB_E_CONFLICT);
	CHECK_HAS(e->message, "usr/share/one");
	CHECK_HAS(e->message, "rival");
	CHECK_HAS(e->message, "demo-data");
}

TEST(rootfs_build, fixups_see_files_of_packages)
{
	struct rcp_lock *l;
	EB_AUTOBUF(tar, TAR_BYTES);
	const struct rfs_node *passwd;
	FIXTURE(f);

	demo_recipe("top", "name: top\nfrom: base\ndebian: {packages: [base-passwd]}\n"
			   "fixups: [passwd]\nusers: [{name: mine, uid: 777}]\n");
	l = demo_lock("top");
	mkdeb_tar_file(&tar, "usr/share/base-passwd/passwd.master",
		       "root:*:0:0:root:/root:/bin/bash\n");
	mkdeb_tar_file(&tar, "usr/share/base-passwd/group.master", "root:*:0:\n");
	demo_package(&f.m, l, "base-passwd", "base-passwd", &tar);
	demo_lock_write(l);
	CHECK_OK(img_chain_load(test_path("recipes/top"), &f.chain, &e), e);
	CHECK_OK(img_rootfs_build(&f.m.env, &f.chain, "amd64", &f.fs, &e), e);
	passwd = node(&f, "etc/passwd");
	CHECK_INT(passwd->content.kind, RFS_INLINE);
	CHECK_HAS(passwd->content.data, "mine:x:777:777:");
	CHECK_HAS(passwd->content.data, "app:x:1000:1000:");
	CHECK_HAS(passwd->content.data, "root:");
}
