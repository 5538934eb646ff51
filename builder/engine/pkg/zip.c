#include "pkg/zip.h"

#include <errno.h>

#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/zip_internal.h"

/* The largest wheels that servers are made of hold some ten thousand files and 200 MiB; deflate
 * can reach 1032 times at the most, and text that large compresses 20 times. */
const struct pkg_zip_limits pkg_zip_default_limits = {
	.members = 60000,
	.total_bytes = (uint64_t)2 << 30,
	.member_bytes = (uint64_t)1 << 30,
	.ratio = 200,
	.path_bytes = 1024,
};

enum {
	END_BYTES = 22,
	CENTRAL_BYTES = 46,
	LOCAL_BYTES = 30,
	MAX_COMMENT = 65535,
	UNIX = 3,		  /* "version made by", high byte */
	FLAG_ENCRYPTED = 1u << 0, /* and 6 and 13: strong and masked */
	FLAG_STRONG = 1u << 6,
	FLAG_DESCRIPTOR = 1u << 3,
	FLAG_PATCH = 1u << 5,
	FLAG_MASKED = 1u << 13,
};
/* Of a member, whatever its ratio: libraries padded with 2 MiB of zeros are in use. */
#define FREE_BYTES ((uint64_t)16 << 20)
/* Directory and members of a wheel; 46 bytes and a name each. */
#define MAX_DIRECTORY ((uint64_t)64 << 20)

static uint32_t get16(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const unsigned char *p)
{
	return get16(p) | get16(p + 2) << 16;
}

int pkg_zip_pread_(const struct pkg_zip *z, uint64_t offset, void *p, size_t n,
		   struct eb_error **err)
{
	unsigned char *to = p;

