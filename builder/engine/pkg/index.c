/* The stored form of an index. Lines, tab-separated; bytes below 0x20, 0x7f and "%" are written
 * %XX, so that a line is a line:
 *
 *   ess-deb-index 1          the magic of the kind
 *   <name> <text>            each text of the kind that there is
 *   entries <count>
 *   <type> <mode> <uid> <gid> <mtime> <size> <path> <link> { <xattr name> <xattr value> }*
 *   end
 *
 * Parsing copies the text once and turns it into the strings in place: this is on the way of every
 * build, also of those that have nothing to do. */
#include "pkg/index.h"

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"

/* Of one entry; file systems hold 64 KiB of them at most. */
enum { MAX_XATTRS = 64 };

/* ---- in memory ---- */

void *pkg_index_new(size_t size)
{
	struct pkg_index *x = eb_xcalloc(1, size);

	x->arena = eb_arena_new();
	return x;
}

struct pkg_index *pkg_index_free(struct pkg_index *x)
{
	if (!x)
		return NULL;
	free(x->entries);
	eb_arena_free(x->arena);
	free(x);
	return NULL;
}

static const struct oci_xattr *copy_xattrs(struct eb_arena *a, const struct oci_xattr *x, size_t n)
{
	struct oci_xattr *copy = n ? eb_arena_alloc(a, n * sizeof(*copy)) : NULL;

	for (size_t i = 0; i < n; i++) {
		void *value = eb_arena_alloc(a, x[i].size + 1);

		if (x[i].size)
			memcpy(value, x[i].value, x[i].size);
		copy[i] = (struct oci_xattr){ eb_arena_strdup(a, x[i].name), value, x[i].size };
	}
	return copy;
}

int pkg_index_add(struct pkg_index *x, const struct oci_tar_entry *m, uint64_t max_entries,
		  size_t max_bytes, struct eb_error **err)
{
	struct pkg_entry *e;
	int r;

	if (!strchr("0125", m->type))
		return eb_hint(err,
			       eb_throw(err, EB_E_UNSUPPORTED,
					"'%s': member of type '%c', expected a file, directory or "
					"link",
					m->path, m->type),
			       "leave it out: images hold files, directories and links");
	if (m->n_xattrs > MAX_XATTRS)
		return eb_throw(err, EB_E_LIMIT,
				"'%s': %zu extended attributes, at most %d (limit 'attributes')",
				m->path, m->n_xattrs, MAX_XATTRS);
	r = eb_grow(&x->entries, &x->alloc_entries, x->n_entries + 1, sizeof(*x->entries),
		    (size_t)max_entries, "members", err);
	if (r < 0)
		return r;
	e = &x->entries[x->n_entries++];
	*e = (struct pkg_entry){ .path = eb_arena_strdup(x->arena, m->path),
				 .type = m->type,
				 .mode = m->mode & 07777,
				 .uid = m->uid,
				 .gid = m->gid,
				 .mtime_sec = m->mtime_sec,
				 .size = m->type == '0' ? m->size : 0,
				 .xattrs = copy_xattrs(x->arena, m->xattrs, m->n_xattrs),
				 .n_xattrs = m->n_xattrs };
	if (m->type == '1' || m->type == '2')
		e->link = eb_arena_strdup(x->arena, m->link);
	if (eb_arena_used(x->arena) > max_bytes) {
		autofree char *shown = eb_printable(m->path, 200);

		return eb_throw(err, EB_E_LIMIT,
				"'%s': with it the list of members takes more than %zu bytes "
				"(limit 'index_bytes')",
				shown, max_bytes);
	}
	return 0;
}

/* ---- writing ---- */

static void add_escaped(struct eb_buf *b, const void *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = p;
	size_t from = 0;

	for (size_t i = 0; i < n; i++) {
		char out[3] = { '%', hex[s[i] >> 4], hex[s[i] & 15] };

		if (s[i] >= 0x20 && s[i] != 0x7f && s[i] != '%')
			continue;
		eb_buf_add(b, s + from, i - from);
		eb_buf_add(b, out, sizeof(out));
		from = i + 1;
	}
	eb_buf_add(b, s + from, n - from);
}

static void add_line(struct eb_buf *b, const char *name, const char *text)
{
	if (!text)
		return;
	eb_buf_addf(b, "%s\t", name);
	add_escaped(b, text, strlen(text));
	eb_buf_addc(b, '\n');
}

