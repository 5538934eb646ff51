/* What Jsonnet gave, as Kubernetes objects: found in whatever nesting, checked, put into one order.
 *
 * The order is that in which they can be applied one after the other: what hooks before an
 * installation need, by weight and name, then the objects by kind in Helm's order and by name, then
 * hooks that come after. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;

enum rnd_phase {
	RND_BEFORE,
	RND_MAIN,
	RND_AFTER,
	RND_OTHER /* hooks of tests, rollback, deletion */
};

struct rnd_object {
	json_t *json;					    /* owned */
	const char *api_version, *kind, *name, *namespace_; /* borrowed; the last NULL = none */
	enum rnd_phase phase;
	int weight; /* of a hook */
};

struct rnd_objects {
	struct rnd_object *items;
	size_t n, alloc;
};

enum { RND_OBJECTS_MAX = 10000 };

/* An object is what has a `kind`; arrays, objects without one and nulls are looked into. Objects
 * that live in a namespace and name none get this one. Errors: EB_E_FORMAT naming the object
 * (no apiVersion or name, labels or annotations that are no text, a malformed hook), EB_E_CONFLICT
 * for an object that is there twice, EB_E_LIMIT. */
int rnd_objects_collect(const json_t *result, const char *namespace_, struct rnd_objects *ret,
			struct eb_error **err) EB_MUST_CHECK;
void rnd_objects_release(struct rnd_objects *o);
EB_DEFINE_RELEASE(struct rnd_objects, rnd_objects_release)

/* An annotation, or NULL. */
const char *rnd_object_annotation(const struct rnd_object *o, const char *key);
