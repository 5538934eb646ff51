/* Which kinds a cluster knows and at which URLs: the APIResourceList of each group and version,
 * asked for once and kept for the life of the struct. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;
struct kube_api;

enum { KUBE_MAX_GROUP_VERSIONS = 1000, KUBE_MAX_RESOURCES = 2000 };

struct kube_resource {
	char *api_version; /* "v1", "apps/v1" */
	char *kind;	   /* "Deployment" */
	char *plural;	   /* "deployments", as in URLs */
	bool namespaced;
	bool can_patch, can_list, can_delete;
};

struct kube_discovery; /* one thread at a time */

struct kube_discovery *kube_discovery_new(struct kube_api *a) EB_MALLOC; /* a is borrowed */
struct kube_discovery *kube_discovery_free(struct kube_discovery *d);
EB_DEFINE_CLEANUP(struct kube_discovery *, kube_discovery_free)

/* Ask for these (NULL-terminated, "apps/v1") at once, those that are known already excepted. One
 * that the server does not have is no failure. */
int kube_discovery_fetch(struct kube_discovery *d, const char *const *api_versions,
			 struct eb_error **err) EB_MUST_CHECK;
/* *ret is borrowed until kube_discovery_forget(). Errors: EB_E_NOT_FOUND naming the kind, with the
 * nearest that there is; EB_E_FORMAT for what is no apiVersion. */
int kube_discovery_find(struct kube_discovery *d, const char *api_version, const char *kind,
			const struct kube_resource **ret, struct eb_error **err) EB_MUST_CHECK;
/* Does the server have it? kind NULL = anything of that version. */
int kube_discovery_has(struct kube_discovery *d, const char *api_version, const char *kind,
		       bool *ret, struct eb_error **err) EB_MUST_CHECK;
/* Ask again next time: a CustomResourceDefinition has come. NULL = all. */
void kube_discovery_forget(struct kube_discovery *d, const char *api_version);
/* All that the server has, as "v1" and "group/version", sorted: new array of strings. */
int kube_discovery_versions(struct kube_discovery *d, json_t **ret,
			    struct eb_error **err) EB_MUST_CHECK;

/* Path of an object, or with name NULL of the collection; ns is for namespaced kinds (NULL = of
 * all namespaces). Heap. */
char *kube_path(const struct kube_resource *r, const char *ns, const char *name);
/* The same for kinds of "v1", without asking the server: ("ess", "secrets", "x"). */
char *kube_core_path(const char *ns, const char *plural, const char *name);
/* The path of an object as in a manifest, and what to call it ("Secret ess/x"); both heap. ns is
 * for objects that name none. `collection`: where to POST it. */
int kube_discovery_path(struct kube_discovery *d, const json_t *object, const char *ns,
			bool collection, char **ret_path, char **ret_what,
			struct eb_error **err) EB_MUST_CHECK;

/* "apps/v1" from text: lower-case group and version. */
bool kube_is_api_version(const char *text);
