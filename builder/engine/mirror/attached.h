/* What hangs on an image in its registry. */
#pragma once

#include "mirror/items.h"

/* Add to it->attached, unless it is there; tag NULL = by its digest. EB_E_LIMIT. */
int mir_attach(struct mir_item *it, const struct oci_descriptor *d, const char *tag,
	       struct eb_error **err) EB_MUST_CHECK;
/* Fill it->attached: cosign's .sig, .att and .sbom tags and the referrers of the image, of the
 * platforms of an index, and of those again (a signature of a list of parts). it->root is known.
 * EB_E_LIMIT above MIR_MAX_ATTACHED. */
int mir_find_attached(struct mir_item *it, struct eb_error **err) EB_MUST_CHECK;