	if (offset > z->size || n > z->size - offset)
		return eb_throw(err, EB_E_FORMAT, "ends after %llu bytes, expected data to %llu",
				(unsigned long long)z->size, (unsigned long long)(offset + n));
	if (z->mem) {
		memcpy(to, z->mem + offset, n);
		return 0;
	}
	while (n > 0) {
		ssize_t got = pread(z->fd, to, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return eb_throw_errno(err, "read");
		if (got == 0)
			return eb_throw(err, EB_E_FORMAT, "the file became shorter");
		to += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

/* ---- the end of the central directory ---- */

struct directory {
	uint64_t start, bytes, count;
};

static int check_end(const unsigned char *e, uint64_t at, struct directory *d,
		     struct eb_error **err)
{
	d->count = get16(e + 10);
	d->bytes = get32(e + 12);
	d->start = get32(e + 16);
	if (d->count == 0xffff || d->bytes == 0xffffffff || d->start == 0xffffffff)
		return eb_throw(err, EB_E_UNSUPPORTED, "a zip64 archive is not supported");
	if (get16(e + 4) || get16(e + 6) || get16(e + 8) != d->count)
		return eb_throw(err, EB_E_UNSUPPORTED,
				"an archive of several volumes is not supported");
	if (d->start + d->bytes != at)
		return eb_throw(err, EB_E_FORMAT,
				"the central directory (%llu bytes at %llu) does not end where "
				"its end record begins, at %llu",
				(unsigned long long)d->bytes, (unsigned long long)d->start,
				(unsigned long long)at);
	return 0;
}

/* The record that ends the file; its comment must reach exactly to the end, so that there are no
 * two answers. */
static int find_end(const struct pkg_zip *z, struct directory *d, struct eb_error **err)
{
	uint64_t most = END_BYTES + MAX_COMMENT;
	size_t n = (size_t)(z->size < most ? z->size : most);
	autofree unsigned char *tail = eb_xmalloc(n + 1);
	int r = pkg_zip_pread_(z, z->size - n, tail, n, err);

	if (r < 0)
		return r;
	for (size_t i = n < END_BYTES ? 0 : n - END_BYTES + 1; i-- > 0;) {
		if (get32(tail + i) == 0x06054b50 && get16(tail + i + 20) == n - i - END_BYTES)
			return check_end(tail + i, z->size - n + i, d, err);
	}
	return eb_throw(err, EB_E_FORMAT,
			"is no zip archive: expected the end of a central directory, found none");
}

/* ---- one member ---- */

static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* Fields out of range (some writers put zeros) count as the start of what DOS knows. */
static int64_t dos_time(uint32_t date, uint32_t time)
{
	int64_t y = 1980 + (date >> 9), m = date >> 5 & 15, d = date & 31;

	m = m < 1 || m > 12 ? 1 : m;
	d = d < 1 ? 1 : d;
	return days_from_civil(y, m, d) * 86400 + (time >> 11) * 3600 + (time >> 5 & 63) * 60 +
	       (time & 31) * 2;
}

static int check_path(const char *path, size_t n, bool *ret_directory, struct eb_error **err)
{
	autofree char *shown = eb_printable(path, 100);

	*ret_directory = n > 0 && path[n - 1] == '/';
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f || path[i] == '\\')
			return eb_throw(err, EB_E_FORMAT,
					"member '%s': a name may not hold control characters or "
					"backslashes",
					shown);
	return 0;
}

static int take_path(struct pkg_zip *z, const unsigned char *name, size_t n,
		     const struct pkg_zip_limits *lim, struct pkg_zip_member *m,
		     struct eb_error **err)
{
	char *path = eb_arena_strndup(z->arena, (const char *)name, n);
	autofree char *shown = eb_printable(path, 100);
	int r;

	if (n > lim->path_bytes)
		return eb_throw(err, EB_E_LIMIT, "member '%s': a name of %zu bytes, at most %u",
				shown, n, (unsigned int)lim->path_bytes);
	r = check_path(path, n, &m->directory, err);
	if (r < 0)
		return r;
	if (m->directory)
		path[n - 1] = '\0';
	if (strlen(path) + m->directory != n || !eb_path_is_clean(path))
		return eb_throw(err, EB_E_FORMAT,
				"member '%s': expected a relative path without '.' and '..'",
				shown);
	m->path = path;
	return 0;
}

static int check_kind(const struct pkg_zip_member *m, uint32_t made_by, uint32_t external,
		      struct eb_error **err)
{
	static const uint32_t S_IFMT_ = 0170000, S_IFDIR_ = 0040000, S_IFREG_ = 0100000;
	uint32_t type = made_by >> 8 == UNIX ? external >> 16 & S_IFMT_ : 0;

	if (type == 0 || type == (m->directory ? S_IFDIR_ : S_IFREG_))
		return 0;
	return eb_throw(err, EB_E_UNSUPPORTED,
			"member '%s': expected a file or directory, found %s", m->path,
			type == 0120000 ? "a symbolic link" : "something else");
}

static int check_sizes(const struct pkg_zip_member *m, const struct pkg_zip_limits *lim,
		       uint64_t file, uint64_t *total, struct eb_error **err)
{
	if (m->size > lim->member_bytes)
		return eb_throw(err, EB_E_LIMIT, "member '%s': %llu bytes, at most %llu", m->path,
				(unsigned long long)m->size, (unsigned long long)lim->member_bytes);
	if (m->size > FREE_BYTES && m->size / lim->ratio > m->packed)
		return eb_throw(err, EB_E_LIMIT,
				"member '%s': %llu bytes out of %llu, at most %u times as much",
				m->path, (unsigned long long)m->size, (unsigned long long)m->packed,
				(unsigned int)lim->ratio);
	if (m->method == 0 && m->size != m->packed)
		return eb_throw(err, EB_E_FORMAT, "member '%s': stored, but with two sizes",
				m->path);
	if (m->directory && m->size)
		return eb_throw(err, EB_E_FORMAT, "member '%s': a directory with data", m->path);
	*total += m->size;
	if (*total > lim->total_bytes || (*total > FREE_BYTES * 4 && *total / lim->ratio > file))
		return eb_throw(err, EB_E_LIMIT,
				"the members have more than %llu bytes, or than %u times the file",
				(unsigned long long)lim->total_bytes, (unsigned int)lim->ratio);
	return 0;
}

static int check_features(const struct pkg_zip_member *m, uint32_t flags, uint32_t method,
			  struct eb_error **err)
{
	if (flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED))
		return eb_throw(err, EB_E_UNSUPPORTED, "member '%s' is encrypted", m->path);
	if (flags & FLAG_PATCH)
		return eb_throw(err, EB_E_UNSUPPORTED, "member '%s' is a patch", m->path);
	if (method != 0 && method != 8)
		return eb_throw(err, EB_E_UNSUPPORTED,
				"member '%s': compression method %u, expected 0 or 8", m->path,
				method);
	return 0;
}

/* The header in front of the data, which must agree with the directory. */
static int check_local(struct pkg_zip *z, struct pkg_zip_member *m, const unsigned char *central,
		       uint64_t offset, uint64_t end, struct eb_error **err)
{
	size_t n = get16(central + 28);
	autofree unsigned char *name = eb_xmalloc(n + 1);
	unsigned char h[LOCAL_BYTES];
	bool later = get16(central + 8) & FLAG_DESCRIPTOR;
	int r = pkg_zip_pread_(z, offset, h, sizeof(h), err);

	if (r >= 0)
		r = pkg_zip_pread_(z, offset + sizeof(h), name, n, err);
	if (r < 0)
		return eb_prefix(err, r, "member '%s'", m->path);
	/* Flags, method, time and date stand one after the other in both. */
	if (get32(h) != 0x04034b50 || memcmp(h + 6, central + 8, 8) != 0 || get16(h + 26) != n ||
	    memcmp(name, central + CENTRAL_BYTES, n) != 0 ||
	    (!later && memcmp(h + 14, central + 16, 12) != 0))
		return eb_throw(err, EB_E_FORMAT,
				"member '%s': the header at %llu is not what the directory says",
				m->path, (unsigned long long)offset);
	m->data_start = offset + sizeof(h) + n + get16(h + 28);
	if (m->data_start + m->packed > end)
		return eb_throw(err, EB_E_FORMAT, "member '%s' reaches into the directory",
				m->path);
	return 0;
}

/* Where it stands in the file, for finding overlaps. */
struct place {
	uint64_t start, end;
	const char *path;
};

static int read_member(struct pkg_zip *z, const unsigned char *c, const struct pkg_zip_limits *lim,
		       uint64_t end, uint64_t *total, struct place *place, struct eb_error **err)
{
	struct pkg_zip_member *m = &z->members[z->n];
	uint32_t external = get32(c + 38), made_by = get16(c + 4);
	int r;

	m->method = (uint16_t)get16(c + 10);
	m->mtime_sec = dos_time(get16(c + 14), get16(c + 12));
	m->crc = get32(c + 16);
	m->packed = get32(c + 20);
	m->size = get32(c + 24);
	r = take_path(z, c + CENTRAL_BYTES, get16(c + 28), lim, m, err);
	if (r >= 0)
		r = check_features(m, get16(c + 8), m->method, err);
	if (r >= 0)
		r = check_kind(m, made_by, external, err);
	if (r >= 0)
		r = check_sizes(m, lim, z->size, total, err);
	if (r >= 0)
		r = check_local(z, m, c, get32(c + 42), end, err);
	if (r < 0)
		return r;
	m->executable = !m->directory && made_by >> 8 == UNIX && (external >> 16 & 0111) != 0;
	*place = (struct place){ get32(c + 42), m->data_start + m->packed, m->path };
	z->n++;
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static int by_path(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int check_places(struct place *v, size_t n, struct eb_error **err)
{
	qsort(v, n, sizeof(*v), by_start);
	if (n && v[0].start != 0)
		return eb_throw(err, EB_E_FORMAT,
				"the first member begins at %llu, expected at the file's start",
				(unsigned long long)v[0].start);
	for (size_t i = 1; i < n; i++)
		if (v[i].start < v[i - 1].end)
			return eb_throw(err, EB_E_FORMAT, "members '%s' and '%s' overlap",
					v[i - 1].path, v[i].path);
	qsort(v, n, sizeof(*v), by_path);
	for (size_t i = 1; i < n; i++)
		if (strcmp(v[i].path, v[i - 1].path) == 0)
			return eb_throw(err, EB_E_FORMAT, "member '%s' is there twice", v[i].path);
	return 0;
}

static int read_directory(struct pkg_zip *z, const unsigned char *c, const struct directory *d,
			  const struct pkg_zip_limits *lim, struct eb_error **err)
{
	autofree struct place *places = eb_xcalloc((size_t)d->count + 1, sizeof(*places));
	uint64_t at = 0, total = 0;

	z->members = eb_arena_alloc(z->arena, ((size_t)d->count + 1) * sizeof(*z->members));
	while (z->n < d->count) {
		uint64_t left = d->bytes - at, n;
		int r;

		if (left < CENTRAL_BYTES || get32(c + at) != 0x02014b50)
			return eb_throw(err, EB_E_FORMAT,
					"entry %zu of the central directory is damaged", z->n);
		n = (uint64_t)CENTRAL_BYTES + get16(c + at + 28) + get16(c + at + 30) +
		    get16(c + at + 32);
		if (n > left)
			return eb_throw(err, EB_E_FORMAT,
					"entry %zu of the central directory is cut off", z->n);
		r = read_member(z, c + at, lim, d->start, &total, &places[z->n], err);
		if (r < 0)
			return r;
		at += n;
	}
	if (at != d->bytes)
		return eb_throw(err, EB_E_FORMAT,
				"the central directory has more than the %llu entries it counts",
				(unsigned long long)d->count);
	return check_places(places, z->n, err);
}

static int open_any(int fd, const void *mem, uint64_t size, const struct pkg_zip_limits *lim,
		    struct pkg_zip **ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_zip_free_p) struct pkg_zip *z = eb_xcalloc(1, sizeof(*z));
	autofree unsigned char *text = NULL;
	struct directory d;
	int r;

	z->arena = eb_arena_new();
	z->fd = fd;
	z->mem = mem;
	z->size = size;
	r = find_end(z, &d, err);
	if (r < 0)
		return r;
	if (d.count > lim->members)
		return eb_throw(err, EB_E_LIMIT, "%llu members, at most %llu",
				(unsigned long long)d.count, (unsigned long long)lim->members);
	if (d.bytes > MAX_DIRECTORY)
		return eb_throw(err, EB_E_LIMIT, "a central directory of %llu bytes, at most %llu",
				(unsigned long long)d.bytes, (unsigned long long)MAX_DIRECTORY);
	text = eb_xmalloc((size_t)d.bytes + 1);
	r = pkg_zip_pread_(z, d.start, text, (size_t)d.bytes, err);
	if (r >= 0)
		r = read_directory(z, text, &d, lim, err);
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(z);
	return 0;
}

int pkg_zip_open(int fd, uint64_t size, const struct pkg_zip_limits *lim, struct pkg_zip **ret,
		 struct eb_error **err)
{
	return open_any(fd, NULL, size, lim, ret, err);
}

int pkg_zip_open_mem(const void *p, size_t n, const struct pkg_zip_limits *lim,
		     struct pkg_zip **ret, struct eb_error **err)
{
	return open_any(-1, p, n, lim, ret, err);
}

struct pkg_zip *pkg_zip_free(struct pkg_zip *z)
{
	if (z)
		eb_arena_free(z->arena);
	free(z);
	return NULL;
}

size_t pkg_zip_find(const struct pkg_zip *z, const char *path)
{
	for (size_t i = 0; i < z->n; i++)
		if (strcmp(z->members[i].path, path) == 0)
			return i;
	return SIZE_MAX;
}
