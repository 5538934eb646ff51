/* An image of somebody else's as what a recipe builds on: the first stage of its chain is a recipe
 * that carries it (upstream.h). Its layers come first, byte for byte; its files are in the tree, so
 * that what is put on top meets them; its configuration is what the recipes' is merged into. */
#pragma once

#include "image/inputs.h"
#include "image/stage.h"

/* What the chain is built on; NULL when it is not, or is that image itself. */
const struct rcp_upstream *img_base(const struct img_chain *c);
/* c is that first stage alone. The layers as its manifest lists them, its configuration and where
 * its history says that they come from; l->key is set already. All out of the source cache. Errors:
 * those of img_carried_plan(), EB_E_UNSUPPORTED for layers that are no tar, EB_E_FORMAT. */
int img_base_layers(const struct img_env *env, const struct img_chain *c, const char *arch,
		    struct img_layers *l, struct eb_error **err) EB_MUST_CHECK;
/* Copy the layers to where the caller wants them, verified on the way. */
int img_base_write(const struct img_env *env, const struct img_chain *c, const struct img_layers *l,
		   img_place place, void *ctx, struct eb_error **err) EB_MUST_CHECK;
/* Append them to the inputs of the chain, behind those of all its stages. */
int img_base_inputs(const struct img_env *env, const struct img_chain *c, const char *arch,
		    struct eb_arena *arena, struct img_inputs *to,
		    struct eb_error **err) EB_MUST_CHECK;
