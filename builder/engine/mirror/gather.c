#include "mirror/gather.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "bundle/select.h"
#include "dist/registry.h"
#include "image/archive.h"
#include "image/mediatype.h"
#include "mirror/attached.h"
#include "mirror/choose.h"
#include "mirror/narrow.h"

enum { MAX_SHOWN_BYTES = 300 };

/* One entry of the list; filled by one thread. */
struct entry {
	struct mir_items found; /* without origins */
	struct eb_error *error; /* of all of it */
};

struct gather {
	const struct mir_list *l;
	const struct mir_net *net;
	struct mir_hosts *hosts;
	struct mir_items *items;
	struct entry *entries;
	unsigned int task;
};

void mir_hosts_release(struct mir_hosts *h)
{
	for (size_t i = 0; i < h->n; i++)
		oci_registry_free(h->items[i]);
	free(h->items);
	*h = (struct mir_hosts){ .items = NULL };
}

static void entries_release(struct gather *g)
{
	for (size_t i = 0; g->entries && i < g->l->n_images; i++) {
		mir_items_release(&g->entries[i].found);
		eb_error_free(g->entries[i].error);
	}
	free(g->entries);
}
EB_DEFINE_RELEASE(struct gather, entries_release)

/* ---- names ---- */

/* Where it goes, from its host and path; also for what failed, when that much is known. */
static int name_target(const struct mir_list *l, struct mir_item *it, const char *host,
		       const char *path, struct eb_error **err)
{
	const struct oci_ref *to = &l->to.ref;
	autofree char *repo = NULL;
	int r = mir_target_repo(&l->naming, it->image->to, host, path, &repo, err);

	if (r < 0)
		return r;
	if (l->naming.is_layout) {
		it->repo = EB_TAKE_PTR(repo);
		it->to = eb_xasprintf("%s%s%s", it->repo, it->to_tag ? ":" : "@",
				      it->to_tag ? it->to_tag : it->root.digest.text);
		return 0;
	}
	it->repo = eb_xasprintf("%s%s%s", to->repo, *to->repo ? "/" : "", repo);
	r = oci_repo_check(it->repo, err);
	if (r >= 0)
		it->to = eb_xasprintf("%s/%s%s%s", to->host, it->repo, it->to_tag ? ":" : "@",
				      it->to_tag ? it->to_tag : it->root.digest.text);
	return r;
}

/* Of an entry of which nothing else is known: nothing in that repository is to be pruned. */
static void name_repo(const struct mir_list *l, struct mir_item *it)
{
	struct eb_error *e = NULL;

	eb_ignore(name_target(l, it, it->image->ref.host, it->image->ref.repo, &e));
	eb_error_free(e);
	free(it->to);
	it->to = NULL;
}

static int add_item(struct gather *g, size_t entry, const char *tag,
		    const struct oci_digest *digest, const char *host, const char *path,
		    struct mir_item **ret, struct eb_error **err)
{
	struct mir_item *it = NULL;
	struct eb_error *e = NULL;
	int r = mir_items_add(&g->entries[entry].found, &g->l->images[entry],
			      &g->items->origins[entry], &it, err);

	if (r < 0)
		return r;
	it->tag = tag ? eb_xstrdup(tag) : NULL;
	it->to_tag = tag ? eb_xstrdup(tag) : NULL;
	if (digest)
		it->root.digest = *digest;
	it->from = eb_xasprintf("%s%s%s%s%s", host ? host : "", host ? "/" : "", path,
				tag ? ":" : "@", tag ? tag : digest->text);
	if (name_target(g->l, it, host, path, &e) < 0)
		mir_item_fail(it, e);
	*ret = it;
	return 0;
}

/* ---- layouts ---- */

/* Entries of an index.json by repository, to choose among the tags of each. */
struct named {
	const struct oci_descriptor *desc;
	const char *full;
	char *host, *path, *tag;
};

struct names {
	struct named *items;
	size_t n;
};

