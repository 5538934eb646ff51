/* The stored form of a package's index. Lines, tab-separated; bytes below 0x20, 0x7f and "%" are
 * written %XX, so that a line is a line:
 *
 *   ess-deb-index 1
 *   scripts <names>
 *   control <text>
 *   md5sums <text>           left out when the package has none
 *   conffiles <text>         left out when the package has none
 *   entries <count>
 *   <type> <mode> <uid> <gid> <mtime> <size> <path> <link> { <xattr name> <xattr value> }*
 *   end
 *
 * Parsing copies the text once and turns it into the strings in place: this is on the way of every
 * build, also of those that have nothing to do. */
#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "pkg/cache.h"
#include "pkg/control.h"
#include "pkg/deb_internal.h"

/* The whole file: twice the 'index_bytes' of a package, for what has to be escaped. */
#define MAX_INDEX_BYTES ((size_t)96 * 1024 * 1024)
/* Of one entry; file systems hold 64 KiB of them at most. */
enum { MAX_XATTRS = 64 };

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

void pkg_deb_index_write(const struct pkg_deb_index *x, struct eb_buf *out)
{
	eb_buf_adds(out, "ess-deb-index 1\n");
	add_line(out, "scripts", x->scripts);
	add_line(out, "control", x->control);
	add_line(out, "md5sums", x->md5sums);
	add_line(out, "conffiles", x->conffiles);
	eb_buf_addf(out, "entries\t%zu\n", x->n_entries);
	for (size_t i = 0; i < x->n_entries; i++) {
		const struct pkg_deb_entry *e = &x->entries[i];

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
	if (!take_number(c, '\t', 10, INT64_MAX, &v))
		return false;
	*ret = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

/* The last field of the line: it ends at the tab when xattrs follow, else at the newline. */
static char *take_link(struct cursor *c, bool *ret_more)
{
	char *s = take_text(c, '\t');

	*ret_more = s != NULL;
	return s ? s : take_text(c, '\n');
}

static bool take_xattrs(struct cursor *c, struct pkg_deb_index *x, struct pkg_deb_entry *e)
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

static bool take_entry(struct cursor *c, struct pkg_deb_index *x, struct pkg_deb_entry *e)
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

static bool parse_head(struct cursor *c, struct pkg_deb_index *x, uint64_t *ret_entries)
{
	struct eb_span number;
	const char *count = NULL;
	size_t n;
	char *magic = take(c, '\n', &n);

	c->line++;
	if (!magic || strcmp(magic, "ess-deb-index 1") != 0)
		return false;
	if (!take_named(c, "scripts", &x->scripts) || !take_named(c, "control", &x->control) ||
	    !take_named(c, "md5sums", &x->md5sums) || !take_named(c, "conffiles", &x->conffiles) ||
	    !take_named(c, "entries", &count))
		return false;
	if (!x->scripts || !x->control || !count)
		return false;
	number = eb_span_str(count);
	return eb_parse_u64(number, pkg_deb_default_limits.entries, ret_entries, NULL) >= 0;
}

static bool parse(struct cursor *c, struct pkg_deb_index *x)
{
	/* Each entry takes this many bytes at least, so a false count cannot take memory. */
	enum { SHORTEST_ENTRY = 14 };
	uint64_t n;
	size_t len;
	char *last;

	if (!parse_head(c, x, &n) || n > (uint64_t)(c->end - c->p) / SHORTEST_ENTRY)
		return false;
	x->entries = eb_xcalloc((size_t)n, sizeof(*x->entries));
	for (; x->n_entries < n; x->n_entries++)
		if (!take_entry(c, x, &x->entries[x->n_entries]))
			return false;
	last = take(c, '\n', &len);
	return last && strcmp(last, "end") == 0 && c->p == c->end;
}

int pkg_deb_index_parse(const char *text, size_t n, struct pkg_deb_index **ret,
			struct eb_error **err)
{
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = eb_xcalloc(1, sizeof(*x));
	struct cursor c = { 0 };
	int r;

	x->arena = eb_arena_new();
	if (n > MAX_INDEX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "package index: %zu bytes, at most %zu", n,
				MAX_INDEX_BYTES);
	c.p = eb_arena_alloc(x->arena, n + 1);
	if (n)
		memcpy(c.p, text, n);
	c.end = c.p + n;
	if (!parse(&c, x))
		return eb_throw(err, EB_E_FORMAT, "package index: line %zu is malformed", c.line);
	r = pkg_control_check(eb_span_str(x->control), err);
	if (r < 0)
		return eb_prefix(err, r, "package index");
	*ret = EB_TAKE_PTR(x);
	return 0;
}

/* ---- the cache ---- */

int pkg_deb_index_cached(const struct pkg_cache *c, const char *sha256, uint64_t size,
			 const char *what, struct pkg_deb_index **ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL;
	struct eb_reader *in = NULL;
	EB_AUTOBUF(text, MAX_INDEX_BYTES);
	int r;

	r = pkg_cache_derived_get(c, PKG_DEB_INDEX_KIND, sha256, &text, NULL);
	if (r >= 0 && pkg_deb_index_parse(eb_buf_str(&text), text.len, ret, NULL) >= 0)
		return 0;
	r = pkg_cache_read(c, sha256, size, what, &in, err);
	if (r >= 0)
		r = pkg_deb_index_read(in, what, &pkg_deb_default_limits, &x, err);
	if (r < 0)
		return r;
	eb_buf_clear(&text);
	pkg_deb_index_write(x, &text);
	/* Only saves time: a cache that cannot be written to must not stop the build. */
	if (!text.overflow)
		eb_ignore(pkg_cache_derived_put(c, PKG_DEB_INDEX_KIND, sha256, text.data, text.len,
						NULL));
	*ret = EB_TAKE_PTR(x);
	return 0;
}
