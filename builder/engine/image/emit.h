/* Writing one layer: the members of a group, streamed from the archives that hold their bytes. */
#pragma once

#include "image/layer.h"
#include "image/split.h"

struct eb_buf;

struct img_emit {
	const struct img_env *env;
	const struct rfs_tree *tree;
	const struct pkg_input *inputs; /* by rfs_origin.input */
	const struct eb_codec *codec;
	int64_t epoch_sec; /* no time in the layer is later */
	unsigned int task; /* progress, in bytes of file content; 0 = none */
};

/* out may be NULL (measure only). Errors: EB_E_DIGEST for a damaged input, those of out. */
int img_emit_layer(const struct img_emit *x, const struct img_group *g, struct eb_writer *out,
		   struct oci_layer_result *ret, struct eb_error **err) EB_MUST_CHECK;
/* Contents of single files, for fix-ups. The input of the last one stays open, so files asked for
 * in the order of their archive cost one pass. Nothing read is to be believed before finish has
 * checked the open input's hash. */
struct img_reader;
struct img_reader *img_reader_new(const struct img_emit *x) EB_MALLOC; /* borrows x */
int img_reader_node(struct img_reader *rd, const struct rfs_node *n, struct eb_buf *out,
		    struct eb_error **err) EB_MUST_CHECK;
int img_reader_finish(struct img_reader *rd, struct eb_error **err) EB_MUST_CHECK;
struct img_reader *img_reader_free(struct img_reader *rd);
EB_DEFINE_CLEANUP(struct img_reader *, img_reader_free)
