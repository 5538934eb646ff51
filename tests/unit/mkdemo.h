/* Makes recipes, locks, packages and whole bundles in the test's directory, small enough that a
 * build takes milliseconds. Everything fails the test by itself. */
#pragma once

#include "bundle/plan.h"
#include "pkg/cache.h"

struct oci_key;
struct oci_tar_entry;

enum { DEMO_EPOCH = 5000 }; /* of every lock */

struct demo {
	struct pkg_cache cache;
	struct pkg_fetch_options fetch; /* offline */
	struct eb_pool *pool;
	bool small;	    /* the bundle holds "base" for amd64 alone */
	struct img_env env; /* no compression, no codec in the locks, unless the test says so */
};

/* jobs threads; the cache is the one below `cache` in the test's directory. */
void demo_init(struct demo *m, unsigned int jobs);
void demo_release(struct demo *m);
EB_DEFINE_RELEASE(struct demo, demo_release)

/* recipes/<name>/recipe.yaml. */
void demo_recipe(const char *name, const char *yaml);
/* Any file below the test's directory. */
void demo_file(const char *rel, const char *text);
/* A lock to add packages to. */
struct rcp_lock *demo_lock(const char *recipe);
/* Package what is in tar (without its end; emptied), put it into the cache and list it in the lock
 * for amd64 and arm64, version 1.0-1. */
void demo_package(struct demo *m, struct rcp_lock *l, const char *name, const char *source,
		  struct eb_buf *tar);
/* Make it answer its recipe, write recipes/<recipe>/lock.yaml and free it. */
void demo_lock_write(struct rcp_lock *l);

/* Recipes "base" (packages libdemo and demo-data of sources demo and data, users, a link) and "app"
 * (from base: package app, a file, a removal) with their locks, and bundles/demo of both, with a
 * tool. */
void demo_all(struct demo *m);

/* A bundle under way: definition, session, plan. */
struct demo_build {
	struct bnd_def *def;
	struct img_session *session;
	struct bnd_plan plan;
};
/* Load and plan bundles/demo; key NULL = unsigned. */
int demo_plan(struct demo *m, const struct oci_key *key, const struct bnd_plan_options *o,
	      struct demo_build *ret, struct eb_error **err) EB_MUST_CHECK;
void demo_build_release(struct demo_build *b);
EB_DEFINE_RELEASE(struct demo_build, demo_build_release)
/* All of demo_all() and the bundle in one call: the path of <name> in the test's directory. */
const char *demo_bundle(struct demo *m, const char *name, const struct oci_key *key);

/* Whole files, at most 16 MiB. */
void demo_read(const char *path, struct eb_buf *b);
void demo_write(const char *path, const void *p, size_t n);
