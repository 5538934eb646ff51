/* From the index of an archive to the tree: strip, subpath, owner, and what an archive of somebody
 * else may not do. */
#include "base/error.h"
#include "base/mem.h"
#include "pkg/tarball.h"
#include "rootfs/tree.h"

struct placing {
	struct rfs_tree *t;
	unsigned int origin;
	const struct pkg_index *x;
	const struct pkg_archive_place *p;
	size_t *by_path; /* entries of x sorted by path */
	size_t placed;
};

/* ---- looking up ---- */

static int compare_entries(const void *a, const void *b, void *ctx)
{
	const struct pkg_entry *e = ctx;
	size_t i = *(const size_t *)a, k = *(const size_t *)b;
	int c = strcmp(e[i].path, e[k].path);

	return c ? c : i < k ? -1 : i > k;
}

/* First entry whose path is the first n bytes of path, SIZE_MAX = none. */
static size_t find_entry(const struct placing *m, const char *path, size_t n)
{
	size_t low = 0, high = m->x->n_entries;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *there = m->x->entries[m->by_path[mid]].path;
		int c = strncmp(there, path, n);

		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == m->x->n_entries)
		return SIZE_MAX;
	low = m->by_path[low];
	return strncmp(m->x->entries[low].path, path, n) == 0 && !m->x->entries[low].path[n]
		       ? low
		       : SIZE_MAX;
}

/* ---- where ---- */

/* The rest of path behind what is left out; NULL when it is left out itself. "" = the directory
 * that the archive becomes. */
static const char *rest_of(const struct pkg_archive_place *p, const char *path)
{
	size_t n = strlen(p->subpath);

	for (uint64_t i = 0; i < p->strip; i++) {
		const char *slash = strchr(path, '/');

		if (!slash)
			/* The directory that is stripped stands for the whole. */
			return i + 1 == p->strip && *path && n == 0 ? "" : NULL;
		path = slash + 1;
	}
	if (n == 0)
		return path;
	if (strncmp(path, p->subpath, n) != 0)
		return NULL;
	return path[n] == '/' ? path + n + 1 : path[n] ? NULL : "";
}

/* The place of an entry in the image (heap), or NULL. */
static char *place(const struct placing *m, const struct pkg_entry *e)
{
	const char *rest = rest_of(m->p, e->path);

	if (!rest || (!*rest && e->type != '5'))
		return NULL;
	if (!*rest || !*m->p->to)
		return eb_xstrdup(*rest ? rest : m->p->to);
	return eb_xasprintf("%s/%s", m->p->to, rest);
}

/* ---- checks ---- */

/* Would the link at path lead above the root? */
static bool climbs_out(const char *path, const char *target)
{
	size_t depth = 0;

	for (const char *p = path; *target != '/' && *p; p++)
		depth += *p == '/';
	while (*target) {
		size_t n = strcspn(target, "/");

		if (n == 2 && target[0] == '.' && target[1] == '.') {
			if (depth == 0)
				return true;
			depth--;
		} else if (n > 0 && !(n == 1 && target[0] == '.')) {
			depth++;
		}
		target += n;
		target += *target == '/';
	}
	return false;
}

/* A link and then a member behind it is how an archive writes elsewhere. */
static int check_parents(const struct placing *m, const struct pkg_entry *e, struct eb_error **err)
{
	for (const char *slash = strchr(e->path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t i = find_entry(m, e->path, (size_t)(slash - e->path));

		if (i != SIZE_MAX && m->x->entries[i].type != '5')
			return eb_throw(err, EB_E_FORMAT,
					"'%s' lies behind '%s', which is no directory", e->path,
					m->x->entries[i].path);
	}
	return 0;
}

/* The file that a hard link is another name of, by way of links to links. */
static int resolve(const struct placing *m, size_t i, size_t *ret, struct eb_error **err)
{
	const struct pkg_entry *e = m->x->entries;
	size_t at = i;

	while (e[at].type == '1') {
		size_t to = find_entry(m, e[at].link, strlen(e[at].link));

		if (to == SIZE_MAX || to >= at || (e[to].type != '0' && e[to].type != '1'))
			return eb_throw(err, EB_E_FORMAT,
					"'%s': hard link to '%s', which is no file before it",
					e[at].path, e[at].link);
		at = to;
	}
	*ret = at;
	return 0;
}

/* ---- adding ---- */

static int fill_file(const struct placing *m, size_t i, struct rfs_attr *a, char **ret_link,
		     struct eb_error **err)
{
	size_t file = i;
	int r = resolve(m, i, &file, err);

	if (r < 0)
		return r;
	a->type = RFS_FILE;
	a->size = m->x->entries[file].size;
	a->mode = m->x->entries[file].mode & 0755;
	a->content = (struct rfs_content){ .kind = RFS_MEMBER,
					   .origin = m->origin,
					   .member = (uint32_t)file };
	/* A file that is left out lives on under this name. */
	if (file != i)
		a->hard_link = *ret_link = place(m, &m->x->entries[file]);
	return 0;
}

static int add_entry(struct placing *m, size_t i, struct eb_error **err)
{
	const struct pkg_entry *e = &m->x->entries[i];
	autofree char *path = place(m, e), *link = NULL;
	struct rfs_attr a = { .uid = m->p->uid,
			      .gid = m->p->gid,
			      .mode = e->mode & 0755,
			      .mtime_sec = e->mtime_sec < m->p->epoch_sec ? e->mtime_sec
									  : m->p->epoch_sec };
	int r = check_parents(m, e, err);

	if (r < 0 || !path || !*path)
		return r;
	if (e->type == '2' && climbs_out(path, e->link))
		return eb_throw(err, EB_E_FORMAT, "'%s': link to '%s' climbs out of the root",
				e->path, e->link);
	if (e->type == '5') {
		a.type = RFS_DIR;
	} else if (e->type == '2') {
		a.type = RFS_SYMLINK;
		a.mode = 0777;
		a.target = e->link;
	} else {
		r = fill_file(m, i, &a, &link, err);
	}
	if (r >= 0)
		r = rfs_add(m->t, m->origin, path, &a, 0, NULL, err);
	m->placed++;
	return r;
}

int pkg_archive_to_tree(struct rfs_tree *t, unsigned int origin, const struct pkg_index *x,
			const struct pkg_archive_place *p, struct eb_error **err)
{
	autofree size_t *by_path = eb_xcalloc(x->n_entries, sizeof(*by_path));
	struct placing m = { .t = t, .origin = origin, .x = x, .p = p, .by_path = by_path };
	const char *name = t->origins[origin].name;
	int r = 0;

	for (size_t i = 0; i < x->n_entries; i++)
		by_path[i] = i;
	if (x->n_entries)
		qsort_r(by_path, x->n_entries, sizeof(*by_path), compare_entries, x->entries);
	for (size_t i = 0; r >= 0 && i < x->n_entries; i++)
		r = add_entry(&m, i, err);
	if (r >= 0 && m.placed == 0)
		r = eb_throw(
			err, EB_E_FORMAT,
			"of its %zu members 'strip' and 'subpath' leave none; the first is '%s'",
			x->n_entries, x->n_entries ? x->entries[0].path : "");
	return r < 0 ? eb_prefix(err, r, "archive '%s'", name) : 0;
}
