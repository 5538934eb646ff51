#include "pkg/stanza.h"

#include <string.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"

enum { CHUNK = 64 * 1024 };

struct source {
	struct eb_reader *in;
	struct eb_buf buf;
	size_t at; /* start of the stanza in buf */
	bool ended;
	unsigned int line; /* of `at` */
	uint64_t total;
};

/* Where each field goes. keep: outlives the parse; the others are scratch. */
#define AT(member) offsetof(struct pkg_stanza, member)
static const struct field {
	const char *name;
	size_t offset;
	bool keep;
} fields[] = {
	{ "Package", AT(name), true },		 { "Version", AT(version), true },
	{ "Architecture", AT(arch), true },	 { "Filename", AT(path), true },
	{ "SHA256", AT(sha256), true },		 { "Source", AT(source), true },
	{ "Depends", AT(depends), false },	 { "Pre-Depends", AT(pre_depends), false },
	{ "Recommends", AT(recommends), false }, { "Conflicts", AT(conflicts), false },
	{ "Breaks", AT(breaks), false },	 { "Provides", AT(provides), false },
};

static bool all_of(const char *s, size_t n, const char *punctuation)
{
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c && strchr(punctuation, c))))
			return false;
	}
	return true;
}

bool pkg_name_is_valid(const char *s, size_t n)
{
	return n > 0 && n <= PKG_NAME_MAX && s[0] != '-' && s[0] != '.' && all_of(s, n, "+-._");
}

bool pkg_version_is_valid(const char *s, size_t n)
{
	return n > 0 && n <= PKG_NAME_MAX && all_of(s, n, "+-._:~");
}

char *pkg_text_show(const char *s, size_t n, size_t max)
{
	size_t len = n > max ? max : n;
	char *text = eb_xasprintf("%.*s%s", (int)len, s, n > max ? "..." : "");

	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return text;
}

/* Make the text up to the next empty line available: its length, 0 at the end. */
static int next_stanza(struct source *s, size_t *ret_len, struct eb_error **err)
{
	size_t scanned = 0;

	for (;;) {
		const char *p = s->buf.data ? s->buf.data + s->at : NULL;
		size_t have = s->buf.len - s->at;
		const char *end;
		char *room;
		ssize_t got;

		/* The last byte may be the first of the pair that ends the stanza. */
		end = have > scanned ? memmem(p + scanned, have - scanned, "\n\n", 2) : NULL;
		if (end || s->ended) {
			*ret_len = end ? (size_t)(end - p) + 1 : have;
			return 0;
		}
		scanned = have ? have - 1 : 0;
		if (have > PKG_STANZA_MAX_BYTES)
			return eb_throw(err, EB_E_LIMIT, "line %u: stanza is larger than %u bytes",
					s->line, (unsigned int)PKG_STANZA_MAX_BYTES);
		if (s->at > 0) {
			memmove(s->buf.data, p, have);
			s->buf.len = have;
			s->at = 0;
		}
		room = eb_buf_reserve(&s->buf, CHUNK);
		if (!room)
			return eb_buf_check(&s->buf, "stanza", err);
		got = eb_read(s->in, room, CHUNK, err);
		if (got < 0)
			return (int)got;
		s->ended = got == 0;
		s->buf.len += (size_t)got;
		s->total += (uint64_t)got;
		if (s->total > PKG_PACKAGES_MAX_BYTES)
			return eb_throw(err, EB_E_LIMIT, "text is larger than %u bytes",
					(unsigned int)PKG_PACKAGES_MAX_BYTES);
		if (memchr(room, '\0', (size_t)got))
			return eb_throw(err, EB_E_FORMAT, "NUL byte near line %u", s->line);
	}
}

static bool name_is(struct eb_span key, const char *name)
{
	return strlen(name) == key.len && strncasecmp(key.ptr, name, key.len) == 0;
}

static int parse_number(struct eb_span key, struct eb_span value, unsigned int line, uint64_t max,
			uint64_t *ret, struct eb_error **err)
{
	autofree char *shown = NULL;

	if (eb_parse_u64(value, max, ret, NULL) == 0)
		return 0;
	shown = pkg_text_show(value.ptr, value.len, 40);
	return eb_throw(err, EB_E_FORMAT, "line %u: %.*s: '%s' is not a number up to %llu", line,
			(int)key.len, key.ptr, shown, (unsigned long long)max);
}

