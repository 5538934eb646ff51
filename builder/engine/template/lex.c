/* Text into tokens. */
#include <stdarg.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"
#include "template/internal.h"

enum { MAX_TOKENS = 100000 };

struct lexer {
	const char *name, *p;
	unsigned int line;
	struct eb_arena *arena;
	struct tpl_token *list;
	size_t n, alloc;
};

static void lexer_release(struct lexer *l)
{
	free(l->list);
}
EB_DEFINE_RELEASE(struct lexer, lexer_release)

int(tpl_throw)(const char *name, unsigned int line, struct eb_error **err, int code,
	       const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = eb_xvasprintf(fmt, ap);
	va_end(ap);
	return eb_throw(err, code, "%s:%u: %s", name, line, text);
}

static int add(struct lexer *l, enum tpl_token_kind kind, const char *p, size_t n, bool glued,
	       struct eb_error **err)
{
	int r = eb_grow(&l->list, &l->alloc, l->n + 1, sizeof(*l->list), MAX_TOKENS, "tokens", err);

	if (r < 0)
		return eb_prefix(err, r, "%s", l->name);
	l->list[l->n++] = (struct tpl_token){ .kind = kind,
					      .text = eb_arena_strndup(l->arena, p, n),
					      .sign = kind == TOKEN_SIGN ? *p : '\0',
					      .line = l->line,
					      .glued = glued };
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static void step(struct lexer *l, size_t n)
{
	for (; n > 0; n--)
		if (*l->p++ == '\n')
			l->line++;
}

static size_t word_length(const char *p)
{
	size_t n = 0;

	while (is_word(p[n]))
		n++;
	return n;
}

static void add_code_point(struct eb_buf *b, unsigned int c)
{
	if (c < 0x80) {
		eb_buf_addc(b, (char)c);
	} else if (c < 0x800) {
		eb_buf_addc(b, (char)(0xc0 | c >> 6));
		eb_buf_addc(b, (char)(0x80 | (c & 0x3f)));
	} else {
		eb_buf_addc(b, (char)(0xe0 | c >> 12));
		eb_buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		eb_buf_addc(b, (char)(0x80 | (c & 0x3f)));
	}
}

/* \n and the like; returns how long it is, 0 = not known. */
static size_t add_escape(const char *p, struct eb_buf *b)
{
	static const char from[] = "abfnrtv\\\"'", to[] = "\a\b\f\n\r\t\v\\\"'";
	const char *at = p[1] ? strchr(from, p[1]) : NULL;
	unsigned int code = 0;
	int used = 0;

	if (at) {
		eb_buf_addc(b, to[at - from]);
		return 2;
	}
	if (p[1] == 'x' && sscanf(p + 2, "%2x%n", &code, &used) == 1 && used == 2 && code) {
		eb_buf_addc(b, (char)code);
		return 4;
	}
	if (p[1] == 'u' && sscanf(p + 2, "%4x%n", &code, &used) == 1 && used == 4 && code &&
	    (code < 0xd800 || code > 0xdfff)) {
		add_code_point(b, code);
		return 6;
	}
	return 0;
}

static int quoted(struct lexer *l, bool glued, struct eb_error **err)
{
	EB_AUTOBUF(b, TPL_MAX_TEXT);
	const char *p = l->p + 1;

	while (*p != '"') {
		size_t n = 1;

		if (*p == '\0' || *p == '\n')
			return tpl_throw(l->name, l->line, err, EB_E_FORMAT,
					 "a quoted text does not end");
		if (*p == '\\')
			n = add_escape(p, &b);
		else
			eb_buf_addc(&b, *p);
		if (n == 0)
			return tpl_throw(l->name, l->line, err, EB_E_FORMAT,
					 "escape '\\%c' is not known", p[1] ? p[1] : ' ');
		p += n;
	}
	l->p = p + 1;
	return add(l, TOKEN_STRING, eb_buf_str(&b), b.len, glued, err);
}

static int raw(struct lexer *l, bool glued, struct eb_error **err)
{
	const char *end = strchr(l->p + 1, '`');
	int r;

	if (!end)
		return tpl_throw(l->name, l->line, err, EB_E_FORMAT, "a raw text does not end");
	r = add(l, TOKEN_STRING, l->p + 1, (size_t)(end - l->p - 1), glued, err);
	step(l, (size_t)(end + 1 - l->p));
	return r;
}

/* One token inside an action. */
static int token(struct lexer *l, bool glued, struct eb_error **err)
{
	char c = *l->p;
	size_t n;
	int r;

	if (c == '"')
		return quoted(l, glued, err);
	if (c == '`')
		return raw(l, glued, err);
	if ((c >= '0' && c <= '9') ||
	    ((c == '-' || c == '+') && l->p[1] >= '0' && l->p[1] <= '9')) {
		n = 1 + strspn(l->p + 1, "0123456789abcdefABCDEFxX._");
		r = add(l, TOKEN_NUMBER, l->p, n, glued, err);
	} else if (c == '.' || c == '$') {
		n = 1 + word_length(l->p + 1);
		r = add(l, c == '.' ? TOKEN_FIELD : TOKEN_VARIABLE, l->p + 1, n - 1, glued, err);
	} else if (c == ':' && l->p[1] == '=') {
		n = 2;
		r = add(l, TOKEN_SIGN, l->p, 1, glued, err);
	} else if (strchr("()|,=", c)) {
		n = 1;
		r = add(l, TOKEN_SIGN, l->p, 1, glued, err);
	} else {
		n = word_length(l->p);
		if (n == 0)
			return tpl_throw(l->name, l->line, err, EB_E_FORMAT,
					 "character '%c' means nothing here",
					 c > ' ' && c < 0x7f ? c : '?');
		r = add(l, TOKEN_IDENT, l->p, n, glued, err);
	}
	step(l, n);
	return r;
}

static bool closes(const char *p, size_t *ret_length, bool *ret_trim)
{
	*ret_trim = is_blank(p[0]) && strncmp(p + 1, "-}}", 3) == 0;
	*ret_length = *ret_trim ? 4 : 2;
	return *ret_trim || strncmp(p, "}}", 2) == 0;
}

/* Text up to the next action; trim: white space at its begin goes. */
static int plain_text(struct lexer *l, bool trim, struct eb_error **err)
{
	const char *open = strstr(l->p, "{{"), *from = l->p, *end;
	bool cut;
	int r;

	end = open ? open : l->p + strlen(l->p);
	cut = open && open[2] == '-' && is_blank(open[3]);
	while (trim && from < end && is_blank(*from))
		from++;
	while (cut && end > from && is_blank(end[-1]))
		end--;
	r = end > from ? add(l, TOKEN_TEXT, from, (size_t)(end - from), false, err) : 0;
	step(l, open ? (size_t)(open - l->p) : strlen(l->p));
	return r;
}

/* Behind "{{" and its trim mark: a comment up to its end. True when it was one. */
static int comment(struct lexer *l, bool *ret_was, bool *ret_trim, struct eb_error **err)
{
	const char *p = l->p, *end;
	size_t n;

	*ret_was = false;
	if (strncmp(p, "/*", 2) != 0)
		return 0;
	end = strstr(p + 2, "*/");
	if (!end || !closes(end + 2, &n, ret_trim))
		return tpl_throw(l->name, l->line, err, EB_E_FORMAT,
				 "a comment does not end the action");
	step(l, (size_t)(end + 2 - p) + n);
	*ret_was = true;
	return 0;
}

static int action(struct lexer *l, bool *ret_trim, struct eb_error **err)
{
	bool was_comment, glued = false;
	size_t n;
	int r;

	step(l, l->p[2] == '-' && is_blank(l->p[3]) ? 4 : 2);
	r = comment(l, &was_comment, ret_trim, err);
	if (r < 0 || was_comment)
		return r;
	r = add(l, TOKEN_OPEN, "", 0, false, err);
	while (r >= 0 && !closes(l->p, &n, ret_trim)) {
		if (*l->p == '\0')
			return tpl_throw(l->name, l->line, err, EB_E_FORMAT,
					 "an action does not end with }}");
		if (is_blank(*l->p)) {
			step(l, 1);
			glued = false;
			continue;
		}
		r = token(l, glued, err);
		glued = true;
	}
	if (r >= 0)
		r = add(l, TOKEN_CLOSE, "", 0, false, err);
	if (r >= 0)
		step(l, n);
	return r;
}

int tpl_lex(const char *name, const char *text, struct eb_arena *arena, struct tpl_tokens *ret,
	    struct eb_error **err)
{
	EB_CLEANUP(lexer_release_p)
	struct lexer l = { .name = name, .p = text, .line = 1, .arena = arena };
	bool trim = false;
	int r = 0;

	if (strlen(text) > TPL_MAX_TEXT)
		return eb_throw(err, EB_E_LIMIT, "%s: a template of more than %d bytes", name,
				TPL_MAX_TEXT);
	while (r >= 0 && *l.p) {
		r = plain_text(&l, trim, err);
		trim = false;
		if (r >= 0 && *l.p)
			r = action(&l, &trim, err);
	}
	if (r >= 0)
		r = add(&l, TOKEN_END, "", 0, false, err);
	if (r < 0)
		return r;
	ret->n = l.n;
	ret->list = eb_arena_alloc(arena, l.n * sizeof(*l.list));
	memcpy(ret->list, l.list, l.n * sizeof(*l.list));
	return 0;
}
