/* What `copy` is about: the images on their way, where they come from (copy_from.c) and how they
 * get where they go (copy_to.c). */
#pragma once

#include "bundle/ctr.h"
#include "cli/cmd.h"
#include "cli/place.h"
#include "cli/remote.h"
#include "dist/origin.h"
#include "dist/push.h"

struct copy_args {
	bool plan, referrers, digest_names, all_platforms;
	const char *platform, *address;
	struct opt_list labels;
	struct remote_args remote;
};

/* One image on its way. */
struct copy_item {
	char *name; /* its name in a layout, NULL = none */
	char *tag;  /* where it goes in a registry, NULL = by digest */
	bool full_name;
	struct oci_descriptor root;
	struct oci_graph graph;
	/* The index that root is, when graph is one platform of it for containerd. */
	struct oci_node index;
};

struct copy {
	const struct copy_args *a;
	struct cmd_env *env;
	struct place from, to;
	const char *platform; /* the one that is wanted, NULL = all */
	char machine[32];     /* this machine's, where it has to be named */
	struct remote remote;
	struct oci_registry *src_registry, *dst_registry;
	struct oci_archive *archive;
	struct oci_docker_archive *docker;
	struct bnd_ctr ctr;
	struct oci_repository repository;
	struct oci_source source;
	struct copy_item *items;
	size_t n, alloc;
};

void copy_release(struct copy *c);
EB_DEFINE_RELEASE(struct copy, copy_release)

/* Find what is to be copied, as from, to and the options say: fills source and items, and graphs
 * where they are needed. */
int copy_pick(struct copy *c, struct eb_error **err) EB_MUST_CHECK;
/* Bring the items to c->to; *res is filled for registries. */
int copy_deliver(struct copy *c, struct oci_push_result *res, struct eb_error **err) EB_MUST_CHECK;