static unsigned int priority_rank(struct eb_span v)
{
	static const char *const names[] = { "required", "important", "standard", "optional" };

	for (unsigned int i = 0; i < EB_ARRAY_LEN(names); i++)
		if (eb_span_eq(v, names[i]))
			return i;
	return EB_ARRAY_LEN(names);
}

static char *joined(struct eb_arena *a, struct eb_span v)
{
	char *s = eb_arena_strndup(a, v.ptr, v.len);

	for (char *p = s; (p = strchr(p, '\n'));)
		*p = ' ';
	return s;
}

/* A whole field: value reaches over its continuation lines. */
static int set_field(struct pkg_stanza *z, struct eb_span key, struct eb_span value,
		     unsigned int line, struct eb_arena *keep, struct eb_arena *scratch,
		     struct eb_error **err)
{
	uint64_t kib;

	value = eb_span_trim(value);
	if (name_is(key, "Size"))
		return parse_number(key, value, line, INT64_MAX, &z->size, err);
	if (name_is(key, "Installed-Size")) {
		int r = parse_number(key, value, line, INT64_MAX / 1024, &kib, err);

		if (r == 0)
			z->installed_bytes = kib * 1024;
		return r;
	}
	if (name_is(key, "Priority"))
		z->rank = priority_rank(value);
	else if (name_is(key, "Multi-Arch"))
		z->allowed = eb_span_eq(value, "allowed");
	for (size_t i = 0; i < EB_ARRAY_LEN(fields); i++) {
		const char **at = (const char **)(void *)((char *)z + fields[i].offset);

		if (!name_is(key, fields[i].name))
			continue;
		if (*at)
			return eb_throw(err, EB_E_FORMAT, "line %u: field %s appears twice", line,
					fields[i].name);
		if (value.len)
			*at = joined(fields[i].keep ? keep : scratch, value);
	}
	return 0;
}

/* Split one stanza into fields. */
static int parse_fields(struct eb_span text, unsigned int line, struct pkg_stanza *z,
			struct eb_arena *keep, struct eb_arena *scratch, struct eb_error **err)
{
	struct eb_span rest = text, at;
	struct eb_span key = { NULL, 0 }, value = { NULL, 0 };
	unsigned int field_line = line;
	int r;

	for (; eb_span_next(&rest, '\n', &at); line++) {
		const char *colon;

		if (at.len && (at.ptr[0] == ' ' || at.ptr[0] == '\t')) {
			if (!key.ptr)
				return eb_throw(err, EB_E_FORMAT,
						"line %u: continuation of nothing", line);
			value.len = (size_t)(at.ptr + at.len - value.ptr);
			continue;
		}
		if (key.ptr && (r = set_field(z, key, value, field_line, keep, scratch, err)) < 0)
			return r;
		colon = at.len ? memchr(at.ptr, ':', at.len) : NULL;
		if (!colon || colon == at.ptr)
			return eb_throw(err, EB_E_FORMAT, "line %u: expected 'Field: value'", line);
		key = (struct eb_span){ at.ptr, (size_t)(colon - at.ptr) };
		value = (struct eb_span){ colon + 1, at.len - key.len - 1 };
		field_line = line;
	}
	return key.ptr ? set_field(z, key, value, field_line, keep, scratch, err) : 0;
}

static int bad_value(const struct pkg_stanza *z, const char *value, const char *what,
		     struct eb_error **err)
{
	autofree char *shown = pkg_text_show(value, strlen(value), 200);

	return eb_throw(err, EB_E_FORMAT, "line %u: '%s' is not a %s", z->line, shown, what);
}

static int missing(const struct pkg_stanza *z, const char *field, struct eb_error **err)
{
	return eb_throw(err, EB_E_FORMAT, "line %u: package '%s' has no %s", z->line,
			z->name ? z->name : "?", field);
}

