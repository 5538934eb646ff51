/* A lock in memory: made by adding, sorted, written as text. */
#include "recipe/lock.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "recipe/check.h"

enum { FIRST_ALLOC = 16 };

struct rcp_lock *rcp_lock_new(const char *recipe)
{
	struct rcp_lock *l = eb_xcalloc(1, sizeof(*l));

	l->arena = eb_arena_new();
	l->recipe = eb_arena_strdup(l->arena, recipe);
	return l;
}

struct rcp_lock *rcp_lock_free(struct rcp_lock *l)
{
	if (!l)
		return NULL;
	eb_arena_free(l->arena);
	free(l);
	return NULL;
}

/* Room for one more of n elements; the arena keeps no capacity, but it follows from n. */
static void *make_room(struct eb_arena *a, void *items, size_t n, size_t size)
{
	void *more;

	if (n != 0 && (n < FIRST_ALLOC || (n & (n - 1)) != 0))
		return items;
	more = eb_arena_alloc(a, (n ? 2 * n : FIRST_ALLOC) * size);
	if (n)
		memcpy(more, items, n * size);
	return more;
}

static void keep(struct rcp_lock *l, const char **s)
{
	if (*s)
		*s = eb_arena_strdup(l->arena, *s);
}

void rcp_lock_add_suite(struct rcp_lock *l, const struct rcp_locked_suite *s)
{
	struct rcp_locked_suite *to;

	l->suites = make_room(l->arena, l->suites, l->n_suites, sizeof(*to));
	to = &l->suites[l->n_suites++];
	*to = *s;
	keep(l, &to->archive);
	keep(l, &to->suite);
	keep(l, &to->sha256);
}

void rcp_lock_add_package(struct rcp_lock *l, const struct rcp_locked_package *p)
{
	struct rcp_locked_package *to;

	l->packages = make_room(l->arena, l->packages, l->n_packages, sizeof(*to));
	to = &l->packages[l->n_packages++];
	*to = *p;
	keep(l, &to->arch);
	keep(l, &to->name);
	keep(l, &to->version);
	keep(l, &to->path);
	keep(l, &to->archive);
	keep(l, &to->suite);
	keep(l, &to->source);
	keep(l, &to->sha256);
	keep(l, &to->deb_arch);
	if (!to->deb_arch)
		to->deb_arch = to->arch;
}

void rcp_lock_add_codec(struct rcp_lock *l, const struct rcp_locked_codec *c)
{
	struct rcp_locked_codec *to;

	l->codecs = make_room(l->arena, l->codecs, l->n_codecs, sizeof(*to));
	to = &l->codecs[l->n_codecs++];
	*to = *c;
	keep(l, &to->kind);
	keep(l, &to->arch);
	keep(l, &to->version);
	keep(l, &to->library);
	keep(l, &to->path);
	keep(l, &to->archive);
	keep(l, &to->sha256);
}

void rcp_lock_add_result(struct rcp_lock *l, const struct rcp_locked_result *r)
{
	struct rcp_locked_result *to;

	l->results = make_room(l->arena, l->results, l->n_results, sizeof(*to));
	to = &l->results[l->n_results++];
	*to = *r;
	keep(l, &to->arch);
	keep(l, &to->codec);
	keep(l, &to->key);
	keep(l, &to->manifest);
	keep(l, &to->config);
}

void rcp_lock_add_layer(struct rcp_lock *l, const struct rcp_locked_layer *y)
{
	struct rcp_locked_layer *to;

	l->layers = make_room(l->arena, l->layers, l->n_layers, sizeof(*to));
	to = &l->layers[l->n_layers++];
	*to = *y;
	keep(l, &to->arch);
	keep(l, &to->codec);
	keep(l, &to->name);
	keep(l, &to->diff_id);
	keep(l, &to->digest);
}

void rcp_lock_clear_results(struct rcp_lock *l)
{
	l->results = NULL;
	l->layers = NULL;
	l->n_results = l->n_layers = 0;
}

