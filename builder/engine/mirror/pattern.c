#include "mirror/pattern.h"

#include <regex.h>

#include "base/error.h"
#include "base/mem.h"

enum { MAX_GROUPS = 16 };

void mir_pattern_release(struct mir_pattern *p)
{
	if (p->regex)
		regfree(p->regex);
	free(p->regex);
	free(p->text);
	*p = (struct mir_pattern){ .text = NULL };
}

/* The end of the set that begins at p ("[...]"), or NULL. A ']' that comes first is a member. */
static const char *set_end(const char *p)
{
	p++;
	if (*p == '!' || *p == '^')
		p++;
	if (*p == ']')
		p++;
	p = strchr(p, ']');
	return p;
}

static bool set_has(const char *p, const char *end, char c)
{
	bool not = p[1] == '!' || p[1] == '^', has = false;

	for (p += not ? 2 : 1; p < end; p++)
		if (p + 2 < end && p[1] == '-') {
			has |= (unsigned char)c >= (unsigned char)p[0] &&
			       (unsigned char)c <= (unsigned char)p[2];
			p += 2;
		} else {
			has |= c == *p;
		}
	return has != not ;
}

/* The last '*' is tried with more and more text; what is before it never has to be tried again. */
static bool glob(const char *p, const char *s)
{
	const char *star = NULL, *again = NULL, *end;

	while (*s) {
		if (*p == '*') {
			star = ++p;
			again = s;
		} else if (*p == '[' && (end = set_end(p)) && set_has(p, end, *s)) {
			p = end + 1;
			s++;
		} else if (*p == '?' || (*p && *p != '[' && *p == *s)) {
			p++;
			s++;
		} else if (star) {
			p = star;
			s = ++again;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return !*p;
}

/* The C library makes a copy of what '+' and '{n}' repeat, and copies of copies when those are
 * repeated again, so a line of them is more than fits into memory. How many nodes it will make: */
struct sizes {
	uint64_t all[MAX_GROUPS + 1];  /* of each open group, and of the expression around them */
	uint64_t last[MAX_GROUPS + 1]; /* of what a repeat would repeat */
	size_t depth;
	bool repeated;	   /* a repeat came last */
	const char *wrong; /* what must not be; NULL = nothing */
};

static void add_atom(struct sizes *s, uint64_t n)
{
	s->last[s->depth] = n;
	s->all[s->depth] += n;
	s->repeated = false;
}

static void repeat(struct sizes *s, uint64_t times)
{
	if (s->repeated)
		s->wrong = "a repeat of a repeat ('+*')";
	s->repeated = true;
	if (times < 2)
		return;
	s->all[s->depth] += s->last[s->depth] * (times - 1);
	s->last[s->depth] *= times;
}

/* The end of "[...]" in a regular expression, where "[:alpha:]" is a member; or the text's end. */
static const char *bracket_end(const char *p)
{
	p++;
	if (*p == '^')
		p++;
	if (*p == ']')
		p++;
	for (; *p && *p != ']'; p++)
		if (*p == '[' && p[1] && strchr(":.=", p[1])) {
			const char close[] = { p[1], ']', '\0' };
			const char *end = strstr(p + 2, close);

			if (!end)
				return p + strlen(p);
			p = end + 1;
		}
	return p;
}

/* "{2}", "{2,5}", "{2,}"; *p is put on its last character. */
static uint64_t take_times(const char **p)
{
	uint64_t now = 0, most = 1;

	for (; (*p)[1] && **p != '}'; (*p)++) {
		char c = (*p)[1];

		if (c >= '0' && c <= '9' && now <= MIR_PATTERN_MAX_NODES)
			now = now * 10 + (uint64_t)(c - '0');
		else if (c == ',' || c == '}')
			most = now > most ? now : most;
		if (c == ',')
			now = 0;
	}
	return most + 1; /* "{2,}" is twice and a loop */
}

/* One element of the expression; *p is put on its last character. False: too many groups. */
static bool measure(struct sizes *s, const char **p)
{
	switch (**p) {
	case '\\':
		*p += (*p)[1] != '\0';
		add_atom(s, 1);
		break;
	case '[':
		*p = bracket_end(*p);
		*p -= !**p;
		add_atom(s, 1);
		break;
	case '(':
		if (s->depth == MAX_GROUPS)
			return false;
		s->depth++;
		s->repeated = false;
		s->all[s->depth] = s->last[s->depth] = 0;
		break;
	case ')':
		if (s->depth == 0) {
			s->wrong = "')' without '('"; /* it would end our own group */
			break;
		}
		s->depth--;
		add_atom(s, s->all[s->depth + 1] + 1);
		break;
	case '+':
		repeat(s, 2);
		break;
	case '{':
		repeat(s, take_times(p));
		break;
	case '*':
	case '?':
		repeat(s, 1);
		break;
	default:
		add_atom(s, 1);
		break;
	}
	return true;
}

static int check_regex(const char *text, struct eb_error **err)
{
	struct sizes s = { .depth = 0 };

	for (const char *p = text; *p; p++) {
		if (*p == '\\' && p[1] >= '1' && p[1] <= '9')
			return eb_throw(err, EB_E_UNSUPPORTED,
					"pattern '%s': back references (\\%c) are not supported",
					text, p[1]);
		if (!measure(&s, &p))
			return eb_throw(err, EB_E_UNSUPPORTED,
					"pattern '%s': more than %d groups inside one another",
					text, MAX_GROUPS);
		if (s.wrong)
			return eb_throw(err, EB_E_FORMAT, "pattern '%s': %s", text, s.wrong);
		if (s.all[s.depth] > MIR_PATTERN_MAX_NODES)
			return eb_throw(err, EB_E_UNSUPPORTED,
					"pattern '%s': it has repeats of repeats; all repeats "
					"written out have more than %d parts",
					text, MIR_PATTERN_MAX_NODES);
	}
	return 0;
}

static int compile(const char *text, struct mir_pattern *p, struct eb_error **err)
{
	size_t n = strlen(text);
	autofree char *anchored = NULL;
	autofree regex_t *regex = NULL;
	char why[200];
	int r, code;

	if (n < 3 || text[n - 1] != '/')
		return eb_throw(err, EB_E_FORMAT,
				"pattern '%s': a regular expression stands between '/' and '/'",
				text);
	r = check_regex(text, err);
	if (r < 0)
		return r;
	anchored = eb_xasprintf("^(%.*s)$", (int)n - 2, text + 1);
	regex = eb_xcalloc(1, sizeof(*regex));
	code = regcomp(regex, anchored, REG_EXTENDED | REG_NOSUB);
	if (code != 0) {
		regerror(code, regex, why, sizeof(why));
		return eb_throw(err, EB_E_FORMAT, "pattern '%s': %s", text, why);
	}
	p->regex = EB_TAKE_PTR(regex);
	return 0;
}

int mir_pattern_init(const char *text, struct mir_pattern *ret, struct eb_error **err)
{
	struct mir_pattern p = { .literal = !strpbrk(text, "*?[") };
	int r = 0;

	if (!*text || strlen(text) > MIR_PATTERN_MAX_BYTES)
		return eb_throw(err, *text ? EB_E_LIMIT : EB_E_FORMAT,
				"a pattern of %zu bytes, expected 1 to %d", strlen(text),
				MIR_PATTERN_MAX_BYTES);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
			return eb_throw(err, EB_E_FORMAT,
					"a pattern has printable characters without blanks");
	if (*text == '/') {
		p.literal = false;
		r = compile(text, &p, err);
	} else {
		const char *at = text;

		while (at && (at = strchr(at, '['))) {
			at = set_end(at);
			if (!at)
				r = eb_throw(err, EB_E_FORMAT, "pattern '%s': '[' without ']'",
					     text);
		}
	}
	if (r < 0)
		return r;
	p.text = eb_xstrdup(text);
	*ret = p;
	return 0;
}

bool mir_pattern_matches(const struct mir_pattern *p, const char *text)
{
	if (p->literal)
		return strcmp(p->text, text) == 0;
	if (p->regex)
		return regexec(p->regex, text, 0, NULL, 0) == 0;
	return glob(p->text, text);
}
