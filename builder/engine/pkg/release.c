#include "pkg/release.h"

#include <string.h>
#include <time.h>

#include "base/dir.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/stanza.h"

enum { MAX_WORDS = 200 };

struct pkg_release_text *pkg_release_text_free(struct pkg_release_text *t)
{
	if (t)
		eb_arena_free(t->arena);
	return NULL;
}

/* n digits into *ret, blanks allowed in front; false if they are none or out of range. */
static bool digits(struct eb_span s, int min, int max, int *ret)
{
	uint64_t v;

	if (eb_parse_u64(s, (uint64_t)max, &v, NULL) < 0 || (int)v < min)
		return false;
	*ret = (int)v;
	return true;
}

static bool clock_time(struct eb_span s, struct tm *tm)
{
	return s.len == 8 && s.ptr[2] == ':' && s.ptr[5] == ':' &&
	       digits((struct eb_span){ s.ptr, 2 }, 0, 23, &tm->tm_hour) &&
	       digits((struct eb_span){ s.ptr + 3, 2 }, 0, 59, &tm->tm_min) &&
	       digits((struct eb_span){ s.ptr + 6, 2 }, 0, 60, &tm->tm_sec);
}

bool pkg_release_date(const char *text, int64_t *ret_sec)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct eb_span rest = eb_span_str(text), w[6], more;
	struct tm tm = { 0 };
	const char *month;
	char name[4] = "";

	for (size_t i = 0; i < EB_ARRAY_LEN(w); i++)
		if (!eb_span_word(&rest, &w[i]))
			return false;
	if (eb_span_word(&rest, &more) || w[0].len != 4 || w[0].ptr[3] != ',' || w[2].len != 3)
		return false;
	memcpy(name, w[2].ptr, 3);
	month = strstr(months, name);
	if (!month || (month - months) % 3 || !digits(w[1], 1, 31, &tm.tm_mday) ||
	    !digits(w[3], 1970, 9999, &tm.tm_year) || !clock_time(w[4], &tm))
		return false;
	if (!eb_span_eq(w[5], "UTC") && !eb_span_eq(w[5], "GMT") && !eb_span_eq(w[5], "Z") &&
	    !eb_span_eq(w[5], "+0000"))
		return false;
	tm.tm_mon = (int)(month - months) / 3;
	tm.tm_year -= 1900;
	*ret_sec = timegm(&tm);
	return true;
}

struct parse {
	struct pkg_release_text *t;
	struct pkg_release_file *files;
	size_t n, alloc;
	unsigned int line;
	bool in_sha256;
	bool has_date, has_files;
};

static int bad_value(const struct parse *p, const char *value, const char *what,
		     struct eb_error **err)
{
	autofree char *shown = pkg_text_show(value, strlen(value), 200);

	return eb_throw(err, EB_E_FORMAT, "line %u: '%s' is not a %s", p->line, shown, what);
}

/* " <hash> <size> <path>" */
static int add_file(struct parse *p, struct eb_span line, struct eb_error **err)
{
	struct eb_span rest = line, hash, size, path, more;
	struct pkg_release_file *f;
	int r;

	if (!eb_span_word(&rest, &hash) || !eb_span_word(&rest, &size) ||
	    !eb_span_word(&rest, &path) || eb_span_word(&rest, &more))
		return eb_throw(err, EB_E_FORMAT, "line %u: expected 'HASH SIZE PATH' under SHA256",
				p->line);
	r = eb_grow(&p->files, &p->alloc, p->n + 1, sizeof(*p->files), PKG_RELEASE_MAX_FILES,
		    "files", err);
	if (r < 0)
		return eb_prefix(err, r, "line %u", p->line);
	f = &p->files[p->n];
	f->path = eb_arena_strndup(p->t->arena, path.ptr, path.len);
	f->sha256 = eb_arena_strndup(p->t->arena, hash.ptr, hash.len);
	if (hash.len != EB_SHA256_HEX || !eb_is_hex(f->sha256, EB_SHA256_HEX))
		return bad_value(p, f->sha256, "SHA-256", err);
	if (!eb_path_is_clean(f->path))
		return bad_value(p, f->path, "clean path", err);
	if (eb_parse_u64(size, INT64_MAX, &f->size, NULL) < 0) {
		autofree char *shown = eb_span_dup(size);

		return bad_value(p, shown, "size", err);
	}
	p->n++;
	return 0;
}

static int add_words(struct parse *p, struct eb_span v, const char *const **ret,
		     struct eb_error **err)
{
	const char **words = eb_arena_alloc(p->t->arena, (MAX_WORDS + 1) * sizeof(*words));
	struct eb_span rest = v, w;
	size_t n = 0;

	while (eb_span_word(&rest, &w)) {
		if (n == MAX_WORDS)
			return eb_throw(err, EB_E_LIMIT, "line %u: more than %u words", p->line,
					(unsigned int)MAX_WORDS);
		words[n++] = eb_arena_strndup(p->t->arena, w.ptr, w.len);
	}
	*ret = words;
	return 0;
}

