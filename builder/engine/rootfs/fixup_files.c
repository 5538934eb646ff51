/* The fix-ups that look into files: the certificate bundle and the loader's directories. */
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "rootfs/fixups_internal.h"

/* Nodes whose paths fit, in path order. */
struct nodes {
	const struct rfs_node **node;
	size_t n, alloc;
	const char *suffix;
};

static void nodes_release(struct nodes *x)
{
	free(x->node);
}
EB_DEFINE_RELEASE(struct nodes, nodes_release)

static bool has_suffix(const char *name, const char *suffix)
{
	return eb_span_ends(eb_span_str(name), suffix);
}

/* Files below dir with the suffix; links to files count as what they name. */
static int collect(const struct rfs_tree *t, const struct rfs_node *dir, struct nodes *x,
		   struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < dir->n_child; i++) {
		const struct rfs_node *n = dir->child[i];

		if (n->type == RFS_DIR) {
			r = collect(t, n, x, err);
			continue;
		}
		if (!has_suffix(n->name, x->suffix))
			continue;
		if (n->type == RFS_SYMLINK) {
			autofree char *path = rfs_path(n);

			n = rfs_lookup_follow(t, path);
		}
		if (!n || n->type != RFS_FILE)
			continue;
		r = eb_grow(&x->node, &x->alloc, x->n + 1, sizeof(x->node[0]), 10000, "files", err);
		if (r >= 0)
			x->node[x->n++] = n->link ? n->link : n;
	}
	return r;
}

static int collect_dir(const struct rfs_tree *t, const char *path, struct nodes *x,
		       struct eb_error **err)
{
	const struct rfs_node *dir = rfs_lookup_follow(t, path);

	return dir && dir->type == RFS_DIR ? collect(t, dir, x, err) : 0;
}

static int prefetch(const struct fixup *f, const struct nodes *x, struct eb_error **err)
{
	return f->env->prefetch && x->n ? f->env->prefetch(f->env->ctx, x->node, x->n, err) : 0;
}

/* ---- certificates ---- */

/* All of Mozilla's are 250 KiB. */
enum { MAX_BUNDLE_BYTES = 8 * 1024 * 1024 };

#define BUNDLE "etc/ssl/certs/ca-certificates.crt"

/* Append the file unless the bundle has it already. */
static int add_certificate(const struct fixup *f, const struct rfs_node *n, struct eb_buf *bundle,
			   struct eb_error **err)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	autofree char *path = rfs_path(n);
	EB_AUTOBUF(one, MAX_BUNDLE_BYTES);
	int r = rfs_fixup_read_node_(f, n, &one, err);

	if (r < 0)
		return r;
	if (one.len == 0 || !memmem(one.data, one.len, begin, sizeof(begin) - 1))
		return eb_throw(err, EB_E_FORMAT, "'/%s': expected a PEM certificate", path);
	if (one.data[one.len - 1] != '\n')
		eb_buf_addc(&one, '\n');
	if (bundle->len == 0 || !memmem(bundle->data, bundle->len, one.data, one.len))
		eb_buf_add(bundle, one.data, one.len);
	return 0;
}

/* Where the certificates were removed after the bundle was made, the bundle stands for them. */
static int keep_bundle(const struct fixup *f, struct eb_buf *bundle, struct eb_error **err)
{
	if (rfs_lookup_follow(f->env->tree, BUNDLE))
		return rfs_fixup_read_(f, BUNDLE, bundle, err);
	return eb_hint(
		err,
		eb_throw(err, EB_E_NOT_FOUND, "no certificates in '/usr/share/ca-certificates'"),
		"add the package ca-certificates");
}

int rfs_fixup_ca_certificates_(const struct fixup *f, struct eb_error **err)
{
	EB_CLEANUP(nodes_release_p) struct nodes x = { .suffix = ".crt" };
	EB_AUTOBUF(bundle, MAX_BUNDLE_BYTES);
	int r = collect_dir(f->env->tree, "usr/share/ca-certificates", &x, err);

	if (r >= 0 && x.n == 0)
		r = keep_bundle(f, &bundle, err);
	if (r >= 0)
		r = collect_dir(f->env->tree, "usr/local/share/ca-certificates", &x, err);
	if (r >= 0)
		r = prefetch(f, &x, err);
	for (size_t i = 0; r >= 0 && i < x.n; i++)
		r = add_certificate(f, x.node[i], &bundle, err);
	if (r >= 0)
		r = eb_buf_check(&bundle, "ca-certificates.crt", err);
	if (r < 0)
		return r;
	return rfs_fixup_file_(f, BUNDLE, eb_buf_str(&bundle), bundle.len, err);
}

