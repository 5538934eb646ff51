#include "registry/catalog.h"

#include "base/json.h"
#include "base/mem.h"
#include "registry/name.h"

enum { CLASHES_MAX_BYTES = 16 * 1024 };

/* One row per name and tag while the catalog is made. */
struct row {
	char *repo;
	const char *tag;
	const struct reg_manifest *manifest;
	size_t source;
	bool listed;
};

struct rows {
	struct row *items;
	size_t n;
};

static void add_row(struct rows *rows, char *repo, const struct reg_entry *e, size_t source,
		    bool listed)
{
	rows->items[rows->n++] = (struct row){ repo, e->tag, e->manifest, source, listed };
}

/* By name, then tag, then the order of the command line. */
static int compare_rows(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;
	int c = strcmp(a->repo, b->repo);

	if (c == 0)
		c = strcmp(a->tag ? a->tag : "", b->tag ? b->tag : "");
	if (c == 0)
		c = a->source < b->source ? -1 : a->source > b->source;
	return c;
}

static void gather(const struct reg_catalog *c, struct rows *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_sources; i++)
		n += c->sources[i]->n_entries;
	rows->items = eb_xcalloc(2 * n + 1, sizeof(*rows->items));
	for (size_t i = 0; i < c->n_sources; i++) {
		const struct reg_served *s = c->sources[i];

		for (size_t k = 0; k < s->n_entries; k++) {
			const struct reg_entry *e = &s->entries[k];

			add_row(rows, eb_xstrdup(e->path), e, i, true);
			if (e->host)
				add_row(rows, eb_xasprintf("%s/%s", e->host, e->path), e, i, false);
		}
	}
	if (rows->n)
		qsort(rows->items, rows->n, sizeof(*rows->items), compare_rows);
}

static void add_source(struct reg_repo *repo, struct reg_served *s, size_t max)
{
	for (size_t i = 0; i < repo->n_sources; i++)
		if (repo->sources[i] == s)
			return;
	if (!repo->sources)
		repo->sources = eb_xcalloc(max, sizeof(struct reg_served *));
	repo->sources[repo->n_sources++] = s;
}

static void add_tag(struct reg_catalog *c, struct reg_repo *repo, const struct row *row)
{
	const struct reg_tag *last = repo->n_tags ? &repo->tags[repo->n_tags - 1] : NULL;

	repo->listed |= row->listed;
	if (!row->tag)
		return;
	if (last && strcmp(last->tag, row->tag) == 0) {
		if (!oci_digest_eq(&last->manifest->digest, &row->manifest->digest)) {
			c->n_clashes++;
			eb_buf_addf(&c->clashes, "%s:%s\n", repo->name, row->tag);
		}
		return;
	}
	repo->tags[repo->n_tags++] = (struct reg_tag){ row->tag, row->manifest,
						       c->sources[row->source] };
}

static void fill(struct reg_catalog *c, struct rows *rows)
{
	c->repos = eb_xcalloc(rows->n + 1, sizeof(*c->repos));
	for (size_t i = 0; i < rows->n;) {
		struct reg_repo *repo = &c->repos[c->n_repos++];
		size_t end = i;

		while (end < rows->n && strcmp(rows->items[end].repo, rows->items[i].repo) == 0)
			end++;
		repo->name = eb_xstrdup(rows->items[i].repo);
		repo->tags = eb_xcalloc(end - i, sizeof(*repo->tags));
		for (; i < end; i++)
			add_tag(c, repo, &rows->items[i]);
	}
}

/* In the order of the command line, which rows of different tags are not in. */
static void fill_sources(struct reg_catalog *c, const struct rows *rows)
{
	for (size_t s = 0; s < c->n_sources; s++)
		for (size_t i = 0, repo = 0; i < rows->n; i++) {
			while (strcmp(c->repos[repo].name, rows->items[i].repo) != 0)
				repo++;
			if (rows->items[i].source == s)
				add_source(&c->repos[repo], c->sources[s], c->n_sources);
		}
}

struct reg_catalog *reg_catalog_new(struct reg_served *const *sources, size_t n)
{
	struct reg_catalog *c = eb_xcalloc(1, sizeof(*c));
	struct rows rows = { 0 };

	atomic_init(&c->refs, 1);
	eb_buf_init(&c->clashes, CLASHES_MAX_BYTES);
	c->sources = eb_xcalloc(n + 1, sizeof(struct reg_served *));
	for (size_t i = 0; i < n; i++)
		c->sources[c->n_sources++] = reg_served_ref(sources[i]);
	gather(c, &rows);
	fill(c, &rows);
	fill_sources(c, &rows);
	for (size_t i = 0; i < rows.n; i++)
		free(rows.items[i].repo);
	free(rows.items);
	return c;
}

struct reg_catalog *reg_catalog_ref(struct reg_catalog *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

struct reg_catalog *reg_catalog_unref(struct reg_catalog *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
		return NULL;
	for (size_t i = 0; i < c->n_repos; i++) {
		free(c->repos[i].name);
		free(c->repos[i].tags);
		free(c->repos[i].sources);
	}
	for (size_t i = 0; i < c->n_sources; i++)
		reg_served_unref(c->sources[i]);
	free(c->repos);
	free(c->sources);
	eb_buf_release(&c->clashes);
	free(c);
	return NULL;
}

static const struct reg_repo *find_name(const struct reg_catalog *c, const char *name, size_t n)
{
	size_t low = 0, high = c->n_repos;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *have = c->repos[mid].name;
		int d = strncmp(have, name, n);

		if (d == 0 && have[n])
			d = 1;
		if (d == 0)
			return &c->repos[mid];
		if (d < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct reg_repo *reg_catalog_find(const struct reg_catalog *c, const char *ns,
					struct eb_span name)
{
	char full[2 * REG_NAME_MAX + 2];
	int n;

	if (!ns)
		return find_name(c, name.ptr, name.len);
	n = snprintf(full, sizeof(full), "%s/%.*s", reg_host_canonical(ns), (int)name.len,
		     name.ptr);
	return n > 0 && (size_t)n < sizeof(full) ? find_name(c, full, (size_t)n) : NULL;
}

const struct reg_tag *reg_repo_tag(const struct reg_repo *r, struct eb_span tag)
{
	size_t low = 0, high = r->n_tags;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int d = strncmp(r->tags[mid].tag, tag.ptr, tag.len);

		if (d == 0 && r->tags[mid].tag[tag.len])
			d = 1;
		if (d == 0)
			return &r->tags[mid];
		if (d < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct reg_manifest *reg_repo_manifest(const struct reg_repo *r, const struct oci_digest *d,
					     struct reg_served **ret_source)
{
	for (size_t i = 0; i < r->n_sources; i++) {
		const struct reg_manifest *m = reg_served_manifest(r->sources[i], d);

		if (!m)
			continue;
		*ret_source = r->sources[i];
		return m;
	}
	return NULL;
}

const struct oci_member *reg_repo_blob(const struct reg_repo *r, const struct oci_digest *d,
				       struct reg_served **ret_source)
{
	for (size_t i = 0; i < r->n_sources; i++) {
		const struct oci_member *m = oci_archive_find_blob(r->sources[i]->archive, d);

		if (!m)
			continue;
		*ret_source = r->sources[i];
		return m;
	}
	return NULL;
}
