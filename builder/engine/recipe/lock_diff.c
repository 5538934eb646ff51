/* What changes between two locks, in words for whoever reviews the change. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"
#include "recipe/lock.h"

/* One change for one architecture; equal texts of several architectures become one line. */
struct change {
	char sign; /* '+', '-', '~' */
	const char *name, *text, *arch;
	bool security;
};

struct changes {
	struct eb_arena *arena;
	struct change *items;
	size_t n;
};

static int compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	if (c == 0)
		c = (x->sign > y->sign) - (x->sign < y->sign);
	if (c == 0)
		c = strcmp(x->text, y->text);
	if (c == 0)
		c = (x->security > y->security) - (x->security < y->security);
	return c ? c : strcmp(x->arch, y->arch);
}

static bool is_security(const struct rcp_locked_package *p)
{
	return strstr(p->archive, "security") || strstr(p->suite, "security");
}

static void add(struct changes *c, char sign, const char *name, const char *arch, bool security,
		const char *text)
{
	c->items[c->n++] = (struct change){ sign, name, text, arch, security };
}

static void change_package(struct changes *c, const struct rcp_locked_package *a,
			   const struct rcp_locked_package *b)
{
	const char *text;

	if (!a || !b) {
		const struct rcp_locked_package *p = a ? a : b;

		add(c, a ? '-' : '+', p->name, p->arch, b && is_security(b),
		    eb_arena_printf(c->arena, "%s %s", p->name, p->version));
		return;
	}
	if (strcmp(a->version, b->version) != 0)
		text = eb_arena_printf(c->arena, "%s %s -> %s", b->name, a->version, b->version);
	else if (strcmp(a->sha256, b->sha256) != 0)
		text = eb_arena_printf(c->arena, "%s %s: other contents", b->name, b->version);
	else if (strcmp(a->archive, b->archive) != 0 || strcmp(a->suite, b->suite) != 0)
		text = eb_arena_printf(c->arena, "%s %s: from %s/%s instead of %s/%s", b->name,
				       b->version, b->archive, b->suite, a->archive, a->suite);
	else
		return;
	add(c, '~', b->name, b->arch, is_security(b), text);
}

static int compare_packages(const void *a, const void *b)
{
	const struct rcp_locked_package *x = *(const struct rcp_locked_package *const *)a;
	const struct rcp_locked_package *y = *(const struct rcp_locked_package *const *)b;
	int c = strcmp(x->arch, y->arch);

	return c ? c : strcmp(x->name, y->name);
}

static const struct rcp_locked_package **sorted_packages(struct eb_arena *arena,
							 const struct rcp_lock *l, size_t *ret_n)
{
	size_t n = l ? l->n_packages : 0;
	const struct rcp_locked_package **p = eb_arena_alloc(arena, n * sizeof(*p));

	for (size_t i = 0; i < n; i++)
		p[i] = &l->packages[i];
	if (n)
		qsort(p, n, sizeof(*p), compare_packages);
	*ret_n = n;
	return p;
}

static void diff_packages(struct changes *c, const struct rcp_lock *old, const struct rcp_lock *now)
{
	size_t n_old, n_now, i = 0, j = 0;
	const struct rcp_locked_package **a = sorted_packages(c->arena, old, &n_old);
	const struct rcp_locked_package **b = sorted_packages(c->arena, now, &n_now);

	while (i < n_old || j < n_now) {
		int order = i == n_old ? 1 : j == n_now ? -1 : compare_packages(&a[i], &b[j]);

		change_package(c, order <= 0 ? a[i] : NULL, order >= 0 ? b[j] : NULL);
		i += order <= 0;
		j += order >= 0;
	}
}

static void diff_codecs(struct changes *c, const struct rcp_lock *old, const struct rcp_lock *now)
{
	for (size_t i = 0; i < now->n_codecs; i++) {
		const struct rcp_locked_codec *b = &now->codecs[i], *a = NULL;
		const char *name = eb_arena_printf(c->arena, "codec %s", b->kind);

		for (size_t j = 0; old && j < old->n_codecs && !a; j++)
			if (strcmp(old->codecs[j].kind, b->kind) == 0 &&
			    strcmp(old->codecs[j].arch, b->arch) == 0)
				a = &old->codecs[j];
		if (!a)
			add(c, '+', name, b->arch, false,
			    eb_arena_printf(c->arena, "%s %s", name, b->version));
		else if (strcmp(a->sha256, b->sha256) != 0 || a->level != b->level)
			add(c, '~', name, b->arch, false,
			    eb_arena_printf(c->arena, "%s %s level %d -> %s level %d", name,
					    a->version, a->level, b->version, b->level));
	}
	for (size_t j = 0; old && j < old->n_codecs; j++) {
		const struct rcp_locked_codec *a = &old->codecs[j];
		size_t i = 0;

		while (i < now->n_codecs && (strcmp(now->codecs[i].kind, a->kind) != 0 ||
					     strcmp(now->codecs[i].arch, a->arch) != 0))
			i++;
		if (i == now->n_codecs)
			add(c, '-', "codec", a->arch, false,
			    eb_arena_printf(c->arena, "codec %s %s", a->kind, a->version));
	}
}

