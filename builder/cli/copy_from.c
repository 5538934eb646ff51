#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/copy.h"
#include "image/mediatype.h"

enum { MAX_IMAGES = 4096, MAX_EXTRA = 256 };

static void copy_node_release(struct oci_node *n)
{
	oci_descriptor_release(&n->desc);
	oci_manifest_release(&n->doc);
	free(n->text);
	*n = (struct oci_node){ .text = NULL };
}

void copy_release(struct copy *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->items[i].name);
		free(c->items[i].tag);
		oci_descriptor_release(&c->items[i].root);
		oci_graph_release(&c->items[i].graph);
		copy_node_release(&c->items[i].index);
	}
	free(c->items);
	oci_archive_free(c->archive);
	oci_docker_free(c->docker);
	oci_registry_free(c->src_registry);
	oci_registry_free(c->dst_registry);
	remote_release(&c->remote);
	place_release(&c->from);
	place_release(&c->to);
}

static int add(struct copy *c, const struct oci_descriptor *root, struct copy_item **ret,
	       struct eb_error **err)
{
	int r = eb_grow(&c->items, &c->alloc, c->n + 1, sizeof(*c->items), MAX_IMAGES, "images",
			err);

	if (r < 0)
		return r;
	*ret = &c->items[c->n++];
	**ret = (struct copy_item){ .name = NULL };
	oci_descriptor_copy(root, &(*ret)->root);
	return 0;
}

static int add_entry(struct copy *c, const struct oci_descriptor *d, struct eb_error **err)
{
	const char *full = oci_descriptor_annotation(d, OCI_ANN_CONTAINERD_NAME);
	const char *name = oci_descriptor_annotation(d, OCI_ANN_REF_NAME);
	struct copy_item *it = NULL;
	int r = add(c, d, &it, err);

	if (r < 0)
		return r;
	it->full_name = full || (name && place_is_whole_name(name));
	it->name = full ? eb_xstrdup(full) : name ? eb_xstrdup(name) : NULL;
	return 0;
}

/* Is one image meant, whatever else is there? */
static bool is_single(const struct copy *c)
{
	return c->from.name || c->to.kind == PLACE_REGISTRY || c->to.name;
}

/* Everything with a name when it goes into another layout, else the one that is meant. */
static int pick_from_layout(struct copy *c, struct eb_error **err)
{
	const struct oci_manifest *index;
	const struct oci_descriptor *d = NULL;
	int r = oci_archive_open(c->from.path, &c->archive, err);

	if (r < 0)
		return r;
	c->source = oci_source_archive(c->archive);
	index = oci_archive_index(c->archive);
	if (is_single(c)) {
		r = oci_archive_resolve(c->archive, c->from.name, &d, err);
		return r < 0 ? r : add_entry(c, d, err);
	}
	for (size_t i = 0; i < index->n_items && r >= 0; i++)
		if (index->n_items == 1 ||
		    oci_descriptor_annotation(&index->items[i], OCI_ANN_REF_NAME))
			r = add_entry(c, &index->items[i], err);
	return r < 0 || c->n ? r
			     : eb_throw(err, EB_E_NOT_FOUND, "'%s' holds no image with a name",
					c->from.path);
}

/* An image with all its tags. */
static int add_docker(struct copy *c, size_t i, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .media_type = NULL };
	const struct oci_docker_image *im = oci_docker_image(c->docker, i);
	struct copy_item *it = NULL;
	const char *tag;
	size_t k = 0;
	int r = oci_docker_load(c->docker, i, &d, err);

	do {
		if (r >= 0)
			r = add(c, &d, &it, err);
		if (r < 0)
			return r;
		tag = im->n_tags ? im->tags[k] : NULL;
		if (c->from.name && *c->from.name != '@')
			tag = c->from.name;
		it->name = tag ? oci_docker_full_name(tag) : NULL;
		it->full_name = it->name != NULL;
	} while (++k < im->n_tags && !is_single(c));
	return 0;
}

static int pick_from_docker(struct copy *c, struct eb_error **err)
{
	size_t one;
	int r = oci_docker_open(c->from.path, &c->docker, err);

	if (r < 0)
		return r;
	c->source = oci_source_docker(c->docker);
	if (is_single(c)) {
		r = oci_docker_resolve(c->docker, c->from.name, &one, err);
		return r < 0 ? r : add_docker(c, one, err);
	}
	for (size_t i = 0; i < oci_docker_count(c->docker) && r >= 0; i++)
		r = add_docker(c, i, err);
	return r;
}

static int pick_from_registry(struct copy *c, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .media_type = NULL };
	const char *version = oci_ref_version(&c->from.ref);
	struct copy_item *it = NULL;
	int r = remote_registry(&c->remote, c->from.ref.host, false, false, &c->src_registry, err);

	if (r >= 0)
		r = oci_registry_head(c->src_registry, c->from.ref.repo, version, &d, err);
	if (r < 0)
		return r;
	c->repository = (struct oci_repository){ c->src_registry, c->from.ref.repo };
	c->source = oci_source_repository(&c->repository);
	r = add(c, &d, &it, err);
	if (r < 0)
		return r;
	it->full_name = true;
	it->name = oci_ref_text(&c->from.ref);
	return 0;
}

/* "linux/arm64/v8", "linux/arm64" and "arm64" all mean the same. */
static bool is_platform(const struct oci_platform *p, const char *want)
{
	autofree char *plain = eb_xasprintf("%s/%s", p->os, p->architecture);
	autofree char *full = eb_xasprintf("%s/%s", plain, p->variant ? p->variant : "");

	return strcmp(p->architecture, want) == 0 || strcmp(plain, want) == 0 ||
	       strcmp(full, want) == 0;
}

