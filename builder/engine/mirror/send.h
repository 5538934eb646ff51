/* Bringing the images of a list to their destination: a registry, a layout folder or file. What is
 * there is not sent; one image that fails does not hinder the others. */
#pragma once

#include "dist/push.h"
#include "mirror/gather.h"

struct mir_mux;

struct mir_send_options {
	bool plan;	/* look only */
	bool fail_fast; /* leave the rest when one fails */
	/* Some images of the registry are at their place now: called now and then, so that what was
	 * done is written down even if the program is killed later. May be NULL. */
	int (*done)(void *ctx, struct eb_error **err);
	void *ctx;
};

/* registry: of l->to, NULL for layouts. Sets the status of every item that is MIR_MISSING, with
 * `plan` only from MIR_MISSING to MIR_THERE. A layout that is one file is written only if nothing
 * failed. Errors: those of the destination as a whole (EB_E_CONFLICT and -errno of files), and of
 * done(). */
int mir_send(const struct mir_list *l, const struct mir_net *net, struct oci_registry *registry,
	     struct mir_items *items, const struct mir_send_options *o, struct oci_push_result *ret,
	     struct eb_error **err) EB_MUST_CHECK;
/* Inside mir_send(): the same into a layout. */
int mir_send_layout(const struct mir_list *l, const struct mir_net *net, struct mir_items *items,
		    const struct mir_send_options *o, struct oci_push_result *ret,
		    struct eb_error **err) EB_MUST_CHECK;
/* Inside mir_send(): let m find all of these images. */
void mir_mux_add_items(struct mir_mux *m, struct mir_item *const *items, size_t n);
