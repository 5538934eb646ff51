#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"
#include "bundle/layout_write.h"
#include "image/archive.h"
#include "image/mediatype.h"
#include "mirror/mux.h"
#include "mirror/send.h"

enum { BATCH = 64 };

struct send {
	const struct mir_list *l;
	const struct mir_net *net;
	const struct mir_send_options *o;
	struct oci_push_result *res;
	struct oci_archive *there; /* what is at the destination; NULL = nothing */
};

static void send_release(struct send *s)
{
	oci_archive_free(s->there);
}
EB_DEFINE_RELEASE(struct send, send_release)

/* Images as they are written, with their graphs. */
struct images {
	struct bnd_image_in *in;
	struct oci_graph *graphs;
	char **names;
	size_t n;
};

static void images_release(struct images *im)
{
	for (size_t i = 0; i < im->n; i++) {
		oci_graph_release(&im->graphs[i]);
		free(im->names[i]);
	}
	free(im->in);
	free(im->graphs);
	free(im->names);
}
EB_DEFINE_RELEASE(struct images, images_release)

static char *name_of(const struct mir_item *it, const char *tag)
{
	return tag ? eb_xasprintf("%s:%s", it->repo, tag) : NULL;
}

static int load_one(const struct oci_source *src, const struct oci_descriptor *d, char *name,
		    struct images *to, struct eb_error **err)
{
	size_t i = to->n++;

	to->names[i] = name;
	to->in[i] = (struct bnd_image_in){ .graph = &to->graphs[i],
					   .name = name,
					   .full_name = name && strchr(name, '/') };
	return oci_graph_load(src, d, &to->graphs[i], err);
}

static int load(const struct oci_source *src, struct mir_item *const *items, size_t n,
		struct images *to, struct eb_error **err)
{
	size_t all = n;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		all += items[i]->n_attached;
	to->in = eb_xcalloc(all + 1, sizeof(*to->in));
	to->graphs = eb_xcalloc(all + 1, sizeof(*to->graphs));
	to->names = eb_xcalloc(all + 1, sizeof(char *));
	for (size_t i = 0; i < n && r >= 0; i++) {
		const struct mir_item *it = items[i];
		struct mir_view view = { src, it };
		const struct oci_source seen = mir_view_source(&view);

		for (size_t k = 0; k < it->n_attached && r >= 0; k++)
			r = load_one(src, &it->attached[k].desc, name_of(it, it->attached[k].tag),
				     to, err);
		if (r >= 0)
			r = load_one(&seen, &it->root, name_of(it, it->to_tag), to, err);
		if (r < 0)
			return eb_prefix(err, r, "image %s", it->from);
	}
	return r;
}

/* ---- what is there ---- */

static bool has_entry(const struct send *s, const struct oci_digest *d, const char *name)
{
	const struct oci_manifest *index = s->there ? oci_archive_index(s->there) : NULL;

	for (size_t i = 0; index && i < index->n_items; i++) {
		const char *its = oci_descriptor_annotation(&index->items[i], OCI_ANN_REF_NAME);

		if (oci_digest_eq(&index->items[i].digest, d) &&
		    (name ? its && strcmp(its, name) == 0 : !its))
			return true;
	}
	return false;
}

static bool has_item(const struct send *s, const struct mir_item *it)
{
	autofree char *name = name_of(it, it->to_tag);
	bool has = has_entry(s, &it->root.digest, name);

	for (size_t i = 0; i < it->n_attached && has; i++) {
		autofree char *tag = name_of(it, it->attached[i].tag);

		has = has_entry(s, &it->attached[i].desc.digest, tag);
	}
	return has;
}

static int look(struct send *s, struct eb_error **err)
{
	struct stat st;

	if (stat(s->l->to.path, &st) < 0)
		return 0;
	/* An empty folder is none yet. */
	if (S_ISDIR(st.st_mode)) {
		autofree char *index = eb_xasprintf("%s/index.json", s->l->to.path);

		if (stat(index, &st) < 0)
			return 0;
	}
	return oci_archive_open(s->l->to.path, &s->there, err);
}

