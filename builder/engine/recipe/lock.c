/* A lock in memory: made by adding, sorted, written as text. */
#include "recipe/lock.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "recipe/check.h"
#include "recipe/lock_section.h"

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

static const struct lock_field *field_of(const struct lock_section *s, const char *key)
{
	const struct lock_field *f = s->fields;

	while (strcmp(f->key, key) != 0)
		f++;
	return f;
}

static const char *text_of(const struct lock_section *s, const char *item, const char *key)
{
	return *(const char *const *)(item + field_of(s, key)->offset);
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

void lock_add(struct rcp_lock *l, enum lock_section_id id, const void *item)
{
	const struct lock_section *s = &lock_sections[id];
	size_t *n = (size_t *)((uintptr_t)l + s->n);
	char **items = (char **)((uintptr_t)l + s->items), *to;

	*items = make_room(l->arena, *items, *n, s->size);
	to = *items + s->size * (*n)++;
	memcpy(to, item, s->size);
	for (const struct lock_field *f = s->fields; f->key; f++) {
		const char **text = (const char **)(to + f->offset);

		if (f->type == LOCK_TEXT && *text)
			*text = eb_arena_strdup(l->arena, *text);
	}
	for (const struct lock_field *f = s->fields; f->key; f++) {
		const char **text = (const char **)(to + f->offset);

		if (f->type == LOCK_TEXT && !*text && f->like)
			*text = text_of(s, to, f->like);
	}
}

void rcp_lock_add_suite(struct rcp_lock *l, const struct rcp_locked_suite *s)
{
	lock_add(l, LOCK_SUITES, s);
}

void rcp_lock_add_package(struct rcp_lock *l, const struct rcp_locked_package *p)
{
	lock_add(l, LOCK_PACKAGES, p);
}

void rcp_lock_add_wheel(struct rcp_lock *l, const struct rcp_locked_wheel *w)
{
	lock_add(l, LOCK_WHEELS, w);
}

void rcp_lock_add_program(struct rcp_lock *l, const struct rcp_locked_program *p)
{
	lock_add(l, LOCK_PROGRAMS, p);
}

void rcp_lock_add_module(struct rcp_lock *l, const struct rcp_locked_module *m)
{
	lock_add(l, LOCK_MODULES, m);
}

void rcp_lock_add_archive(struct rcp_lock *l, const struct rcp_locked_archive *a)
{
	lock_add(l, LOCK_ARCHIVES, a);
}

void rcp_lock_add_file(struct rcp_lock *l, const struct rcp_locked_file *f)
{
	lock_add(l, LOCK_FILES, f);
}

void rcp_lock_add_built(struct rcp_lock *l, const struct rcp_locked_built *b)
{
	lock_add(l, LOCK_BUILT, b);
}

void rcp_lock_add_blob(struct rcp_lock *l, const struct rcp_locked_blob *b)
{
	lock_add(l, LOCK_BLOBS, b);
}

void rcp_lock_add_codec(struct rcp_lock *l, const struct rcp_locked_codec *c)
{
	lock_add(l, LOCK_CODECS, c);
}

void rcp_lock_add_result(struct rcp_lock *l, const struct rcp_locked_result *r)
{
	lock_add(l, LOCK_RESULTS, r);
}

void rcp_lock_add_layer(struct rcp_lock *l, const struct rcp_locked_layer *y)
{
	lock_add(l, LOCK_LAYERS, y);
}

void rcp_lock_clear_others(struct rcp_lock *l)
{
	l->archives = NULL;
	l->files = NULL;
	l->programs = NULL;
	l->modules = NULL;
	l->n_archives = l->n_files = l->n_programs = l->n_modules = 0;
}

void rcp_lock_clear_results(struct rcp_lock *l)
{
	l->results = NULL;
	l->layers = NULL;
	l->n_results = l->n_layers = 0;
}

const struct rcp_locked_archive *rcp_lock_find_archive(const struct rcp_lock *l, const char *name,
						       const char *arch)
{
	for (size_t i = 0; i < l->n_archives; i++) {
		const struct rcp_locked_archive *a = &l->archives[i];

		if (strcmp(a->name, name) == 0 && (!a->arch || strcmp(a->arch, arch) == 0))
			return a;
	}
	return NULL;
}

const struct rcp_locked_file *rcp_lock_find_file(const struct rcp_lock *l, const char *path)
{
	for (size_t i = 0; i < l->n_files; i++)
		if (strcmp(l->files[i].path, path) == 0)
			return &l->files[i];
	return NULL;
}

static int compare_lines(const void *pa, const void *pb, void *ctx)
{
	const struct lock_section *s = ctx;
	const char *a = pa, *b = pb;

	for (size_t i = 0; s->order[i]; i++) {
		const struct lock_field *f = field_of(s, s->order[i]);
		int c;

		if (f->type == LOCK_UINT) {
			unsigned int x = *(const unsigned int *)(a + f->offset);
			unsigned int y = *(const unsigned int *)(b + f->offset);

			c = (x > y) - (x < y);
		} else {
			const char *x = text_of(s, a, f->key), *y = text_of(s, b, f->key);

			c = strcmp(x ? x : "", y ? y : "");
		}
		if (c)
			return c;
	}
	return 0;
}

void rcp_lock_sort(struct rcp_lock *l)
{
	for (size_t i = 0; i < LOCK_SECTIONS; i++) {
		const struct lock_section *s = &lock_sections[i];

		if (lock_count(l, s))
			qsort_r(lock_items(l, s), lock_count(l, s), s->size, compare_lines,
				(void *)(uintptr_t)s);
	}
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

static void write_field(struct eb_buf *b, const struct lock_section *s, const char *item,
			const struct lock_field *f)
{
	const char *at = item + f->offset, *text;

	switch (f->type) {
	case LOCK_TEXT:
		text = *(const char *const *)at;
		if (f->optional &&
		    (!text || (f->like && strcmp(text, text_of(s, item, f->like)) == 0)))
			return;
		put_text(b, f->key, text);
		break;
	case LOCK_SIZE:
		put_number(b, f->key, *(const uint64_t *)at);
		break;
	case LOCK_TIME:
		put_number(b, f->key, (uint64_t) * (const int64_t *)at);
		break;
	case LOCK_INT:
		put_number(b, f->key, (uint64_t) * (const int *)at);
		break;
	case LOCK_UINT:
		put_number(b, f->key, *(const unsigned int *)at);
		break;
	}
}

static void write_section(struct eb_buf *b, const struct lock_section *s, const struct rcp_lock *l)
{
	size_t n = lock_count(l, s);

	if (n)
		eb_buf_addf(b, "%s:\n", s->key);
	for (size_t i = 0; i < n; i++) {
		eb_buf_adds(b, "- {");
		for (const struct lock_field *f = s->fields; f->key; f++)
			write_field(b, s, lock_items(l, s) + i * s->size, f);
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
	if (l->others_sha256)
		eb_buf_addf(&b, "\nothers: %s", l->others_sha256);
	eb_buf_addf(&b, "\nepoch: %llu\n", (unsigned long long)l->epoch_sec);
	for (size_t i = 0; i < LOCK_SECTIONS; i++)
		write_section(&b, &lock_sections[i], l);
	if (ret_n)
		*ret_n = b.len;
	return eb_buf_take(&b);
}
