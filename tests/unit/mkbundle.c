#include "mkbundle.h"

#include <fcntl.h>

#include "base/json.h"
#include "bundle/canonical.h"
#include "bundle/writer.h"
#include "image/config.h"
#include "image/mediatype.h"
#include "tar_build.h"
#include "testlib.h"

struct mkb {
	struct bnd_layout layout;
	struct oci_manifest root, index, manifest; /* of all, the image, the platform */
	struct oci_config config;
	json_t *images, *platforms, *packages;
	struct oci_digest wrong;
};

static void begin_platform(struct mkb *m)
{
	oci_manifest_init(&m->manifest, false);
	m->config = (struct oci_config){ .created_sec = 0 };
	m->packages = json_array();
}

static void begin_image(struct mkb *m)
{
	oci_manifest_init(&m->index, true);
	m->platforms = json_array();
}

struct mkb *mkb_new(void)
{
	struct mkb *m = eb_xcalloc(1, sizeof(*m));

	oci_manifest_init(&m->root, true);
	m->images = json_array();
	begin_image(m);
	begin_platform(m);
	return m;
}

struct mkb *mkb_free(struct mkb *m)
{
	bnd_layout_release(&m->layout);
	oci_manifest_release(&m->root);
	oci_manifest_release(&m->index);
	oci_manifest_release(&m->manifest);
	oci_config_release(&m->config);
	json_decref(m->images);
	json_decref(m->platforms);
	json_decref(m->packages);
	free(m);
	return NULL;
}

/* Takes text. */
static void add(struct mkb *m, const char *type, enum bnd_class class, char *text, size_t n,
		struct oci_descriptor *ret)
{
	oci_descriptor_of(type, text, n, ret);
	CHECK_INT(bnd_layout_add(&m->layout, class, &ret->digest, n, text, NULL), 0);
}

void mkb_layer(struct mkb *m, const struct eb_buf *tar, const char *holds, enum eb_codec_kind kind)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *codec = NULL;
	EB_CLEANUP(eb_codec_ctx_free_p) struct eb_codec_ctx *ctx = NULL;
	static const char *const types[] = { OCI_MT_LAYER_TAR, OCI_MT_LAYER_GZIP,
					     OCI_MT_LAYER_ZSTD };
	EB_AUTOBUF(plain, 64 << 20);
	struct oci_digest diff;
	char *out;
	size_t n;

	eb_buf_add(&plain, tar->data, tar->len);
	tb_end(&plain);
	oci_digest_of(plain.data, plain.len, &diff);
	if (m->wrong.text[0])
		diff = m->wrong;
	m->wrong.text[0] = '\0';
	CHECK_INT(eb_codec_open_system(kind, eb_codec_default_level(kind), &codec, NULL), 0);
	ctx = eb_codec_ctx_new(codec);
	out = eb_xmalloc(eb_codec_bound(codec, plain.len) + 1);
	CHECK_INT(eb_codec_block(ctx, plain.data, plain.len, out, eb_codec_bound(codec, plain.len),
				 &n, NULL),
		  0);
	add(m, types[kind], BND_DATA, out, n, &d);
	if (holds)
		oci_descriptor_annotate(&d, BND_ANN_LAYER_GROUP, holds);
	oci_manifest_add(&m->manifest, &d);
	oci_config_add_layer(&m->config, &diff, "test");
}

void mkb_wrong_diff_id(struct mkb *m, const struct oci_digest *d)
{
	m->wrong = *d;
}

void mkb_package(struct mkb *m, const char *name, const char *version)
{
	json_array_append_new(m->packages, json_pack("{s:s,s:s,s:s,s:s}", "type", "deb", "name",
						     name, "version", version, "arch", "amd64"));
}

void mkb_platform(struct mkb *m, const char *arch, json_t *config)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };
	autofree char *platform = eb_xasprintf("linux/%s", arch);
	char *text;
	size_t n;

	m->config.architecture = eb_xstrdup(arch);
	m->config.os = eb_xstrdup("linux");
	m->config.config = config;
	text = oci_config_write(&m->config, &n);
	add(m, OCI_MT_CONFIG, BND_DOCUMENT, text, n, &m->manifest.config);
	text = oci_manifest_write(&m->manifest, &n);
	add(m, OCI_MT_MANIFEST, BND_DOCUMENT, text, n, &d);
	d.platform.architecture = eb_xstrdup(arch);
	d.platform.os = eb_xstrdup("linux");
	oci_manifest_add(&m->index, &d);
	json_array_append_new(m->platforms,
			      json_pack("{s:s,s:s,s:o}", "platform", platform, "digest",
					d.digest.text, "packages", m->packages));
	oci_manifest_release(&m->manifest);
	oci_config_release(&m->config);
	begin_platform(m);
}