static void names_release(struct names *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->items[i].host);
		free(s->items[i].path);
		free(s->items[i].tag);
	}
	free(s->items);
}
EB_DEFINE_RELEASE(struct names, names_release)

/* "HOST/PATH:TAG", "PATH:TAG"; a lone "TAG" has no path. */
static void split_name(const char *full, struct named *ret)
{
	const char *slash = strchr(full, '/'), *last = strrchr(full, '/');
	const char *colon = strchr(last ? last : full, ':'), *path = full;
	size_t host = slash ? (size_t)(slash - full) : 0;

	ret->full = full;
	if (!slash && !colon) {
		ret->path = eb_xstrdup("");
		ret->tag = eb_xstrdup(full);
		return;
	}
	if (slash && (memchr(full, '.', host) || memchr(full, ':', host) ||
		      (host == 9 && memcmp(full, "localhost", 9) == 0))) {
		ret->host = eb_xstrndup(full, host);
		path = slash + 1;
	}
	ret->path = colon ? eb_xstrndup(path, (size_t)(colon - path)) : eb_xstrdup(path);
	ret->tag = eb_xstrdup(colon ? colon + 1 : "latest");
}

static bool name_is_meant(const struct mir_image *im, const char *full)
{
	for (size_t i = 0; i < im->names.n; i++)
		if (mir_pattern_matches(&im->names.items[i], full))
			return true;
	return im->names.n == 0;
}

static int same_repo(const struct named *a, const struct named *b)
{
	int c = strcmp(a->host ? a->host : "", b->host ? b->host : "");

	return c ? c : strcmp(a->path, b->path);
}

static int by_repo(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int c = same_repo(x, y);

	return c ? c : strcmp(x->tag, y->tag);
}

static void read_names(const struct mir_image *im, const struct oci_manifest *index,
		       struct names *ret)
{
	ret->items = eb_xcalloc(index->n_items + 1, sizeof(*ret->items));
	for (size_t i = 0; i < index->n_items; i++) {
		const struct oci_descriptor *d = &index->items[i];
		const char *full = oci_descriptor_annotation(d, OCI_ANN_CONTAINERD_NAME);

		if (!full)
			full = oci_descriptor_annotation(d, OCI_ANN_REF_NAME);
		if (!full || oci_descriptor_annotation(d, BND_ANN_ROOT) ||
		    oci_descriptor_annotation(d, BND_ANN_SIGNS) || !name_is_meant(im, full))
			continue;
		split_name(full, &ret->items[ret->n]);
		ret->items[ret->n++].desc = d;
	}
	if (ret->n)
		qsort(ret->items, ret->n, sizeof(*ret->items), by_repo);
}

/* A layout may be anybody's: what it calls its images is checked before it is used or shown. */
static int check_named(const struct mir_item *it, const struct named *d, struct eb_error **err)
{
	int r = oci_tag_check(d->tag, err);

	if (r >= 0 && d->host)
		r = oci_host_check(d->host, err);
	if (r >= 0 && !*d->path && !it->image->to) {
		r = eb_throw(err, EB_E_USAGE, "it has the name '%s' only", d->full);
		return eb_hint(err, r, "give this entry of the list a 'to'");
	}
	return r;
}

static void set_named(struct mir_item *it, const struct named *d)
{
	autofree char *shown = eb_printable(d->full, MAX_SHOWN_BYTES);
	struct eb_error *e = NULL;

	oci_descriptor_copy(d->desc, &it->root);
	free(it->from);
	it->from = eb_xasprintf("%s:%s", it->image->from, shown);
	if (check_named(it, d, &e) < 0)
		mir_item_fail(it, e);
	if (it->status == MIR_FAILED) {
		free(it->to); /* it may be anything */
		it->to = NULL;
	}
}

