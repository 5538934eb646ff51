#include "mirror/semver.h"

#include "base/error.h"
#include "base/mem.h"

#define DIGITS "0123456789"

enum { MAX_DIGITS = 18 };

enum op { OP_LESS, OP_MOST, OP_MORE, OP_LEAST, OP_NOT };

struct bound {
	enum op op;
	struct mir_version v;
	unsigned int n; /* OP_NOT: how many numbers count */
	bool named_pre; /* the condition was written with a pre-release */
	bool last;	/* of its alternative */
};

struct mir_range {
	struct bound *bounds;
	size_t n;
};

/* ---- versions ---- */

static bool take_number(struct eb_span *s, uint64_t *ret)
{
	size_t n = 0;

	while (n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9')
		n++;
	if (n == 0 || n > MAX_DIGITS)
		return false;
	*ret = 0;
	for (size_t i = 0; i < n; i++)
		*ret = *ret * 10 + (uint64_t)(s->ptr[i] - '0');
	s->ptr += n;
	s->len -= n;
	return true;
}

static bool is_wild(struct eb_span s)
{
	return s.len > 0 && strchr("xX*", *s.ptr) && (s.len == 1 || s.ptr[1] == '.');
}

static bool is_identifier(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-';
}

/* Behind '-': identifiers parted by dots, none of them empty. */
static bool take_pre(struct eb_span *s, struct eb_span *ret)
{
	size_t n = 0;
	bool empty = true;

	for (; n < s->len && s->ptr[n] != '+' && s->ptr[n] != '_'; n++) {
		if (s->ptr[n] == '.' ? empty : !is_identifier(s->ptr[n]))
			return false;
		empty = s->ptr[n] == '.';
	}
	*ret = (struct eb_span){ s->ptr, n };
	s->ptr += n;
	s->len -= n;
	return !empty;
}

static bool skip(struct eb_span *s, const char *set)
{
	if (!s->len || !strchr(set, *s->ptr))
		return false;
	s->ptr++;
	s->len--;
	return true;
}

/* *ret_n: how many numbers there are before the first wildcard. */
static bool take_numbers(struct eb_span *s, bool wild, struct mir_version *ret, unsigned int *ret_n,
			 bool *ret_wild)
{
	for (unsigned int i = 0; i < 3; i++) {
		if (wild && is_wild(*s)) {
			*ret_wild = true;
			skip(s, "xX*");
		} else if (*ret_wild || !take_number(s, &ret->number[i])) {
			return false;
		} else {
			*ret_n = i + 1;
		}
		if (i == 2 || !skip(s, "."))
			break;
	}
	return true;
}

static bool is_build(struct eb_span s)
{
	if (!skip(&s, "+_") || !s.len)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_identifier(s.ptr[i]) && s.ptr[i] != '.' && s.ptr[i] != '_')
			return false;
	return true;
}

static bool parse_partial(struct eb_span s, bool wild, struct mir_version *ret, unsigned int *ret_n)
{
	bool had_wild = false;

	*ret = (struct mir_version){ .pre = { "", 0 } };
	*ret_n = 0;
	skip(&s, "vV");
	if (!take_numbers(&s, wild, ret, ret_n, &had_wild))
		return false;
	if (skip(&s, "-") && (had_wild || !take_pre(&s, &ret->pre)))
		return false;
	return !s.len || is_build(s);
}

bool mir_version_parse(struct eb_span text, struct mir_version *ret)
{
	struct mir_version v;
	unsigned int n;

	if (!parse_partial(text, false, &v, &n))
		return false;
	*ret = v;
	return true;
}

static int cmp_number(struct eb_span a, struct eb_span b)
{
	int c;

	while (a.len > 1 && *a.ptr == '0') {
		a.ptr++;
		a.len--;
	}
	while (b.len > 1 && *b.ptr == '0') {
		b.ptr++;
		b.len--;
	}
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	c = memcmp(a.ptr, b.ptr, a.len);
	return (c > 0) - (c < 0);
}

static bool is_number(struct eb_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return true;
}

static int cmp_identifier(struct eb_span a, struct eb_span b)
{
	bool na = is_number(a), nb = is_number(b);
	size_t n = a.len < b.len ? a.len : b.len;
	int c;

	if (na && nb)
		return cmp_number(a, b);
	if (na != nb)
		return na ? -1 : 1;
	c = memcmp(a.ptr, b.ptr, n);
	return c ? (c > 0) - (c < 0) : (a.len > b.len) - (a.len < b.len);
}

