#include "image/base.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/stream.h"
#include "image/carried.h"
#include "image/config.h"
#include "image/mediatype.h"

const struct rcp_upstream *img_base(const struct img_chain *c)
{
	return c->n > 1 && c->stage[0].recipe->image.ref ? &c->stage[0].recipe->image : NULL;
}

/* The platform's documents; the chain is the first stage alone. */
static int plan(const struct img_env *env, const struct img_chain *c, const char *arch,
		struct img_image *ret, struct eb_error **err)
{
	ret->chain = c;
	ret->platforms = eb_xcalloc(img_recipe(c)->n_architectures, sizeof(*ret->platforms));
	return img_carried_plan(env, &arch, 1, ret, err);
}

/* The bytes are the same whoever names their type. */
static const char *layer_type(const char *type)
{
	static const char *const known[][2] = {
		{ OCI_MT_LAYER_TAR, OCI_MT_LAYER_TAR },
		{ OCI_MT_LAYER_GZIP, OCI_MT_LAYER_GZIP },
		{ OCI_MT_LAYER_ZSTD, OCI_MT_LAYER_ZSTD },
		{ "application/vnd.docker.image.rootfs.diff.tar", OCI_MT_LAYER_TAR },
		{ "application/vnd.docker.image.rootfs.diff.tar.gzip", OCI_MT_LAYER_GZIP },
		{ "application/vnd.docker.image.rootfs.diff.tar.zstd", OCI_MT_LAYER_ZSTD },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(known); i++)
		if (strcmp(known[i][0], type) == 0)
			return known[i][1];
	return NULL;
}

/* What made layer i, if its history tells of as many as there are. */
static const char *made_by(const struct oci_config *cfg, size_t i)
{
	size_t n = 0;
	const char *found = NULL;

	for (size_t k = 0; k < cfg->n_history; k++) {
		if (cfg->history[k].empty_layer)
			continue;
		if (n++ == i)
			found = cfg->history[k].created_by;
	}
	return n == cfg->n_diff_ids ? found : NULL;
}

static int fill_layers(const struct img_chain *c, const struct img_platform *p,
		       const struct oci_config *cfg, struct img_layers *l, struct eb_error **err)
{
	const struct rcp_recipe *rcp = img_recipe(c);

	if (cfg->n_diff_ids != p->n_layers)
		return eb_throw(err, EB_E_FORMAT,
				"its configuration lists %zu layers, its manifest %zu",
				cfg->n_diff_ids, p->n_layers);
	l->items = eb_xcalloc(p->n_layers + 1, sizeof(*l->items));
	for (size_t i = 0; i < p->n_layers; i++) {
		const char *type = layer_type(p->layers[i].media_type), *by = made_by(cfg, i);
		struct img_layer_info *info = &l->items[i];

		if (!type)
			return eb_throw(err, EB_E_UNSUPPORTED,
					"its layer %zu is of type %s; nothing can be built on it",
					i, p->layers[i].media_type);
		info->name = eb_xstrdup(rcp->name);
		info->by = eb_xstrdup(by ? by : rcp->image.ref);
		info->result.digest = p->layers[i].digest;
		info->result.size = p->layers[i].size;
		info->result.diff_id = cfg->diff_ids[i];
		snprintf(info->result.media_type, sizeof(info->result.media_type), "%s", type);
		l->n = i + 1;
	}
	l->config = cfg->config ? json_deep_copy(cfg->config) : NULL;
	return 0;
}

int img_base_layers(const struct img_env *env, const struct img_chain *c, const char *arch,
		    struct img_layers *l, struct eb_error **err)
{
	EB_CLEANUP(img_image_release_p) struct img_image image = { 0 };
	EB_CLEANUP(oci_config_release_p) struct oci_config cfg = { 0 };
	const struct img_text *config;
	int r = plan(env, c, arch, &image, err);

	if (r < 0)
		return r;
	if (image.n_platforms != 1)
		return eb_throw(err, EB_E_NOT_FOUND, "%s: is not there for %s", img_recipe(c)->file,
				arch);
	config = &image.platforms[0].config;
	r = oci_config_parse(config->text, config->desc.size, &cfg, err);
	if (r >= 0)
		r = fill_layers(c, &image.platforms[0], &cfg, l, err);
	return r < 0 ? eb_prefix(err, r, "image '%s' (%s)", img_recipe(c)->name,
				 img_recipe(c)->image.ref)
		     : 0;
}

static int copy(const struct img_env *env, const char *what, const struct oci_layer_result *layer,
		struct eb_writer *out, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	int r = pkg_cache_read(env->cache, oci_digest_hex(&layer->digest), layer->size, what, &in,
			       err);

	if (r >= 0)
		r = eb_copy(in, out, NULL, err);
	return r < 0 ? r : eb_writer_finish(out, err);
}

int img_base_write(const struct img_env *env, const struct img_chain *c, const struct img_layers *l,
		   img_place place, void *ctx, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < l->n && r >= 0; i++) {
		EB_CLEANUP(eb_writer_free_p)
		struct eb_writer *out = place ? place(ctx, i) : NULL;
		autofree char *what = eb_xasprintf("image '%s': layer %s", img_recipe(c)->name,
						   l->items[i].result.digest.text);

		if (out)
			r = copy(env, what, &l->items[i].result, out, err);
	}
	return r;
}

int img_base_inputs(const struct img_env *env, const struct img_chain *c, const char *arch,
		    struct eb_arena *arena, struct img_inputs *to, struct eb_error **err)
{
	EB_CLEANUP(img_layers_release_p) struct img_layers l = { 0 };
	struct img_chain first = img_chain_upto(c, 0);
	struct pkg_input *items;
	struct img_asked *asked;
	int r = img_base_layers(env, &first, arch, &l, err);

	if (r < 0)
		return r;
	items = eb_xcalloc(to->n + l.n, sizeof(*items));
	asked = eb_xcalloc(to->n + l.n, sizeof(*asked));
	if (to->n) {
		memcpy(items, to->items, to->n * sizeof(*items));
		memcpy(asked, to->asked, to->n * sizeof(*asked));
	}
	free(to->items);
	free(to->asked);
	to->items = items;
	to->asked = asked;
	for (size_t i = 0; i < l.n; i++) {
		const struct oci_layer_result *y = &l.items[i].result;

		items[to->n++] = (struct pkg_input){
			.kind = PKG_INPUT_ARCHIVE,
			.what = eb_arena_printf(arena, "image '%s' (%s): layer %zu",
						img_recipe(&first)->name, arch, i),
			.name = eb_arena_printf(arena, "%s layer %zu", img_recipe(&first)->name, i),
			.version = "",
			.group = img_recipe(&first)->name,
			.sha256 = eb_arena_strdup(arena, oci_digest_hex(&y->digest)),
			.size = y->size,
		};
	}
	return 0;
}
