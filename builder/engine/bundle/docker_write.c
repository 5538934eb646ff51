#include "bundle/docker_write.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/stream.h"
#include "dist/origin.h"
#include "dist/ref.h"
#include "image/config.h"
#include "image/mediatype.h"
#include "image/tar_filter.h"
#include "image/tar_write.h"

enum {
	CONFIG_MAX_BYTES = OCI_MANIFEST_MAX_BYTES,
	MAX_LAYERS = 16384,
	MAX_IMAGES = 4096,
	HEADER_MAX = 4096,
	IO_BYTES = 256 * 1024,
};

struct layer {
	struct oci_digest diff_id;
	const struct oci_descriptor *desc; /* in the graph */
};

struct config {
	struct oci_digest digest;
	char *text;
	size_t size;
	json_t *entry; /* of manifest.json */
};

struct out {
	const struct oci_source *src;
	const struct bnd_write_options *o;
	int fd;
	uint64_t at; /* where the next member begins */
	unsigned int task;
	uint64_t bytes; /* of all layers, compressed */
	struct layer *layers;
	size_t n_layers, alloc_layers;
	struct config *configs;
	size_t n_configs, alloc_configs;
};

static void out_release(struct out *w)
{
	for (size_t i = 0; i < w->n_configs; i++) {
		free(w->configs[i].text);
		json_decref(w->configs[i].entry);
	}
	free(w->configs);
	free(w->layers);
}
EB_DEFINE_RELEASE(struct out, out_release)

/* ---- what goes in ---- */

/* "HOST/REPO:TAG" of a name; NULL when it cannot be a tag. */
static char *tag_of(const struct bnd_image_in *im)
{
	EB_CLEANUP(oci_ref_release_p) struct oci_ref ref = { .host = NULL };

	if (!im->name || !im->full_name || oci_ref_parse(im->name, &ref, NULL) < 0)
		return NULL;
	if (!ref.tag && ref.digest.text[0])
		return NULL;
	return eb_xasprintf("%s/%s:%s", ref.host, ref.repo, ref.tag ? ref.tag : "latest");
}

static void add_tag(struct config *c, const struct bnd_image_in *im)
{
	json_t *tags = json_object_get(c->entry, "RepoTags"), *have;
	autofree char *tag = tag_of(im);
	size_t i;

	if (!tag)
		return;
	json_array_foreach(tags, i, have) if (strcmp(json_string_value(have), tag) == 0) return;
	eb_json_push(tags, eb_json_str(tag));
}

static int add_layer(struct out *w, const struct oci_digest *diff_id,
		     const struct oci_descriptor *d, struct eb_error **err)
{
	int r;

	for (size_t i = 0; i < w->n_layers; i++)
		if (oci_digest_eq(&w->layers[i].diff_id, diff_id))
			return 0;
	r = eb_grow(&w->layers, &w->alloc_layers, w->n_layers + 1, sizeof(*w->layers), MAX_LAYERS,
		    "layers", err);
	if (r < 0)
		return r;
	w->layers[w->n_layers++] = (struct layer){ *diff_id, d };
	return eb_add_u64(w->bytes, d->size, &w->bytes)
		       ? 0
		       : eb_throw(err, EB_E_LIMIT,
				  "the layers have more bytes than can be counted");
}

static int add_layers(struct out *w, const struct oci_manifest *m, const struct oci_config *c,
		      json_t *names, struct eb_error **err)
{
	int r = 0;

	if (c->n_diff_ids != m->n_items)
		return eb_throw(err, EB_E_FORMAT,
				"config %s has %zu diff ids, its manifest lists %zu layers",
				m->config.digest.text, c->n_diff_ids, m->n_items);
	for (size_t i = 0; i < m->n_items && r >= 0; i++) {
		autofree char *name = eb_xasprintf("%s.tar", oci_digest_hex(&c->diff_ids[i]));

		eb_json_push(names, eb_json_str(name));
		r = add_layer(w, &c->diff_ids[i], &m->items[i], err);
	}
	return r;
}

static int read_config(const struct out *w, const struct oci_descriptor *d, struct config *ret,
		       struct oci_config *parsed, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_AUTOBUF(b, CONFIG_MAX_BYTES);
	int r = oci_source_verified(w->src, d, &in, err);

	if (r >= 0)
		r = eb_read_all(in, &b, "configuration", err);
	if (r >= 0)
		r = oci_config_parse(eb_buf_str(&b), b.len, parsed, err);
	if (r < 0)
		return eb_prefix(err, r, "config %s", d->digest.text);
	*ret = (struct config){ .digest = d->digest, .size = b.len };
	ret->text = eb_buf_take(&b);
	return 0;
}

