#include "bundle/diff_files.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "bundle/files.h"

static const struct {
	unsigned int change;
	const char *name;
} kinds[] = {
	{ BND_FILE_TYPE, "type" },   { BND_FILE_CONTENT, "content" }, { BND_FILE_MODE, "mode" },
	{ BND_FILE_OWNER, "owner" }, { BND_FILE_LINK, "link" },	      { BND_FILE_XATTRS, "xattr" },
	{ BND_FILE_MTIME, "mtime" },
};

static const char *type_name(char type)
{
	switch (type) {
	case '0':
		return "file";
	case '1':
		return "hard link";
	case '2':
		return "link";
	case '5':
		return "directory";
	case '6':
		return "pipe";
	default:
		return "other";
	}
}

/* ---- where the content differs ---- */

struct lookup {
	struct bnd_path base;
	const struct bnd_file *side[2]; /* old, new */
	json_t *json;			/* borrowed */
	uint64_t block;
	size_t len; /* of data, the old side's */
	unsigned char *data;
	bool found;
	uint64_t offset;
};

static void compare_blocks(struct lookup *k)
{
	const struct bnd_file *a = k->side[0], *b = k->side[1];

	while (k->block < a->n_blocks && k->block < b->n_blocks &&
	       a->blocks[k->block] == b->blocks[k->block])
		k->block++;
}

/* Read block k->block of the current member, then keep it (old) or compare it (new). */
static int visit(struct lookup *k, int side, struct oci_tar_reader *t, struct eb_error **err)
{
	unsigned char data[BND_FILE_BLOCK];
	uint64_t skip = k->block * BND_FILE_BLOCK;
	size_t n = 0, i = 0;
	ssize_t got;

	while (skip > 0) {
		got = oci_tar_data(t, data, skip < sizeof(data) ? (size_t)skip : sizeof(data), err);
		if (got <= 0)
			return (int)got;
		skip -= (uint64_t)got;
	}
	while (n < sizeof(data) && (got = oci_tar_data(t, data + n, sizeof(data) - n, err)) != 0) {
		if (got < 0)
			return (int)got;
		n += (size_t)got;
	}
	if (side == 0) {
		free(k->data);
		k->data = eb_xmemdup(data, n ? n : 1);
		k->len = n;
		return 0;
	}
	while (k->data && i < n && i < k->len && data[i] == k->data[i])
		i++;
	k->found = k->data && (i < n || i < k->len);
	k->offset = k->block * BND_FILE_BLOCK + i;
	return 0;
}

static int visit_layer(const struct bnd_paths *lookups, const struct bnd_layers *l, size_t i,
		       int side, struct eb_error **err)
{
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
	struct oci_tar_entry e;
	int r = bnd_layers_tar(l, i, &t, err);

	while (r >= 0 && (r = oci_tar_next(t, &e, err)) > 0) {
		struct lookup *k = bnd_paths_find(lookups, e.path);

		if (k && e.type == '0' && k->side[side]->layer == i)
			r = visit(k, side, t, err);
	}
	return r;
}

