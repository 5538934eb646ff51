/* Do rendered objects name images that the bundle does not hold? In an air gap such a pod would
 * never start. Looked at is every text of every object, word by word: `image` fields, arguments,
 * environment, custom resources, configuration. */
#pragma once

#include <jansson.h>

#include "render/render.h"

struct rnd_foreign {
	char *image;
	const char *kind, *name; /* of the object, borrowed from the objects */
	bool asked;		 /* the user's values name it in an image stanza */
};

struct rnd_foreign_list {
	struct rnd_foreign *items;
	size_t n, alloc;
};

/* values: the user's own, before defaults, or NULL. Each image is listed once for each object. */
int rnd_foreign_images(const struct rnd_objects *o, const struct rnd_image *images, size_t n_images,
		       const json_t *values, struct rnd_foreign_list *ret,
		       struct eb_error **err) EB_MUST_CHECK;
void rnd_foreign_release(struct rnd_foreign_list *l);
EB_DEFINE_RELEASE(struct rnd_foreign_list, rnd_foreign_release)

/* Is this word a full reference: "HOST/PATH:TAG" or "HOST/PATH@sha256:...", with a host that cannot
 * be a part of a path? */
bool rnd_looks_like_image(const char *word, size_t n);
