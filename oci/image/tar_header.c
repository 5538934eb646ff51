#include "image/tar_header.h"

#include "base/error.h"
#include "base/mem.h"

/* Where the fields are, and how long. */
enum {
	NAME = 0,
	NAME_N = 100,
	SIZE = 124,
	SIZE_N = 12,
	CHKSUM = 148,
	CHKSUM_N = 8,
	TYPE = 156,
	LINK = 157,
	MAGIC = 257,
	PREFIX = 345,
	PREFIX_N = 155,
};

/* Binary form of GNU tar for what octal cannot hold: first bit set, then a big-endian number. */
static int parse_binary(const char *what, const unsigned char *p, size_t n, uint64_t *ret,
			struct eb_error **err)
{
	uint64_t v = p[0] & 0x3f;

	if (p[0] & 0x40)
		return eb_throw(err, EB_E_FORMAT, "%s is negative", what);
	for (size_t i = 1; i < n; i++)
		if (!eb_mul_u64(v, 256, &v) || !eb_add_u64(v, p[i], &v))
			return eb_throw(err, EB_E_FORMAT, "%s does not fit in 64 bits", what);
	*ret = v;
	return 0;
}

/* Octal digits, blanks before them, blanks or NULs after. */
static int parse_number(const char *what, const char *p, size_t n, uint64_t *ret,
			struct eb_error **err)
{
	uint64_t v = 0;
	size_t i = 0, digits = 0;

	if ((unsigned char)p[0] & 0x80)
		return parse_binary(what, (const unsigned char *)p, n, ret, err);
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++, digits++)
		v = v * 8 + (uint64_t)(p[i] - '0'); /* at most 12 digits */
	while (i < n && (p[i] == ' ' || p[i] == '\0'))
		i++;
	if (digits == 0 || i < n)
		return eb_throw(err, EB_E_FORMAT, "%s is not an octal number", what);
	*ret = v;
	return 0;
}

static bool is_zero(const char *block)
{
	for (size_t i = 0; i < OCI_TAR_BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

static int check_sum(const char *block, struct eb_error **err)
{
	uint64_t expected, sum = 0;
	int r = parse_number("header checksum", block + CHKSUM, CHKSUM_N, &expected, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < OCI_TAR_BLOCK; i++)
		sum += i >= CHKSUM && i < CHKSUM + CHKSUM_N ? ' ' : (unsigned char)block[i];
	if (sum != expected)
		return eb_throw(err, EB_E_FORMAT, "header checksum is %llu, expected %llu",
				(unsigned long long)sum, (unsigned long long)expected);
	return 0;
}

int oci_tar_block_parse(const char block[static OCI_TAR_BLOCK], struct oci_tar_block *ret,
			struct eb_error **err)
{
	/* GNU's own magic is "ustar  "; what POSIX calls the prefix holds other things then. */
	bool posix = memcmp(block + MAGIC, "ustar", 6) == 0;
	size_t prefix = posix ? strnlen(block + PREFIX, PREFIX_N) : 0;
	struct oci_tar_block b = { .type = block[TYPE] };
	int r;

	if (is_zero(block))
		return 0;
	r = check_sum(block, err);
	if (r == 0)
		r = parse_number("size", block + SIZE, SIZE_N, &b.size, err);
	if (r < 0)
		return r;
	if (b.type == '\0' || b.type == '7')
		b.type = '0';
	snprintf(b.name, sizeof(b.name), "%.*s%s%.*s", (int)prefix, block + PREFIX,
		 prefix ? "/" : "", NAME_N, block + NAME);
	snprintf(b.link, sizeof(b.link), "%.*s", OCI_TAR_USTAR_LINK, block + LINK);
	*ret = b;
	return 1;
}

int oci_tar_pax_next(struct eb_span *rest, struct eb_span *key, struct eb_span *value,
		     struct eb_error **err)
{
	struct eb_span line = *rest, number;
	const char *equals;
	uint64_t length;

	if (rest->len == 0)
		return 0;
	if (!eb_span_next(&line, ' ', &number) || number.len == rest->len ||
	    eb_parse_u64(number, rest->len, &length, NULL) < 0 || length < number.len + 4 ||
	    rest->ptr[length - 1] != '\n')
		return eb_throw(err, EB_E_FORMAT,
				"pax header: malformed record, %zu bytes before "
				"its end",
				rest->len);
	line.len = (size_t)length - number.len - 2;
	equals = memchr(line.ptr, '=', line.len);
	if (!equals || equals == line.ptr)
		return eb_throw(err, EB_E_FORMAT, "pax header: record without key");
	*key = (struct eb_span){ line.ptr, (size_t)(equals - line.ptr) };
	*value = (struct eb_span){ equals + 1, line.len - key->len - 1 };
	rest->ptr += length;
	rest->len -= (size_t)length;
	return 1;
}