/* ---- the loader ---- */

/* Debian's name of the architecture in library paths. */
static const char *triplet(const char *arch)
{
	static const struct {
		const char *arch, *triplet;
	} known[] = {
		{ "amd64", "x86_64-linux-gnu" },	{ "arm64", "aarch64-linux-gnu" },
		{ "armhf", "arm-linux-gnueabihf" },	{ "i386", "i386-linux-gnu" },
		{ "ppc64el", "powerpc64le-linux-gnu" }, { "riscv64", "riscv64-linux-gnu" },
		{ "s390x", "s390x-linux-gnu" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(known); i++)
		if (strcmp(known[i].arch, arch) == 0)
			return known[i].triplet;
	return NULL;
}

/* Debian's glibc looks into {/usr,}/lib/<triplet> and {/usr,}/lib by itself (ld.so(8)). */
static bool is_searched(const struct fixup *f, const struct rfs_node *dir)
{
	const char *name = triplet(f->env->arch);
	autofree char *multiarch = eb_xasprintf("lib/%s", name ? name : f->env->arch);
	autofree char *in_usr = eb_xasprintf("usr/%s", multiarch);
	const char *const dirs[] = { "lib", "usr/lib", multiarch, in_usr };

	for (size_t i = 0; i < EB_ARRAY_LEN(dirs); i++)
		if (rfs_lookup_follow(f->env->tree, dirs[i]) == dir)
			return true;
	return false;
}

/* The first library in dir itself, NULL = none. */
static const char *library_in(const struct rfs_node *dir)
{
	for (size_t i = 0; i < dir->n_child; i++)
		if (dir->child[i]->type != RFS_DIR && strstr(dir->child[i]->name, ".so"))
			return dir->child[i]->name;
	return NULL;
}

static int check_dir(const struct fixup *f, struct eb_span line, struct eb_error **err)
{
	autofree char *path = eb_span_dup(line);
	const struct rfs_node *dir = rfs_lookup_follow(f->env->tree, path);
	const char *library;

	if (!dir || dir->type != RFS_DIR || is_searched(f, dir))
		return 0;
	library = library_in(dir);
	if (!library)
		return 0;
	return eb_hint(err,
		       eb_throw(err, EB_E_UNSUPPORTED,
				"'%s' has '%s', but without ld.so.cache the loader does not look "
				"there",
				path, library),
		       "set LD_LIBRARY_PATH in the recipe's config, or link the libraries into a "
		       "directory it does look into");
}

static int check_conf(const struct fixup *f, const struct rfs_node *n, struct eb_error **err)
{
	autofree char *where = rfs_path(n);
	EB_AUTOBUF(text, 64 * 1024);
	struct eb_span rest, line;
	const char *comment;
	int r = rfs_fixup_read_node_(f, n, &text, err);

	rest = (struct eb_span){ text.data, text.len };
	while (r >= 0 && eb_span_next(&rest, '\n', &line)) {
		comment = line.len ? memchr(line.ptr, '#', line.len) : NULL;
		if (comment)
			line.len = (size_t)(comment - line.ptr);
		line = eb_span_trim(line);
		if (line.len && line.ptr[0] == '/')
			r = check_dir(f, line, err);
	}
	return r < 0 ? eb_prefix(err, r, "'/%s'", where) : 0;
}

int rfs_fixup_ld_so_(const struct fixup *f, struct eb_error **err)
{
	EB_CLEANUP(nodes_release_p) struct nodes x = { .suffix = ".conf" };
	int r = collect_dir(f->env->tree, "etc/ld.so.conf.d", &x, err);

	if (r >= 0)
		r = prefetch(f, &x, err);
	for (size_t i = 0; r >= 0 && i < x.n; i++)
		r = check_conf(f, x.node[i], err);
	return r;
}