static int add_date(struct parse *p, const char *key, const char *value, int64_t *ret,
		    struct eb_error **err)
{
	autofree char *shown = pkg_text_show(value, strlen(value), 80);

	if (pkg_release_date(value, ret))
		return 0;
	return eb_throw(err, EB_E_FORMAT,
			"line %u: %s is '%s', expected the form 'Sat, 21 Nov 2026 09:15:44 UTC'",
			p->line, key, shown);
}

static int add_field(struct parse *p, struct eb_span key, struct eb_span v, struct eb_error **err)
{
	struct pkg_release_text *t = p->t;
	const char *value = eb_arena_strndup(t->arena, v.ptr, v.len);

	p->in_sha256 = false;
	if (eb_span_eq(key, "SHA256")) {
		p->in_sha256 = p->has_files = true;
	} else if (eb_span_eq(key, "Origin")) {
		t->origin = value;
	} else if (eb_span_eq(key, "Suite")) {
		t->suite = value;
	} else if (eb_span_eq(key, "Codename")) {
		t->codename = value;
	} else if (eb_span_eq(key, "Acquire-By-Hash")) {
		t->by_hash = strcmp(value, "yes") == 0;
	} else if (eb_span_eq(key, "Architectures")) {
		return add_words(p, v, &t->architectures, err);
	} else if (eb_span_eq(key, "Components")) {
		return add_words(p, v, &t->components, err);
	} else if (eb_span_eq(key, "Date")) {
		p->has_date = true;
		return add_date(p, "Date", value, &t->date_sec, err);
	} else if (eb_span_eq(key, "Valid-Until")) {
		return add_date(p, "Valid-Until", value, &t->valid_until_sec, err);
	}
	return 0;
}

static int parse_line(struct parse *p, struct eb_span line, struct eb_error **err)
{
	const char *colon;

	if (line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
		return p->in_sha256 ? add_file(p, line, err) : 0;
	if (eb_span_trim(line).len == 0)
		return 0;
	colon = memchr(line.ptr, ':', line.len);
	if (!colon)
		return eb_throw(err, EB_E_FORMAT, "line %u: expected 'Field: value'", p->line);
	return add_field(p, (struct eb_span){ line.ptr, (size_t)(colon - line.ptr) },
			 eb_span_trim((struct eb_span){
				 colon + 1, line.len - (size_t)(colon - line.ptr) - 1 }),
			 err);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct pkg_release_file *)a)->path,
		      ((const struct pkg_release_file *)b)->path);
}

static int finish(struct parse *p, struct eb_error **err)
{
	struct pkg_release_file *files;

	if (!p->has_date)
		return eb_throw(err, EB_E_FORMAT, "no Date");
	if (!p->has_files)
		return eb_throw(err, EB_E_FORMAT, "no SHA256 list");
	files = eb_arena_alloc(p->t->arena, (p->n + 1) * sizeof(*files));
	if (p->n)
		memcpy(files, p->files, p->n * sizeof(*files));
	qsort(files, p->n, sizeof(*files), by_path);
	for (size_t i = 1; i < p->n; i++) {
		autofree char *shown = NULL;

		if (strcmp(files[i - 1].path, files[i].path) != 0 ||
		    strcmp(files[i - 1].sha256, files[i].sha256) == 0)
			continue;
		shown = pkg_text_show(files[i].path, strlen(files[i].path), 200);
		return eb_throw(err, EB_E_FORMAT, "'%s' is listed twice", shown);
	}
	p->t->files = files;
	p->t->n_files = p->n;
	return 0;
}

int pkg_release_parse(const char *text, size_t n, struct pkg_release_text **ret,
		      struct eb_error **err)
{
	static const char *const none[] = { NULL };
	EB_CLEANUP(pkg_release_text_free_p) struct pkg_release_text *t = NULL;
	struct eb_arena *arena;
	struct eb_span rest = { text, n }, line;
	struct parse p = { 0 };
	int r = 0;

	if (n > PKG_RELEASE_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "larger than %u bytes",
				(unsigned int)PKG_RELEASE_MAX_BYTES);
	if (n && memchr(text, '\0', n))
		return eb_throw(err, EB_E_FORMAT, "NUL byte");
	arena = eb_arena_new();
	t = eb_arena_alloc(arena, sizeof(*t));
	*t = (struct pkg_release_text){ .arena = arena,
					.origin = "",
					.suite = "",
					.codename = "",
					.architectures = none,
					.components = none };
	p.t = t;
	while (r == 0 && eb_span_next(&rest, '\n', &line)) {
		p.line++;
		r = parse_line(&p, line, err);
	}
	if (r == 0)
		r = finish(&p, err);
	free(p.files);
	if (r == 0)
		*ret = EB_TAKE_PTR(t);
	return r;
}

const struct pkg_release_file *pkg_release_find(const struct pkg_release_text *t, const char *path)
{
	const struct pkg_release_file key = { .path = path };

	return t->n_files ? bsearch(&key, t->files, t->n_files, sizeof(key), by_path) : NULL;
}
