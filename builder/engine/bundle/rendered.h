/* What a bundle says about running its images: the library that renders manifests, and manifests
 * that were rendered when it was built. */
#pragma once

#include "base/cleanup.h"

struct bnd_bundle;
struct bnd_plan;
struct eb_error;
struct oci_manifest;
struct rnd_values;

/* Add to the bundle manifest: the library (BND_MT_LIBRARY); for each profile, by name, what it
 * renders to for release "ess" in namespace "ess" (BND_MT_MANIFESTS, title
 * "manifests/NAME.yaml"); with p->values those (BND_MT_VALUES) and what they render to
 * ("manifests/values.yaml"). Nothing when the definition has no `render`. */
int bnd_add_rendered(struct bnd_plan *p, struct oci_manifest *m,
		     struct eb_error **err) EB_MUST_CHECK;
/* The values that a bundle was built with: 1 and *ret filled, or 0 when there are none. */
int bnd_rendered_values(const struct bnd_bundle *b, struct rnd_values *ret,
			struct eb_error **err) EB_MUST_CHECK;
