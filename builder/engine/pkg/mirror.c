#include "pkg/mirror.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"

enum {
	MAX_FILE_BYTES = 1024 * 1024, /* of apt's configuration; real files have a few kilobytes */
	MAX_FILES = 1000,
	MAX_URLS = 1000,
	MAX_URL_BYTES = 2000,
	STAMP_LEN = sizeof("20250520T000000Z") - 1
};

#define SNAPSHOT "https://snapshot.debian.org/archive"

struct loader {
	struct pkg_mirrors *m;
	size_t alloc;
	const char *file; /* being read, for messages */
};

static bool has_scheme(struct eb_span url, const char *scheme)
{
	size_t n = strlen(scheme);

	return url.len > n && strncasecmp(url.ptr, scheme, n) == 0;
}

static bool is_web(struct eb_span url)
{
	return has_scheme(url, "http://") || has_scheme(url, "https://");
}

static bool is_supported(struct eb_span url)
{
	return is_web(url) || has_scheme(url, "file:/") || has_scheme(url, "copy:/");
}

static int add_url(struct loader *l, struct eb_span url, struct eb_error **err)
{
	struct pkg_mirrors *m = l->m;
	int r;

	while (url.len && url.ptr[url.len - 1] == '/')
		url.len--;
	if (url.len > MAX_URL_BYTES)
		return eb_throw(err, EB_E_LIMIT, "%s: URL longer than %d bytes", l->file,
				MAX_URL_BYTES);
	for (size_t i = 0; i < m->n; i++)
		if (eb_span_eq(url, m->urls[i]))
			return 0;
	r = eb_grow(&m->urls, &l->alloc, m->n + 1, sizeof(*m->urls), MAX_URLS, "mirror URLs", err);
	if (r < 0)
		return eb_prefix(err, r, "%s", l->file);
	m->urls[m->n++] = eb_arena_strndup(m->arena, url.ptr, url.len);
	return 0;
}

static int add_found(struct loader *l, struct eb_span url, struct eb_error **err)
{
	return is_supported(url) ? add_url(l, url, err) : 0;
}

/* deb [ option=value ... ] URI suite [component ...]   (sources.list(5)) */
static int parse_line(struct loader *l, struct eb_span line, struct eb_error **err)
{
	const char *hash = memchr(line.ptr, '#', line.len);
	struct eb_span word;

	if (hash)
		line.len = (size_t)(hash - line.ptr);
	if (!eb_span_word(&line, &word) || !eb_span_eq(word, "deb"))
		return 0;
	line = eb_span_trim(line);
	if (line.len && line.ptr[0] == '[') {
		const char *end = memchr(line.ptr, ']', line.len);

		if (!end)
			return 0;
		line.len -= (size_t)(end + 1 - line.ptr);
		line.ptr = end + 1;
	}
	return eb_span_word(&line, &word) ? add_found(l, word, err) : 0;
}

static int parse_list(struct loader *l, struct eb_span text, struct eb_error **err)
{
	struct eb_span line;
	int r = 0;

	while (r >= 0 && eb_span_next(&text, '\n', &line))
		r = parse_line(l, line, err);
	return r;
}

/* What one deb822 stanza says, as far as it matters here. */
struct stanza {
	bool has_deb, disabled, continues_uris, continues_types;
	struct eb_span uris[64]; /* the value's lines */
	size_t n_uris;
};

static bool has_word(struct eb_span text, const char *word)
{
	struct eb_span w;

	while (eb_span_word(&text, &w))
		if (eb_span_eq(w, word))
			return true;
	return false;
}

static bool field_is(struct eb_span name, const char *want)
{
	return name.len == strlen(want) && strncasecmp(name.ptr, want, name.len) == 0;
}

static bool says_no(struct eb_span value)
{
	static const char *const no[] = { "no", "false", "without", "off", "disable", "0" };

	for (size_t i = 0; i < EB_ARRAY_LEN(no); i++)
		if (field_is(value, no[i]))
			return true;
	return false;
}

static int stanza_uris(const struct loader *l, struct stanza *s, struct eb_span value,
		       struct eb_error **err)
{
	if (s->n_uris == EB_ARRAY_LEN(s->uris))
		return eb_throw(err, EB_E_LIMIT, "%s: URIs field of more than %zu lines", l->file,
				EB_ARRAY_LEN(s->uris));
	s->uris[s->n_uris++] = value;
	return 0;
}

static int stanza_line(const struct loader *l, struct stanza *s, struct eb_span line,
		       struct eb_error **err)
{
	const char *colon;
	struct eb_span name, value;

