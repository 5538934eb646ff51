/* Images of others, in the registries where they are: what a lock lists of them, and how it gets
 * into the source cache. */
#pragma once

#include "image/env.h"

struct oci_registry;
struct rcp_lock;
struct rcp_recipe;

/* How registries are reached; may be shared. */
struct img_upstream {
	void *ctx;
	/* A client of `host` (as in a reference), freed by the caller. push: it will be written
	 * to. */
	int (*open)(void *ctx, const char *host, bool plain_http, bool push,
		    struct oci_registry **ret, struct eb_error **err);
	/* "HOST=[http://|https://]HOST2[/PREFIX]", NULL-terminated, may be NULL: HOST2 is asked in
	 * the place of HOST, below PREFIX. Hosts of this machine are spoken to in plain http unless
	 * https is written. */
	const char *const *mirrors;
};

/* Where a reference leads: the host to ask, and what the repository is called there. Heap strings;
 * EB_E_USAGE names the mirror that cannot be read. */
struct img_place {
	char *host, *repo;
	bool plain_http;
};
int img_upstream_place(const struct img_upstream *u, const char *ref, struct img_place *ret,
		       struct eb_error **err) EB_MUST_CHECK;
/* "[http://|https://]HOST[:PORT][/PATH]": the path is the repo, "" without one. Hosts of this
 * machine are spoken to in plain http unless https is written. */
int img_place_parse(const char *text, struct img_place *ret, struct eb_error **err) EB_MUST_CHECK;
void img_place_release(struct img_place *p);
EB_DEFINE_RELEASE(struct img_place, img_place_release)

/* Make the lock of a recipe that is an image: read the index and the manifests of the recipe's
 * architectures, ask for signatures under cosign's tags, list all blobs. Documents are in the cache
 * afterwards, layers are not. Errors: EB_E_NOT_FOUND with the place in the recipe when the index
 * lacks an architecture, those of the registry; EB_E_OFFLINE. */
int img_upstream_lock(const struct img_env *env, const struct rcp_recipe *rcp,
		      struct rcp_lock **ret, struct eb_error **err) EB_MUST_CHECK;
/* Bring what the lock lists for these architectures into the cache: from --sources, else from the
 * registry, resumed where a previous run stopped. Nothing when the recipe is no image. EB_E_DIGEST
 * names image and blob. */
int img_upstream_fetch(const struct img_env *env, const struct rcp_recipe *rcp,
		       const struct rcp_lock *lock, const char *const *arches, size_t n_arches,
		       struct eb_error **err) EB_MUST_CHECK;
