/* The tree as text that YAML 1.1 and 1.2 readers take alike. */
#include "base/buf.h"
#include "base/mem.h"
#include "yaml/node.h"

enum { INDENT = 2 };

/* Bytes that mean nothing special anywhere in a plain scalar. */
static bool is_harmless(const char *s)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz/$_";
	static const char rest[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/$_.+-@";

	return *s && strchr(first, *s) && s[strspn(s, rest)] == '\0';
}

/* Words that some reader takes for a bool or null. */
static bool is_word_of_any_yaml(const char *s)
{
	static const char *const words[] = { "y",   "n",    "yes",   "no",   "on",
					     "off", "true", "false", "null", NULL };

	for (const char *const *w = words; *w; w++)
		if (strcasecmp(s, *w) == 0)
			return true;
	return false;
}

/* Written without quotes and not to be touched: a number, a date, yes. */
static bool stays_plain(const struct yml_node *n)
{
	static const char number[] = "0123456789abcdefABCDEFxXoO.+-_:TZ";
	size_t len = strlen(n->text);

	if (!n->plain || len == 0)
		return false;
	if (yml_type(n) != YML_STRING || is_word_of_any_yaml(n->text))
		return true;
	return strchr("0123456789+-.", n->text[0]) && n->text[strspn(n->text, number)] == '\0' &&
	       n->text[len - 1] != ':' && strcmp(n->text, "-") != 0 &&
	       strncmp(n->text, "---", 3) != 0 && strncmp(n->text, "...", 3) != 0;
}

/* Code points that a quoted scalar must not hold as they are. */
static bool is_special(const unsigned char *p, unsigned int *ret, size_t *len)
{
	if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0xa0) { /* C1 controls, NEL, NBSP */
		*ret = p[1];
		*len = 2;
		return true;
	}
	if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) { /* U+2028, U+2029 */
		*ret = 0x2000u + (p[2] & 0x3fu);
		*len = 3;
		return true;
	}
	if (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) { /* byte order mark */
		*ret = 0xfeff;
		*len = 3;
		return true;
	}
	return false;
}

static void write_quoted(const char *s, struct eb_buf *out)
{
	const unsigned char *p = (const unsigned char *)s;

	eb_buf_addc(out, '"');
	while (*p) {
		unsigned int code;
		size_t len = 1;

		if (*p == '"' || *p == '\\')
			eb_buf_addf(out, "\\%c", *p);
		else if (*p == '\n')
			eb_buf_adds(out, "\\n");
		else if (*p == '\t')
			eb_buf_adds(out, "\\t");
		else if (*p < 0x20 || *p == 0x7f)
			eb_buf_addf(out, "\\x%02x", *p);
		else if (is_special(p, &code, &len))
			eb_buf_addf(out, "\\u%04x", code);
		else
			eb_buf_addc(out, (char)*p);
		p += len;
	}
	eb_buf_addc(out, '"');
}

static void write_scalar(const struct yml_node *n, struct eb_buf *out)
{
	if (stays_plain(n))
		eb_buf_adds(out, n->text);
	else if (is_harmless(n->text) && !is_word_of_any_yaml(n->text))
		eb_buf_adds(out, n->text);
	else
		write_quoted(n->text, out);
}

static void indent(unsigned int depth, struct eb_buf *out)
{
	for (unsigned int i = 0; i < depth * INDENT; i++)
		eb_buf_addc(out, ' ');
}

struct member {
	const struct yml_node *key, *value;
};

static int by_key(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return strcmp(x->key->text, y->key->text);
}

static void write_node(const struct yml_node *n, unsigned int depth, struct eb_buf *out);

/* Behind "key:" or "-". */
static void write_value(const struct yml_node *n, unsigned int depth, struct eb_buf *out)
{
	if (n->kind == YML_SCALAR || n->n == 0) {
		eb_buf_addc(out, ' ');
		write_node(n, 0, out);
	} else {
		eb_buf_addc(out, '\n');
		write_node(n, depth, out);
	}
}

static void write_map(const struct yml_node *n, unsigned int depth, struct eb_buf *out)
{
	autofree struct member *sorted = eb_xcalloc(n->n, sizeof(*sorted));

	for (size_t i = 0; i < n->n; i++)
		sorted[i] = (struct member){ n->keys[i], n->items[i] };
	qsort(sorted, n->n, sizeof(*sorted), by_key);
	for (size_t i = 0; i < n->n; i++) {
		indent(depth, out);
		write_scalar(sorted[i].key, out);
		eb_buf_addc(out, ':');
		write_value(sorted[i].value, depth + 1, out);
	}
}

/* Empty collections and scalars end their line; others are whole lines. */
static void write_node(const struct yml_node *n, unsigned int depth, struct eb_buf *out)
{
	if (out->overflow)
		return; /* shared nodes may be many: nothing more can be written */
	switch (n->kind) {
	case YML_SCALAR:
		write_scalar(n, out);
		eb_buf_addc(out, '\n');
		break;
	case YML_LIST:
		if (n->n == 0)
			eb_buf_adds(out, "[]\n");
		for (size_t i = 0; i < n->n; i++) {
			indent(depth, out);
			eb_buf_addc(out, '-');
			write_value(n->items[i], depth + 1, out);
		}
		break;
	case YML_MAP:
		if (n->n == 0)
			eb_buf_adds(out, "{}\n");
		else
			write_map(n, depth, out);
		break;
	}
}

void yml_write(const struct yml_node *n, struct eb_buf *out)
{
	if (n)
		write_node(n, 0, out);
	else
		eb_buf_adds(out, "{}\n");
}