	if (line.ptr[0] == ' ' || line.ptr[0] == '\t') {
		if (s->continues_types && has_word(line, "deb"))
			s->has_deb = true;
		return s->continues_uris ? stanza_uris(l, s, line, err) : 0;
	}
	s->continues_types = s->continues_uris = false;
	colon = memchr(line.ptr, ':', line.len);
	if (!colon)
		return 0;
	name = eb_span_trim((struct eb_span){ line.ptr, (size_t)(colon - line.ptr) });
	value = (struct eb_span){ colon + 1, line.len - (size_t)(colon + 1 - line.ptr) };
	if (field_is(name, "Types")) {
		s->continues_types = true;
		if (has_word(value, "deb"))
			s->has_deb = true;
	} else if (field_is(name, "Enabled")) {
		s->disabled = says_no(eb_span_trim(value));
	} else if (field_is(name, "URIs")) {
		s->continues_uris = true;
		return stanza_uris(l, s, value, err);
	}
	return 0;
}

static int stanza_end(struct loader *l, struct stanza *s, struct eb_error **err)
{
	struct eb_span word;
	int r;

	for (size_t i = 0; i < s->n_uris && s->has_deb && !s->disabled; i++)
		while (eb_span_word(&s->uris[i], &word)) {
			r = add_found(l, word, err);
			if (r < 0)
				return r;
		}
	*s = (struct stanza){ 0 };
	return 0;
}

/* Stanzas of "Field: value" with continuation lines, separated by empty lines; a line that starts
 * with # is a comment wherever it stands (deb822(5)). */
static int parse_deb822(struct loader *l, struct eb_span text, struct eb_error **err)
{
	struct stanza s = { 0 };
	struct eb_span line;
	int r = 0;

	while (r >= 0 && eb_span_next(&text, '\n', &line)) {
		if (line.len && line.ptr[0] == '#')
			continue;
		r = eb_span_trim(line).len ? stanza_line(l, &s, line, err) : stanza_end(l, &s, err);
	}
	return r < 0 ? r : stanza_end(l, &s, err);
}

static int load_file(struct loader *l, const struct eb_dir *d, const char *rel, bool deb822,
		     struct eb_error **err)
{
	autoerror struct eb_error *why = NULL;
	autofree char *path = eb_xasprintf("%s/%s", d->path, rel);
	EB_AUTOBUF(b, MAX_FILE_BYTES);
	struct eb_span text;
	int r = eb_dir_read(d, rel, &b, &why);

	if (r == -EB_E_LIMIT)
		return eb_error_forward(err, EB_TAKE_PTR(why));
	if (r < 0) {
		eb_log(EB_LOG_DEBUG, "apt configuration passed over: %s", why->message);
		return 0;
	}
	text = (struct eb_span){ eb_buf_str(&b), b.len };
	l->file = path;
	r = deb822 ? parse_deb822(l, text, err) : parse_list(l, text, err);
	l->file = NULL;
	return r;
}

/* Names that apt reads: letters, digits, hyphen, underscore and dot, one of two endings. */
static bool is_apt_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') &&
		    !(*p >= '0' && *p <= '9') && !strchr("-_.", *p))
			return false;
	return name[0] != '.' && (eb_span_ends(eb_span_str(name), ".list") ||
				  eb_span_ends(eb_span_str(name), ".sources"));
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int load_parts(struct loader *l, const struct eb_dir *apt, struct eb_error **err)
{
	autofree const char **names = NULL;
	size_t n = 0, alloc = 0;
	EB_AUTODIR(parts);
	struct dirent *entry;
	DIR *dir;
	int fd, r = 0;

	if (eb_dir_sub(apt, "sources.list.d", false, 0, &parts, NULL) < 0)
		return 0;
	fd = fcntl(parts.fd, F_DUPFD_CLOEXEC, 3);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return eb_throw_errno(err, "read directory '%s'", parts.path);
	}
	while (r >= 0 && (entry = readdir(dir))) {
		if (!is_apt_name(entry->d_name))
			continue;
		r = eb_grow(&names, &alloc, n + 1, sizeof(*names), MAX_FILES, "files", err);
		if (r >= 0)
			names[n++] = eb_arena_strdup(l->m->arena, entry->d_name);
	}
	closedir(dir);
	if (r < 0)
		return eb_prefix(err, r, "'%s'", parts.path);
	if (n)
		qsort(names, n, sizeof(*names), by_bytes);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = load_file(l, &parts, names[i], eb_span_ends(eb_span_str(names[i]), ".sources"),
			      err);
	return r;
}

static int load_user(struct loader *l, const char *const *mirrors, struct eb_error **err)
{
	int r;

	l->file = "--mirror";
	for (; mirrors && *mirrors; mirrors++) {
		if (!is_supported(eb_span_str(*mirrors))) {
			r = eb_throw(err, EB_E_USAGE,
				     "mirror '%s': expected a URL that starts with http://, "
				     "https:// or file:/",
				     *mirrors);
			return eb_hint(err, r, "for a directory DIR on this machine: file:///DIR");
		}
		r = add_url(l, eb_span_str(*mirrors), err);
		if (r < 0)
			return r;
	}
	l->m->n_user = l->m->n;
	return 0;
}

