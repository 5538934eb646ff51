#include "pkg/deb_tree.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "pkg/control.h"
#include "pkg/deb.h"

#define STATUS_DIR "var/lib/dpkg/status.d"

struct merge {
	struct rfs_tree *t;
	unsigned int origin;
	const struct pkg_deb_index *x;
	const struct rfs_merge_options *o;
	const char *package; /* the origin's name */
	char *version;
	bool *wanted;	 /* for each entry of x */
	size_t *by_path; /* entries of x sorted by path; for hard links and directories */
};

/* ---- which entries ---- */

static int compare_entries(const void *a, const void *b, void *ctx)
{
	const struct pkg_entry *e = ctx;
	size_t i = *(const size_t *)a, k = *(const size_t *)b;
	int c = strcmp(e[i].path, e[k].path);

	return c ? c : i < k ? -1 : i > k;
}

/* First entry with that path, SIZE_MAX = none. */
static size_t find_entry(const struct merge *m, const char *path)
{
	size_t low = 0, high = m->x->files.n_entries, at;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(m->x->files.entries[m->by_path[mid]].path, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == m->x->files.n_entries)
		return SIZE_MAX;
	at = m->by_path[low];
	return strcmp(m->x->files.entries[at].path, path) == 0 ? at : SIZE_MAX;
}

static void sort_entries(struct merge *m)
{
	size_t n = m->x->files.n_entries;

	m->by_path = eb_xcalloc(n, sizeof(m->by_path[0]));
	for (size_t i = 0; i < n; i++)
		m->by_path[i] = i;
	qsort_r(m->by_path, n, sizeof(m->by_path[0]), compare_entries, m->x->files.entries);
}

/* The directories that lead to a wanted entry are wanted. */
static void want_parents(struct merge *m, const char *path)
{
	autofree char *up = eb_xstrdup(path);

	for (char *slash = strrchr(up, '/'); slash; slash = strrchr(up, '/')) {
		size_t i;

		*slash = '\0';
		i = find_entry(m, up);
		if (i == SIZE_MAX)
			continue;
		if (m->wanted[i])
			return; /* and so are those above it */
		m->wanted[i] = true;
	}
}

static void filter(struct merge *m)
{
	const struct pkg_deb_index *x = m->x;
	bool all = true;

	m->wanted = eb_xcalloc(x->files.n_entries, sizeof(m->wanted[0]));
	for (size_t i = 0; i < x->files.n_entries; i++) {
		const struct pkg_entry *e = &x->files.entries[i];

		m->wanted[i] = !e->path[0] || rfs_merge_wants(m->o, e->path) ||
			       (e->type == '2' && rfs_merge_leads(m->o, e->path));
		all = all && m->wanted[i];
	}
	for (size_t i = 0; !all && i < x->files.n_entries; i++)
		if (m->wanted[i])
			want_parents(m, x->files.entries[i].path);
}

/* ---- conflicts ---- */

/* The value of a field of a package that is in the tree already, from its status.d file. */
static char *other_field(const struct rfs_tree *t, const char *package, const char *field)
{
	autofree char *path = eb_xasprintf("%s/%s", STATUS_DIR, package);
	const struct rfs_node *n = rfs_lookup(t, path);
	struct eb_span text, v;

	if (!n || n->type != RFS_FILE || n->link || n->content.kind != RFS_INLINE)
		return NULL;
	text = (struct eb_span){ n->content.data, (size_t)n->size };
	v = pkg_control_field(text, field);
	return v.ptr ? eb_span_dup(v) : NULL;
}

enum verdict { SETTLE_NONE, SETTLE_NEW, SETTLE_OLD };

/* Whose file stays? (Policy 7.6.1.) */
static enum verdict settle(const struct merge *m, const struct rfs_node *old)
{
	autofree char *version = NULL, *replaces = NULL;
	struct eb_span mine = pkg_control_field(eb_span_str(m->x->control), "Replaces");
	const struct rfs_origin *other;

	if (old->origin >= m->t->n_origins)
		return SETTLE_NONE;
	other = &m->t->origins[old->origin];
	if (other->kind != RFS_ORIGIN_PACKAGE || old->origin == m->origin)
		return SETTLE_NONE;
	version = other_field(m->t, other->name, "Version");
	if (version && pkg_control_replaces(mine, other->name, version))
		return SETTLE_NEW;
	replaces = other_field(m->t, other->name, "Replaces");
	if (replaces && pkg_control_replaces(eb_span_str(replaces), m->package, m->version))
		return SETTLE_OLD;
	return SETTLE_NONE;
}

/* Add, and ask Replaces only when there is something to settle. */
static int add(const struct merge *m, const char *path, const struct rfs_attr *a,
	       struct eb_error **err)
{
	autoerror struct eb_error *e = NULL;
	const struct rfs_node *old;
	int r = rfs_add(m->t, m->origin, path, a, 0, NULL, &e);

	if (r != -EB_E_CONFLICT)
		return r < 0 ? eb_error_forward(err, EB_TAKE_PTR(e)) : 0;
	old = rfs_lookup(m->t, path);
	if (a->type != RFS_DIR && old && old->type != RFS_DIR) {
		switch (settle(m, old)) {
		case SETTLE_NEW:
			return rfs_add(m->t, m->origin, path, a, RFS_REPLACE, NULL, err);
		case SETTLE_OLD:
			return 0;
		case SETTLE_NONE:
			break;
		}
	}
	r = eb_error_forward(err, EB_TAKE_PTR(e));
	return eb_hint(err, r, "exclude the path with path-exclude, or divert it in the recipe");
}

/* ---- entries ---- */

static char *place(const struct merge *m, const struct pkg_entry *e)
{
	return rfs_merge_place(m->o, m->package, e->path, e->type == '2');
}