static void count(struct send *s, const struct images *im)
{
	for (size_t i = 0; i < im->n; i++) {
		const struct oci_graph *g = &im->graphs[i];

		s->res->documents += g->n_nodes;
		for (size_t k = 0; k < g->n_blobs; k++) {
			bool known = s->there && s->l->to.kind == MIR_TO_FOLDER &&
				     oci_archive_find_blob(s->there, &g->blobs[k].digest);

			/* One that several images list is written once. */
			for (size_t b = 0; b < i && !known; b++)
				for (size_t m = 0; m < im->graphs[b].n_blobs && !known; m++)
					known = oci_digest_eq(&im->graphs[b].blobs[m].digest,
							      &g->blobs[k].digest);
			if (known) {
				s->res->blobs_there++;
				continue;
			}
			s->res->blobs_sent++;
			s->res->bytes_sent += g->blobs[k].size;
		}
	}
}

/* ---- writing ---- */

static int write_images(struct send *s, struct mir_item *const *items, size_t n,
			struct eb_error **err)
{
	EB_CLEANUP(mir_mux_free_p) struct mir_mux *mux = mir_mux_new();
	EB_CLEANUP(images_release_p) struct images im = { .n = 0 };
	const struct bnd_write_options o = { .pool = s->net->pool, .progress = s->net->progress };
	const struct oci_source src = mir_mux_source(mux);
	int r;

	mir_mux_add_items(mux, items, n);
	r = load(&src, items, n, &im, err);
	if (r >= 0 && !s->o->plan)
		r = s->l->to.kind == MIR_TO_FOLDER
			    ? bnd_write_folder(s->l->to.path, &src, im.in, im.n, &o, err)
			    : bnd_write_archive(s->l->to.path, &src, im.in, im.n, &o, err);
	if (r < 0)
		return r;
	count(s, &im);
	for (size_t i = 0; i < n && !s->o->plan; i++)
		if (items[i]->status == MIR_MISSING)
			items[i]->status = MIR_DONE;
	return 0;
}

static int write_folder(struct send *s, struct mir_item **todo, size_t n)
{
	bool stop = false;

	for (size_t i = 0; i < n && !stop; i += BATCH) {
		size_t now = n - i < BATCH ? n - i : BATCH;
		struct eb_error *e = NULL;

		if (write_images(s, &todo[i], now, &e) >= 0)
			continue;
		eb_error_clear(&e);
		for (size_t k = i; k < i + now && !stop; k++)
			if (write_images(s, &todo[k], 1, &e) < 0) {
				mir_item_fail(todo[k], EB_TAKE_PTR(e));
				stop = s->o->fail_fast;
			}
	}
	return 0;
}

/* All of it is written anew when anything differs. */
static int write_archive(struct send *s, struct mir_items *items, struct eb_error **err)
{
	autofree struct mir_item **all = eb_xcalloc(items->n + 1, sizeof(struct mir_item *));
	size_t n = 0, there = 0, entries = 0;

	for (size_t i = 0; i < items->n; i++) {
		struct mir_item *it = &items->items[i];

		if (it->status == MIR_FAILED && !s->o->plan) {
			struct eb_error *e = NULL;

			eb_ignore(eb_throw(&e, EB_E_PARTIAL,
					   "not written: '%s' is written only with all images",
					   s->l->to.path));
			for (size_t k = 0; k < items->n; k++)
				if (items->items[k].status != MIR_FAILED)
					mir_item_fail_as(&items->items[k], e);
			eb_error_free(e);
			return 0;
		}
		if (it->status == MIR_FAILED)
			continue;
		all[n++] = it;
		there += it->status == MIR_THERE;
		entries += 1 + it->n_attached;
	}
	if (n == there && s->there && oci_archive_index(s->there)->n_items == entries)
		return 0;
	for (size_t i = 0; i < n; i++)
		all[i]->status = MIR_MISSING;
	return write_images(s, all, n, err);
}

int mir_send_layout(const struct mir_list *l, const struct mir_net *net, struct mir_items *items,
		    const struct mir_send_options *o, struct oci_push_result *ret,
		    struct eb_error **err)
{
	EB_CLEANUP(send_release_p) struct send s = { .l = l, .net = net, .o = o, .res = ret };
	autofree struct mir_item **todo = eb_xcalloc(items->n + 1, sizeof(struct mir_item *));
	size_t n = 0;
	int r = look(&s, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < items->n; i++) {
		struct mir_item *it = &items->items[i];

		if (it->status == MIR_MISSING && has_item(&s, it))
			it->status = MIR_THERE;
		else if (it->status == MIR_MISSING)
			todo[n++] = it;
	}
	if (l->to.kind == MIR_TO_FOLDER)
		return write_folder(&s, todo, n);
	return write_archive(&s, items, err);
}
