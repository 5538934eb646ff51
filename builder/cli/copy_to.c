#include "base/error.h"
#include "base/mem.h"
#include "bundle/docker_write.h"
#include "bundle/layout_write.h"
#include "cli/copy.h"

static int to_registry(struct copy *c, struct oci_push_result *res, struct eb_error **err)
{
	const struct oci_push_options o = { .pool = c->remote.pool,
					    .progress = c->env->progress,
					    .plan = c->a->plan };
	autofree struct oci_push_target *targets = eb_xcalloc(c->n + 1, sizeof(*targets));
	autofree char *name = oci_ref_text(&c->to.ref);
	bool same = c->src_registry && strcmp(c->from.ref.host, c->to.ref.host) == 0;
	int r = remote_registry(&c->remote, c->to.ref.host, true, false, &c->dst_registry, err);

	if (r < 0)
		return r;
	if (c->to.ref.digest.text[0] && !c->platform &&
	    !oci_digest_eq(&c->to.ref.digest, &c->items[0].root.digest))
		return eb_throw(err, EB_E_DIGEST, "the source is %s, not what %s says",
				c->items[0].root.digest.text, name);
	/* What hangs on the image is sent before its tag appears. */
	for (size_t i = 0; i < c->n; i++) {
		const struct copy_item *it = &c->items[(i + 1) % c->n];
		const char *tag = c->to.ref.tag		     ? c->to.ref.tag
				  : c->to.ref.digest.text[0] ? NULL
							     : "latest";

		targets[i] = (struct oci_push_target){ .repo = c->to.ref.repo,
						       .tag = i + 1 == c->n ? tag : it->tag,
						       .root = it->root,
						       .name = name,
						       .from_repo = same ? c->from.ref.repo
									 : NULL };
	}
	return oci_push(c->dst_registry, &c->source, targets, c->n, &o, res, err);
}

/* Names for an archive whose images are to be found by digest as well: containerd looks for what a
 * pod names, "HOST/REPO@DIGEST", among names only. The caller frees the extra names. */
static size_t add_digest_names(const struct copy *c, struct bnd_image_in *images, size_t n)
{
	size_t all = n;

	for (size_t i = 0; i < n; i++) {
		EB_CLEANUP(oci_ref_release_p) struct oci_ref ref = { .host = NULL };
		autofree char *name = NULL;
		bool there = false;

		if (!images[i].full_name || oci_ref_parse(images[i].name, &ref, NULL) < 0)
			continue;
		name = eb_xasprintf("%s/%s@%s", ref.host, ref.repo, c->items[i].root.digest.text);
		for (size_t k = 0; k < all && !there; k++)
			there = images[k].name && strcmp(images[k].name, name) == 0;
		if (there)
			continue;
		images[all] = images[i];
		images[all++].name = EB_TAKE_PTR(name);
	}
	return all;
}

static bool wants_digest_names(const struct copy *c)
{
	return c->a->digest_names || (c->from.kind == PLACE_BUNDLE && !c->from.name &&
				      c->to.kind == PLACE_ARCHIVE && !c->to.name);
}

/* What an archive of `docker save` cannot hold. */
static void warn_docker(const struct copy *c)
{
	if (c->from.kind != PLACE_DOCKER)
		env_warn(c->env,
			 "only %s, and without image manifests: what is loaded from it has "
			 "other digests",
			 c->platform);
	for (size_t i = 0; i < c->n && !c->to.name; i++)
		if (!c->items[i].full_name)
			env_warn(c->env,
				 "%s: not a whole name, so it has none in the archive; "
				 "docker-archive:FILE:NAME gives one",
				 c->items[i].name ? c->items[i].name
						  : c->items[i].root.digest.text);
}

static void list_images(const struct copy *c, struct bnd_image_in *images)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct copy_item *it = &c->items[i];

		images[i] = (struct bnd_image_in){
			.graph = &it->graph,
			.name = c->to.name ? c->to.name : it->name,
			.full_name = c->to.name ? place_is_whole_name(c->to.name) : it->full_name,
			.index = it->index.text ? &it->index : NULL,
		};
	}
}

static void free_digest_names(const struct copy *c, const struct bnd_image_in *images, size_t n)
{
	for (size_t i = c->n; i < n; i++)
		free((char *)(uintptr_t)images[i].name);
}

static int to_containerd(struct copy *c, struct eb_error **err)
{
	const struct bnd_write_options o = { .pool = c->remote.pool, .progress = c->env->progress };
	const struct bnd_ctr_import im = { .platform = c->platform,
					   .unpack = c->platform == c->machine,
					   .labels = c->a->labels.items,
					   .n_labels = c->a->labels.n };
	autofree struct bnd_image_in *images = eb_xcalloc(2 * c->n + 1, sizeof(*images));
	size_t n;
	int r = 0;

	list_images(c, images);
	for (size_t i = 0; i < c->n && r >= 0; i++) {
		images[i].full_name |= c->to.name != NULL;
		if (!images[i].full_name)
			r = eb_throw(
				err, EB_E_USAGE, "%s: containerd knows images by their full names",
				images[i].name ? images[i].name : c->items[i].root.digest.text);
	}
	if (r < 0)
		return eb_hint(err, r, "give one: containerd:%s/HOST/REPO:TAG", c->ctr.namespace);
	n = add_digest_names(c, images, c->n);
	r = bnd_ctr_import(&c->ctr, &c->source, images, n, &im, &o, err);
	free_digest_names(c, images, n);
	return r;
}

static int to_file(struct copy *c, struct eb_error **err)
{
	const struct bnd_write_options o = { .pool = c->remote.pool, .progress = c->env->progress };
	autofree struct bnd_image_in *images = eb_xcalloc(2 * c->n + 1, sizeof(*images));
	size_t n = c->n;
	int r;

	list_images(c, images);
	if (c->to.kind == PLACE_DOCKER) {
		images[0].full_name |= c->to.name != NULL;
		warn_docker(c);
		return bnd_write_docker(c->to.path, &c->source, images, n, &o, err);
	}
	if (wants_digest_names(c))
		n = add_digest_names(c, images, n);
	if (c->to.kind == PLACE_FOLDER)
		r = bnd_write_folder(c->to.path, &c->source, images, n, &o, err);
	else
		r = bnd_write_archive(c->to.path, &c->source, images, n, &o, err);
	free_digest_names(c, images, n);
	return r;
}

int copy_deliver(struct copy *c, struct oci_push_result *res, struct eb_error **err)
{
	switch (c->to.kind) {
	case PLACE_REGISTRY:
		return to_registry(c, res, err);
	case PLACE_CONTAINERD:
		return to_containerd(c, err);
	case PLACE_FOLDER:
	case PLACE_ARCHIVE:
	case PLACE_DOCKER:
	case PLACE_BUNDLE:
		break;
	}
	return to_file(c, err);
}
