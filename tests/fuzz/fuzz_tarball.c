/* An archive of others, from its bytes to a tree: the first byte says how it is placed; zip when it
 * begins like one. What is accepted is stored and read back the same, and stays below its place. */
#include "base/buf.h"
#include "base/error.h"
#include "base/stream.h"
#include "pkg/layer_tree.h"
#include "pkg/tarball.h"
#include "pkg/zip.h"
#include "rootfs/tree.h"
#include "tar_fix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pkg_index_format format = { .magic = "fuzz 1",
						.size = sizeof(struct pkg_index),
						.max_entries = 100000 };

static void round_trip(const struct pkg_index *x)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *y = NULL;
	EB_AUTOBUF(a, PKG_INDEX_MAX_BYTES);
	EB_AUTOBUF(b, PKG_INDEX_MAX_BYTES);

	pkg_index_write(&format, x, &a);
	if (pkg_index_parse(&format, a.data, a.len, &y, NULL) < 0)
		abort();
	pkg_index_write(&format, y, &b);
	if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
		abort();
}

static int check_node(void *ctx, struct rfs_node *n, struct eb_error **err)
{
	autofree char *path = rfs_path(n);

	(void)ctx;
	(void)err;
	if (strncmp(path, "app", 3) != 0 || (path[3] && path[3] != '/'))
		abort();
	if (n->mode & ~(uint32_t)0777 || n->uid != 1 || n->n_xattrs)
		if (!n->implicit)
			abort();
	return 0;
}

static void build_tree(const struct pkg_index *x, unsigned int how)
{
	const struct pkg_archive_place p = { .strip = how & 3,
					     .subpath = how & 4 ? "d" : "",
					     .to = "app",
					     .uid = 1,
					     .gid = 1,
					     .epoch_sec = 1000 };
	EB_CLEANUP(rfs_tree_free_p) struct rfs_tree *t = rfs_tree_new();
	unsigned int origin = rfs_tree_origin(t, RFS_ORIGIN_PACKAGE, "fuzz", 0, 0);
	autoerror struct eb_error *e = NULL;

	if (pkg_archive_to_tree(t, origin, x, &p, &e) < 0) {
		if (!e)
			abort();
		return;
	}
	if (rfs_walk(t, check_node, NULL, NULL) < 0)
		abort();
}

/* As two layers of an image, the second over the first: whatever it holds, it is a tree. */
static void build_layers(const struct pkg_index *x)
{
	EB_CLEANUP(rfs_tree_free_p) struct rfs_tree *t = rfs_tree_new();
	autoerror struct eb_error *e = NULL;

	for (unsigned int i = 0; i < 2; i++) {
		unsigned int origin = rfs_tree_origin(t, RFS_ORIGIN_PACKAGE, "fuzz", i, 0);

		if (pkg_layer_to_tree(t, origin, x, &e) >= 0)
			continue;
		if (!e)
			abort();
		return;
	}
	/* None is left of what only hides. */
	if (rfs_lookup(t, ".wh.a"))
		abort();
}

static void read_zip(const uint8_t *data, size_t size)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = NULL;
	autoerror struct eb_error *e = NULL;
	struct pkg_zip_limits lim = pkg_zip_default_limits;

	lim.total_bytes = 16 << 20;
	if (pkg_zip_open_mem(data, size, &lim, &z, &e) < 0)
		return;
	for (size_t i = 0; i < z->n; i++) {
		EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
		EB_AUTOBUF(b, 16 << 20);

		if (!z->members[i].directory && pkg_zip_read(z, i, &in, NULL) >= 0 &&
		    eb_read_all(in, &b, "member", NULL) >= 0 && b.len != z->members[i].size)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pkg_archive_limits lim = { 64 << 20, 2000, 1 << 20 };
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	autoerror struct eb_error *e = NULL;
	autofree unsigned char *fixed = NULL;

	if (size == 0)
		return 0;
	if (size > 5 && memcmp(data + 1, "PK\x03\x04", 4) == 0) {
		read_zip(data + 1, size - 1);
		return 0;
	}
	fixed = tar_fix(data + 1, size - 1);
	if (pkg_tar_index_read(eb_reader_mem(fixed, size - 1), "x", &lim, &x, &e) < 0) {
		if (!e || x)
			abort();
		return 0;
	}
	round_trip(x);
	build_tree(x, data[0]);
	build_layers(x);
	return 0;
}