static int cmp_pre(struct eb_span a, struct eb_span b)
{
	struct eb_span x, y;

	if (!a.len || !b.len)
		return (!a.len) - (!b.len);
	for (;;) {
		bool more_a = eb_span_next(&a, '.', &x), more_b = eb_span_next(&b, '.', &y);
		int c;

		if (!more_a || !more_b)
			return more_a - more_b;
		c = cmp_identifier(x, y);
		if (c)
			return c;
	}
}

int mir_version_cmp(const struct mir_version *a, const struct mir_version *b)
{
	for (size_t i = 0; i < 3; i++)
		if (a->number[i] != b->number[i])
			return a->number[i] < b->number[i] ? -1 : 1;
	return cmp_pre(a->pre, b->pre);
}

/* ---- ranges ---- */

struct parser {
	struct mir_range *range;
	const char *text;
	struct eb_error **err;
};

static int wrong(const struct parser *p, struct eb_span part, const char *why)
{
	autofree char *shown = eb_xstrndup(part.ptr, part.len);

	return eb_throw(p->err, EB_E_FORMAT, "range '%s': '%s' %s", p->text, shown, why);
}

static int add(struct parser *p, struct bound b)
{
	if (p->range->n == MIR_RANGE_MAX_BOUNDS)
		return eb_throw(p->err, EB_E_LIMIT, "range '%s': more than %d conditions", p->text,
				MIR_RANGE_MAX_BOUNDS);
	p->range->bounds[p->range->n++] = b;
	return 0;
}

/* Before every version with these numbers, pre-releases included. */
static struct mir_version first_of(const struct mir_version *v)
{
	struct mir_version f = *v;

	f.pre = EB_SPAN("0");
	return f;
}

/* The first version with another number at `at`. */
static struct mir_version after(const struct mir_version *v, unsigned int at)
{
	struct mir_version f = { .pre = EB_SPAN("0") };

	for (unsigned int i = 0; i <= at; i++)
		f.number[i] = v->number[i];
	f.number[at]++;
	return f;
}

/* Where "^" ends: the first number that is not 0 may not change, or the last one written. */
static unsigned int caret_at(const struct mir_version *v, unsigned int n)
{
	unsigned int at = 0;

	while (at + 1 < n && v->number[at] == 0)
		at++;
	return at;
}

static int between(struct parser *p, const struct mir_version *v, unsigned int n, unsigned int at)
{
	struct bound low = { .op = OP_LEAST,
			     .v = n < 3 && !v->pre.len ? first_of(v) : *v,
			     .named_pre = v->pre.len > 0 };
	int r = add(p, low);

	return r < 0 ? r : add(p, (struct bound){ .op = OP_LESS, .v = after(v, at) });
}

/* One comparison with all three numbers, or with fewer: those are never equal to anything. */
static int compare(struct parser *p, enum op op, const struct mir_version *v, unsigned int n)
{
	struct bound b = { .op = op, .v = *v, .n = n, .named_pre = v->pre.len > 0 };

	if (n == 3 || v->pre.len)
		return add(p, b);
	switch (op) {
	case OP_LESS:
	case OP_LEAST:
		b.v = first_of(v);
		break;
	case OP_MOST:
		b.op = OP_LESS;
		b.v = after(v, n - 1);
		break;
	case OP_MORE:
		b.op = OP_LEAST;
		b.v = after(v, n - 1);
		break;
	case OP_NOT:
		break;
	}
	return add(p, b);
}

static int condition(struct parser *p, struct eb_span op, struct eb_span text)
{
	static const struct {
		const char *name;
		enum op op;
	} simple[] = { { "<", OP_LESS },
		       { "<=", OP_MOST },
		       { ">", OP_MORE },
		       { ">=", OP_LEAST },
		       { "!=", OP_NOT } };
	struct mir_version v;
	unsigned int n;
	int r;

	if (!parse_partial(text, true, &v, &n))
		return wrong(p, text, "is no version (expected one to three numbers, such as 1.2)");
	if (n == 0) {
		if (eb_span_eq(op, "<") || eb_span_eq(op, ">") || eb_span_eq(op, "!="))
			return wrong(p, op, "any version holds for none");
		return add(p, (struct bound){ .op = OP_LEAST, .v = first_of(&v) });
	}
	for (size_t i = 0; i < EB_ARRAY_LEN(simple); i++)
		if (eb_span_eq(op, simple[i].name))
			return compare(p, simple[i].op, &v, n);
	if (eb_span_eq(op, "^"))
		return between(p, &v, n, caret_at(&v, n));
	if (eb_span_eq(op, "~"))
		return between(p, &v, n, n == 1 ? 0 : 1);
	if (op.len && !eb_span_eq(op, "="))
		return wrong(p, op, "is unknown; known are < <= > >= = != ^ ~");
	if (n < 3 && !v.pre.len)
		return between(p, &v, n, n - 1);
	r = compare(p, OP_LEAST, &v, 3);
	return r < 0 ? r : compare(p, OP_MOST, &v, 3);
}

