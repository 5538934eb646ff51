/* From a list to its images: tags are listed and chosen, each image is looked up at its source, its
 * platforms and what hangs on it are picked, its name at the destination is found. Nothing is
 * written anywhere. */
#pragma once

#include "mirror/items.h"

struct eb_pool;
struct eb_progress;

/* How registries are reached. open() is called by one thread; what it gives is owned by whoever
 * asked. */
struct mir_net {
	void *ctx;
	int (*open)(void *ctx, const char *host, bool push, bool delete_, struct oci_registry **ret,
		    struct eb_error **err);
	struct eb_pool *pool; /* so many requests at once */
	struct eb_progress *progress;
};

/* The registries that images come from, by host; must outlive the items. */
struct mir_hosts {
	struct oci_registry **items;
	size_t n;
};
void mir_hosts_release(struct mir_hosts *h);
EB_DEFINE_RELEASE(struct mir_hosts, mir_hosts_release)

/* l->to must be given. What cannot be had becomes an item that failed, and does not hinder the
 * others. Errors: only those of the list as a whole. */
int mir_gather(const struct mir_list *l, const struct mir_net *net, struct mir_hosts *ret_hosts,
	       struct mir_items *ret, struct eb_error **err) EB_MUST_CHECK;
