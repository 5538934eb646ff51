#include "rootfs/merge.h"

#include <fnmatch.h>

#include "base/error.h"
#include "base/mem.h"

/* path has its leading slash. The part of the glob before its first wildcard decides most cases:
 * every entry of every package is asked about every rule. */
static bool matches(const char *glob, const char *path, int flags)
{
	size_t fixed = strcspn(glob, "*?[\\");

	return strncmp(glob, path, fixed) == 0 && fnmatch(glob, path, flags) == 0;
}

bool rfs_merge_wants(const struct rfs_merge_options *o, const char *path)
{
	autofree char *full = o->n_rules ? eb_xasprintf("/%s", path) : NULL;
	bool wanted = true;

	for (size_t i = 0; i < o->n_rules; i++)
		if (o->rules[i].include != wanted && matches(o->rules[i].glob, full, 0))
			wanted = o->rules[i].include;
	return wanted;
}

/* Could the glob, cut off at one of its slashes, be a directory at path? "*" stays within one
 * component here, or every link below a directory would lead somewhere. */
static bool leads(const char *glob, const char *path)
{
	autofree char *part = eb_xstrdup(glob);

	for (char *p = strrchr(part, '/'); p && p > part; p = strrchr(part, '/')) {
		*p = '\0';
		if (matches(part, path, FNM_PATHNAME))
			return true;
	}
	return false;
}

bool rfs_merge_leads(const struct rfs_merge_options *o, const char *path)
{
	autofree char *full = eb_xasprintf("/%s", path);

	for (size_t i = 0; i < o->n_rules; i++)
		if (o->rules[i].include && leads(o->rules[i].glob, full))
			return true;
	return false;
}

/* The directories that merged /usr makes links of (Debian policy 10.1; usrmerge's own list). */
static bool is_merged(const char *path, size_t n)
{
	static const char *const names[] = { "bin",   "sbin",	"lib",	 "lib32",
					     "lib64", "libo32", "libx32" };

	for (size_t i = 0; i < EB_ARRAY_LEN(names); i++)
		if (strlen(names[i]) == n && memcmp(names[i], path, n) == 0)
			return true;
	return false;
}

/* Heap. A link that is itself at the old place is the one that leads to the new. */
static char *move(const struct rfs_merge_options *o, const char *path, bool is_link)
{
	size_t first;

	path += strspn(path, "/");
	first = strcspn(path, "/");
	if (!o->merged_usr || !is_merged(path, first) || (is_link && !path[first]))
		return eb_xstrdup(path);
	return eb_xasprintf("usr/%s", path);
}

char *rfs_merge_place(const struct rfs_merge_options *o, const char *package, const char *path,
		      bool is_link)
{
	autofree char *place = move(o, path, is_link);

	for (size_t i = 0; i < o->n_diversions; i++) {
		const struct rfs_diversion *d = &o->diversions[i];
		autofree char *from = move(o, d->from, false);

		if (strcmp(from, place) == 0 && !(d->by && strcmp(d->by, package) == 0))
			return move(o, d->to, false);
	}
	return EB_TAKE_PTR(place);
}

/* ---- removal ---- */

struct found {
	const char *glob;
	struct rfs_node **nodes;
	size_t n, alloc;
};

static int find(void *ctx, struct rfs_node *n, struct eb_error **err)
{
	autofree char *path = rfs_path(n), *full = eb_xasprintf("/%s", path);
	struct found *f = ctx;
	int r;

	if (!matches(f->glob, full, 0))
		return 0;
	r = eb_grow(&f->nodes, &f->alloc, f->n + 1, sizeof(f->nodes[0]), RFS_MAX_NODES,
		    "matching paths", err);
	if (r < 0)
		return r;
	f->nodes[f->n++] = n;
	return 0;
}

int rfs_remove_matching(struct rfs_tree *t, const char *glob, size_t *ret_n, struct eb_error **err)
{
	struct found f = { .glob = glob };
	int r = rfs_walk(t, find, &f, err);
	autofree struct rfs_node **nodes = f.nodes;

	/* Backwards, so that what is below a directory goes before it. */
	for (size_t i = f.n; r >= 0 && i > 0; i--)
		r = rfs_remove(t, nodes[i - 1], err);
	if (r < 0)
		return eb_prefix(err, r, "remove '%s'", glob);
	if (ret_n)
		*ret_n = f.n;
	return 0;
}
