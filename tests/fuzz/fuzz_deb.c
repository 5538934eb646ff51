/* A package: read, stored and read back the same, put into a tree. */
#include "base/buf.h"
#include "base/error.h"
#include "base/stream.h"
#include "pkg/deb.h"
#include "pkg/deb_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is accepted can be written and parsed to the same. */
static void round_trip(const struct pkg_deb_index *x)
{
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *y = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(a, (size_t)256 << 20);
	EB_AUTOBUF(b, (size_t)256 << 20);

	pkg_deb_index_write(x, &a);
	if (pkg_deb_index_parse(a.data, a.len, &y, &e) < 0)
		abort();
	pkg_deb_index_write(y, &b);
	if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
		abort();
}

static int look_up(void *ctx, struct rfs_node *n, struct eb_error **err)
{
	autofree char *path = rfs_path(n);

	(void)err;
	if (rfs_lookup(ctx, path) != n)
		abort();
	return 0;
}

static void build_tree(const struct pkg_deb_index *x)
{
	static const struct rfs_rule rules[] = { { "/usr/share/doc/*", false },
						 { "/usr/share/doc/*/copyright", true } };
	static const struct rfs_diversion diversions[] = { { "/bin/a", "/bin/b", NULL } };
	struct rfs_merge_options o = { .rules = rules,
				       .n_rules = 2,
				       .diversions = diversions,
				       .n_diversions = 1,
				       .merged_usr = true,
				       .epoch_sec = 1000 };
	EB_CLEANUP(rfs_tree_free_p) struct rfs_tree *t = rfs_tree_new();
	autoerror struct eb_error *e = NULL;
	autofree char *name = pkg_deb_field(x, "Package");
	unsigned int origin = rfs_tree_origin(t, RFS_ORIGIN_PACKAGE, name, 0, 0);

	eb_ignore(pkg_deb_to_tree(t, origin, x, &o, &e));
	if (rfs_walk(t, look_up, t, NULL) < 0)
		abort();
	rfs_inherit(t);
	while (t->root->n_child)
		if (rfs_remove(t, t->root->child[0], NULL) < 0)
			abort();
	if (t->n_nodes != 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pkg_deb_limits lim = { 1 << 20, 64 << 20, 2000, 1 << 20 };
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL;
	autoerror struct eb_error *e = NULL;

	if (pkg_deb_index_read(eb_reader_mem(data, size), "x.deb", &lim, &x, &e) < 0) {
		if (!e || x)
			abort();
		return 0;
	}
	round_trip(x);
	build_tree(x);
	return 0;
}
