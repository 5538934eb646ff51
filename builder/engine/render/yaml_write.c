#include "render/yaml_write.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "render/yaml_read.h"

/* ---- text ---- */

/* Bytes of the character at s, and what it is; s is UTF-8, as jansson checked. */
static size_t character(const unsigned char *s, uint32_t *ret)
{
	if (*s < 0x80) {
		*ret = *s;
		return 1;
	}
	if (*s < 0xe0) {
		*ret = (uint32_t)(*s & 0x1f) << 6 | (s[1] & 0x3f);
		return 2;
	}
	if (*s < 0xf0) {
		*ret = (uint32_t)(*s & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
		return 3;
	}
	*ret = (uint32_t)(*s & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 |
	       (uint32_t)(s[2] & 0x3f) << 6 | (s[3] & 0x3f);
	return 4;
}

/* What may stand in a document as it is; the line ends of YAML 1.1 may not. */
static bool is_printable(uint32_t c)
{
	return (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c < 0xd800 && c != 0x2028 && c != 0x2029) ||
	       (c >= 0xe000 && c < 0xfffe && c != 0xfeff) || c >= 0x10000;
}

static bool all_printable(const char *text, bool lines)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		uint32_t c;

		s += character(s, &c);
		if (!is_printable(c) && !(lines && (c == '\n' || c == '\t')))
			return false;
	}
	return true;
}

/* Words, paths, host names, versions: no character that means something to YAML. */
static bool can_be_plain(const char *text)
{
	static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "_-./+@=,()<>;$~^:";
	size_t n = strlen(text);

	if (n == 0 || n > 200 || strspn(text, fine) != n)
		return false;
	if (strchr("-=~,@:<>", *text) || strchr(":", text[n - 1]))
		return false;
	/* ": " cannot be, as there are no blanks; "::" and "a:1" are left to quotes all the same.
	 */
	if (strchr(text, ':') && (strstr(text, "::") || strspn(text, "0123456789:.-+_") == n))
		return false;
	return !rnd_yaml_is_special(text);
}

static bool can_be_block(const char *text)
{
	size_t n = strlen(text);

	if (!strchr(text, '\n') || n < 2 || *text == ' ' || *text == '\n' || *text == '\t')
		return false;
	/* One line end at the end is "|", none is "|-"; more would need "|+". */
	if (n >= 2 && text[n - 1] == '\n' && text[n - 2] == '\n')
		return false;
	return all_printable(text, true);
}

static void write_quoted(const char *text, struct eb_buf *out)
{
	const unsigned char *s = (const unsigned char *)text;

	eb_buf_addc(out, '"');
	while (*s) {
		uint32_t c;
		size_t n = character(s, &c);

		if (c == '"' || c == '\\')
			eb_buf_addf(out, "\\%c", (char)c);
		else if (c == '\n')
			eb_buf_adds(out, "\\n");
		else if (c == '\t')
			eb_buf_adds(out, "\\t");
		else if (c == '\r')
			eb_buf_adds(out, "\\r");
		else if (!is_printable(c))
			eb_buf_addf(out, "\\u%04x", c);
		else
			eb_buf_add(out, s, n);
		s += n;
	}
	eb_buf_addc(out, '"');
}

static void indent(unsigned int level, struct eb_buf *out)
{
	for (unsigned int i = 0; i < level; i++)
		eb_buf_adds(out, "  ");
}

static void write_block(const char *text, unsigned int level, struct eb_buf *out)
{
	size_t n = strlen(text);

	eb_buf_adds(out, text[n - 1] == '\n' ? "|\n" : "|-\n");
	while (*text) {
		size_t line = strcspn(text, "\n");

		if (line)
			indent(level, out);
		eb_buf_add(out, text, line);
		eb_buf_addc(out, '\n');
		text += line + (text[line] == '\n');
	}
}

static void write_text(const char *text, struct eb_buf *out)
{
	if (can_be_plain(text))
		eb_buf_adds(out, text);
	else
		write_quoted(text, out);
}

/* ---- trees ---- */

static int rank(const char *key)
{
	static const char *const first[] = { "apiVersion", "kind", "metadata", "name",
					     "namespace" };

	for (size_t i = 0; i < EB_ARRAY_LEN(first); i++)
		if (strcmp(key, first[i]) == 0)
			return (int)i;
	return EB_ARRAY_LEN(first);
}

static int by_key(const void *pa, const void *pb)
{
	const char *a = *(const char *const *)pa, *b = *(const char *const *)pb;
	int d = rank(a) - rank(b);

	return d ? d : strcmp(a, b);
}

static void write_value(const json_t *j, unsigned int level, bool in_list, struct eb_buf *out);

static void write_scalar(const json_t *j, unsigned int level, struct eb_buf *out)
{
	const char *text = json_string_value(j);

	if (text && can_be_block(text)) {
		write_block(text, level, out);
		return;
	}
	if (text) {
		write_text(text, out);
	} else {
		autofree char *other = eb_json_canonical(j, NULL);

		eb_buf_adds(out, other);
	}
	eb_buf_addc(out, '\n');
}

static void write_map(const json_t *j, unsigned int level, bool in_list, struct eb_buf *out)
{
	size_t n = json_object_size(j), i = 0;
	autofree const char **keys = eb_xcalloc(n, sizeof(*keys));
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)j, key, v)
	{
		keys[i++] = key;
	}
	qsort(keys, n, sizeof(*keys), by_key);
	for (i = 0; i < n; i++) {
		/* The first key stands behind the "- " of its item. */
		if (i > 0 || !in_list)
			indent(level, out);
		write_text(keys[i], out);
		eb_buf_addc(out, ':');
		write_value(json_object_get(j, keys[i]), level, false, out);
	}
}

static void write_list(const json_t *j, unsigned int level, struct eb_buf *out)
{
	json_t *v;
	size_t i;

	json_array_foreach(j, i, v)
	{
		indent(level, out);
		eb_buf_addc(out, '-');
		write_value(v, level, true, out);
	}
}

/* What follows "key:" or "-", line end included. level: of the key or the "-". */
static void write_value(const json_t *j, unsigned int level, bool in_list, struct eb_buf *out)
{
	size_t n = json_is_object(j) ? json_object_size(j) : json_array_size(j);

	if (!json_is_object(j) && !json_is_array(j)) {
		eb_buf_addc(out, ' ');
		write_scalar(j, level + 1, out);
	} else if (n == 0) {
		eb_buf_adds(out, json_is_object(j) ? " {}\n" : " []\n");
	} else if (json_is_object(j) && in_list) {
		eb_buf_addc(out, ' ');
		write_map(j, level + 1, true, out);
	} else {
		eb_buf_addc(out, '\n');
		if (json_is_object(j))
			write_map(j, level + 1, false, out);
		else
			/* A list below a key needs no indent of its own; one in a list does. */
			write_list(j, in_list ? level + 1 : level, out);
	}
}

void rnd_yaml_write(const json_t *j, struct eb_buf *out)
{
	if (json_is_object(j) && json_object_size(j))
		write_map(j, 0, false, out);
	else if (json_is_array(j) && json_array_size(j))
		write_list(j, 0, out);
	else if (json_is_object(j) || json_is_array(j))
		eb_buf_adds(out, json_is_object(j) ? "{}\n" : "[]\n");
	else
		write_scalar(j, 1, out);
}