static int compare_suites(const void *a, const void *b)
{
	const struct rcp_locked_suite *x = a, *y = b;
	int c = strcmp(x->archive, y->archive);

	return c ? c : strcmp(x->suite, y->suite);
}

static int compare_packages(const void *a, const void *b)
{
	const struct rcp_locked_package *x = a, *y = b;
	int c = strcmp(x->arch, y->arch);

	if (c == 0)
		c = strcmp(x->name, y->name);
	return c ? c : strcmp(x->version, y->version);
}

static int compare_codecs(const void *a, const void *b)
{
	const struct rcp_locked_codec *x = a, *y = b;
	int c = strcmp(x->kind, y->kind);

	return c ? c : strcmp(x->arch, y->arch);
}

static int compare_results(const void *a, const void *b)
{
	const struct rcp_locked_result *x = a, *y = b;
	int c = strcmp(x->arch, y->arch);

	return c ? c : strcmp(x->codec, y->codec);
}

static int compare_layers(const void *a, const void *b)
{
	const struct rcp_locked_layer *x = a, *y = b;
	int c = strcmp(x->arch, y->arch);

	if (c == 0)
		c = strcmp(x->codec, y->codec);
	return c ? c : (x->n > y->n) - (x->n < y->n);
}

static void sort(void *items, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	if (n)
		qsort(items, n, size, compare);
}

void rcp_lock_sort(struct rcp_lock *l)
{
	sort(l->suites, l->n_suites, sizeof(*l->suites), compare_suites);
	sort(l->packages, l->n_packages, sizeof(*l->packages), compare_packages);
	sort(l->codecs, l->n_codecs, sizeof(*l->codecs), compare_codecs);
	sort(l->results, l->n_results, sizeof(*l->results), compare_results);
	sort(l->layers, l->n_layers, sizeof(*l->layers), compare_layers);
}

/* Can stand without quotes in a flow mapping and is still text to our own reader. */
static bool is_plain(const char *s)
{
	static const char *const words[] = { "null", "true", "false", NULL };
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "._+~:/@=- ";
	size_t n = strlen(s);

	return n > 0 && strspn(s, safe) == n && !strchr("~:@=- ", s[0]) &&
	       !strchr(": ", s[n - 1]) && !strstr(s, ": ") && !rcp_is_one_of(s, words);
}