/* The tags of one repository, from `first` on. */
static int choose_named(struct gather *g, size_t entry, const struct named *first, size_t n,
			struct eb_error **err)
{
	autofree char **tags = eb_xcalloc(n + 1, sizeof(char *));
	autofree const char **chosen = NULL;
	size_t n_chosen;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		tags[i] = first[i].tag;
	mir_choose(&g->l->images[entry], tags, n, &chosen, &n_chosen);
	for (size_t i = 0; i < n_chosen && r >= 0; i++) {
		const struct named *d = first;
		struct mir_item *it = NULL;

		while (d->tag != chosen[i])
			d++;
		r = add_item(g, entry, d->tag, NULL, d->host, *d->path ? d->path : "-", &it, err);
		if (r < 0)
			return r;
		set_named(it, d);
	}
	return r;
}

/* A bundle may leave platforms of an image of others behind on purpose. */
static int bundle_text(void *ctx, const struct oci_descriptor *d, char **ret, struct eb_error **err)
{
	const struct oci_archive *a = ctx;

	if (!oci_archive_find_blob(a, &d->digest))
		return OCI_SOURCE_ABSENT;
	return oci_archive_blob_text(a, d, OCI_MANIFEST_MAX_BYTES, ret, NULL, err);
}

static int list_layout(struct gather *g, size_t entry, struct eb_error **err)
{
	const struct mir_image *im = &g->l->images[entry];
	struct mir_origin *o = &g->items->origins[entry];
	EB_CLEANUP(names_release_p) struct names names = { .n = 0 };
	int r = oci_archive_open(im->path, &o->archive, err);

	if (r < 0)
		return r;
	o->source = oci_source_archive(o->archive);
	if (im->is_bundle)
		o->source.text = bundle_text;
	read_names(im, oci_archive_index(o->archive), &names);
	for (size_t i = 0, n; i < names.n && r >= 0; i += n) {
		for (n = 1; i + n < names.n; n++)
			if (same_repo(&names.items[i], &names.items[i + n]) != 0)
				break;
		r = choose_named(g, entry, &names.items[i], n, err);
	}
	return r;
}

/* ---- registries ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_tags(struct mir_origin *o, struct eb_error **err)
{
	int r = oci_registry_tags(o->repository.registry, o->repository.repo, &o->tags, &o->n_tags,
				  err);

	if (r < 0)
		return r;
	if (o->n_tags)
		qsort(o->tags, o->n_tags, sizeof(char *), by_text);
	o->listed = true;
	return 0;
}

static bool is_listed(const struct mir_origin *o, const char *tag)
{
	return o->n_tags && bsearch(&tag, o->tags, o->n_tags, sizeof(char *), by_text);
}

/* The tags that are given by name have to be there, those that a pattern would find need not. */
static int choose_tags(struct gather *g, size_t entry, struct eb_error **err)
{
	const struct mir_image *im = &g->l->images[entry];
	const struct mir_origin *o = &g->items->origins[entry];
	autofree char **given = eb_xcalloc(im->tags.n + 1, sizeof(char *));
	autofree const char **chosen = NULL;
	size_t n_given = 0, n = 0;
	struct mir_item *it = NULL;
	int r = 0;

	for (size_t i = 0; i < im->tags.n; i++)
		if (im->tags.items[i].literal)
			given[n_given++] = im->tags.items[i].text;
	if (mir_image_asks_for_tags(im))
		mir_choose(im, o->tags, o->n_tags, &chosen, &n);
	else
		mir_choose(im, given, n_given, &chosen, &n);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = add_item(g, entry, chosen[i], NULL, im->ref.host, im->ref.repo, &it, err);
	for (size_t i = 0; i < n_given && r >= 0 && mir_image_asks_for_tags(im); i++) {
		struct eb_error *e = NULL;

		if (is_listed(o, given[i]))
			continue;
		r = add_item(g, entry, given[i], NULL, im->ref.host, im->ref.repo, &it, err);
		if (r < 0)
			break;
		eb_ignore(eb_throw(&e, EB_E_NOT_FOUND, "there is no such tag"));
		mir_item_fail(it, e);
	}
	return r;
}

