/* What rendering needs, from a bundle's definition or from a bundle file: the Jsonnet library, the
 * schema of the values, named profiles of values, and the images' names with digests. */
#pragma once

#include "bundle/def.h"
#include "render/fileset.h"
#include "render/render.h"

struct bnd_bundle;
struct bnd_plan;
struct eb_buf;
struct img_session;

struct bnd_site {
	struct eb_arena *arena; /* of all strings */
	struct rnd_fileset library;
	json_t *schema;	  /* or NULL */
	json_t *profiles; /* name -> text of its values file */
	const char *name, *version;
	struct rnd_image *images;
	size_t n_images;
};

enum { BND_SITE_MAX_PROFILES = 100, BND_SITE_MAX_BYTES = 32 * 1024 * 1024 };

/* The parts on disk, without images. EB_E_NOT_FOUND when the definition has no `render`. */
int bnd_site_load(const struct bnd_def *def, struct bnd_site *ret,
		  struct eb_error **err) EB_MUST_CHECK;
/* The images with the digests that the locks' results give. An image without them is EB_E_NOT_FOUND
 * with the hint to lock; with `unlocked` it goes by its tag alone. */
int bnd_site_lock_images(struct bnd_site *site, const struct bnd_def *def, struct img_session *s,
			 bool unlocked, struct eb_error **err) EB_MUST_CHECK;
/* One image by its full name, "HOST/PATH:TAG"; there must be room in site->images. */
void bnd_site_add_image(struct bnd_site *site, const char *name, const char *digest);
/* The images of a plan whose documents are made. */
void bnd_site_plan_images(struct bnd_site *site, const struct bnd_plan *p);
/* All of it, images included, from a bundle file. EB_E_NOT_FOUND when it holds no manifests. */
int bnd_site_open(const struct bnd_bundle *b, struct bnd_site *ret,
		  struct eb_error **err) EB_MUST_CHECK;
/* The layer of the bundle manifest that bnd_site_open() reads: library, schema and profiles as a
 * tar, sorted. */
int bnd_site_tar(const struct bnd_site *site, int64_t mtime_sec, struct eb_buf *out,
		 struct eb_error **err) EB_MUST_CHECK;
/* Name all images at HOST[:PORT][/PREFIX] instead, as `push` puts them there. */
int bnd_site_relocate(struct bnd_site *site, const char *registry,
		      struct eb_error **err) EB_MUST_CHECK;
/* Borrow everything of the site for in. */
void bnd_site_input(const struct bnd_site *site, struct rnd_input *in);
void bnd_site_release(struct bnd_site *site);
EB_DEFINE_RELEASE(struct bnd_site, bnd_site_release)
