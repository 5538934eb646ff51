/* A bundle into a registry: its images under PREFIX/<path of their own names>, and the root with
 * all that it lists under PREFIX/<bundle's name>:<version>, where pull finds it. The root's
 * signatures go under cosign's tag beside it, before its own tag appears. What hangs on upstream
 * images goes where it was: by its subject, or under cosign's tags, unless another is there. */
#pragma once

#include "bundle/reader.h"
#include "dist/push.h"

/* What becomes of an index whose platforms are not all in the bundle. */
enum bnd_sparse {
	BND_SPARSE_KEEP,    /* it is sent as it is; many registries refuse it */
	BND_SPARSE_REWRITE, /* it is sent without the others, under another digest; then the bundle
			       itself, which lists the true one, is not sent */
};

struct bnd_push_target {
	char *name;	  /* "ess.internal/redis:8.0.2-3"; the bundle's own for the root */
	char *repo, *tag; /* tag NULL = by digest alone */
	struct oci_digest digest;
	const struct oci_descriptor *root; /* while pushing: what goes there */
	bool rewritten;			   /* the index: BND_SPARSE_REWRITE */
	bool there;			   /* it was there already */
};

struct bnd_push_result {
	struct bnd_push_target *targets; /* images in their order, signatures, the root */
	size_t n_targets;
	bool with_root; /* the last target is the root */
	struct oci_push_result sum;
};
void bnd_push_result_release(struct bnd_push_result *r);
EB_DEFINE_RELEASE(struct bnd_push_result, bnd_push_result_release)

/* Signatures that others have put under that tag stay. prefix: path below the registry's host, "" =
 * none. Every blob is verified on its way. Errors: those of oci_push(), EB_E_CONFLICT when two
 * images would have one name there. */
int bnd_push(const struct bnd_bundle *b, struct oci_registry *r, const char *prefix,
	     enum bnd_sparse sparse, const struct oci_push_options *o, struct bnd_push_result *ret,
	     struct eb_error **err) EB_MUST_CHECK;
