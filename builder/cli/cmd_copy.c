#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"
#include "bundle/layout_write.h"
#include "cli/cmd.h"
#include "cli/place.h"
#include "cli/remote.h"
#include "cli/ui.h"
#include "dist/origin.h"
#include "dist/push.h"
#include "image/mediatype.h"

enum { MAX_IMAGES = 4096, MAX_EXTRA = 256 };

struct args {
	bool plan, referrers;
	const char *platform;
	struct remote_args remote;
};

/* One image on its way. */
struct item {
	char *name; /* its name in a layout, NULL = none */
	char *tag;  /* where it goes in a registry, NULL = by digest */
	bool full_name;
	struct oci_descriptor root;
	struct oci_graph graph;
};

struct copy {
	const struct args *a;
	struct cmd_env *env;
	struct place from, to;
	struct remote remote;
	struct oci_registry *src_registry, *dst_registry;
	struct oci_archive *archive;
	struct oci_repository repository;
	struct oci_source source;
	struct item *items;
	size_t n, alloc;
};

static void copy_release(struct copy *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->items[i].name);
		free(c->items[i].tag);
		oci_descriptor_release(&c->items[i].root);
		oci_graph_release(&c->items[i].graph);
	}
	free(c->items);
	oci_archive_free(c->archive);
	oci_registry_free(c->src_registry);
	oci_registry_free(c->dst_registry);
	remote_release(&c->remote);
	place_release(&c->from);
	place_release(&c->to);
}
EB_DEFINE_RELEASE(struct copy, copy_release)

static int add(struct copy *c, const struct oci_descriptor *root, struct item **ret,
	       struct eb_error **err)
{
	int r = eb_grow(&c->items, &c->alloc, c->n + 1, sizeof(*c->items), MAX_IMAGES, "images",
			err);

	if (r < 0)
		return r;
	*ret = &c->items[c->n++];
	**ret = (struct item){ .name = NULL };
	oci_descriptor_copy(root, &(*ret)->root);
	return 0;
}

/* ---- what is copied ---- */