void mkb_image(struct mkb *m, const char *ref)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 };
	char *text;
	size_t n;

	text = oci_manifest_write(&m->index, &n);
	add(m, OCI_MT_INDEX, BND_DOCUMENT, text, n, &d);
	oci_descriptor_annotate(&d, BND_ANN_NAME, ref);
	oci_manifest_add(&m->root, &d);
	json_array_append_new(m->images, json_pack("{s:s,s:s,s:o}", "ref", ref, "digest",
						   d.digest.text, "platforms", m->platforms));
	oci_manifest_release(&m->index);
	begin_image(m);
}

/* The manifest of the bundle with its definition and a tool. */
static void make_bundle_manifest(struct mkb *m, struct oci_descriptor *ret)
{
	static const char tool[] = "#!/bin/sh\nexit 0\n";
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest b;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { 0 }, t = { 0 };
	autojson json_t *def = json_pack("{s:i,s:i,s:s,s:s,s:s,s:O}", "format", 1, "epoch", 0,
					 "name", "test", "version", "1", "compression", "zstd",
					 "images", m->images);
	char *text;
	size_t n;

	oci_manifest_init(&b, false);
	b.artifact_type = eb_xstrdup(BND_MT_BUNDLE);
	add(m, OCI_MT_EMPTY, BND_DOCUMENT, eb_xstrdup("{}"), 2, &b.config);
	text = eb_json_canonical(def, &n);
	add(m, BND_MT_DEFINITION, BND_DOCUMENT, text, n, &d);
	oci_manifest_add(&b, &d);
	add(m, BND_MT_TOOL, BND_DATA, eb_xstrdup(tool), sizeof(tool) - 1, &t);
	oci_manifest_add(&b, &t);
	m->layout.has_tool = true;
	m->layout.tool = eb_xstrdup(tool);
	m->layout.tool_size = sizeof(tool) - 1;
	text = oci_manifest_write(&b, &n);
	add(m, OCI_MT_MANIFEST, BND_DOCUMENT, text, n, ret);
	ret->artifact_type = eb_xstrdup(BND_MT_BUNDLE);
}

void mkb_write(struct mkb *m, const char *path)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor bundle = { 0 }, root = { 0 };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest all;
	struct eb_error *e = NULL;
	EB_AUTOTMP(tmp);
	char *text;
	size_t n;

	make_bundle_manifest(m, &bundle);
	oci_manifest_init(&all, true);
	all.artifact_type = eb_xstrdup(BND_MT_BUNDLE);
	oci_manifest_annotate(&all, BND_ANN_FORMAT, "1");
	oci_manifest_annotate(&all, OCI_ANN_CREATED, "1970-01-01T00:00:00Z");
	oci_manifest_add(&all, &bundle);
	for (size_t i = 0; i < m->root.n_items; i++)
		oci_manifest_add(&all, &m->root.items[i]);
	text = oci_manifest_write(&all, &n);
	add(m, OCI_MT_INDEX, BND_DOCUMENT, text, n, &root);
	root.artifact_type = eb_xstrdup(BND_MT_BUNDLE);
	CHECK_OK(bnd_index_write(&root, &all, NULL, 0, &m->layout, &e), e);
	bnd_layout_place(&m->layout);
	CHECK_OK(eb_tmpfile_open(NULL, path, 0644, &tmp, &e), e);
	CHECK_OK(bnd_layout_start(&m->layout, tmp.fd, &e), e);
	CHECK_OK(eb_tmpfile_publish(&tmp, true, &e), e);
}

void mkb_one(const struct eb_buf *tar, const char *path)
{
	EB_CLEANUP(mkb_free_p) struct mkb *m = mkb_new();

	mkb_layer(m, tar, "one", EB_CODEC_NONE);
	mkb_platform(m, "amd64", NULL);
	mkb_image(m, "ess.internal/one:1");
	mkb_write(m, path);
}