static int new_image(struct out *w, const struct oci_manifest *m, struct eb_error **err)
{
	EB_CLEANUP(oci_config_release_p) struct oci_config parsed = { .created_sec = -1 };
	autofree char *name = eb_xasprintf("%s.json", oci_digest_hex(&m->config.digest));
	json_t *layers = eb_json_array();
	struct config *c;
	int r = eb_grow(&w->configs, &w->alloc_configs, w->n_configs + 1, sizeof(*w->configs),
			MAX_IMAGES, "images", err);

	if (r < 0) {
		json_decref(layers);
		return r;
	}
	c = &w->configs[w->n_configs++];
	*c = (struct config){ .text = NULL };
	r = read_config(w, &m->config, c, &parsed, err);
	c->entry = eb_json_object();
	eb_json_set_str(c->entry, "Config", name);
	eb_json_set(c->entry, "RepoTags", eb_json_array());
	eb_json_set(c->entry, "Layers", layers);
	return r < 0 ? r : add_layers(w, m, &parsed, layers, err);
}

static int add_image(struct out *w, const struct bnd_image_in *im, struct eb_error **err)
{
	const struct oci_manifest *m = &oci_graph_root(im->graph)->doc;
	int r;

	if (m->is_index)
		return eb_throw(err, EB_E_USAGE, "an archive of this kind holds one platform");
	if (m->artifact_type || strcmp(m->config.media_type, OCI_MT_EMPTY) == 0)
		return eb_throw(err, EB_E_UNSUPPORTED, "is not an image, but '%.100s'",
				m->artifact_type ? m->artifact_type : m->config.media_type);
	for (size_t i = 0; i < w->n_configs; i++)
		if (oci_digest_eq(&w->configs[i].digest, &m->config.digest)) {
			add_tag(&w->configs[i], im);
			return 0;
		}
	r = new_image(w, m, err);
	if (r >= 0)
		add_tag(&w->configs[w->n_configs - 1], im);
	return r;
}

/* ---- writing ---- */

static uint64_t header_bytes(const char *path, uint64_t size)
{
	const struct oci_tar_entry e = { .path = path, .type = '0', .mode = 0644, .size = size };

	return oci_tar_header_size(&e);
}

static int put_header(const struct out *w, uint64_t at, const char *path, uint64_t size,
		      struct eb_error **err)
{
	const struct oci_tar_entry e = { .path = path, .type = '0', .mode = 0644, .size = size };
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *out = NULL;
	EB_AUTOBUF(header, HEADER_MAX);

	oci_tar_header(&e, &header);
	out = eb_writer_region(w->fd, at, header.len);
	return eb_write(out, header.data, header.len, err);
}

static int put_text(struct out *w, const char *path, const char *text, size_t n,
		    struct eb_error **err)
{
	uint64_t header = header_bytes(path, n);
	EB_CLEANUP(eb_writer_free_p)
	struct eb_writer *out = eb_writer_region(w->fd, w->at + header, n);
	int r = put_header(w, w->at, path, n, err);

	if (r >= 0)
		r = eb_write(out, text, n, err);
	w->at += header + n + oci_tar_padding(n);
	return r;
}

/* Counts what has come of a compressed layer. */
struct counter {
	struct eb_reader base;
	struct eb_reader *in;
	const struct out *w;
};

static ssize_t counter_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct counter *c = (struct counter *)base;
	ssize_t got = eb_read(c->in, p, n, err);

	if (got > 0)
		eb_progress_advance(c->w->o->progress, c->w->task, (uint64_t)got);
	return got;
}

static void counter_free(struct eb_reader *base)
{
	eb_reader_free(((struct counter *)base)->in);
	free(base);
}

/* The plain tar of a layer, checked by digest and diffID. */
static int open_layer(const struct out *w, const struct layer *l, struct eb_reader **ret,
		      struct eb_error **err)
{
	static const struct eb_reader_ops ops = { counter_read, counter_free };
	enum oci_tar_filter filter = OCI_TAR_ANY;
	struct counter *c = eb_xcalloc(1, sizeof(*c));
	struct eb_reader *in = NULL;
	int r;

