#include "pkg/ar.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"

/* A package has three members, and "_" ones that are ignored; more is no package. */
enum { MAX_MEMBERS = 32, HEADER_BYTES = 60 };

struct pkg_ar {
	struct eb_reader *in;
	uint64_t offset; /* of the next byte of the file */
	uint64_t left;	 /* of the current member's data */
	bool odd;	 /* a pad byte follows the data */
	unsigned int members;
};

struct pkg_ar *pkg_ar_new(struct eb_reader *in)
{
	struct pkg_ar *a = eb_xcalloc(1, sizeof(*a));

	a->in = in;
	return a;
}

struct pkg_ar *pkg_ar_free(struct pkg_ar *a)
{
	if (!a)
		return NULL;
	eb_reader_free(a->in);
	free(a);
	return NULL;
}

/* Up to n bytes of the current member. */
static ssize_t member_read(struct pkg_ar *a, void *p, size_t n, struct eb_error **err)
{
	ssize_t got;

	if (n > a->left)
		n = (size_t)a->left;
	if (n == 0)
		return 0;
	got = eb_read(a->in, p, n, err);
	if (got < 0)
		return got;
	if (got == 0)
		return eb_throw(err, EB_E_FORMAT,
				"file ends at offset %llu, %llu bytes before its member does",
				(unsigned long long)a->offset, (unsigned long long)a->left);
	a->offset += (uint64_t)got;
	a->left -= (uint64_t)got;
	return got;
}

static int finish_member(struct pkg_ar *a, struct eb_error **err)
{
	char buf[8192], pad;
	int r;

	while (a->left) {
		ssize_t got = member_read(a, buf, sizeof(buf), err);

		if (got < 0)
			return (int)got;
	}
	if (!a->odd)
		return 0;
	a->odd = false;
	r = eb_read_full(a->in, &pad, 1, err);
	if (r < 0)
		return eb_prefix(err, r, "padding at offset %llu", (unsigned long long)a->offset);
	if (pad != '\n')
		return eb_throw(err, EB_E_FORMAT, "padding at offset %llu is byte 0x%02x, not 0x0a",
				(unsigned long long)a->offset, (unsigned char)pad);
	a->offset++;
	return 0;
}

static int check_magic(struct pkg_ar *a, struct eb_error **err)
{
	char magic[8];
	int r = eb_read_full(a->in, magic, sizeof(magic), err);

	if (r < 0)
		return eb_prefix(err, r, "not an ar archive");
	if (memcmp(magic, "!<arch>\n", sizeof(magic)) != 0)
		return eb_throw(err, EB_E_FORMAT, "not an ar archive: does not begin with !<arch>");
	a->offset = sizeof(magic);
	return 0;
}

/* The header, or fewer bytes at the end of the file. */
static int read_header(struct pkg_ar *a, char header[static HEADER_BYTES], size_t *ret_n,
		       struct eb_error **err)
{
	size_t n = 0;

	while (n < HEADER_BYTES) {
		ssize_t got = eb_read(a->in, header + n, HEADER_BYTES - n, err);

		if (got < 0)
			return (int)got;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*ret_n = n;
	return 0;
}

/* A blank-padded field without its padding; blanks inside stay and are found by the number parser.
 */
static struct eb_span field(const char *header, size_t at, size_t n)
{
	while (n && header[at + n - 1] == ' ')
		n--;
	return (struct eb_span){ header + at, n };
}

static int check_numbers(const char *header, uint64_t *ret_size, struct eb_error **err)
{
	static const struct {
		const char *name;
		size_t at, n;
		bool octal, may_be_empty;
	} fields[] = {
		{ "time", 16, 12, false, true },  { "uid", 28, 6, false, true },
		{ "gid", 34, 6, false, true },	  { "mode", 40, 8, true, true },
		{ "size", 48, 10, false, false },
	};
	uint64_t v = 0;

	for (size_t i = 0; i < EB_ARRAY_LEN(fields); i++) {
		struct eb_span s = field(header, fields[i].at, fields[i].n);
		int r = 0;

		if (s.len == 0 && fields[i].may_be_empty)
			continue;
		r = fields[i].octal ? eb_parse_octal(s, UINT64_MAX, &v, err)
				    : eb_parse_u64(s, UINT64_MAX, &v, err);
		if (r < 0)
			return eb_prefix(err, r, "%s", fields[i].name);
	}
	*ret_size = v;
	return 0;
}

static int check_name(const char *header, char ret[static 17], struct eb_error **err)
{
	struct eb_span s = field(header, 0, 16);

	if (s.len > 1 && s.ptr[s.len - 1] == '/')
		s.len--;
	if (s.len == 0)
		return eb_throw(err, EB_E_FORMAT, "member without a name");
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '/')
			return eb_throw(err, EB_E_FORMAT, "member name has the byte 0x%02x",
					(unsigned char)s.ptr[i]);
	memcpy(ret, s.ptr, s.len);
	ret[s.len] = '\0';
	return 0;
}

static int parse_header(struct pkg_ar *a, const char *header, struct pkg_ar_member *ret,
			struct eb_error **err)
{
	int r;

	if (memcmp(header + 58, "`\n", 2) != 0)
		return eb_throw(err, EB_E_FORMAT, "member header does not end as one should");
	r = check_name(header, ret->name, err);
	if (r >= 0)
		r = check_numbers(header, &ret->size, err);
	if (r < 0)
		return r;
	if (++a->members > MAX_MEMBERS)
		return eb_throw(err, EB_E_LIMIT, "more than %d members", MAX_MEMBERS);
	return 0;
}

int pkg_ar_next(struct pkg_ar *a, struct pkg_ar_member *ret, struct eb_error **err)
{
	char header[HEADER_BYTES];
	struct pkg_ar_member m;
	size_t n = 0;
	int r = a->offset ? finish_member(a, err) : check_magic(a, err);

	if (r >= 0)
		r = read_header(a, header, &n, err);
	if (r < 0 || n == 0)
		return r;
	if (n < HEADER_BYTES)
		return eb_throw(err, EB_E_FORMAT,
				"file ends inside the member header at offset %llu",
				(unsigned long long)a->offset);
	r = parse_header(a, header, &m, err);
	if (r < 0)
		return eb_prefix(err, r, "ar member at offset %llu", (unsigned long long)a->offset);
	a->offset += HEADER_BYTES;
	a->left = m.size;
	a->odd = m.size % 2 != 0;
	*ret = m;
	return 1;
}

struct member_reader {
	struct eb_reader base;
	struct pkg_ar *ar;
};

static ssize_t reader_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	return member_read(((struct member_reader *)base)->ar, p, n, err);
}

static void reader_free(struct eb_reader *base)
{
	free(base);
}

struct eb_reader *pkg_ar_reader(struct pkg_ar *a)
{
	static const struct eb_reader_ops ops = { reader_read, reader_free };
	struct member_reader *r = eb_xcalloc(1, sizeof(*r));

	*r = (struct member_reader){ { &ops }, a };
	return &r->base;
}

int pkg_ar_drain(struct pkg_ar *a, struct eb_error **err)
{
	char buf[16384];
	ssize_t got;

	do
		got = eb_read(a->in, buf, sizeof(buf), err);
	while (got > 0);
	return (int)got;
}
