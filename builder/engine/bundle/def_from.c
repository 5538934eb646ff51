/* What a bundle takes over from the one that it is made from. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "bundle/def.h"

static bool is_excluded(const struct bnd_def *d, const char *image)
{
	for (size_t i = 0; i < d->n_exclude; i++)
		if (strcmp(d->exclude[i].text, image) == 0)
			return true;
	return false;
}

/* Each must name an image of the base, or a typing error would leave one in. */
static int check_exclude(const struct bnd_def *d, struct eb_error **err)
{
	autofree const char **names = eb_xcalloc(d->base->n_images + 1, sizeof(*names));

	for (size_t i = 0; i < d->base->n_images; i++)
		names[i] = d->base->images[i].name;
	for (size_t i = 0; i < d->n_exclude; i++) {
		const struct bnd_def_word *word = &d->exclude[i];
		const char *near;
		size_t k = 0;

		while (k < d->base->n_images && strcmp(names[k], word->text) != 0)
			k++;
		if (k < d->base->n_images)
			continue;
		near = eb_nearest(word->text, names);
		return rcp_throw(&word->pos, err, "exclude: bundle '%s' has no image '%s'%s%s%s",
				 d->base->name, word->text, near ? "; did you mean '" : "",
				 near ? near : "", near ? "'?" : "");
	}
	return 0;
}

/* The base's images without those excluded, in its order, then our own. */
static int inherit_images(struct bnd_def *d, struct eb_error **err)
{
	const struct bnd_def *base = d->base;
	struct bnd_def_image *all = eb_arena_alloc(d->arena, (base->n_images + d->n_images + 1) *
								     sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < base->n_images; i++)
		if (!is_excluded(d, base->images[i].name))
			all[n++] = base->images[i];
	for (size_t i = 0; i < d->n_images; i++) {
		for (size_t k = 0; k < n; k++)
			if (strcmp(all[k].name, d->images[i].name) == 0)
				return rcp_throw(&d->images[i].pos, err,
						 "images: bundle '%s' has an image '%s'; "
						 "put that under 'exclude' to replace it",
						 base->name, all[k].name);
		all[n++] = d->images[i];
	}
	if (n == 0 || n > BND_DEF_MAX_IMAGES)
		return rcp_throw(&d->from_pos, err, "from: expected 1 to %d images, found %zu",
				 BND_DEF_MAX_IMAGES, n);
	d->images = all;
	d->n_images = n;
	return 0;
}

int bnd_def_inherit(struct bnd_def *d, struct eb_error **err)
{
	const struct bnd_def *base = d->base;
	json_t *annotations;
	int r = 0;

	/* The source in a bundle names directories after their definitions. */
	if (strcmp(base->name, d->from) != 0)
		return rcp_throw(&d->from_pos, err, "from: the bundle in '%s' calls itself '%s'",
				 base->dir, base->name);
	r = check_exclude(d, err);
	if (r >= 0)
		r = inherit_images(d, err);
	if (r < 0)
		return r;
	if (!d->registry)
		d->registry = base->registry;
	if (!d->summary)
		d->summary = base->summary;
	if (!d->has_compression)
		d->compression = base->compression;
	if (!d->tool) {
		d->tool = base->tool;
		d->tool_dir = base->tool_dir;
		d->tool_pos = base->tool_pos;
	}
	if (base->annotations) {
		annotations = json_copy(base->annotations);
		if (d->annotations)
			json_object_update(annotations, d->annotations);
		json_decref(d->annotations);
		d->annotations = annotations;
	}
	return 0;
}
