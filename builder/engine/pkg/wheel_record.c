#include "pkg/wheel_record.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

enum { MAX_ROWS = 100000, MAX_FIELD = 4096 };

struct parser {
	struct eb_arena *arena;
	const char *at, *end;
	size_t line;
};

static int throw_at(const struct parser *p, struct eb_error **err, const char *why)
{
	return eb_throw(err, EB_E_FORMAT, "line %zu: %s", p->line, why);
}

/* A field in quotes, in which "" is a quote. */
static int take_quoted(struct parser *p, const char **ret, struct eb_error **err)
{
	EB_AUTOBUF(b, MAX_FIELD);

	for (p->at++; p->at < p->end; p->at++) {
		if (*p->at == '"' && (p->at + 1 == p->end || p->at[1] != '"'))
			break;
		if (*p->at == '"')
			p->at++;
		if (!*p->at || *p->at == '\n')
			return throw_at(p, err, "a quoted field does not end");
		eb_buf_addc(&b, *p->at);
	}
	if (p->at == p->end)
		return throw_at(p, err, "a quoted field does not end");
	p->at++;
	if (b.overflow)
		return throw_at(p, err, "a field is too long");
	*ret = eb_arena_strdup(p->arena, eb_buf_str(&b));
	return 0;
}

static int take_plain(struct parser *p, const char **ret, struct eb_error **err)
{
	const char *start = p->at;

	while (p->at < p->end && *p->at != ',' && *p->at != '\n' && *p->at != '\r') {
		if (!*p->at || *p->at == '"')
			return throw_at(p, err, "a quote or NUL inside a field");
		p->at++;
	}
	if (p->at - start > MAX_FIELD)
		return throw_at(p, err, "a field is too long");
	*ret = eb_arena_strndup(p->arena, start, (size_t)(p->at - start));
	return 0;
}

static int take_field(struct parser *p, const char **ret, struct eb_error **err)
{
	return p->at < p->end && *p->at == '"' ? take_quoted(p, ret, err) : take_plain(p, ret, err);
}

static int take_row(struct parser *p, struct pkg_record_row *row, struct eb_error **err)
{
	const char *field[3] = { NULL, NULL, NULL };
	struct eb_span size;

	for (size_t i = 0; i < 3; i++) {
		int r;

		if (i > 0 && (p->at == p->end || *p->at++ != ','))
			return throw_at(p, err, "expected path, hash and size");
		r = take_field(p, &field[i], err);
		if (r < 0)
			return r;
	}
	if (p->at < p->end && *p->at == '\r')
		p->at++;
	if (p->at < p->end && *p->at++ != '\n')
		return throw_at(p, err, "expected path, hash and size");
	*row = (struct pkg_record_row){ field[0], field[1], UINT64_MAX };
	size = eb_span_str(field[2]);
	if (size.len && eb_parse_u64(size, INT64_MAX, &row->size, NULL) < 0)
		return throw_at(p, err, "the size is no number");
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct pkg_record_row *x = a, *y = b;

	return strcmp(x->path, y->path);
}

int pkg_record_parse(struct eb_arena *arena, const char *text, size_t n, struct pkg_record *ret,
		     struct eb_error **err)
{
	struct parser p = { arena, text, text + n, 1 };
	autofree struct pkg_record_row *rows = NULL;
	size_t alloc = 0, count = 0;

	for (; p.at < p.end; p.line++) {
		int r;

		/* Some writers end the file with an empty line. */
		if (*p.at == '\n' || *p.at == '\r') {
			p.at++;
			continue;
		}
		r = eb_grow(&rows, &alloc, count + 1, sizeof(*rows), MAX_ROWS, "lines", err);
		if (r >= 0)
			r = take_row(&p, &rows[count], err);
		if (r < 0)
			return r;
		count++;
	}
	if (count)
		qsort(rows, count, sizeof(*rows), by_path);
	for (size_t i = 1; i < count; i++)
		if (strcmp(rows[i - 1].path, rows[i].path) == 0)
			return eb_throw(err, EB_E_FORMAT, "'%s' is listed twice", rows[i].path);
	ret->n = count;
	ret->rows = eb_arena_alloc(arena, (count + 1) * sizeof(*rows));
	if (count)
		memcpy(ret->rows, rows, count * sizeof(*rows));
	return 0;
}

const struct pkg_record_row *pkg_record_find(const struct pkg_record *r, const char *path)
{
	const struct pkg_record_row key = { .path = path };

	return r->n ? bsearch(&key, r->rows, r->n, sizeof(key), by_path) : NULL;
}

/* ---- hashes ---- */

static void base64url(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t v = 0;
	unsigned int bits = 0;

	for (size_t i = 0; i < n; i++) {
		v = v << 8 | p[i];
		for (bits += 8; bits >= 6; bits -= 6)
			*out++ = digits[v >> (bits - 6) & 63];
	}
	if (bits)
		*out++ = digits[v << (6 - bits) & 63];
	*out = '\0';
}

void pkg_record_hash(const void *p, size_t n, char out[static PKG_RECORD_HASH])
{
	uint8_t digest[EB_SHA256_BYTES];

	eb_sha256(p, n, digest);
	memcpy(out, "sha256=", 7);
	base64url(digest, sizeof(digest), out + 7);
}

int pkg_record_alg(const char *hash, enum eb_hash_alg *ret, struct eb_error **err)
{
	struct eb_span s = eb_span_str(hash);
	autofree char *shown = NULL;

	if (eb_span_starts(s, "sha256=")) {
		*ret = EB_SHA256;
		return 0;
	}
	if (eb_span_starts(s, "sha512=")) {
		*ret = EB_SHA512;
		return 0;
	}
	shown = eb_printable(hash, 20);
	return eb_throw(err, EB_E_UNSUPPORTED, "hash '%s', expected sha256 or sha512", shown);
}

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

bool pkg_record_matches(const char *hash, const char *hex)
{
	uint8_t digest[EB_HASH_MAX_BYTES];
	char text[EB_HASH_MAX_BYTES * 4 / 3 + 4];
	size_t n = strlen(hex) / 2;
	const char *equals = strchr(hash, '=');

	for (size_t i = 0; i < n; i++)
		digest[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
	base64url(digest, n, text);
	return equals && strcmp(equals + 1, text) == 0;
}

/* ---- writing ---- */

void pkg_record_add(struct eb_buf *b, const char *path, const char *hash, uint64_t size)
{
	bool quote = strpbrk(path, ",\"\r\n") != NULL;

	if (quote)
		eb_buf_addc(b, '"');
	for (const char *c = path; *c; c++) {
		if (*c == '"')
			eb_buf_addc(b, '"');
		eb_buf_addc(b, *c);
	}
	if (quote)
		eb_buf_addc(b, '"');
	eb_buf_addf(b, ",%s,", hash);
	if (size != UINT64_MAX)
		eb_buf_addf(b, "%llu", (unsigned long long)size);
	eb_buf_addc(b, '\n');
}