static void put_value(struct eb_buf *b, const char *s)
{
	if (is_plain(s)) {
		eb_buf_adds(b, s);
		return;
	}
	eb_buf_addc(b, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			eb_buf_addf(b, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			eb_buf_addf(b, "\\%c", c);
		else
			eb_buf_addc(b, *s);
	}
	eb_buf_addc(b, '"');
}

static void put_text(struct eb_buf *b, const char *key, const char *value)
{
	eb_buf_addf(b, "%s%s: ", b->data[b->len - 1] == '{' ? "" : ", ", key);
	put_value(b, value ? value : "");
}

static void put_number(struct eb_buf *b, const char *key, uint64_t value)
{
	eb_buf_addf(b, "%s%s: %llu", b->data[b->len - 1] == '{' ? "" : ", ", key,
		    (unsigned long long)value);
}

static void write_suites(struct eb_buf *b, const struct rcp_lock *l)
{
	if (l->n_suites)
		eb_buf_adds(b, "suites:\n");
	for (size_t i = 0; i < l->n_suites; i++) {
		const struct rcp_locked_suite *s = &l->suites[i];

		eb_buf_adds(b, "- {");
		put_text(b, "archive", s->archive);
		put_text(b, "suite", s->suite);
		put_number(b, "date", (uint64_t)s->date_sec);
		put_text(b, "sha256", s->sha256);
		eb_buf_adds(b, "}\n");
	}
}

static void write_packages(struct eb_buf *b, const struct rcp_lock *l)
{
	if (l->n_packages)
		eb_buf_adds(b, "packages:\n");
	for (size_t i = 0; i < l->n_packages; i++) {
		const struct rcp_locked_package *p = &l->packages[i];

		eb_buf_adds(b, "- {");
		put_text(b, "arch", p->arch);
		if (strcmp(p->arch, p->deb_arch) != 0)
			put_text(b, "deb_arch", p->deb_arch);
		put_text(b, "name", p->name);
		put_text(b, "version", p->version);
		put_number(b, "size", p->size);
		put_text(b, "sha256", p->sha256);
		put_text(b, "path", p->path);
		put_text(b, "archive", p->archive);
		put_text(b, "suite", p->suite);
		put_text(b, "source", p->source ? p->source : p->name);
		eb_buf_adds(b, "}\n");
	}
}

static void write_codecs(struct eb_buf *b, const struct rcp_lock *l)
{
	if (l->n_codecs)
		eb_buf_adds(b, "codecs:\n");
	for (size_t i = 0; i < l->n_codecs; i++) {
		const struct rcp_locked_codec *c = &l->codecs[i];

		eb_buf_adds(b, "- {");
		put_text(b, "kind", c->kind);
		put_number(b, "level", (uint64_t)c->level);
		put_text(b, "arch", c->arch);
		put_text(b, "version", c->version);
		put_text(b, "library", c->library);
		put_number(b, "size", c->size);
		put_text(b, "sha256", c->sha256);
		put_text(b, "path", c->path);
		put_text(b, "archive", c->archive);
		eb_buf_adds(b, "}\n");
	}
}

static void write_results(struct eb_buf *b, const struct rcp_lock *l)
{
	if (l->n_results)
		eb_buf_adds(b, "results:\n");
	for (size_t i = 0; i < l->n_results; i++) {
		const struct rcp_locked_result *r = &l->results[i];

		eb_buf_adds(b, "- {");
		put_text(b, "arch", r->arch);
		put_text(b, "codec", r->codec);
		put_text(b, "key", r->key);
		put_text(b, "manifest", r->manifest);
		put_text(b, "config", r->config);
		put_number(b, "size", r->size);
		eb_buf_adds(b, "}\n");
	}
}

static void write_layers(struct eb_buf *b, const struct rcp_lock *l)
{
	if (l->n_layers)
		eb_buf_adds(b, "layers:\n");
	for (size_t i = 0; i < l->n_layers; i++) {
		const struct rcp_locked_layer *y = &l->layers[i];

		eb_buf_adds(b, "- {");
		put_text(b, "arch", y->arch);
		put_text(b, "codec", y->codec);
		put_number(b, "n", y->n);
		put_text(b, "name", y->name);
		put_text(b, "diff_id", y->diff_id);
		put_text(b, "digest", y->digest);
		put_number(b, "size", y->size);
		put_number(b, "diff_size", y->diff_size);
		eb_buf_adds(b, "}\n");
	}
}

char *rcp_lock_write(struct rcp_lock *l, size_t *ret_n)
{
	/* The content is ours and in memory already, so no smaller cap is needed. */
	EB_AUTOBUF(b, SIZE_MAX / 4);

	rcp_lock_sort(l);
	eb_buf_adds(&b, "# Made by 'ess-bundle lock'. Review the diff; do not edit.\n"
			"format: 1\n");
	eb_buf_adds(&b, "recipe: ");
	put_value(&b, l->recipe);
	if (l->inputs_sha256)
		eb_buf_addf(&b, "\ninputs: %s", l->inputs_sha256);
	eb_buf_addf(&b, "\nepoch: %llu\n", (unsigned long long)l->epoch_sec);
	write_suites(&b, l);
	write_packages(&b, l);
	write_codecs(&b, l);
	write_results(&b, l);
	write_layers(&b, l);
	if (ret_n)
		*ret_n = b.len;
	return eb_buf_take(&b);
}
