/* From values to Kubernetes objects: schema, templates, Jsonnet, objects. */
#pragma once

#include <jansson.h>

#include "render/objects.h"

struct rnd_fileset;
struct rnd_jsonnet_limits;
struct rnd_values;

struct rnd_image {
	const char *component;				  /* "synapse" */
	const char *registry, *repository, *tag, *digest; /* digest NULL = not known yet */
};

struct rnd_input {
	const struct rnd_fileset *library; /* sorted; main.jsonnet is evaluated */
	const json_t *schema;		   /* NULL = values are taken as they are */
	const struct rnd_values *values;
	const char *release, *namespace_;
	const char *bundle, *version;
	const struct rnd_image *images;
	size_t n_images;
	const char *const *api_versions; /* "monitoring.coreos.com/v1/ServiceMonitor" */
	size_t n_api_versions;
	const struct rnd_jsonnet_limits *limits; /* NULL = default */
};

/* The values as manifests see them: defaults filled in, checked, templates evaluated. A new
 * reference. */
int rnd_effective_values(const struct rnd_input *in, json_t **ret,
			 struct eb_error **err) EB_MUST_CHECK;
/* "HOST/repository:tag@digest" (heap). */
char *rnd_image_ref(const struct rnd_image *im);
/* Errors: of values with the place they were written at, of Jsonnet, of the objects. */
int rnd_render(const struct rnd_input *in, struct rnd_objects *ret,
	       struct eb_error **err) EB_MUST_CHECK;