static int list_registry(struct gather *g, size_t entry, struct eb_error **err)
{
	const struct mir_image *im = &g->l->images[entry];
	struct mir_origin *o = &g->items->origins[entry];
	const struct oci_digest *pinned = im->ref.digest.text[0] ? &im->ref.digest : NULL;
	struct mir_item *it = NULL;
	int r = 0;

	o->repository = (struct oci_repository){ o->registry, im->ref.repo };
	o->source = oci_source_repository(&o->repository);
	if (mir_image_asks_for_tags(im)) {
		r = list_tags(o, err);
	} else if (im->referrers) {
		struct eb_error *e = NULL;

		/* Only to know without asking which of cosign's tags there are. */
		eb_ignore(list_tags(o, &e));
		eb_error_free(e);
	}
	if (r >= 0 && (im->ref.tag || pinned))
		return add_item(g, entry, im->ref.tag, pinned, im->ref.host, im->ref.repo, &it,
				err);
	if (r >= 0)
		r = choose_tags(g, entry, err);
	for (size_t i = 0; i < im->n_digests && r >= 0; i++)
		r = add_item(g, entry, NULL, &im->digests[i], im->ref.host, im->ref.repo, &it, err);
	return r;
}

static int list_entry(void *ctx, size_t i, struct eb_error **err)
{
	struct gather *g = ctx;
	const struct mir_image *im = &g->l->images[i];
	struct entry *e = &g->entries[i];
	int r = e->error   ? 0
		: im->path ? list_layout(g, i, &e->error)
			   : list_registry(g, i, &e->error);

	(void)err;
	if (r >= 0 && !e->error && e->found.n == 0)
		eb_ignore(eb_throw(&e->error, EB_E_NOT_FOUND,
				   "nothing there is what %s:%u asks for", im->pos.file,
				   im->pos.line));
	return 0;
}

/* ---- each image ---- */

/* Some platforms of the index that `it` is. */
static int narrow(struct mir_item *it, struct eb_error **err)
{
	EB_CLEANUP(mir_narrowed_release_p) struct mir_narrowed n = { .text = NULL };
	const struct oci_source *src = &it->origin->source;
	const struct mir_image *im = it->image;
	autofree char *text = NULL;
	bool all = true;
	int r = src->text(src->ctx, &it->root, &text, err);

	if (r == OCI_SOURCE_ABSENT)
		r = eb_throw(err, EB_E_NOT_FOUND, "%s is not in the bundle", it->root.digest.text);
	if (r >= 0)
		r = mir_narrow(&it->root, text, im->platforms, im->n_platforms, im->sparse, &all,
			       &n, err);
	if (r < 0 || all)
		return r;
	it->warning = im->sparse && !n.n_absent ? NULL
		      : im->sparse
			      ? eb_xasprintf("%s alone: the index is sparse, %zu of its documents "
					     "are left out",
					     n.platforms, n.n_absent)
			      : eb_xasprintf("%s alone: the digest is %s, not that of the index",
					     n.platforms, n.root.digest.text);
	oci_descriptor_release(&it->root);
	it->root = n.root;
	n.root = (struct oci_descriptor){ .media_type = NULL };
	it->text = EB_TAKE_PTR(n.text);
	it->absent = EB_TAKE_PTR(n.absent);
	it->n_absent = n.n_absent;
	for (size_t i = 0; i < n.n_kept && r >= 0; i++)
		r = mir_attach(it, &n.kept[i], NULL, err);
	return r;
}

static int set_root(struct mir_item *it, struct eb_error **err)
{
	const struct mir_origin *o = it->origin;
	const char *version = it->root.digest.text[0] ? it->root.digest.text : it->tag;
	struct oci_descriptor d = { .media_type = NULL };
	int r;

	if (o->registry) {
		r = oci_registry_head(o->registry, o->repository.repo, version, &d, err);
		if (r < 0)
			return r;
		oci_descriptor_release(&it->root);
		it->root = d;
	}
	if ((it->image->n_platforms || it->image->sparse) &&
	    oci_media_type_is_index(it->root.media_type))
		return narrow(it, err);
	return 0;
}

