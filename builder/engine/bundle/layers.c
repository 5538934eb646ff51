#include "bundle/layers.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/span.h"
#include "base/stream.h"
#include "image/mediatype.h"
#include "image/tar_filter.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

int bnd_layers_open(const struct bnd_bundle *b, const struct oci_manifest *m,
		    struct bnd_layers *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_layers_release_p) struct bnd_layers l = { .bundle = b, .manifest = m };
	autofree char *text = NULL;
	size_t n;
	int r = oci_archive_blob_text(b->archive, &m->config, OCI_MANIFEST_MAX_BYTES, &text, &n,
				      err);

	if (r >= 0)
		r = oci_config_parse(text, n, &l.config, err);
	if (r < 0)
		return eb_prefix(err, r, "config %s", m->config.digest.text);
	if (l.config.n_diff_ids != m->n_items)
		return eb_throw(err, EB_E_FORMAT,
				"config %s has %zu diff ids, its manifest lists %zu layers",
				m->config.digest.text, l.config.n_diff_ids, m->n_items);
	for (size_t i = 0; i < m->n_items; i++)
		l.bytes += m->items[i].size;
	*ret = l;
	l = (struct bnd_layers){ 0 };
	return 0;
}

void bnd_layers_release(struct bnd_layers *l)
{
	oci_config_release(&l->config);
	*l = (struct bnd_layers){ 0 };
}

struct counter {
	struct eb_reader base;
	struct eb_reader *in;
	struct eb_progress *progress;
	unsigned int task;
};

static ssize_t counter_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct counter *c = (struct counter *)base;
	ssize_t got = eb_read(c->in, p, n, err);

	if (got > 0)
		eb_progress_advance(c->progress, c->task, (uint64_t)got);
	return got;
}

static void counter_free(struct eb_reader *base)
{
	eb_reader_free(((struct counter *)base)->in);
	free(base);
}

static struct eb_reader *counted(struct eb_reader *in, const struct bnd_layers *l)
{
	static const struct eb_reader_ops ops = { counter_read, counter_free };
	struct counter *c;

	if (!l->task)
		return in;
	c = eb_xcalloc(1, sizeof(*c));
	*c = (struct counter){ { &ops }, in, l->progress, l->task };
	return &c->base;
}

static enum oci_tar_filter filter_of(const char *media_type)
{
	if (strcmp(media_type, OCI_MT_LAYER_TAR) == 0)
		return OCI_TAR_PLAIN;
	if (strcmp(media_type, OCI_MT_LAYER_GZIP) == 0)
		return OCI_TAR_GZIP;
	if (strcmp(media_type, OCI_MT_LAYER_ZSTD) == 0)
		return OCI_TAR_ZSTD;
	return OCI_TAR_ANY;
}

char *bnd_layers_name(const struct bnd_layers *l, size_t i)
{
	const char *holds = oci_descriptor_annotation(&l->manifest->items[i], BND_ANN_LAYER_GROUP);
	autofree char *shown = holds ? eb_printable(holds, 100) : NULL;

	return eb_xasprintf("layer %zu%s%s%s", i, shown ? " (" : "", shown ? shown : "",
			    shown ? ")" : "");
}

int bnd_layers_plain(const struct bnd_layers *l, size_t i, struct eb_reader **ret,
		     struct eb_error **err)
{
	const struct oci_descriptor *d = &l->manifest->items[i];
	struct eb_reader *in = NULL;
	int r = oci_archive_blob(l->bundle->archive, d, &in, err);

	if (r >= 0)
		r = oci_tar_filter_open(counted(in, l), filter_of(d->media_type),
					oci_tar_default_limits.ratio, &in, err);
	if (r < 0)
		return r;
	*ret = eb_reader_verify(in, oci_digest_hex(&l->config.diff_ids[i]), UINT64_MAX,
				"uncompressed layer");
	return 0;
}

int bnd_layers_tar(const struct bnd_layers *l, size_t i, struct oci_tar_reader **ret,
		   struct eb_error **err)
{
	struct eb_reader *plain;
	int r = bnd_layers_plain(l, i, &plain, err);

	return r < 0 ? r : oci_tar_open(plain, OCI_TAR_PLAIN, &oci_tar_default_limits, ret, err);
}

static int bad_whiteout(const char *path, const char *why, struct eb_error **err)
{
	autofree char *shown = eb_printable(path, 200);

	return eb_throw(err, EB_E_FORMAT, "'%s' %s", shown, why);
}

int bnd_whiteout_parse(const char *path, enum bnd_whiteout *ret_kind, char **ret,
		       struct eb_error **err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *hidden = name + sizeof(WHITEOUT) - 1;

	for (const char *p = path; p < name; p = strchr(p, '/') + 1)
		if (strncmp(p, WHITEOUT, sizeof(WHITEOUT) - 1) == 0)
			return bad_whiteout(path, "lies inside a whiteout", err);
	if (strncmp(name, WHITEOUT, sizeof(WHITEOUT) - 1) != 0) {
		*ret_kind = BND_PLAIN_FILE;
		return 0;
	}
	if (strcmp(name, OPAQUE) == 0) {
		*ret_kind = BND_OPAQUE;
		*ret = slash ? eb_xstrndup(path, (size_t)(slash - path)) : eb_xstrdup("");
		return 0;
	}
	if (strncmp(hidden, WHITEOUT, sizeof(WHITEOUT) - 1) == 0) {
		*ret_kind = BND_IGNORED;
		return 0;
	}
	if (!*hidden)
		return bad_whiteout(path, "is a whiteout of nothing", err);
	if (strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return bad_whiteout(path, "is a whiteout of a directory that is not in it", err);
	*ret_kind = BND_WHITEOUT;
	*ret = eb_xasprintf("%.*s%s", (int)(name - path), path, hidden);
	return 0;
}