	*c = (struct counter){ { &ops }, NULL, w };
	r = oci_source_verified(w->src, l->desc, &c->in, err);
	if (r < 0) {
		free(c);
		return r;
	}
	if (strcmp(l->desc->media_type, OCI_MT_LAYER_TAR) == 0)
		filter = OCI_TAR_PLAIN;
	r = oci_tar_filter_open(&c->base, filter, oci_tar_default_limits.ratio, &in, err);
	if (r < 0)
		return r;
	in = eb_reader_verify(in, oci_digest_hex(&l->diff_id), UINT64_MAX, "uncompressed layer");
	*ret = eb_reader_limit(in, oci_tar_default_limits.total_bytes, "uncompressed layer");
	return 0;
}

static int copy_layer(const struct out *w, const struct layer *l, uint64_t at, uint64_t *ret_size,
		      struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_CLEANUP(eb_writer_free_p)
	struct eb_writer *out = eb_writer_region(w->fd, at, oci_tar_default_limits.total_bytes);
	autofree char *buf = eb_xmalloc(IO_BYTES);
	ssize_t got = 0;
	int r = open_layer(w, l, &in, err);

	*ret_size = 0;
	while (r >= 0 && (got = eb_read(in, buf, IO_BYTES, err)) > 0) {
		*ret_size += (uint64_t)got;
		r = eb_write(out, buf, (size_t)got, err);
	}
	if (r < 0 || got < 0)
		return r < 0 ? r : (int)got;
	return eb_writer_finish(out, err);
}

/* How long a layer is shows only when it has been unpacked, so its header comes after it; one that
 * needs a larger header than thought (from 8 GiB on) is written again. */
static int put_layer(struct out *w, const struct layer *l, struct eb_error **err)
{
	autofree char *path = eb_xasprintf("%s.tar", oci_digest_hex(&l->diff_id));
	uint64_t size = 0, header;
	int r;

	do {
		header = header_bytes(path, size);
		r = copy_layer(w, l, w->at + header, &size, err);
		if (r < 0)
			return eb_prefix(err, r, "layer %s", l->desc->digest.text);
	} while (header_bytes(path, size) != header);
	r = put_header(w, w->at, path, size, err);
	w->at += header + size + oci_tar_padding(size);
	return r;
}

static int put_list(struct out *w, struct eb_error **err)
{
	autojson json_t *list = eb_json_array();
	autofree char *text = NULL;
	size_t n;

	for (size_t i = 0; i < w->n_configs; i++)
		eb_json_push(list, json_incref(w->configs[i].entry));
	text = eb_json_canonical(list, &n);
	return put_text(w, "manifest.json", text, n, err);
}

static int put_all(struct out *w, struct eb_error **err)
{
	int r = put_list(w, err);

	for (size_t i = 0; i < w->n_configs && r >= 0; i++) {
		const struct config *c = &w->configs[i];
		autofree char *path = eb_xasprintf("%s.json", oci_digest_hex(&c->digest));

		r = put_text(w, path, c->text, c->size, err);
	}
	w->task = eb_progress_start(w->o->progress, "copy", EB_UNIT_BYTES, w->bytes);
	for (size_t i = 0; i < w->n_layers && r >= 0; i++)
		r = put_layer(w, &w->layers[i], err);
	eb_progress_finish(w->o->progress, w->task);
	/* Padding and the end are zeros, which nobody has to write. */
	if (r >= 0 && ftruncate(w->fd, (off_t)(w->at + OCI_TAR_END_BYTES)) < 0)
		return eb_throw_errno(err, "write the end");
	return r;
}

int bnd_write_docker(const char *path, const struct oci_source *src,
		     const struct bnd_image_in *images, size_t n, const struct bnd_write_options *o,
		     struct eb_error **err)
{
	EB_CLEANUP(out_release_p) struct out w = { .src = src, .o = o };
	EB_AUTOTMP(tmp);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		r = add_image(&w, &images[i], err);
		if (r < 0)
			r = eb_prefix(err, r, "%s",
				      images[i].name
					      ? images[i].name
					      : oci_graph_root(images[i].graph)->desc.digest.text);
	}
	if (r >= 0)
		r = eb_tmpfile_open(NULL, path, 0666, &tmp, err);
	if (r < 0)
		return r;
	w.fd = tmp.fd;
	r = put_all(&w, err);
	return r < 0 ? r : eb_tmpfile_publish(&tmp, true, err);
}