static int add_entry(struct copy *c, const struct oci_descriptor *d, struct eb_error **err)
{
	const char *full = oci_descriptor_annotation(d, OCI_ANN_CONTAINERD_NAME);
	const char *name = oci_descriptor_annotation(d, OCI_ANN_REF_NAME);
	struct item *it = NULL;
	int r = add(c, d, &it, err);

	if (r < 0)
		return r;
	it->full_name = full != NULL;
	it->name = full ? eb_xstrdup(full) : name ? eb_xstrdup(name) : NULL;
	return 0;
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
	if (c->from.name || c->to.kind == PLACE_REGISTRY || c->to.name) {
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

static int pick_from_registry(struct copy *c, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .media_type = NULL };
	const char *version = oci_ref_version(&c->from.ref);
	struct item *it = NULL;
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

/* The one image of an index for --platform. */
static int narrow(struct copy *c, struct item *it, struct eb_error **err)
{
	const struct oci_node *root = oci_graph_root(&it->graph);
	EB_AUTOBUF(there, 1000);

	if (!root->doc.is_index)
		return 0;
	for (size_t i = 0; i < root->doc.n_items; i++) {
		const struct oci_descriptor *d = &root->doc.items[i];
		struct oci_descriptor one;

		if (d->platform.architecture)
			eb_buf_addf(&there, "%s%s/%s", there.len ? ", " : "", d->platform.os,
				    d->platform.architecture);
		if (!d->platform.architecture || !is_platform(&d->platform, c->a->platform))
			continue;
		oci_descriptor_copy(d, &one);
		oci_descriptor_release(&it->root);
		it->root = one;
		oci_graph_release(&it->graph);
		env_warn(c->env, "%s alone: the digest is %s, not that of the index",
			 c->a->platform, it->root.digest.text);
		return oci_graph_load(&c->source, &it->root, &it->graph, err);
	}
	return eb_throw(err, EB_E_NOT_FOUND, "%s has no platform %s; there are %s",
			it->name ? it->name : it->root.digest.text, c->a->platform,
			eb_buf_str(&there));
}

static int load_graphs(struct copy *c, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < c->n && r >= 0; i++) {
		r = oci_graph_load(&c->source, &c->items[i].root, &c->items[i].graph, err);
		if (r >= 0 && c->a->platform)
			r = narrow(c, &c->items[i], err);
	}
	return r;
}

/* What hangs on the image in its registry: cosign's tags and referrers. */
static int add_hangers(struct copy *c, struct eb_error **err)
{
	static const char *const suffixes[] = { ".sig", ".att", ".sbom" };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest refs = { .media_type = NULL };
	const struct oci_digest subject = c->items[0].root.digest;
	struct item *it = NULL;
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

/* ---- where it goes ---- */

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
	if (c->to.ref.digest.text[0] && !c->a->platform &&
	    !oci_digest_eq(&c->to.ref.digest, &c->items[0].root.digest))
		return eb_throw(err, EB_E_DIGEST, "the source is %s, not what %s says",
				c->items[0].root.digest.text, name);
	/* What hangs on the image is sent before its tag appears. */
	for (size_t i = 0; i < c->n; i++) {
		const struct item *it = &c->items[(i + 1) % c->n];
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

static int to_layout(struct copy *c, struct eb_error **err)
{
	const struct bnd_write_options o = { .pool = c->remote.pool, .progress = c->env->progress };
	autofree struct bnd_image_in *images = eb_xcalloc(c->n + 1, sizeof(*images));

	for (size_t i = 0; i < c->n; i++)
		images[i] = (struct bnd_image_in){
			.graph = &c->items[i].graph,
			.name = c->to.name ? c->to.name : c->items[i].name,
			.full_name = !c->to.name && c->items[i].full_name,
		};
	if (c->to.kind == PLACE_FOLDER)
		return bnd_write_folder(c->to.path, &c->source, images, c->n, &o, err);
	return bnd_write_archive(c->to.path, &c->source, images, c->n, &o, err);
}

static void report(struct cmd_env *env, const struct copy *c, const struct oci_push_result *res)
{
	const struct oci_digest *digest = &c->items[0].root.digest;
	char size[24];

	if (env->json) {
		json_t *j = eb_json_object(), *list = eb_json_array();

		for (size_t i = 0; i < c->n; i++)
			eb_json_push(list, eb_json_str(c->items[i].root.digest.text));
		eb_json_set(j, "digests", list);
		eb_json_set(j, "plan", json_boolean(c->a->plan));
		if (c->to.kind == PLACE_REGISTRY) {
			eb_json_set_u64(j, "blobs_sent", res->blobs_sent);
			eb_json_set_u64(j, "blobs_mounted", res->blobs_mounted);
			eb_json_set_u64(j, "blobs_there", res->blobs_there);
			eb_json_set_u64(j, "bytes_sent", res->bytes_sent);
		}
		env_print_json(env, j);
		return;
	}
	if (c->to.kind == PLACE_REGISTRY) {
		ui_format_amount(EB_UNIT_BYTES, res->bytes_sent, size);
		env_note(env, "%s %zu blobs (%s), mounted %zu, %zu were there; %zu documents",
			 c->a->plan ? "to send:" : "sent", res->blobs_sent, size,
			 res->blobs_mounted, res->blobs_there, res->documents);
	}
	env_printf(env, "%s\n", digest->text);
}

static int check_args(const struct copy *c, struct eb_error **err)
{
	bool registries = c->from.kind == PLACE_REGISTRY && c->to.kind == PLACE_REGISTRY;

	if (c->to.kind == PLACE_BUNDLE)
		return eb_hint(err, eb_throw(err, EB_E_USAGE, "copy does not write bundles"),
			       "'ess-bundle pull' makes a bundle file of what 'push' sent");
	if (c->a->referrers && !registries)
		return eb_throw(err, EB_E_USAGE, "--referrers is for copies between registries");
	if (c->a->referrers && c->a->platform)
		return eb_throw(err, EB_E_USAGE,
				"what hangs on an index does not belong to one of its platforms");
	if (c->a->plan && c->to.kind != PLACE_REGISTRY)
		return eb_throw(err, EB_E_USAGE, "--plan is for copies into registries");
	return 0;
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	EB_CLEANUP(copy_release_p) struct copy c = { .a = argp, .env = env };
	struct oci_push_result res = { .documents = 0 };
	int r = place_parse(argv[0], &c.from, err);

	(void)argc;
	if (r >= 0)
		r = place_parse(argv[1], &c.to, err);
	if (r >= 0)
		r = check_args(&c, err);
	if (r >= 0)
		r = remote_init(&c.remote, &c.a->remote, err);
	if (r >= 0)
		r = c.from.kind == PLACE_REGISTRY ? pick_from_registry(&c, err)
						  : pick_from_layout(&c, err);
	if (r >= 0 && c.a->referrers)
		r = add_hangers(&c, err);
	if (r >= 0 && (c.to.kind != PLACE_REGISTRY || c.a->platform))
		r = load_graphs(&c, err);
	if (r >= 0)
		r = c.to.kind == PLACE_REGISTRY ? to_registry(&c, &res, err) : to_layout(&c, err);
	if (r < 0)
		return eb_prefix(err, r, "copy %s", argv[0]);
	report(env, &c, &res);
	return 0;
}

static const struct opt options[] = {
	{ "plan", .kind = OPT_FLAG, .help = "look and say what would be sent; send nothing",
	  .offset = offsetof(struct args, plan) },
	{ "platform", .kind = OPT_STRING, .arg = "OS/ARCH",
	  .help = "only this platform of an index; its digest is another",
	  .offset = offsetof(struct args, platform) },
	{ "referrers", .kind = OPT_FLAG,
	  .help = "with signatures, attestations and other referrers",
	  .offset = offsetof(struct args, referrers) },
	REMOTE_TRANSFER_OPTIONS(struct args),
	OPT_END,
};

const struct cmd cmd_copy = {
	.name = "copy",
	.group = CMD_REGISTRY,
	.summary = "copy images between registries, layouts and bundles",
	.synopsis = "[OPTION]... SRC DST",
	.description =
		"SRC and DST are references (HOST/REPO:TAG), oci:DIR[:NAME], "
		"oci-archive:FILE[:NAME]; SRC may also be bundle:FILE[:NAME] or the name of a "
		"bundle file. Documents are copied byte for byte, indexes with all their "
		"platforms, and every blob is verified.\n\n"
		"From one layout into another without a NAME, all images with a name are copied.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON,
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