static const struct rcp_locked_suite *find_suite(const struct rcp_lock *l,
						 const struct rcp_locked_suite *s)
{
	for (size_t i = 0; l && i < l->n_suites; i++)
		if (strcmp(l->suites[i].archive, s->archive) == 0 &&
		    strcmp(l->suites[i].suite, s->suite) == 0)
			return &l->suites[i];
	return NULL;
}

/* "suite debian/trixie of 2026-11-23T18:00:00Z" */
static const char *suite_text(struct changes *c, const struct rcp_locked_suite *s,
			      const struct rcp_locked_suite *before)
{
	char then[32], date[32];

	eb_format_time(s->date_sec, date);
	if (!before)
		return eb_arena_printf(c->arena, "suite %s/%s of %s", s->archive, s->suite, date);
	eb_format_time(before->date_sec, then);
	return eb_arena_printf(c->arena, "suite %s/%s of %s -> %s", s->archive, s->suite, then,
			       date);
}

static void diff_suites(struct changes *c, const struct rcp_lock *old, const struct rcp_lock *now)
{
	for (size_t i = 0; i < now->n_suites; i++) {
		const struct rcp_locked_suite *s = &now->suites[i], *was = find_suite(old, s);

		if (!was || was->date_sec != s->date_sec || strcmp(was->sha256, s->sha256) != 0)
			add(c, was ? '~' : '+', s->suite, "", false, suite_text(c, s, was));
	}
	for (size_t i = 0; old && i < old->n_suites; i++)
		if (!find_suite(now, &old->suites[i]))
			add(c, '-', old->suites[i].suite, "", false,
			    suite_text(c, &old->suites[i], NULL));
}

/* Sort what was collected and print it; the number of lines. */
static size_t print(struct eb_buf *b, struct changes *c)
{
	size_t lines = 0;

	if (c->n)
		qsort(c->items, c->n, sizeof(*c->items), compare_changes);
	for (size_t i = 0, j; i < c->n; i = j, lines++) {
		const struct change *x = &c->items[i];

		eb_buf_addf(b, "%c %s", x->sign, x->text);
		if (*x->arch)
			eb_buf_addf(b, " (%s", x->arch);
		for (j = i + 1; j < c->n; j++) {
			const struct change *y = &c->items[j];

			if (y->sign != x->sign || y->security != x->security ||
			    strcmp(x->text, y->text) != 0)
				break;
			eb_buf_addf(b, ", %s", y->arch);
		}
		if (*x->arch)
			eb_buf_adds(b, x->security ? ", security)" : ")");
		eb_buf_addc(b, '\n');
	}
	c->n = 0;
	return lines;
}

static uint64_t total_size(const struct rcp_lock *l)
{
	uint64_t total = 0;

	for (size_t i = 0; l && i < l->n_packages; i++)
		if (!eb_add_u64(total, l->packages[i].size, &total))
			return UINT64_MAX;
	return total;
}

/* "+1.2 MiB" */
static void print_size(struct eb_buf *b, uint64_t before, uint64_t after)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t n = after > before ? after - before : before - after, rest = 0;
	size_t unit = 0;

	while (n >= 1024) {
		rest = n % 1024;
		n /= 1024;
		unit++;
	}
	eb_buf_addf(b, "%c%llu", after >= before ? '+' : '-', (unsigned long long)n);
	if (unit)
		eb_buf_addf(b, ".%llu", (unsigned long long)(rest * 10 / 1024));
	eb_buf_addf(b, " %s", units[unit]);
}

static size_t count(const struct rcp_lock *l)
{
	return l ? l->n_packages + l->n_codecs + l->n_suites : 0;
}

char *rcp_lock_diff(const struct rcp_lock *old, const struct rcp_lock *now)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct changes c = { .arena = arena };
	EB_AUTOBUF(b, SIZE_MAX / 4);
	size_t lines;

	c.items = eb_arena_alloc(arena, (count(old) + count(now)) * sizeof(*c.items));
	diff_suites(&c, old, now);
	lines = print(&b, &c);
	diff_packages(&c, old, now);
	lines += print(&b, &c);
	diff_codecs(&c, old, now);
	lines += print(&b, &c);
	if (lines == 0)
		return eb_buf_take(&b);
	eb_buf_addf(&b, "%zu change%s, ", lines, lines == 1 ? "" : "s");
	print_size(&b, total_size(old), total_size(now));
	eb_buf_addc(&b, '\n');
	return eb_buf_take(&b);
}
