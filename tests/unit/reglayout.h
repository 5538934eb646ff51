/* Small image layouts in a tar, for the tests of the registry: documents by hand, without a
 * builder. Descriptors that are given back belong to the caller. */
#pragma once

#include "image/manifest.h"
#include "registry/served.h"

struct reglayout;
struct reglayout *rl_new(void);
struct reglayout *rl_free(struct reglayout *l);
EB_DEFINE_CLEANUP(struct reglayout *, rl_free)
/* A blob that nothing lists; its descriptor. */
void rl_blob(struct reglayout *l, const char *media_type, const char *text,
	     struct oci_descriptor *ret);
/* A manifest of one layer with this text. subject, artifact_type and ret may be NULL. */
void rl_manifest(struct reglayout *l, const char *layer, const char *artifact_type,
		 const struct oci_descriptor *subject, struct oci_descriptor *ret);
/* An index of some documents; annotated as a bundle's root if `root`. */
void rl_index(struct reglayout *l, const struct oci_descriptor *items, size_t n,
	      struct oci_descriptor *ret);
/* An entry of index.json, with a name unless NULL, and with one annotation more unless key is NULL.
 */
void rl_list(struct reglayout *l, const struct oci_descriptor *d, const char *name, const char *key,
	     const char *value);
/* A manifest with this layer, listed under this name. */
void rl_image(struct reglayout *l, const char *name, const char *layer);
void rl_write(struct reglayout *l, const char *path);
/* The source that the file at path makes. */
struct reg_served *rl_open(const char *path);
/* All of it for one image. */
struct reg_served *rl_one(const char *path, const char *name, const char *layer);
