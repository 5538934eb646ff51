/* Two registries in memory and what 'mirror' does between them. */
#pragma once

#include "mirror/prune.h"
#include "mirror/send.h"
#include "registry_client.h"

struct mirror_fixture {
	struct fakereg *from, *to;
	struct client client; /* of `to` */
	struct mir_net net;
	/* of the last run */
	struct mir_list *list;
	struct mir_hosts hosts;
	struct mir_items items;
	struct oci_push_result sum;
};
void mirror_start(struct mirror_fixture *x);
void mirror_end(struct mirror_fixture *x);
EB_DEFINE_RELEASE(struct mirror_fixture, mirror_end)
#define AUTOMIRROR(name)                                                                           \
	EB_CLEANUP(mirror_end_p) struct mirror_fixture name;                                       \
	mirror_start(&name)

/* An image of two platforms in x->from, of layers "base" and `what`. Its digest, in static storage
 * for the next few. */
const char *mirror_image(struct mirror_fixture *x, const char *repo, const char *tag,
			 const char *what);
/* One platform of it. */
const char *mirror_manifest(struct mirror_fixture *x, const char *repo, const char *tag,
			    const char *arch, const char *what);
/* Read the list ("FROM" in it is the host of x->from, "TO" that of x->to) and gather. */
void mirror_gather(struct mirror_fixture *x, const char *yaml);
/* And send. */
void mirror_send(struct mirror_fixture *x, const char *yaml);
/* Statuses of all items, as letters: missing, there, done, failed: "mtdf". */
const char *mirror_statuses(const struct mirror_fixture *x);