static int find_platform(const struct copy *c, const struct copy_item *it,
			 const struct oci_manifest *index, const struct oci_descriptor **ret,
			 struct eb_error **err)
{
	EB_AUTOBUF(there, 1000);

	for (size_t i = 0; i < index->n_items; i++) {
		const struct oci_descriptor *d = &index->items[i];

		if (!d->platform.architecture)
			continue;
		if (is_platform(&d->platform, c->platform)) {
			*ret = d;
			return 0;
		}
		eb_buf_addf(&there, "%s%s/%s", there.len ? ", " : "", d->platform.os,
			    d->platform.architecture);
	}
	return eb_throw(err, EB_E_NOT_FOUND, "%s has no platform %s; there are %s",
			it->name ? it->name : it->root.digest.text, c->platform,
			eb_buf_str(&there));
}

static int read_root(const struct copy *c, const struct copy_item *it, struct oci_node *ret,
		     struct eb_error **err)
{
	int r = c->source.text(c->source.ctx, &it->root, &ret->text, err);

	if (r >= 0)
		r = oci_manifest_parse(ret->text, it->root.size, &ret->doc, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", it->root.digest.text);
	oci_descriptor_copy(&it->root, &ret->desc);
	return 0;
}

/* Only the wanted platform of an index; the others' documents need not be there. containerd keeps
 * the index itself, as it does when it pulls. */
static int load_platform(struct copy *c, struct copy_item *it, struct eb_error **err)
{
	const struct oci_descriptor *d = &it->root;
	struct oci_descriptor one;
	int r = read_root(c, it, &it->index, err);

	if (r < 0)
		return r;
	if (!it->index.doc.is_index) {
		copy_node_release(&it->index);
		return oci_graph_load(&c->source, &it->root, &it->graph, err);
	}
	r = find_platform(c, it, &it->index.doc, &d, err);
	if (r >= 0)
		r = oci_graph_load(&c->source, d, &it->graph, err);
	if (r < 0 || c->to.kind == PLACE_CONTAINERD)
		return r;
	oci_descriptor_copy(d, &one);
	oci_descriptor_release(&it->root);
	it->root = one;
	copy_node_release(&it->index);
	if (c->to.kind != PLACE_DOCKER)
		env_warn(c->env, "%s alone: the digest is %s, not that of the index", c->platform,
			 it->root.digest.text);
	return 0;
}

static int load_graphs(struct copy *c, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < c->n && r >= 0; i++) {
		struct copy_item *it = &c->items[i];

		r = c->platform ? load_platform(c, it, err)
				: oci_graph_load(&c->source, &it->root, &it->graph, err);
		if (r == -EB_E_NOT_FOUND && !c->platform)
			return eb_hint(err, r,
				       "if other platforms of an index are missing, --platform "
				       "OS/ARCH copies one that is there");
	}
	return r;
}

/* What hangs on the image in its registry: cosign's tags and referrers. */
static int add_hangers(struct copy *c, struct eb_error **err)
{
	static const char *const suffixes[] = { ".sig", ".att", ".sbom" };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest refs = { .media_type = NULL };
	const struct oci_digest subject = c->items[0].root.digest;
	struct copy_item *it = NULL;
	int r = 0;

	for (size_t i = 0; i < EB_ARRAY_LEN(suffixes) && r >= 0; i++) {
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
		struct eb_error *e = NULL;
		char tag[160];

		oci_digest_tag(&subject, suffixes[i], tag);
		r = oci_registry_head(c->src_registry, c->from.ref.repo, tag, &d, &e);
		if (r == -EB_E_NOT_FOUND) {
			eb_error_free(e);
			r = 0;
			continue;
		}
		if (r < 0)
			return eb_error_forward(err, e);
		r = add(c, &d, &it, err);
		if (r >= 0)
			it->tag = eb_xstrdup(tag);
	}
	if (r >= 0)
		r = oci_registry_referrers(c->src_registry, c->from.ref.repo, &subject, &refs, NULL,
					   err);
	for (size_t i = 0; i < refs.n_items && i < MAX_EXTRA && r >= 0; i++)
		r = add(c, &refs.items[i], &it, err);
	return r;
}

static int pick_from_containerd(struct copy *c, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .media_type = NULL };
	struct copy_item *it = NULL;
	int r = bnd_ctr_resolve(&c->ctr, c->from.name, &d, err);

	if (r >= 0)
		r = add(c, &d, &it, err);
	if (r < 0)
		return r;
	c->source = bnd_ctr_source(&c->ctr);
	it->full_name = true;
	it->name = eb_xstrdup(c->from.name);
	return 0;
}

int copy_pick(struct copy *c, struct eb_error **err)
{
	int r = -EB_E_USAGE;

	switch (c->from.kind) {
	case PLACE_REGISTRY:
		r = pick_from_registry(c, err);
		break;
	case PLACE_DOCKER:
		r = pick_from_docker(c, err);
		break;
	case PLACE_CONTAINERD:
		r = pick_from_containerd(c, err);
		break;
	case PLACE_FOLDER:
	case PLACE_ARCHIVE:
	case PLACE_BUNDLE:
		r = pick_from_layout(c, err);
		break;
	}
	if (r >= 0 && c->a->referrers)
		r = add_hangers(c, err);
	if (r >= 0 && (c->to.kind != PLACE_REGISTRY || c->platform))
		r = load_graphs(c, err);
	return r;
}