static int visit_side(const struct bnd_paths *lookups, struct lookup *const *all, size_t n,
		      const struct bnd_layers *l, int side, struct eb_error **err)
{
	for (size_t i = 0; i < l->manifest->n_items; i++) {
		bool needed = false;
		int r;

		for (size_t k = 0; k < n && !needed; k++)
			needed = all[k]->side[side]->layer == i;
		r = needed ? visit_layer(lookups, l, i, side, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int find_offsets(const struct bnd_paths *lookups, const struct bnd_layers *old_layers,
			const struct bnd_layers *new_layers, struct eb_error **err)
{
	autofree struct lookup **all = (struct lookup **)bnd_paths_sorted(lookups);
	size_t n = bnd_paths_count(lookups);
	int r;

	for (size_t i = 0; i < n; i++)
		compare_blocks(all[i]);
	r = visit_side(lookups, all, n, old_layers, 0, err);
	if (r >= 0)
		r = visit_side(lookups, all, n, new_layers, 1, err);
	for (size_t i = 0; i < n; i++) {
		if (r >= 0 && all[i]->found)
			eb_json_set_u64(all[i]->json, "first_difference", all[i]->offset);
		free(all[i]->data);
	}
	return r;
}

/* ---- what differs ---- */

static json_t *side_json(const struct bnd_file *f, unsigned int changes)
{
	json_t *j = eb_json_object();
	char mode[16];

	if (changes & BND_FILE_TYPE)
		eb_json_set_str(j, "type", type_name(f->type));
	if (f->type == '0' || f->type == '1')
		eb_json_set_u64(j, "size", f->size);
	if (changes & BND_FILE_MODE) {
		snprintf(mode, sizeof(mode), "%04o", (unsigned int)f->mode);
		eb_json_set_str(j, "mode", mode);
	}
	if (changes & BND_FILE_OWNER) {
		eb_json_set_u64(j, "uid", f->uid);
		eb_json_set_u64(j, "gid", f->gid);
	}
	if ((changes & (BND_FILE_LINK | BND_FILE_TYPE)) && f->link)
		eb_json_set(j, "link", eb_json_str(f->link));
	if (changes & BND_FILE_MTIME)
		eb_json_set(j, "mtime", json_integer(f->mtime_sec));
	return j;
}

static json_t *file_json(const struct bnd_file *a, const struct bnd_file *b, unsigned int changes)
{
	json_t *j = eb_json_object(), *change = eb_json_array();

	eb_json_set(j, "path", eb_json_str(a ? a->base.path : b->base.path));
	eb_json_set(j, "change", change);
	if (!a || !b) {
		changes = BND_FILE_TYPE;
		eb_json_push(change, json_string(a ? "removed" : "added"));
	}
	for (size_t i = 0; a && b && i < EB_ARRAY_LEN(kinds); i++)
		if (changes & kinds[i].change)
			eb_json_push(change, json_string(kinds[i].name));
	if (a)
		eb_json_set(j, "old", side_json(a, changes));
	if (b)
		eb_json_set(j, "new", side_json(b, changes));
	return j;
}

static int note_lookup(struct bnd_paths *lookups, const struct bnd_file *a,
		       const struct bnd_file *b, json_t *j, struct eb_error **err)
{
	struct lookup *k;
	void *p;
	int r;

	if (a->type != '0' || b->type != '0' || bnd_paths_count(lookups) >= BND_DIFF_MAX_OFFSETS)
		return 0;
	r = bnd_paths_add(lookups, a->base.path, &p, err);
	if (r < 0)
		return r;
	k = p;
	k->side[0] = a;
	k->side[1] = b;
	k->json = j;
	return 0;
}

static const struct bnd_file *alive(const struct bnd_file *f)
{
	return f && f->type ? f : NULL;
}

static int compare(const struct bnd_paths *olds, const struct bnd_paths *news,
		   struct bnd_paths *lookups, json_t *list, uint64_t *left_out,
		   struct eb_error **err)
{
	autofree struct bnd_file **a = (struct bnd_file **)bnd_paths_sorted(olds);
	autofree struct bnd_file **b = (struct bnd_file **)bnd_paths_sorted(news);
	size_t i = 0, k = 0;
	int r = 0;

	while (r >= 0 && (i < bnd_paths_count(olds) || k < bnd_paths_count(news))) {
		const struct bnd_file *x = i < bnd_paths_count(olds) ? a[i] : NULL;
		const struct bnd_file *y = k < bnd_paths_count(news) ? b[k] : NULL;
		int order = !x ? 1 : !y ? -1 : strcmp(x->base.path, y->base.path);
		unsigned int changes = 0;
		json_t *j;

		x = alive(order <= 0 ? x : NULL);
		y = alive(order >= 0 ? y : NULL);
		i += order <= 0;
		k += order >= 0;
		if (x && y)
			changes = bnd_file_changes(x, y);
		if ((!x && !y) || (x && y && !changes))
			continue;
		if (json_array_size(list) >= BND_DIFF_MAX_FILES) {
			++*left_out;
			continue;
		}
		j = file_json(x, y, changes);
		eb_json_push(list, j);
		if (changes & BND_FILE_CONTENT)
			r = note_lookup(lookups, x, y, j, err);
	}
	return r;
}

int bnd_diff_files(const struct bnd_layers *old_layers, const struct bnd_layers *new_layers,
		   json_t **ret, uint64_t *ret_left_out, struct eb_error **err)
{
	EB_CLEANUP(bnd_paths_free_p) struct bnd_paths *olds = NULL, *news = NULL;
	EB_CLEANUP(bnd_paths_free_p)
	struct bnd_paths *lookups = bnd_paths_new(sizeof(struct lookup));
	autojson json_t *list = eb_json_array();
	uint64_t left_out = 0;
	int r = bnd_files_load(old_layers, &olds, err);

	if (r < 0)
		return eb_prefix(err, r, "'%s'", oci_archive_path(old_layers->bundle->archive));
	r = bnd_files_load(new_layers, &news, err);
	if (r < 0)
		return eb_prefix(err, r, "'%s'", oci_archive_path(new_layers->bundle->archive));
	r = compare(olds, news, lookups, list, &left_out, err);
	if (r >= 0)
		r = find_offsets(lookups, old_layers, new_layers, err);
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(list);
	*ret_left_out = left_out;
	return 0;
}
