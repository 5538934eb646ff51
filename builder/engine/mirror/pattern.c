#include "mirror/pattern.h"

#include <regex.h>

#include "base/error.h"
#include "base/mem.h"

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

/* The C library's matcher needs exponential time or memory for some expressions. */
static int check_regex(const char *text, struct eb_error **err)
{
	uint64_t repeats = 1;

	for (const char *p = text; *p; p++) {
		uint64_t most = 0;

		if (*p == '\\' && p[1] >= '1' && p[1] <= '9')
			return eb_throw(err, EB_E_UNSUPPORTED,
					"pattern '%s': back references (\\%c) are not supported",
					text, p[1]);
		if (*p == '\\' && p[1]) {
			p++;
			continue;
		}
		if (*p != '{')
			continue;
		for (; p[1] && p[1] != '}'; p++) {
			if (p[1] == ',')
				most = 0;
			else if (p[1] >= '0' && p[1] <= '9' && most <= MIR_PATTERN_MAX_REPEATS)
				most = most * 10 + (uint64_t)(p[1] - '0');
		}
		repeats *= most ? most : 1;
		if (repeats > MIR_PATTERN_MAX_REPEATS)
			return eb_throw(err, EB_E_UNSUPPORTED,
					"pattern '%s': repeats of all in all more than %d", text,
					MIR_PATTERN_MAX_REPEATS);
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
