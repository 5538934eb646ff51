#include "mirror/mux.h"

#include <pthread.h>

#include "base/error.h"
#include "base/mem.h"
#include "mirror/items.h"

struct entry {
	struct oci_digest digest; /* "" = free */
	const struct oci_source *source;
	const char *text, *repo;
	unsigned int round;
};

struct mir_mux {
	pthread_mutex_t lock;
	struct entry *table; /* open addressing; n_table is a power of two */
	size_t n, n_table;
	unsigned int round; /* how often it was settled */
};

enum { FIRST_TABLE = 256 };

struct mir_mux *mir_mux_new(void)
{
	struct mir_mux *m = eb_xcalloc(1, sizeof(*m));

	pthread_mutex_init(&m->lock, NULL);
	m->n_table = FIRST_TABLE;
	m->table = eb_xcalloc(m->n_table, sizeof(*m->table));
	return m;
}

struct mir_mux *mir_mux_free(struct mir_mux *m)
{
	if (!m)
		return NULL;
	pthread_mutex_destroy(&m->lock);
	free(m->table);
	free(m);
	return NULL;
}

/* FNV-1a; digests are spread well as they are. */
static size_t slot_of(const char *text)
{
	uint64_t h = 14695981039346656037u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211u;
	return (size_t)(h ^ (h >> 32));
}

/* Its entry, or the free one where it belongs. */
static struct entry *find(const struct mir_mux *m, const char *text)
{
	size_t at = slot_of(text) & (m->n_table - 1);

	while (m->table[at].digest.text[0] && strcmp(m->table[at].digest.text, text) != 0)
		at = (at + 1) & (m->n_table - 1);
	return &m->table[at];
}

static void grow(struct mir_mux *m)
{
	struct mir_mux bigger = { .n_table = m->n_table * 2 };

	bigger.table = eb_xcalloc(bigger.n_table, sizeof(*bigger.table));
	for (size_t i = 0; i < m->n_table; i++)
		if (m->table[i].digest.text[0])
			*find(&bigger, m->table[i].digest.text) = m->table[i];
	free(m->table);
	m->table = bigger.table;
	m->n_table = bigger.n_table;
}

static void add(struct mir_mux *m, const struct oci_digest *d, const struct oci_source *src,
		const char *text, const char *repo)
{
	struct entry *e;

	if (m->n >= MIR_MUX_MAX_ENTRIES)
		return; /* it will not be found */
	if (m->n * 2 >= m->n_table)
		grow(m);
	e = find(m, d->text);
	if (e->digest.text[0])
		return;
	*e = (struct entry){ *d, src, text, repo, m->round };
	m->n++;
}

void mir_mux_add(struct mir_mux *m, const struct oci_digest *d, const struct oci_source *src,
		 const char *text, const char *repo)
{
	pthread_mutex_lock(&m->lock);
	add(m, d, src, text, repo);
	pthread_mutex_unlock(&m->lock);
}

void mir_mux_settle(struct mir_mux *m)
{
	pthread_mutex_lock(&m->lock);
	m->round++;
	pthread_mutex_unlock(&m->lock);
}

const char *mir_mux_repo(struct mir_mux *m, const struct oci_digest *d)
{
	struct entry e;

	pthread_mutex_lock(&m->lock);
	e = *find(m, d->text);
	if (e.round == m->round)
		e.repo = NULL;
	pthread_mutex_unlock(&m->lock);
	return e.repo;
}

static int look_up(struct mir_mux *m, const struct oci_descriptor *d, struct entry *ret,
		   struct eb_error **err)
{
	pthread_mutex_lock(&m->lock);
	*ret = *find(m, d->digest.text);
	pthread_mutex_unlock(&m->lock);
	if (!ret->digest.text[0])
		return eb_throw(err, EB_E_NOT_FOUND, "nothing lists %s", d->digest.text);
	return 0;
}

/* From now on it is known where the parts of this document are. */
static int learn(struct mir_mux *m, const char *text, size_t n, const struct entry *e,
		 struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest doc = { .media_type = NULL };
	int r = oci_manifest_parse(text, n, &doc, err);

	if (r < 0)
		return r;
	pthread_mutex_lock(&m->lock);
	if (!doc.is_index)
		add(m, &doc.config.digest, e->source, NULL, e->repo);
	for (size_t i = 0; i < doc.n_items; i++)
		add(m, &doc.items[i].digest, e->source, NULL, e->repo);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

static int mux_text(void *ctx, const struct oci_descriptor *d, char **ret, struct eb_error **err)
{
	autofree char *text = NULL;
	struct entry e;
	int r = look_up(ctx, d, &e, err);

	if (r < 0)
		return r;
	if (e.text)
		text = eb_xstrdup(e.text);
	else
		r = e.source->text(e.source->ctx, d, &text, err);
	if (r < 0 || r == OCI_SOURCE_ABSENT)
		return r;
	r = learn(ctx, text, d->size, &e, err);
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(text);
	return 0;
}

static int mux_blob(void *ctx, const struct oci_descriptor *d, uint64_t offset,
		    struct eb_reader **ret, struct eb_error **err)
{
	struct entry e;
	int r = look_up(ctx, d, &e, err);

	return r < 0 ? r : e.source->blob(e.source->ctx, d, offset, ret, err);
}

struct oci_source mir_mux_source(struct mir_mux *m)
{
	return (struct oci_source){ m, mux_text, mux_blob };
}

static int view_text(void *ctx, const struct oci_descriptor *d, char **ret, struct eb_error **err)
{
	const struct mir_view *v = ctx;

	if (mir_item_lacks(v->item, &d->digest))
		return OCI_SOURCE_ABSENT;
	return v->all->text(v->all->ctx, d, ret, err);
}

static int view_blob(void *ctx, const struct oci_descriptor *d, uint64_t offset,
		     struct eb_reader **ret, struct eb_error **err)
{
	const struct mir_view *v = ctx;

	return v->all->blob(v->all->ctx, d, offset, ret, err);
}

struct oci_source mir_view_source(struct mir_view *v)
{
	return (struct oci_source){ v, view_text, view_blob };
}
