/* A bundle before it is written: every document made, every blob's digest, size and place known,
 * and with them the root digest. Filling it makes the layers again, straight into the file. */
#pragma once

#include "bundle/def.h"
#include "bundle/writer.h"
#include "image/image.h"
#include "render/values.h"

struct bnd_plan_image {
	const struct bnd_def_image *def;
	struct img_chain chain;
	struct img_image image;
	char *name; /* "ess.internal/redis:8.0.2-3": org.opencontainers.image.ref.name */
};

/* What signs the root: adds the signature's blobs to the layout and fills its entry of index.json.
 */
typedef int (*bnd_signer)(void *ctx, const struct oci_descriptor *root, struct bnd_layout *layout,
			  struct oci_descriptor *ret_entry, struct eb_error **err);

struct bnd_plan_options {
	const char *const *arches; /* NULL = all of each recipe */
	size_t n_arches;
	enum img_trust trust;
	bool layout_only; /* no root, no bundle manifest: an image layout that holds the images */
	const struct rnd_values
		*values; /* to render manifests with, beside the profiles; or NULL */
	bnd_signer sign; /* NULL = unsigned */
	void *sign_ctx;
};

struct bnd_plan {
	const struct bnd_def *def;   /* borrowed */
	struct img_session *session; /* borrowed */
	struct bnd_plan_image *images;
	size_t n_images;
	struct bnd_layout layout;
	struct oci_descriptor root;
	struct oci_manifest root_index;
	int64_t epoch_sec;		 /* newest of the images' */
	const struct rnd_values *values; /* as in the options */
};

/* Load the chains of a definition (recipes and locks); the first step of plan and of fetch. */
int bnd_plan_load(const struct bnd_def *def, struct img_session *s, struct bnd_plan *ret,
		  struct eb_error **err) EB_MUST_CHECK;
/* Fetch everything the plan's images need. */
int bnd_plan_fetch(struct bnd_plan *p, const struct bnd_plan_options *o,
		   struct eb_error **err) EB_MUST_CHECK;
/* Make the documents and lay the file out. */
int bnd_plan_make(struct bnd_plan *p, const struct bnd_plan_options *o,
		  struct eb_error **err) EB_MUST_CHECK;
/* Write the file; it appears under its name only when whole. */
int bnd_plan_write(struct bnd_plan *p, const char *path, struct eb_error **err) EB_MUST_CHECK;
/* Keep the layers of the written file in the shared caches that results go to. */
void bnd_plan_share(struct bnd_plan *p, const char *path);
void bnd_plan_release(struct bnd_plan *p);
EB_DEFINE_RELEASE(struct bnd_plan, bnd_plan_release)

/* Hash of all that decides the bytes of the file, cheap to have: for "nothing to do". signer names
 * the key that signs, NULL = none. */
int bnd_plan_key(const struct bnd_plan *p, const struct bnd_plan_options *o, const char *signer,
		 char ret[static 65], struct eb_error **err) EB_MUST_CHECK;

/* Append a blob to the bundle manifest m and to the file; takes text (n bytes). For those who add
 * parts while bnd_plan_make() runs. */
int bnd_plan_part(struct bnd_plan *p, struct oci_manifest *m, const char *media_type,
		  const char *title, enum bnd_class class, char *text, size_t n,
		  struct eb_error **err) EB_MUST_CHECK;