static size_t run_of(struct eb_span s, const char *set, bool in)
{
	size_t n = 0;

	while (n < s.len && (strchr(set, s.ptr[n]) != NULL) == in)
		n++;
	return n;
}

static struct eb_span cut(struct eb_span *s, size_t n)
{
	struct eb_span part = { s->ptr, n };

	s->ptr += n;
	s->len -= n;
	return part;
}

static int alternative(struct parser *p, struct eb_span s)
{
	size_t had = p->range->n;

	for (;;) {
		struct eb_span op, text;
		int r;

		cut(&s, run_of(s, " \t,", true));
		if (!s.len)
			break;
		op = cut(&s, run_of(s, "<>=!^~", true));
		cut(&s, run_of(s, " \t", true));
		text = cut(&s, run_of(s, " \t,<>=!^~", false));
		if (eb_span_eq(text, "-"))
			return wrong(p, text,
				     "alone is no condition; write '>=1.2 <=2' for 1.2 to 2");
		if (!text.len)
			return wrong(p, op, "stands before no version");
		r = condition(p, op, text);
		if (r < 0)
			return r;
	}
	if (p->range->n == had)
		return eb_throw(p->err, EB_E_FORMAT,
				"range '%s': expected a condition such as '>=1.2', found nothing",
				p->text);
	p->range->bounds[p->range->n - 1].last = true;
	return 0;
}

int mir_range_parse(const char *text, struct eb_arena *arena, const struct mir_range **ret,
		    struct eb_error **err)
{
	struct parser p = { .text = text, .err = err };
	const char *from, *bar;
	int r;

	if (strlen(text) > MIR_RANGE_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "a range of %zu bytes, at most %d are allowed",
				strlen(text), MIR_RANGE_MAX_BYTES);
	/* The text is copied because pre-releases point into it. */
	from = eb_arena_strdup(arena, text);
	p.range = eb_arena_alloc(arena, sizeof(*p.range));
	p.range->bounds = eb_arena_alloc(arena, MIR_RANGE_MAX_BOUNDS * sizeof(*p.range->bounds));
	do {
		bar = strstr(from, "||");
		r = alternative(&p, bar ? (struct eb_span){ from, (size_t)(bar - from) }
					: eb_span_str(from));
		from = bar ? bar + 2 : NULL;
	} while (r >= 0 && from);
	if (r < 0)
		return r;
	*ret = p.range;
	return 0;
}

static bool same_numbers(const struct mir_version *a, const struct mir_version *b, unsigned int n)
{
	return memcmp(a->number, b->number, n * sizeof(a->number[0])) == 0;
}

static bool holds(const struct bound *b, const struct mir_version *v)
{
	int c = mir_version_cmp(v, &b->v);

	switch (b->op) {
	case OP_LESS:
		return c < 0;
	case OP_MOST:
		return c <= 0;
	case OP_MORE:
		return c > 0;
	case OP_LEAST:
		return c >= 0;
	case OP_NOT:
		return b->n == 3 || b->named_pre ? c != 0 : !same_numbers(v, &b->v, b->n);
	}
	return false;
}

bool mir_range_has(const struct mir_range *r, const struct mir_version *v, bool prerelease)
{
	bool all = true, asked = prerelease || !v->pre.len;

	for (size_t i = 0; i < r->n; i++) {
		const struct bound *b = &r->bounds[i];

		all &= holds(b, v);
		asked |= b->named_pre && same_numbers(v, &b->v, 3);
		if (!b->last)
			continue;
		if (all && asked)
			return true;
		all = true;
		asked = prerelease || !v->pre.len;
	}
	return false;
}
