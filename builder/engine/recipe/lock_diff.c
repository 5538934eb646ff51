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
	uint64_t before, after; /* bytes to download */
};

struct changes {
	struct eb_arena *arena;
	struct change *items;
	size_t n;
};

/* A line of any section that names an input. */
struct thing {
	const char *name; /* with its kind: "wheel aiohttp"; of a package the name alone */
	const char *arch; /* "" = all */
	const char *version, *sha256;
	const char *from; /* where it comes from, or NULL */
	uint64_t size;
	bool security;
};

struct things {
	struct thing *items;
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

static struct change *add(struct changes *c, char sign, const char *name, const char *arch,
			  const char *text)
{
	struct change *x = &c->items[c->n++];

	*x = (struct change){ .sign = sign, .name = name, .text = text, .arch = arch };
	return x;
}

/* "name version", or the name alone. */
static const char *title(struct changes *c, const struct thing *t)
{
	return t->version ? eb_arena_printf(c->arena, "%s %s", t->name, t->version) : t->name;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void change_thing(struct changes *c, const struct thing *a, const struct thing *b)
{
	const struct thing *t = b ? b : a;
	const char *text;
	struct change *x;

	if (!a || !b)
		text = title(c, t);
	else if (!same(a->version, b->version))
		text = eb_arena_printf(c->arena, "%s %s -> %s", b->name,
				       a->version ? a->version : "(none)",
				       b->version ? b->version : "(none)");
	else if (!same(a->sha256, b->sha256))
		text = eb_arena_printf(c->arena, "%s: other contents", title(c, b));
	else if (!same(a->from, b->from))
		text = eb_arena_printf(c->arena, "%s: from %s instead of %s", title(c, b),
				       b->from ? b->from : "nowhere",
				       a->from ? a->from : "nowhere");
	else
		return;
	x = add(c, !b ? '-' : !a ? '+' : '~', t->name, t->arch, text);
	x->security = b && b->security;
	x->before = a ? a->size : 0;
	x->after = b ? b->size : 0;
}

static int compare_things(const void *pa, const void *pb)
{
	const struct thing *x = pa, *y = pb;
	int c = strcmp(x->arch, y->arch);

	return c ? c : strcmp(x->name, y->name);
}

static void diff_things(struct changes *c, struct things a, struct things b)
{
	size_t i = 0, j = 0;

	if (a.n)
		qsort(a.items, a.n, sizeof(*a.items), compare_things);
	if (b.n)
		qsort(b.items, b.n, sizeof(*b.items), compare_things);
	while (i < a.n || j < b.n) {
		int order = i == a.n ? 1 : j == b.n ? -1 : compare_things(&a.items[i], &b.items[j]);

		change_thing(c, order <= 0 ? &a.items[i] : NULL, order >= 0 ? &b.items[j] : NULL);
		i += order <= 0;
		j += order >= 0;
	}
}

static struct things packages_of(struct changes *c, const struct rcp_lock *l)
{
	struct things t = { .n = l ? l->n_packages : 0 };

	t.items = eb_arena_alloc(c->arena, t.n * sizeof(*t.items));
	for (size_t i = 0; i < t.n; i++) {
		const struct rcp_locked_package *p = &l->packages[i];

		t.items[i] = (struct thing){
			.name = p->name,
			.arch = p->arch,
			.version = p->version,
			.sha256 = p->sha256,
			.from = eb_arena_printf(c->arena, "%s/%s", p->archive, p->suite),
			.size = p->size,
			.security = is_security(p),
		};
	}
	return t;
}

static struct things wheels_of(struct changes *c, const struct rcp_lock *l)
{
	struct things t = { .n = l ? l->n_wheels : 0 };

	t.items = eb_arena_alloc(c->arena, t.n * sizeof(*t.items));
	for (size_t i = 0; i < t.n; i++) {
		const struct rcp_locked_wheel *w = &l->wheels[i];

		t.items[i] = (struct thing){ .name = eb_arena_printf(c->arena, "wheel %s", w->name),
					     .arch = w->arch,
					     .version = w->version,
					     .sha256 = w->sha256,
					     .size = w->size };
	}
	return t;
}

static struct things programs_of(struct changes *c, const struct rcp_lock *l)
{
	struct things t = { .n = l ? l->n_programs : 0 };

	t.items = eb_arena_alloc(c->arena, t.n * sizeof(*t.items));
	for (size_t i = 0; i < t.n; i++) {
		const struct rcp_locked_program *p = &l->programs[i];
		const char *package = strcmp(p->package, ".") == 0 ? "" : p->package + 1;

		t.items[i] = (struct thing){
			.name = eb_arena_printf(c->arena, "program %s%s", p->module, package),
			.arch = p->arch,
			.version = eb_arena_printf(c->arena, "%s by %s", p->version, p->toolchain),
			.sha256 = p->sha256,
			.size = p->size,
		};
	}
	return t;
}

/* The sum of a module's go.mod alone says nothing more to people. */
static struct things modules_of(struct changes *c, const struct rcp_lock *l)
{
	struct things t = { 0 };

	t.items = eb_arena_alloc(c->arena, (l ? l->n_modules : 0) * sizeof(*t.items));
	for (size_t i = 0; l && i < l->n_modules; i++) {
		const struct rcp_locked_module *m = &l->modules[i];

		if (!strchr(m->version, '/'))
			t.items[t.n++] = (struct thing){
				.name = eb_arena_printf(c->arena, "module %s", m->module),
				.arch = "",
				.version = m->version,
				.sha256 = m->h1,
			};
	}
	return t;
}

static struct things archives_of(struct changes *c, const struct rcp_lock *l)
{
	size_t max = l ? l->n_archives + l->n_files : 0;
	struct things t = { 0 };

	t.items = eb_arena_alloc(c->arena, max * sizeof(*t.items));
	for (size_t i = 0; l && i < l->n_archives; i++) {
		const struct rcp_locked_archive *a = &l->archives[i];

		t.items[t.n++] = (struct thing){ .name = eb_arena_printf(c->arena, "archive %s",
									 a->name),
						 .arch = a->arch ? a->arch : "",
						 .version = a->version,
						 .sha256 = a->sha256,
						 .from = a->url ? a->url : a->commit,
						 .size = a->size };
	}
	for (size_t i = 0; l && i < l->n_files; i++) {
		const struct rcp_locked_file *f = &l->files[i];

		t.items[t.n++] = (struct thing){ .name = eb_arena_printf(c->arena, "file %s",
									 f->path),
						 .arch = "",
						 .sha256 = f->sha256,
						 .from = f->url,
						 .size = f->size };
	}
	return t;
}

static struct things built_of(struct changes *c, const struct rcp_lock *l)
{
	struct things t = { .n = l ? l->n_built : 0 };

	t.items = eb_arena_alloc(c->arena, t.n * sizeof(*t.items));
	for (size_t i = 0; i < t.n; i++) {
		const struct rcp_locked_built *b = &l->built[i];

		t.items[i] = (struct thing){
			.name = eb_arena_printf(c->arena, "%s", b->name),
			.arch = b->arch,
			.version = eb_arena_printf(c->arena, "by %s", b->tool),
			.sha256 = b->sha256,
		};
	}
	return t;
}

/* An image that is carried is one thing, whatever it consists of: its version stands at its
 * index (or its only manifest), whose sum covers all the rest. */
static struct things carried_of(struct changes *c, const struct rcp_lock *l)
{
	struct things t = { 0 };
	uint64_t size = 0;

	t.items = eb_arena_alloc(c->arena, (l ? l->n_blobs : 0) * sizeof(*t.items));
	for (size_t i = 0; l && i < l->n_blobs; i++)
		size += l->blobs[i].size;
	for (size_t i = 0; l && i < l->n_blobs; i++)
		if (l->blobs[i].version)
			t.items[t.n++] = (struct thing){ .name = l->recipe,
							 .arch = "",
							 .version = l->blobs[i].version,
							 .sha256 = l->blobs[i].sha256,
							 .size = size };
	return t;
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
			add(c, '+', name, b->arch,
			    eb_arena_printf(c->arena, "%s %s", name, b->version));
		else if (strcmp(a->sha256, b->sha256) != 0 || a->level != b->level)
			add(c, '~', name, b->arch,
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
			add(c, '-', "codec", a->arch,
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
			add(c, was ? '~' : '+', s->suite, "", suite_text(c, s, was));
	}
	for (size_t i = 0; old && i < old->n_suites; i++)
		if (!find_suite(now, &old->suites[i]))
			add(c, '-', old->suites[i].suite, "", suite_text(c, &old->suites[i], NULL));
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

/* Sort what was collected and print it; the number of lines. */
static size_t print(struct eb_buf *b, struct changes *c)
{
	size_t lines = 0;

	if (c->n)
		qsort(c->items, c->n, sizeof(*c->items), compare_changes);
	for (size_t i = 0, j; i < c->n; i = j, lines++) {
		const struct change *x = &c->items[i];
		uint64_t before = x->before, after = x->after;

		eb_buf_addf(b, "%c %s", x->sign, x->text);
		if (*x->arch)
			eb_buf_addf(b, " (%s", x->arch);
		for (j = i + 1; j < c->n; j++) {
			const struct change *y = &c->items[j];

			if (y->sign != x->sign || y->security != x->security ||
			    strcmp(x->text, y->text) != 0)
				break;
			eb_buf_addf(b, ", %s", y->arch);
			before += y->before;
			after += y->after;
		}
		if (*x->arch)
			eb_buf_adds(b, x->security ? ", security)" : ")");
		if (before != after) {
			eb_buf_adds(b, " ");
			print_size(b, before, after);
		}
		eb_buf_addc(b, '\n');
	}
	c->n = 0;
	return lines;
}

static uint64_t total_size(const struct rcp_lock *l)
{
	uint64_t total = 0;

	for (size_t i = 0; l && i < l->n_packages; i++)
		total += l->packages[i].size;
	for (size_t i = 0; l && i < l->n_wheels; i++)
		total += l->wheels[i].size;
	for (size_t i = 0; l && i < l->n_programs; i++)
		total += l->programs[i].size;
	for (size_t i = 0; l && i < l->n_archives; i++)
		total += l->archives[i].size;
	for (size_t i = 0; l && i < l->n_files; i++)
		total += l->files[i].size;
	for (size_t i = 0; l && i < l->n_blobs; i++)
		total += l->blobs[i].size;
	return total;
}

static size_t count(const struct rcp_lock *l)
{
	return l ? l->n_packages + l->n_wheels + l->n_programs + l->n_modules + l->n_archives +
			       l->n_files + l->n_built + l->n_blobs + l->n_codecs + l->n_suites
		 : 0;
}

char *rcp_lock_diff(const struct rcp_lock *old, const struct rcp_lock *now)
{
	static struct things (*const sections[])(struct changes * c, const struct rcp_lock *l) = {
		packages_of, wheels_of, programs_of, modules_of, archives_of, built_of, carried_of,
	};
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct changes c = { .arena = arena };
	EB_AUTOBUF(b, SIZE_MAX / 4);
	size_t lines;

	c.items = eb_arena_alloc(arena, (count(old) + count(now)) * sizeof(*c.items));
	diff_suites(&c, old, now);
	lines = print(&b, &c);
	for (size_t i = 0; i < EB_ARRAY_LEN(sections); i++) {
		diff_things(&c, sections[i](&c, old), sections[i](&c, now));
		lines += print(&b, &c);
	}
	diff_codecs(&c, old, now);
	lines += print(&b, &c);
	if (lines == 0)
		return eb_buf_take(&b);
	eb_buf_addf(&b, "%zu change%s, ", lines, lines == 1 ? "" : "s");
	print_size(&b, total_size(old), total_size(now));
	eb_buf_addc(&b, '\n');
	return eb_buf_take(&b);
}
