/* What a list comes to: each image with where it is, which it is, and where it goes. */
#pragma once

#include "dist/origin.h"
#include "mirror/mirror_list.h"

enum { MIR_MAX_ITEMS = 200000, MIR_MAX_ATTACHED = 256 };

struct oci_registry;

/* A place that images come from: a repository, or a layout. */
struct mir_origin {
	struct oci_registry *registry; /* borrowed; NULL = a layout */
	struct oci_repository repository;
	struct oci_archive *archive;
	struct oci_source source; /* of one of them */
	char **tags;		  /* sorted, when they were listed */
	size_t n_tags;
	bool listed;
};

/* What hangs on an image: a signature, an attestation, a list of parts; a platform of a sparse
 * index. */
struct mir_attached {
	struct oci_descriptor desc;
	char *tag; /* cosign's, the same everywhere; NULL = it names its subject itself */
};

enum mir_status {
	MIR_MISSING, /* not at its destination, or not looked yet */
	MIR_THERE,   /* it was there already */
	MIR_DONE,
	MIR_FAILED, /* `error` says why */
};

struct mir_item {
	const struct mir_image *image;
	const struct mir_origin *origin;
	char *from; /* "docker.io/library/redis:8.0": in full, for people */
	char *to;   /* the same at its destination; NULL when that is not known */
	char *tag;  /* at its source; NULL = by digest */
	char *repo; /* at its destination, with the prefix; in a layout all but the tag */
	char *to_tag;
	struct oci_descriptor root;
	char *text; /* the root's, when it was made here: some platforms of an index */
	/* What a sparse index lists and is not to be brought; what it lists and is, is attached. */
	struct oci_digest *absent;
	size_t n_absent;
	struct mir_attached *attached;
	size_t n_attached, alloc_attached;
	char *warning;
	enum mir_status status;
	struct eb_error *error;
};

struct mir_items {
	struct mir_origin *origins; /* one for each image of the list */
	size_t n_origins;
	struct mir_item *items; /* in the list's order, newest tags first */
	size_t n, alloc;
};
void mir_items_release(struct mir_items *p);
EB_DEFINE_RELEASE(struct mir_items, mir_items_release)
/* A new item without anything; EB_E_LIMIT. Pointers to items are good until the next one. */
int mir_items_add(struct mir_items *p, const struct mir_image *image,
		  const struct mir_origin *origin, struct mir_item **ret,
		  struct eb_error **err) EB_MUST_CHECK;
/* It failed for this reason, which is taken over. */
void mir_item_fail(struct mir_item *it, struct eb_error *e);
/* The same for a reason that others have as well, which is copied. */
void mir_item_fail_as(struct mir_item *it, const struct eb_error *e);
/* Is this a part of its sparse index that stays away? */
bool mir_item_lacks(const struct mir_item *it, const struct oci_digest *d);
/* Two images may not have one name: the second one fails with EB_E_CONFLICT; of the same image
 * twice, one is dropped, and so is what hangs on several of one repository. */
void mir_items_settle(struct mir_items *p);