static int look_up(void *ctx, size_t i, struct eb_error **err)
{
	struct gather *g = ctx;
	struct mir_item *it = &g->items->items[i];
	struct eb_error *e = NULL;
	int r = 0;

	(void)err;
	if (it->status != MIR_FAILED)
		r = set_root(it, &e);
	if (r >= 0 && it->status != MIR_FAILED && it->image->referrers && it->origin->registry)
		r = mir_find_attached(it, &e);
	if (r < 0)
		mir_item_fail(it, e);
	eb_progress_advance(g->net->progress, g->task, 1);
	return 0;
}

/* ---- all of it ---- */

/* One client for all images of a registry, so that it is logged into once. */
static int open_host(struct gather *g, const char *host, struct oci_registry **ret,
		     struct eb_error **err)
{
	int r;

	for (size_t i = 0; i < g->hosts->n; i++)
		if (strcmp(oci_registry_host(g->hosts->items[i]), host) == 0) {
			*ret = g->hosts->items[i];
			return 0;
		}
	r = g->net->open(g->net->ctx, host, false, false, ret, err);
	if (r >= 0)
		g->hosts->items[g->hosts->n++] = *ret;
	return r;
}

/* The entries' images one after the other; an entry of which nothing is known is one that failed.
 */
static int collect(struct gather *g, struct eb_error **err)
{
	for (size_t i = 0; i < g->l->n_images; i++) {
		struct entry *e = &g->entries[i];
		struct mir_item *it = NULL;
		int r = 0;

		for (size_t k = 0; k < e->found.n && r >= 0; k++) {
			r = mir_items_add(g->items, NULL, NULL, &it, err);
			if (r < 0)
				return r;
			*it = e->found.items[k];
			e->found.items[k] = (struct mir_item){ .from = NULL };
		}
		if (!e->error)
			continue;
		r = mir_items_add(g->items, &g->l->images[i], &g->items->origins[i], &it, err);
		if (r < 0)
			return r;
		it->from = eb_xstrdup(g->l->images[i].from);
		if (it->image->ref.host)
			name_repo(g->l, it);
		mir_item_fail(it, EB_TAKE_PTR(e->error));
	}
	return 0;
}

int mir_gather(const struct mir_list *l, const struct mir_net *net, struct mir_hosts *ret_hosts,
	       struct mir_items *ret, struct eb_error **err)
{
	EB_CLEANUP(mir_hosts_release_p) struct mir_hosts hosts = { .n = 0 };
	EB_CLEANUP(mir_items_release_p) struct mir_items items = { .n = 0 };
	EB_CLEANUP(entries_release_p)
	struct gather g = { .l = l, .net = net, .hosts = &hosts, .items = &items };
	int r;

	hosts.items = eb_xcalloc(l->n_images + 1, sizeof(struct oci_registry *));
	items.origins = eb_xcalloc(l->n_images + 1, sizeof(*items.origins));
	items.n_origins = l->n_images;
	g.entries = eb_xcalloc(l->n_images + 1, sizeof(*g.entries));
	for (size_t i = 0; i < l->n_images; i++)
		if (!l->images[i].path)
			eb_ignore(open_host(&g, l->images[i].ref.host, &items.origins[i].registry,
					    &g.entries[i].error));
	g.task = eb_progress_start(net->progress, "look", EB_UNIT_ITEMS, 0);
	r = eb_pool_map(net->pool, l->n_images, list_entry, &g, err);
	if (r >= 0)
		r = collect(&g, err);
	if (r >= 0)
		r = eb_pool_map(net->pool, items.n, look_up, &g, err);
	eb_progress_finish(net->progress, g.task);
	if (r < 0)
		return r;
	mir_items_settle(&items);
	*ret = items;
	*ret_hosts = hosts;
	items = (struct mir_items){ .items = NULL };
	hosts = (struct mir_hosts){ .items = NULL };
	return 0;
}
