/* Links in archives of `docker save`: a layer that several images share is there once, and the
 * others' names lead to it. They are followed by name alone, within the archive. */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "image/archive_walk.h"

enum { MAX_LINKS = 20000, MAX_HOPS = 8, PATH_MAX_BYTES = 2048, SHOWN_BYTES = 200 };

/* Take the last component off; false when there is none. */
static bool go_up(struct eb_buf *path)
{
	const char *slash;

	if (!path->len)
		return false;
	slash = memrchr(path->data, '/', path->len);
	path->len = slash ? (size_t)(slash - path->data) : 0;
	return true;
}

/* `target` seen from the folder of `name`; NULL when it leads out. */
static char *join(const char *name, char type, const char *target)
{
	struct eb_span rest = eb_span_str(target), part;
	EB_AUTOBUF(path, PATH_MAX_BYTES);

	if (*target == '/')
		return NULL;
	if (type == '2') {
		eb_buf_adds(&path, name);
		go_up(&path);
	}
	while (eb_span_next(&rest, '/', &part)) {
		if (part.len == 0 || eb_span_eq(part, "."))
			continue;
		if (eb_span_eq(part, "..")) {
			if (!go_up(&path))
				return NULL;
			continue;
		}
		if (path.len)
			eb_buf_addc(&path, '/');
		eb_buf_add(&path, part.ptr, part.len);
	}
	if (!path.len || path.overflow)
		return NULL;
	return eb_xstrndup(path.data, path.len);
}

int oci_link_add(struct oci_member_list *list, const char *name, char type, const char *target,
		 struct eb_error **err)
{
	autofree char *path = join(name, type, target), *shown = eb_printable(target, SHOWN_BYTES);
	int r;

	if (!path)
		return eb_throw(err, EB_E_FORMAT, "is a link to '%s', outside of the archive",
				shown);
	r = eb_grow(&list->links, &list->alloc_links, list->n_links + 1, sizeof(*list->links),
		    MAX_LINKS, "links", err);
	if (r < 0)
		return r;
	list->links[list->n_links++] = (struct oci_member_link){
		.name = eb_arena_strdup(list->arena, name),
		.target = eb_arena_strdup(list->arena, path),
	};
	return 0;
}

static int by_name(const void *x, const void *y)
{
	const struct oci_member *a = x, *b = y;

	return strcmp(a->name, b->name);
}

static int by_link_name(const void *x, const void *y)
{
	const struct oci_member_link *a = x, *b = y;

	return strcmp(a->name, b->name);
}

static const struct oci_member *follow(const struct oci_member *files, size_t n,
				       const struct oci_member_list *list, const char *target)
{
	for (unsigned int hop = 0; hop < MAX_HOPS; hop++) {
		const struct oci_member key = { .name = (char *)(uintptr_t)target };
		const struct oci_member_link link = { .name = key.name }, *l;
		const struct oci_member *m = n ? bsearch(&key, files, n, sizeof(*files), by_name)
					       : NULL;

		if (m)
			return m;
		l = bsearch(&link, list->links, list->n_links, sizeof(link), by_link_name);
		if (!l)
			return NULL;
		target = l->target;
	}
	return NULL;
}

int oci_links_resolve(struct oci_member_list *list, struct eb_error **err)
{
	size_t n = list->n;
	autofree struct oci_member *files = NULL;
	int r = 0;

	if (!list->n_links)
		return 0;
	files = n ? eb_xmemdup(list->items, n * sizeof(*files)) : eb_xcalloc(1, sizeof(*files));
	if (n)
		qsort(files, n, sizeof(*files), by_name);
	qsort(list->links, list->n_links, sizeof(*list->links), by_link_name);
	for (size_t i = 0; i < list->n_links && r == 0; i++) {
		const struct oci_member_link *l = &list->links[i];
		const struct oci_member *m = follow(files, n, list, l->target);
		autofree char *name = eb_printable(l->name, SHOWN_BYTES);
		autofree char *target = eb_printable(l->target, SHOWN_BYTES);

		if (!m)
			return eb_throw(err, EB_E_FORMAT,
					"link '%s' leads to '%s', which is not there", name,
					target);
		r = oci_member_add(list, l->name, m, err);
	}
	return r;
}
