#include "pkg/wheel_tree.h"

#include "mkwheel.h"
#include "pkg/wheel.h"
#include "pkg/zip.h"
#include "testlib.h"

enum { CAP = 1 << 20 };
#define LIB "usr/local/lib/python3.13/dist-packages"

static const struct pkg_wheel_scheme scheme = {
	.library = "/" LIB,
	.scripts = "/usr/local/bin",
	.data = "/usr/local",
	.headers = "/usr/local/include/python3.13",
	.python = "/usr/bin/python3.13",
};

struct made {
	struct rfs_tree *t;
	struct pkg_wheel *w;
};

static void made_release(struct made *m)
{
	rfs_tree_free(m->t);
	pkg_index_free(m->w ? &m->w->base : NULL);
}
EB_DEFINE_RELEASE(struct made, made_release)

static int make(struct made *m, const struct mkwheel_file *files, size_t n,
		const struct rfs_merge_options *o, struct eb_error **err)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	EB_AUTOBUF(b, CAP);

	mkwheel(&b, files, n, NULL, NULL, NULL, NULL);
	CHECK_OK(pkg_zip_open_mem(b.data, b.len, &pkg_zip_default_limits, &z, err), *err);
	CHECK_OK(pkg_wheel_read(z, "demo", "1.0", &m->w, err), *err);
	m->t = rfs_tree_new();
	return pkg_wheel_to_tree(m->t, rfs_tree_origin(m->t, RFS_ORIGIN_PACKAGE, "demo", 0, 0),
				 m->w, &scheme, o, err);
}

static const char *text_of(const struct made *m, const char *path)
{
	const struct rfs_node *n = rfs_lookup(m->t, path);

	return n && n->content.kind == RFS_INLINE ? n->content.data : NULL;
}

TEST(wheel_tree, files_go_where_the_scheme_says)
{
	static const struct mkwheel_file files[] = {
		{ "demo/__init__.py", "x = 1\n" },
		{ "demo-1.0.data/purelib/pure.py", "" },
		{ "demo-1.0.data/platlib/plat.py", "" },
		{ "demo-1.0.data/headers/demo.h", "" },
		{ "demo-1.0.data/data/share/doc.txt", "" },
		{ "demo-1.0.data/scripts/tool", "#!python -x\nprint(1)\n" },
		{ "demo-1.0.data/scripts/shell", "#!/bin/sh\n" },
		{ "demo-1.0.dist-info/entry_points.txt", "[console_scripts]\nrun = demo:go\n" },
	};
	EB_CLEANUP(made_release_p) struct made m = { 0 };
	const struct rfs_merge_options o = { .epoch_sec = 1000 };
	const struct rfs_node *n;
	autoerror struct eb_error *e = NULL;

	CHECK_OK(make(&m, files, EB_ARRAY_LEN(files), &o, &e), e);
	n = rfs_lookup(m.t, LIB "/demo/__init__.py");
	CHECK(n && n->content.kind == RFS_MEMBER);
	CHECK_INT(n->content.member, 0);
	CHECK_INT(n->mode, 0644);
	CHECK_INT(n->mtime_sec, 1000);
	CHECK(rfs_lookup(m.t, LIB "/pure.py") && rfs_lookup(m.t, LIB "/plat.py"));
	CHECK(rfs_lookup(m.t, "usr/local/include/python3.13/Demo/demo.h") != NULL);
	CHECK(rfs_lookup(m.t, "usr/local/share/doc.txt") != NULL);
	CHECK_STR(text_of(&m, "usr/local/bin/tool"), "#!/usr/bin/python3.13\nprint(1)\n");
	CHECK_INT(rfs_lookup(m.t, "usr/local/bin/tool")->mode, 0755);
	CHECK_INT(rfs_lookup(m.t, "usr/local/bin/shell")->content.kind, RFS_MEMBER);
	CHECK_INT(rfs_lookup(m.t, "usr/local/bin/shell")->mode, 0755);
	CHECK_HAS(text_of(&m, "usr/local/bin/run"), "from demo import go\n");
	CHECK_INT(rfs_lookup(m.t, "usr/local/bin/run")->mode, 0755);
}

TEST(wheel_tree, record_lists_what_is_installed)
{
	static const struct mkwheel_file files[] = {
		{ "demo/b.py", "" },
		{ "demo/test/a.py", "" },
		{ "demo-1.0.data/scripts/tool", "#!/bin/sh\n" },
		{ "demo-1.0.dist-info/direct_url.json", "{}" },
		{ "demo-1.0.dist-info/INSTALLER", "other\n" },
	};
	static const struct rfs_rule rules[] = { { "/" LIB "/demo/test/*", false } };
	const struct rfs_merge_options o = { .rules = rules, .n_rules = 1, .epoch_sec = 1000 };
	EB_CLEANUP(made_release_p) struct made m = { 0 };
	autoerror struct eb_error *e = NULL;
	const char *record, *at = NULL;

	CHECK_OK(make(&m, files, EB_ARRAY_LEN(files), &o, &e), e);
	CHECK(!rfs_lookup(m.t, LIB "/demo/test/a.py"));
	CHECK(!rfs_lookup(m.t, LIB "/demo-1.0.dist-info/direct_url.json"));
	CHECK_STR(text_of(&m, LIB "/demo-1.0.dist-info/INSTALLER"), "ess-bundle\n");
	record = text_of(&m, LIB "/demo-1.0.dist-info/RECORD");
	CHECK(record && strncmp(record, "../../../bin/tool,sha256=", 25) == 0);
	CHECK_HAS(record, "\ndemo/b.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n");
	CHECK_HAS(record, "\ndemo-1.0.dist-info/INSTALLER,sha256=");
	CHECK(!strstr(record, "direct_url") && !strstr(record, "test/a.py"));
	at = strstr(record, "\ndemo-1.0.dist-info/RECORD,,\n");
	CHECK(at && strlen(at) == strlen("\ndemo-1.0.dist-info/RECORD,,\n"));
}

TEST(wheel_tree, unknown_place_of_data_is_refused)
{
	static const struct mkwheel_file files[] = { { "demo-1.0.data/etc/passwd", "" } };
	const struct rfs_merge_options o = { .epoch_sec = 1000 };
	EB_CLEANUP(made_release_p) struct made m = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(make(&m, files, 1, &o, &e), EB_E_FORMAT,
		   "wheel 'Demo': 'demo-1.0.data/etc/passwd': expected purelib", e);
}

TEST(wheel_tree, file_of_another_input_is_a_conflict)
{
	static const struct mkwheel_file files[] = { { "six.py", "" } };
	const struct rfs_merge_options o = { .epoch_sec = 1000 };
	struct rfs_attr a = { .type = RFS_FILE, .content = { .kind = RFS_INLINE, .data = "" } };
	EB_CLEANUP(made_release_p) struct made m = { 0 };
	autoerror struct eb_error *e = NULL;
	unsigned int origin;

	CHECK_OK(make(&m, files, 1, &o, &e), e);
	rfs_tree_free(m.t);
	m.t = rfs_tree_new();
	origin = rfs_tree_origin(m.t, RFS_ORIGIN_PACKAGE, "other", 0, 0);
	CHECK_OK(rfs_add(m.t, origin, LIB "/six.py", &a, 0, NULL, &e), e);
	origin = rfs_tree_origin(m.t, RFS_ORIGIN_PACKAGE, "demo", 1, 0);
	CHECK_FAIL(pkg_wheel_to_tree(m.t, origin, m.w, &scheme, &o, &e), EB_E_CONFLICT,
		   "wheel 'Demo'", e);
}