static int check_stanza(struct pkg_stanza *z, struct eb_arena *keep, struct eb_error **err)
{
	size_t n;

	if (!z->name)
		return missing(z, "Package", err);
	if (!pkg_name_is_valid(z->name, strlen(z->name)))
		return bad_value(z, z->name, "package name", err);
	if (!z->version)
		return missing(z, "Version", err);
	if (!pkg_version_is_valid(z->version, strlen(z->version)))
		return bad_value(z, z->version, "version", err);
	if (!z->arch)
		return missing(z, "Architecture", err);
	if (!z->path)
		return missing(z, "Filename", err);
	if (!eb_path_is_clean(z->path))
		return bad_value(z, z->path, "clean path for Filename", err);
	if (!z->sha256)
		return missing(z, "SHA256", err);
	if (strlen(z->sha256) != EB_SHA256_HEX || !eb_is_hex(z->sha256, EB_SHA256_HEX))
		return eb_throw(err, EB_E_FORMAT, "line %u: SHA256 is not 64 hex digits", z->line);
	if (!z->size)
		return missing(z, "Size", err);
	/* "Source: name (version)" when the versions differ. */
	n = z->source ? strcspn(z->source, " (") : 0;
	if (n == 0)
		z->source = z->name;
	else if (!pkg_name_is_valid(z->source, n))
		return bad_value(z, z->source, "source name", err);
	else
		z->source = eb_arena_strndup(keep, z->source, n);
	return 0;
}

static int by_name(const void *ap, const void *bp)
{
	const struct pkg_stanza *a = ap, *b = bp;
	int c = strcmp(a->name, b->name);

	if (!c)
		c = strcmp(a->version, b->version);
	if (!c)
		c = strcmp(a->arch, b->arch);
	return c ? c : strcmp(a->path, b->path);
}

struct stanzas {
	struct pkg_stanza *v;
	size_t n, alloc;
};

static int add_stanza(struct stanzas *z, struct eb_span text, unsigned int line, const char *arch,
		      struct eb_arena *keep, struct eb_arena *scratch, struct eb_error **err)
{
	struct pkg_stanza *at;
	int r;

	r = eb_grow(&z->v, &z->alloc, z->n + 1, sizeof(*z->v), PKG_STANZA_MAX_COUNT, "stanzas",
		    err);
	if (r < 0)
		return r;
	at = &z->v[z->n];
	*at = (struct pkg_stanza){ .line = line, .rank = 4 };
	r = parse_fields(text, line, at, keep, scratch, err);
	if (r == 0)
		r = check_stanza(at, keep, err);
	if (r < 0)
		return r;
	if (strcmp(at->arch, "all") == 0 || strcmp(at->arch, arch) == 0)
		z->n++;
	return 0;
}

static int read_stanzas(struct source *s, struct stanzas *z, const char *arch,
			struct eb_arena *keep, struct eb_arena *scratch, struct eb_error **err)
{
	for (;;) {
		struct eb_span text;
		size_t len = 0;
		int r = next_stanza(s, &len, err);

		if (r < 0)
			return r;
		if (len == 0)
			return 0;
		text = (struct eb_span){ s->buf.data + s->at, len };
		if (text.ptr[0] == '\n') { /* more than one empty line */
			s->at++;
			s->line++;
			continue;
		}
		r = add_stanza(z, text, s->line, arch, keep, scratch, err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < len; i++)
			s->line += text.ptr[i] == '\n';
		s->at += len;
	}
}

int pkg_stanzas_read(struct eb_reader *in, const char *arch, struct eb_arena *keep,
		     struct eb_arena *scratch, struct pkg_stanza **ret, size_t *ret_n,
		     struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *own = in;
	struct source s = { .in = own, .line = 1 };
	struct stanzas z = { 0 };
	int r;

	eb_buf_init(&s.buf, (size_t)PKG_STANZA_MAX_BYTES + (size_t)2 * CHUNK);
	r = read_stanzas(&s, &z, arch, keep, scratch, err);
	eb_buf_release(&s.buf);
	if (r == 0 && z.n) {
		qsort(z.v, z.n, sizeof(*z.v), by_name);
		*ret = eb_arena_alloc(scratch, z.n * sizeof(*z.v));
		memcpy(*ret, z.v, z.n * sizeof(*z.v));
	} else if (r == 0) {
		*ret = NULL;
	}
	if (r == 0)
		*ret_n = z.n;
	free(z.v);
	return r;
}