int pkg_mirrors_load(const struct pkg_mirror_options *o, struct pkg_mirrors **ret,
		     struct eb_error **err)
{
	EB_CLEANUP(pkg_mirrors_free_p) struct pkg_mirrors *m = eb_xcalloc(1, sizeof(*m));
	const char *apt_dir = o->apt_dir ? o->apt_dir : "/etc/apt";
	struct loader l = { .m = m };
	EB_AUTODIR(apt);
	int r;

	m->arena = eb_arena_new();
	m->no_snapshot = o->no_snapshot;
	r = load_user(&l, o->mirrors, err);
	if (r < 0)
		return r;
	if (eb_dir_open(apt_dir, false, &apt, NULL) >= 0) {
		r = load_file(&l, &apt, "sources.list", false, err);
		if (r >= 0)
			r = load_parts(&l, &apt, err);
		if (r < 0)
			return r;
	}
	*ret = EB_TAKE_PTR(m);
	return 0;
}

struct pkg_mirrors *pkg_mirrors_free(struct pkg_mirrors *m)
{
	if (m) {
		eb_arena_free(m->arena);
		free(m->urls);
		free(m);
	}
	return NULL;
}

/* ---- URLs of one file ---- */

static void add_encoded(struct eb_buf *b, const char *path)
{
	static const char keep[] = "/-._~+:@!$&'()*,;=";

	for (const char *p = path; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr(keep, c))
			eb_buf_addc(b, (char)c);
		else
			eb_buf_addf(b, "%%%02X", c);
	}
}

static char *join(const char *base, const char *below, const char *rel)
{
	EB_AUTOBUF(b, 64 * 1024);
	bool encode = is_web(eb_span_str(base));
	const char *const parts[] = { below, rel };

	eb_buf_adds(&b, base);
	for (size_t i = 0; i < EB_ARRAY_LEN(parts); i++) {
		if (!parts[i])
			continue;
		eb_buf_addc(&b, '/');
		if (encode)
			add_encoded(&b, parts[i]);
		else
			eb_buf_adds(&b, parts[i]);
	}
	return eb_buf_take(&b);
}

/* The last element of a URL's path; empty when it has none. */
static struct eb_span last_element(struct eb_span url)
{
	const char *colon = memchr(url.ptr, ':', url.len);
	size_t start = colon ? (size_t)(colon - url.ptr) + 1 : 0, end = url.len;

	if (is_web(url)) {
		const char *slash = memchr(url.ptr + start + 2, '/', url.len - start - 2);

		start = slash ? (size_t)(slash - url.ptr) : url.len;
	}
	while (end > start && url.ptr[end - 1] != '/')
		end--;
	return (struct eb_span){ url.ptr + end, url.len - end };
}

static bool is_stamp(struct eb_span s)
{
	if (s.len != STAMP_LEN || s.ptr[8] != 'T' || s.ptr[STAMP_LEN - 1] != 'Z')
		return false;
	for (size_t i = 0; i < STAMP_LEN - 1; i++)
		if (i != 8 && (s.ptr[i] < '0' || s.ptr[i] > '9'))
			return false;
	return true;
}

/* A snapshot service's URLs end in the archive and a time. */
static bool serves(const char *url, const char *archive)
{
	struct eb_span whole = eb_span_str(url), last = last_element(whole);

	if (is_stamp(last)) {
		whole.len -= last.len + 1;
		last = last_element(whole);
	}
	return eb_span_eq(last, archive);
}

static char *snapshot_url(const char *archive, const char *rel, int64_t locked_sec)
{
	time_t t = (time_t)locked_sec;
	autofree char *below = NULL;
	struct tm tm;
	char stamp[32];

	if (!gmtime_r(&t, &tm) || strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm) == 0)
		return NULL;
	below = eb_xasprintf("%s/%s", archive, stamp);
	return join(SNAPSHOT, below, rel);
}

char **pkg_mirrors_urls(const struct pkg_mirrors *m, const char *archive, const char *rel,
			int64_t locked_sec)
{
	size_t n_mirrors = m ? m->n : 0, n = 0;
	char **urls = eb_xcalloc(n_mirrors + 2, sizeof(*urls));

	for (size_t i = 0; i < n_mirrors; i++) {
		if (serves(m->urls[i], archive))
			urls[n++] = join(m->urls[i], NULL, rel);
		else if (i < m->n_user)
			urls[n++] = join(m->urls[i], archive, rel);
	}
	if (locked_sec > 0 && !(m && m->no_snapshot)) {
		urls[n] = snapshot_url(archive, rel, locked_sec);
		n += urls[n] ? 1 : 0;
	}
	return urls;
}

void pkg_mirrors_urls_free(char **urls)
{
	for (char **p = urls; p && *p; p++)
		free(*p);
	free(urls);
}