static const char **text_of(const struct pkg_index *x, const struct pkg_index_text *t)
{
	return (const char **)((uintptr_t)x + t->offset);
}

void pkg_index_write(const struct pkg_index_format *f, const struct pkg_index *x,
		     struct eb_buf *out)
{
	eb_buf_addf(out, "%s\n", f->magic);
	for (size_t i = 0; i < f->n_texts; i++)
		add_line(out, f->texts[i].name, *text_of(x, &f->texts[i]));
	eb_buf_addf(out, "entries\t%zu\n", x->n_entries);
	for (size_t i = 0; i < x->n_entries; i++) {
		const struct pkg_entry *e = &x->entries[i];

		eb_buf_addf(out, "%c\t%o\t%u\t%u\t%lld\t%llu\t", e->type, (unsigned int)e->mode,
			    (unsigned int)e->uid, (unsigned int)e->gid, (long long)e->mtime_sec,
			    (unsigned long long)e->size);
		add_escaped(out, e->path, strlen(e->path));
		eb_buf_addc(out, '\t');
		if (e->link)
			add_escaped(out, e->link, strlen(e->link));
		for (size_t k = 0; k < e->n_xattrs; k++) {
			eb_buf_addc(out, '\t');
			add_escaped(out, e->xattrs[k].name, strlen(e->xattrs[k].name));
			eb_buf_addc(out, '\t');
			add_escaped(out, e->xattrs[k].value, e->xattrs[k].size);
		}
		eb_buf_addc(out, '\n');
	}
	eb_buf_adds(out, "end\n");
}

/* ---- parsing ---- */

/* The text that is being turned into strings. */
struct cursor {
	char *p, *end;
	size_t line;
};

