/* A bundle's definition: which images it holds and what they are called. Read from
 * bundles/<name>/bundle.yaml; the JSON Schema beside the code (bundle.schema.json) says the same
 * for editors:
 *
 *   name: quickstart
 *   version: 0.1.0
 *   summary: one line
 *   registry: ess.internal            # host part of the images' names
 *   images:
 *   - {recipe: ../../recipes/redis, name: redis, tag: "8.0"}
 *   compression: zstd                 # or gzip
 *   tool: files/launcher.sh           # becomes the member `ess-bundle`
 *   annotations: {}
 *   render:                           # manifests that 'render' makes
 *     library: manifests              # holds main.jsonnet
 *     schema: values.schema.json
 *     profiles: {default: profiles/default.yaml}
 *   from: ess-community               # a bundle beside this one says what is not said here
 *   exclude: [hookshot]               # images of it that are left out
 *
 * Immutable after loading; all strings live in the definition's arena. */
#pragma once

#include <jansson.h>

#include "base/codec.h"
#include "recipe/recipe.h"

struct bnd_def_image {
	const char *recipe; /* as written */
	const char *dir; /* the recipe's directory, to be opened: the definition's and `recipe` */
	const char
		*name; /* of the repository, without host: "redis"; the recipe's name by default */
	const char *tag; /* NULL: the version of the image */
	struct rcp_pos pos;
};

struct bnd_def_render {
	const char *dir;     /* of the definition that says this */
	const char *library; /* directory below dir; NULL = the bundle has no manifests */
	const char *schema;  /* file below dir, or NULL */
	json_t *profiles;    /* name -> values file below dir, or NULL */
	struct rcp_pos pos;
};

struct bnd_def_word {
	const char *text;
	struct rcp_pos pos;
};

struct bnd_def {
	struct eb_arena *arena;
	const char *dir, *file; /* directory, and bundle.yaml in it, as the user reached them */
	const char *name, *version;
	const char *summary; /* NULL when not given */
	const char *registry;
	struct bnd_def_image *images; /* names differ; at least one once `from` was followed */
	size_t n_images;
	enum eb_codec_kind compression;
	bool has_compression;	     /* it was said */
	const char *tool, *tool_dir; /* path below the directory of what says it, or NULL */
	struct rcp_pos tool_pos;
	const char *from; /* name, or NULL */
	struct rcp_pos from_pos;
	struct bnd_def_word *exclude;
	size_t n_exclude;
	struct bnd_def *base; /* what `from` names, followed itself; owned */
	json_t *annotations;  /* object of strings, or NULL */
	struct bnd_def_render render;
};

enum { BND_DEF_MAX_IMAGES = 1000, BND_DEF_MAX_DEPTH = 8 };

/* dir holds bundle.yaml, and a bundle that it is `from` lies beside it. Every image's recipe
 * directory and the tool must exist; what is in them is not looked at. Errors: EB_E_NOT_FOUND
 * without bundle.yaml, EB_E_RECIPE with file:line:column. */
int bnd_def_load(const char *dir, struct bnd_def **ret, struct eb_error **err) EB_MUST_CHECK;
/* The same without looking for recipes and the tool. */
int bnd_def_read(const char *dir, struct bnd_def **ret, struct eb_error **err) EB_MUST_CHECK;
/* One definition from text, without looking at the disk: `from` is not followed. */
int bnd_def_parse(const char *dir, const char *file, const char *text, size_t n,
		  struct bnd_def **ret, struct eb_error **err) EB_MUST_CHECK;
/* Put into d what its base says and it does not; not `render`, whose manifests want all images. */
int bnd_def_inherit(struct bnd_def *d, struct eb_error **err) EB_MUST_CHECK;
struct bnd_def *bnd_def_free(struct bnd_def *d);
EB_DEFINE_CLEANUP(struct bnd_def *, bnd_def_free)

/* The tag of an image: what the definition says, else its version, without what a tag may not hold
 * (heap). */
char *bnd_def_tag(const struct bnd_def_image *d, const char *version);
