#include "mirror/items.h"

#include "base/error.h"
#include "base/mem.h"
#include "image/archive.h"
#include "dist/registry.h"

static void item_release(struct mir_item *it)
{
	for (size_t i = 0; i < it->n_attached; i++) {
		oci_descriptor_release(&it->attached[i].desc);
		free(it->attached[i].tag);
	}
	free(it->attached);
	free(it->from);
	free(it->to);
	free(it->tag);
	free(it->repo);
	free(it->to_tag);
	free(it->text);
	free(it->absent);
	free(it->warning);
	oci_descriptor_release(&it->root);
	eb_error_free(it->error);
}

void mir_items_release(struct mir_items *p)
{
	for (size_t i = 0; i < p->n; i++)
		item_release(&p->items[i]);
	for (size_t i = 0; i < p->n_origins; i++) {
		oci_tags_free(p->origins[i].tags, p->origins[i].n_tags);
		oci_archive_free(p->origins[i].archive);
	}
	free(p->items);
	free(p->origins);
	*p = (struct mir_items){ .items = NULL };
}

int mir_items_add(struct mir_items *p, const struct mir_image *image,
		  const struct mir_origin *origin, struct mir_item **ret, struct eb_error **err)
{
	int r = eb_grow(&p->items, &p->alloc, p->n + 1, sizeof(*p->items), MIR_MAX_ITEMS, "images",
			err);

	if (r < 0)
		return r;
	*ret = &p->items[p->n++];
	**ret = (struct mir_item){ .image = image, .origin = origin };
	return 0;
}

void mir_item_fail(struct mir_item *it, struct eb_error *e)
{
	eb_error_free(it->error);
	it->error = e;
	it->status = MIR_FAILED;
}

void mir_item_fail_as(struct mir_item *it, const struct eb_error *e)
{
	struct eb_error *copy = NULL;

	eb_ignore(eb_throw(&copy, e->code, "%s", e->message));
	if (e->hint)
		eb_ignore(eb_hint(&copy, -e->code, "%s", e->hint));
	mir_item_fail(it, copy);
}

bool mir_item_lacks(const struct mir_item *it, const struct oci_digest *d)
{
	for (size_t i = 0; i < it->n_absent; i++)
		if (oci_digest_eq(&it->absent[i], d))
			return true;
	return false;
}

static int by_target(const void *pa, const void *pb)
{
	const struct mir_item *a = *(struct mir_item *const *)pa;
	const struct mir_item *b = *(struct mir_item *const *)pb;
	int c = strcmp(a->to, b->to);

	return c ? c : (a > b) - (a < b);
}

struct hanging {
	struct mir_item *item;
	size_t at;
};

static int cmp_place(const struct hanging *a, const struct hanging *b)
{
	const struct mir_attached *x = &a->item->attached[a->at], *y = &b->item->attached[b->at];
	int c = strcmp(a->item->repo, b->item->repo);

	if (!c)
		c = strcmp(x->desc.digest.text, y->desc.digest.text);
	return c ? c : strcmp(x->tag ? x->tag : "", y->tag ? y->tag : "");
}

static int by_place(const void *pa, const void *pb)
{
	const struct hanging *a = pa, *b = pb;
	int c = cmp_place(a, b);

	return c ? c : (a->item > b->item) - (a->item < b->item);
}

static void drop_attached(struct mir_item *it, const bool *drop)
{
	size_t kept = 0;

	for (size_t i = 0; i < it->n_attached; i++)
		if (drop[i]) {
			oci_descriptor_release(&it->attached[i].desc);
			free(it->attached[i].tag);
		} else {
			it->attached[kept++] = it->attached[i];
		}
	it->n_attached = kept;
}

/* Several tags of one image have the same signatures, which go there once: with the first. */
static void share_attached(struct mir_items *p)
{
	autofree struct hanging *all = NULL;
	autofree bool *drop = NULL;
	size_t n = 0, at = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].status != MIR_FAILED)
			n += p->items[i].n_attached;
	if (!n)
		return;
	all = eb_xcalloc(n, sizeof(*all));
	drop = eb_xcalloc(p->n * MIR_MAX_ATTACHED, sizeof(*drop));
	n = 0;
	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; p->items[i].status != MIR_FAILED && k < p->items[i].n_attached;
		     k++)
			all[n++] = (struct hanging){ &p->items[i], k };
	qsort(all, n, sizeof(*all), by_place);
	for (size_t i = 1; i < n; i++) {
		if (cmp_place(&all[at], &all[i]) == 0)
			drop[(size_t)(all[i].item - p->items) * MIR_MAX_ATTACHED + all[i].at] =
				true;
		else
			at = i;
	}
	for (size_t i = 0; i < p->n; i++)
		drop_attached(&p->items[i], &drop[i * MIR_MAX_ATTACHED]);
}

void mir_items_settle(struct mir_items *p)
{
	autofree struct mir_item **sorted = eb_xcalloc(p->n + 1, sizeof(struct mir_item *));
	autofree bool *twice = eb_xcalloc(p->n + 1, sizeof(*twice));
	struct mir_item *first = NULL;
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].to && p->items[i].status != MIR_FAILED)
			sorted[n++] = &p->items[i];
	if (n)
		qsort(sorted, n, sizeof(struct mir_item *), by_target);
	for (size_t i = 0; i < n; i++) {
		struct eb_error *e = NULL;

		if (!first || strcmp(first->to, sorted[i]->to) != 0) {
			first = sorted[i];
		} else if (oci_digest_eq(&first->root.digest, &sorted[i]->root.digest)) {
			twice[sorted[i] - p->items] = true;
		} else {
			eb_ignore(
				eb_throw(&e, EB_E_CONFLICT, "%s would go there too", first->from));
			eb_ignore(eb_hint(&e, -EB_E_CONFLICT,
					  "give one of them another name with 'to' or 'rename', or "
					  "path: \"{host}/{path}\""));
			mir_item_fail(sorted[i], e);
		}
	}
	for (size_t i = 0; i < p->n; i++)
		if (twice[i])
			item_release(&p->items[i]);
		else
			p->items[kept++] = p->items[i];
	p->n = kept;
	share_attached(p);
}