/* Take the field up to `stop`, which becomes its NUL; NULL if there is none on this line. */
static char *take(struct cursor *c, char stop, size_t *ret_len)
{
	char *start = c->p, *at = start;

	while (at < c->end && *at != stop && *at != '\n')
		at++;
	if (at == c->end || *at != stop)
		return NULL;
	*at = '\0';
	*ret_len = (size_t)(at - start);
	c->p = at + 1;
	return start;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; false when a % is not followed by two digits. */
static bool unescape(char *s, size_t *len)
{
	char *from = memchr(s, '%', *len), *to = from, *end = s + *len;
	int high, low;

	if (!from)
		return true;
	while (from < end) {
		if (*from != '%') {
			*to++ = *from++;
			continue;
		}
		high = end - from >= 3 ? hex_digit(from[1]) : -1;
		low = high >= 0 ? hex_digit(from[2]) : -1;
		if (low < 0)
			return false;
		*to++ = (char)(high << 4 | low);
		from += 3;
	}
	*to = '\0';
	*len = (size_t)(to - s);
	return true;
}

/* A field that is text: unescaped, without NUL. After a bad one nothing more can be taken. */
static char *take_text(struct cursor *c, char stop)
{
	size_t n;
	char *s = take(c, stop, &n);

	if (s && unescape(s, &n) && strlen(s) == n)
		return s;
	if (s)
		c->p = c->end;
	return NULL;
}

static bool take_number(struct cursor *c, char stop, unsigned int base, uint64_t max, uint64_t *ret)
{
	struct eb_span s = { NULL, 0 };

	s.ptr = take(c, stop, &s.len);
	return s.ptr && (base == 8 ? eb_parse_octal(s, max, ret, NULL)
				   : eb_parse_u64(s, max, ret, NULL)) >= 0;
}

static bool take_time(struct cursor *c, int64_t *ret)
{
	bool negative = c->p < c->end && *c->p == '-';
	uint64_t v;

	if (negative)
		c->p++;
	if (!take_number(c, '\t', 10, negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &v))
		return false;
	/* Archives have every number there is, the smallest one too. */
	*ret = !negative ? (int64_t)v : v > INT64_MAX ? INT64_MIN : -(int64_t)v;
	return true;
}

/* The last field of the line: it ends at the tab when xattrs follow, else at the newline. */
static char *take_link(struct cursor *c, bool *ret_more)
{
	char *s = take_text(c, '\t');

	*ret_more = s != NULL;
	return s ? s : take_text(c, '\n');
}

static bool take_xattrs(struct cursor *c, struct pkg_index *x, struct pkg_entry *e)
{
	struct oci_xattr list[MAX_XATTRS], *copy;
	bool more = true;
	size_t n = 0;

	while (more) {
		if (n == MAX_XATTRS)
			return false;
		list[n].name = take_text(c, '\t');
		list[n].value = list[n].name ? take(c, '\t', &list[n].size) : NULL;
		more = list[n].value != NULL;
		if (!more)
			list[n].value = take(c, '\n', &list[n].size);
		if (!list[n].name || !list[n].name[0] || !list[n].value)
			return false;
		if (!unescape((char *)(uintptr_t)list[n].value, &list[n].size))
			return false;
		n++;
	}
	copy = eb_arena_alloc(x->arena, n * sizeof(*copy));
	memcpy(copy, list, n * sizeof(*copy));
	e->xattrs = copy;
	e->n_xattrs = n;
	return true;
}

static bool take_entry(struct cursor *c, struct pkg_index *x, struct pkg_entry *e)
{
	uint64_t mode, uid, gid;
	size_t n = 0;
	char *type = take(c, '\t', &n), *path, *link;
	bool more;

	if (!type || n != 1 || !strchr("0125", type[0]))
		return false;
	if (!take_number(c, '\t', 8, 07777, &mode) || !take_number(c, '\t', 10, UINT32_MAX, &uid) ||
	    !take_number(c, '\t', 10, UINT32_MAX, &gid) || !take_time(c, &e->mtime_sec) ||
	    !take_number(c, '\t', 10, INT64_MAX, &e->size))
		return false;
	path = take_text(c, '\t');
	link = path ? take_link(c, &more) : NULL;
	if (!link || (path[0] && !eb_path_is_clean(path)) || (!path[0] && type[0] != '5'))
		return false;
	if ((link[0] != '\0') != (type[0] == '1' || type[0] == '2'))
		return false;
	e->type = type[0];
	e->mode = (uint32_t)mode;
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	e->path = path;
	e->link = link[0] ? link : NULL;
	c->line++;
	return more ? take_xattrs(c, x, e) : true;
}

/* A "name<TAB>text" line if it is the next one; true also when it is not. */
static bool take_named(struct cursor *c, const char *name, const char **ret)
{
	size_t n = strlen(name);

	if ((size_t)(c->end - c->p) <= n || memcmp(c->p, name, n) != 0 || c->p[n] != '\t')
		return true;
	c->p += n + 1;
	c->line++;
	*ret = take_text(c, '\n');
	return *ret != NULL;
}

static bool parse_head(struct cursor *c, const struct pkg_index_format *f, struct pkg_index *x,
		       uint64_t *ret_entries)
{
	const char *count = NULL;
	size_t n;
	char *magic = take(c, '\n', &n);

	c->line++;
	if (!magic || strcmp(magic, f->magic) != 0)
		return false;
	for (size_t i = 0; i < f->n_texts; i++) {
		const char **to = text_of(x, &f->texts[i]);

		if (!take_named(c, f->texts[i].name, to) || (f->texts[i].required && !*to))
			return false;
	}
	if (!take_named(c, "entries", &count) || !count)
		return false;
	return eb_parse_u64(eb_span_str(count), f->max_entries, ret_entries, NULL) >= 0;
}

static bool parse(struct cursor *c, const struct pkg_index_format *f, struct pkg_index *x)
{
	/* Each entry takes this many bytes at least, so a false count cannot take memory. */
	enum { SHORTEST_ENTRY = 14 };
	uint64_t n;
	size_t len;
	char *last;

	if (!parse_head(c, f, x, &n) || n > (uint64_t)(c->end - c->p) / SHORTEST_ENTRY)
		return false;
	x->entries = eb_xcalloc((size_t)n, sizeof(*x->entries));
	x->alloc_entries = (size_t)n;
	for (; x->n_entries < n; x->n_entries++)
		if (!take_entry(c, x, &x->entries[x->n_entries]))
			return false;
	last = take(c, '\n', &len);
	return last && strcmp(last, "end") == 0 && c->p == c->end;
}

int pkg_index_parse(const struct pkg_index_format *f, const char *text, size_t n,
		    struct pkg_index **ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	struct cursor c = { 0 };

	if (n > PKG_INDEX_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "stored index: %zu bytes, at most %d", n,
				PKG_INDEX_MAX_BYTES);
	x = pkg_index_new(f->size);
	c.p = eb_arena_alloc(x->arena, n + 1);
	if (n)
		memcpy(c.p, text, n);
	c.end = c.p + n;
	if (!parse(&c, f, x))
		return eb_throw(err, EB_E_FORMAT, "stored index: line %zu is malformed", c.line);
	*ret = EB_TAKE_PTR(x);
	return 0;
}
