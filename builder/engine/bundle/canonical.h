/* The parts of a bundle file that no digest covers: headers, padding, order, index.json. They are
 * written and checked by the same code: made again from what the root and the signatures say. */
#pragma once

#include "bundle/writer.h"

/* What is left over may be half a signature; for eb_hint(). */
#define BND_HINT_SIGN                                                                              \
	"if 'ess-bundle sign' was interrupted on this file, run it again: it mends that"

struct bnd_bundle;

/* Room in index.json for this many signatures, whatever is signed already. */
size_t bnd_signature_room(size_t n_images);
/* The entries of index.json: the root by our annotation only, so that other tools pass it by, and
 * each image by the names that other tools look for. ret is initialised. */
void bnd_index_entries(const struct oci_descriptor *root, const struct oci_manifest *root_index,
		       struct oci_manifest *ret);
/* Set index_json, index_size and index_space of a layout: the entries above, then those of
 * `signatures` (n of them), sorted by digest. EB_E_LIMIT when they do not fit. */
int bnd_index_write(const struct oci_descriptor *root, const struct oci_manifest *root_index,
		    const struct oci_descriptor *signatures, size_t n, struct bnd_layout *layout,
		    struct eb_error **err) EB_MUST_CHECK;

/* The layout that a bundle's file must have: all blobs of what was opened, placed. Blobs have no
 * text. */
int bnd_canonical_layout(const struct bnd_bundle *b, struct bnd_layout *ret,
			 struct eb_error **err) EB_MUST_CHECK;
/* Errors: EB_E_DIGEST naming the member and the offset. */
int bnd_check_canonical(const struct bnd_bundle *b, struct eb_error **err) EB_MUST_CHECK;
/* Does the file begin as `l` has it, up to the tool's header: index.json lists no more and no less?
 * Errors: EB_E_DIGEST with the member and the byte. */
int bnd_check_front(const struct bnd_bundle *b, const struct bnd_layout *l,
		    struct eb_error **err) EB_MUST_CHECK;
