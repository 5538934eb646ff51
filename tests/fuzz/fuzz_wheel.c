/* A wheel: opened as a zip, every member read, checked as a wheel, put into a tree. */
#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "pkg/wheel.h"
#include "pkg/wheel_tree.h"
#include "pkg/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pkg_zip_limits limits = { 200, 1 << 20, 1 << 19, 100, 200 };
static const struct pkg_wheel_scheme scheme = {
	.library = "/usr/local/lib/python3.13/dist-packages",
	.scripts = "/usr/local/bin",
	.data = "/usr/local",
	.headers = "/usr/local/include/python3.13",
	.python = "/usr/bin/python3.13",
};

static void read_members(const struct pkg_zip *z)
{
	for (size_t i = 0; i < z->n; i++) {
		EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
		char part[512];
		uint64_t total = 0;
		ssize_t n;

		if (z->members[i].path[0] == '/' || pkg_zip_read(z, i, &in, NULL) < 0)
			abort();
		while ((n = eb_read(in, part, sizeof(part), NULL)) > 0)
			total += (uint64_t)n;
		if (n == 0 && total != z->members[i].size)
			abort();
	}
}

static int look_up(void *ctx, struct rfs_node *n, struct eb_error **err)
{
	autofree char *path = rfs_path(n);

	(void)err;
	if (rfs_lookup(ctx, path) != n || strncmp(path, "usr", 3) != 0)
		abort();
	return 0;
}

static void install(const struct pkg_wheel *w)
{
	static const struct rfs_rule rules[] = { { "*/test/*", false } };
	const struct rfs_merge_options o = { .rules = rules, .n_rules = 1, .epoch_sec = 1000 };
	EB_CLEANUP(rfs_tree_free_p) struct rfs_tree *t = rfs_tree_new();
	unsigned int origin = rfs_tree_origin(t, RFS_ORIGIN_PACKAGE, "x", 0, 0);

	eb_ignore(pkg_wheel_to_tree(t, origin, w, &scheme, &o, NULL));
	if (rfs_walk(t, look_up, t, NULL) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	struct pkg_wheel *w = NULL;
	autoerror struct eb_error *e = NULL;

	if (pkg_zip_open_mem(data, size, &limits, &z, &e) < 0) {
		if (!e || z)
			abort();
		return 0;
	}
	read_members(z);
	if (pkg_wheel_read(z, NULL, NULL, &w, &e) < 0) {
		if (!e || w)
			abort();
		return 0;
	}
	install(w);
	eb_ignore(pkg_wheel_check_file(w, "demo-1.0-py3-none-any.whl", NULL));
	pkg_index_free(&w->base);
	return 0;
}