/* A hard link whose target was filtered out is the file itself: its content is the target's
 * member. Follows links to links; the package's own order bounds it, since a link comes after what
 * it names. */
static int resolve_hard_link(const struct merge *m, size_t i, size_t *ret, struct eb_error **err)
{
	const struct pkg_entry *e = m->x->files.entries;
	size_t at = i, to;

	while (e[at].type == '1') {
		to = find_entry(m, e[at].link);
		if (to == SIZE_MAX || to >= at || (e[to].type != '0' && e[to].type != '1'))
			return eb_throw(err, EB_E_FORMAT,
					"'/%s': hard link to '%s', which is no file before it",
					e[at].path, e[at].link);
		at = to;
		if (m->wanted[at])
			break;
	}
	*ret = at;
	return 0;
}

/* Find what a hard link of index i shares its content with. Another filtered name of the same file
 * that was added before is the holder then. */
static int link_attr(const struct merge *m, size_t i, size_t *holder_of, struct rfs_attr *a,
		     char **ret_link, struct eb_error **err)
{
	const struct pkg_entry *e = m->x->files.entries;
	size_t to = i;
	int r = resolve_hard_link(m, i, &to, err);

	if (r < 0)
		return r;
	if (m->wanted[to]) {
		a->hard_link = *ret_link = place(m, &e[to]);
		return 0;
	}
	if (holder_of[to]) {
		a->hard_link = *ret_link = place(m, &e[holder_of[to] - 1]);
		return 0;
	}
	holder_of[to] = i + 1;
	a->size = e[to].size;
	a->content.member = (uint32_t)to;
	return 0;
}

static int add_entry(const struct merge *m, size_t i, size_t *holder_of, struct eb_error **err)
{
	const struct pkg_entry *e = &m->x->files.entries[i];
	autofree char *path = place(m, e), *link = NULL;
	struct rfs_attr a = { .mode = e->mode,
			      .uid = e->uid,
			      .gid = e->gid,
			      .mtime_sec = rfs_merge_time(m->o, e->mtime_sec),
			      .size = e->size,
			      .xattrs = e->xattrs,
			      .n_xattrs = e->n_xattrs };
	int r = 0;

	switch (e->type) {
	case '5':
		a.type = RFS_DIR;
		break;
	case '2':
		a.type = RFS_SYMLINK;
		a.target = e->link;
		break;
	default:
		a.type = RFS_FILE;
		a.content = (struct rfs_content){ .kind = RFS_MEMBER,
						  .origin = m->origin,
						  .member = (uint32_t)i };
		if (e->type == '1')
			r = link_attr(m, i, holder_of, &a, &link, err);
	}
	return r < 0 ? r : add(m, path, &a, err);
}

/* ---- metadata ---- */

static int add_text(const struct merge *m, const char *suffix, const char *text, size_t n,
		    struct eb_error **err)
{
	autofree char *path = eb_xasprintf("%s/%s%s", STATUS_DIR, m->package, suffix);
	struct rfs_attr a = { .type = RFS_FILE,
			      .mode = 0644,
			      .mtime_sec = m->o->epoch_sec,
			      .size = n,
			      .content = { .kind = RFS_INLINE, .data = text } };

	return rfs_add(m->t, m->origin, path, &a, 0, NULL, err);
}

/* The stanza as dpkg's database has it: Status follows Package. */
static int add_status(const struct merge *m, struct eb_error **err)
{
	struct eb_span rest = eb_span_trim(eb_span_str(m->x->control)), name, value;
	EB_AUTOBUF(b, PKG_CONTROL_MAX_BYTES + 256);
	int r;

	while (pkg_control_next(&rest, &name, &value)) {
		if (strncasecmp(name.ptr, "Status:", 7) == 0)
			continue;
		eb_buf_add(&b, name.ptr, name.len);
		eb_buf_adds(&b, ":");
		if (value.len && value.ptr[0] != '\n')
			eb_buf_addc(&b, ' ');
		eb_buf_add(&b, value.ptr, value.len);
		eb_buf_addc(&b, '\n');
		if (strncasecmp(name.ptr, "Package:", 8) == 0)
			eb_buf_adds(&b, "Status: install ok installed\n");
	}
	r = eb_buf_check(&b, "control", err);
	if (r >= 0)
		r = add_text(m, "", eb_buf_str(&b), b.len, err);
	if (r >= 0 && m->x->md5sums)
		r = add_text(m, ".md5sums", m->x->md5sums, strlen(m->x->md5sums), err);
	return r;
}

int pkg_deb_to_tree(struct rfs_tree *t, unsigned int origin, const struct pkg_deb_index *x,
		    const struct rfs_merge_options *o, struct eb_error **err)
{
	autofree char *version = pkg_deb_field(x, "Version"), *name = NULL;
	autofree size_t *holder_of = eb_xcalloc(x->files.n_entries, sizeof(*holder_of)),
			*by_path = NULL;
	autofree bool *wanted = NULL;
	struct merge m = { .t = t, .origin = origin, .x = x, .o = o, .version = version };
	int r = 0;

	m.package = t->origins[origin].name;
	name = pkg_deb_field(x, "Package");
	if (!name || strcmp(name, m.package) != 0)
		return eb_throw(err, EB_E_FORMAT, "package '%s' calls itself '%s'", m.package,
				name ? name : "");
	sort_entries(&m);
	by_path = m.by_path;
	filter(&m);
	wanted = m.wanted;
	for (size_t i = 0; r >= 0 && i < x->files.n_entries; i++)
		if (wanted[i])
			r = add_entry(&m, i, holder_of, err);
	if (r >= 0)
		r = add_status(&m, err);
	return r < 0 ? eb_prefix(err, r, "package '%s'", m.package) : 0;
}
