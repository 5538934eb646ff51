/* Writing tar headers. Ours and not a library's, because these bytes are hashed: a layer's diffID
 * must not change with the machine's libarchive.
 *
 *   member = [ pax header block, pax records, padding ] header block, data, padding
 *   pax record = "<length> <key>=<value>\n", length counts itself, keys in byte order
 *
 * Reference: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; xattrs as
 * SCHILY.xattr.<name>, the form that GNU tar, libarchive, Go and Python read. Not supported on
 * purpose: devices, sparse files, global pax headers, access and change times, owner names. */
#include "image/tar_write.h"

#include "base/buf.h"

enum {
	BLOCK = 512,
	NAME_MAX_BYTES = 100,
	PREFIX_MAX_BYTES = 155,
	LINK_MAX_BYTES = 100,
	ID_MAX = 07777777, /* seven octal digits */
};

static const int64_t MTIME_MAX = 077777777777; /* eleven octal digits */
static const uint64_t SIZE_MAX_USTAR = 077777777777;
static const char PAX_DIR[] = "PaxHeaders/";
static const char XATTR_KEY[] = "SCHILY.xattr.";

/* The header block, field by field; every field is bytes, so there is no padding. */
struct ustar {
	char name[NAME_MAX_BYTES];
	char mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8];
	char typeflag;
	char linkname[LINK_MAX_BYTES];
	char magic[6], version[2];
	char uname[32], gname[32], devmajor[8], devminor[8];
	char prefix[PREFIX_MAX_BYTES];
	char pad[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a tar header is one block");

/* A path as it stands in the archive: a directory has a slash at its end, the root is "./". */
struct tar_name {
	const char *path;
	size_t len;   /* of path */
	size_t full;  /* with the slash */
	size_t split; /* length of the ustar prefix, 0 = none */
	bool pax;     /* ustar cannot hold it */
};

static char name_char(const struct tar_name *t, size_t i)
{
	return i < t->len ? t->path[i] : '/';
}

static void copy_name(const struct tar_name *t, size_t from, size_t n, char *to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = name_char(t, from + i);
}

static void plan_name(const struct oci_tar_entry *e, struct tar_name *t)
{
	const char *path = e->type == '5' && !*e->path ? "." : e->path;
	size_t len = strlen(path);
	size_t first;

	*t = (struct tar_name){ path, len, len + (e->type == '5' ? 1 : 0), 0, false };
	if (t->full <= NAME_MAX_BYTES)
		return;
	/* The first slash that leaves a name short enough; the one at the end would leave none. */
	first = t->full - NAME_MAX_BYTES - 1;
	for (size_t i = first ? first : 1; i <= PREFIX_MAX_BYTES && i < t->full - 1; i++) {
		if (name_char(t, i) == '/') {
			t->split = i;
			return;
		}
	}
	t->pax = true;
}

static bool mtime_fits(int64_t sec)
{
	return sec >= 0 && sec <= MTIME_MAX;
}

static uint64_t file_size(const struct oci_tar_entry *e)
{
	return e->type == '0' ? e->size : 0;
}

static const char *link_of(const struct oci_tar_entry *e)
{
	return (e->type == '1' || e->type == '2') && e->link ? e->link : "";
}

/* n decimal digits are needed to write v. */
static size_t digits(size_t v)
{
	size_t n = 1;

	while (v >= 10) {
		v /= 10;
		n++;
	}
	return n;
}

/* Length of a record whose key and value have so many bytes; the length counts its own digits. */
static size_t record_length(size_t key, size_t value)
{
	size_t body = key + value + 3; /* blank, '=', newline */
	size_t len = body + digits(body);

	return digits(len) > digits(body) ? body + digits(len) : len;
}

/* Append the record <key><key_end>=<value> to out, if there is one; returns its length. */
static size_t pax_record(struct eb_buf *out, const char *key, const char *key_end,
			 const void *value, size_t n)
{
	size_t len = record_length(strlen(key) + strlen(key_end), n);

	if (out) {
		eb_buf_addf(out, "%zu %s%s=", len, key, key_end);
		eb_buf_add(out, value, n);
		eb_buf_addc(out, '\n');
	}
	return len;
}

static size_t pax_number(struct eb_buf *out, const char *key, bool negative, uint64_t magnitude)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%s%llu", negative ? "-" : "",
			 (unsigned long long)magnitude);

	return pax_record(out, key, "", text, (size_t)n);
}

static size_t pax_path(struct eb_buf *out, const struct tar_name *t)
{
	size_t len = record_length(strlen("path"), t->full);

	if (out) {
		eb_buf_addf(out, "%zu path=", len);
		eb_buf_add(out, t->path, t->len);
		eb_buf_adds(out, t->full > t->len ? "/\n" : "\n");
	}
	return len;
}

/* All records that e needs, in byte order of their keys; returns their length, 0 = none needed. */
static size_t pax_records(struct eb_buf *out, const struct oci_tar_entry *e,
			  const struct tar_name *t)
{
	const char *link = link_of(e);
	size_t n = 0;

	for (size_t i = 0; i < e->n_xattrs; i++)
		n += pax_record(out, XATTR_KEY, e->xattrs[i].name, e->xattrs[i].value,
				e->xattrs[i].size);
	if (e->gid > ID_MAX)
		n += pax_number(out, "gid", false, e->gid);
	if (strlen(link) > LINK_MAX_BYTES)
		n += pax_record(out, "linkpath", "", link, strlen(link));
	if (!mtime_fits(e->mtime_sec))
		n += pax_number(out, "mtime", e->mtime_sec < 0,
				e->mtime_sec < 0 ? 0 - (uint64_t)e->mtime_sec
						 : (uint64_t)e->mtime_sec);
	if (t->pax)
		n += pax_path(out, t);
	if (file_size(e) > SIZE_MAX_USTAR)
		n += pax_number(out, "size", false, e->size);
	if (e->uid > ID_MAX)
		n += pax_number(out, "uid", false, e->uid);
	return n;
}

/* width - 1 octal digits and NUL. v fits, or 0 is written: a pax record overrides the field then.
 */
static void put_octal(char *field, size_t width, uint64_t v)
{
	for (size_t i = width - 1; i-- > 0; v >>= 3)
		field[i] = (char)('0' + (v & 7));
	if (v)
		memset(field, '0', width - 1);
	field[width - 1] = '\0';
}

static void put_block(struct ustar *h, struct eb_buf *out)
{
	const unsigned char *p = (const unsigned char *)h;
	uint32_t sum = 0;

	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	put_octal(h->devmajor, sizeof(h->devmajor), 0);
	put_octal(h->devminor, sizeof(h->devminor), 0);
	memset(h->chksum, ' ', sizeof(h->chksum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += p[i];
	put_octal(h->chksum, sizeof(h->chksum) - 1, sum);
	eb_buf_add(out, h, sizeof(*h));
}

static void put_zeros(struct eb_buf *out, size_t n)
{
	char *to = eb_buf_reserve(out, n);

	if (to && n) {
		memset(to, 0, n);
		out->len += n;
		to[n] = '\0';
	}
}

static void put_pax(const struct oci_tar_entry *e, const struct tar_name *t, size_t n,
		    struct eb_buf *out)
{
	struct ustar h = { .typeflag = 'x' };
	const char *slash = memrchr(t->path, '/', t->len);
	const char *base = slash ? slash + 1 : t->path;
	size_t base_len = t->len - (size_t)(base - t->path);
	size_t room = NAME_MAX_BYTES - strlen(PAX_DIR);

	memcpy(h.name, PAX_DIR, strlen(PAX_DIR));
	memcpy(h.name + strlen(PAX_DIR), base, base_len < room ? base_len : room);
	put_octal(h.mode, sizeof(h.mode), 0644);
	put_octal(h.uid, sizeof(h.uid), 0);
	put_octal(h.gid, sizeof(h.gid), 0);
	put_octal(h.size, sizeof(h.size), n);
	put_octal(h.mtime, sizeof(h.mtime), mtime_fits(e->mtime_sec) ? (uint64_t)e->mtime_sec : 0);
	put_block(&h, out);
	pax_records(out, e, t);
	put_zeros(out, (size_t)oci_tar_padding(n));
}

void oci_tar_header(const struct oci_tar_entry *e, struct eb_buf *out)
{
	struct ustar h = { .typeflag = e->type };
	const char *link = link_of(e);
	struct tar_name t;
	size_t n;

	plan_name(e, &t);
	n = pax_records(NULL, e, &t);
	if (n)
		put_pax(e, &t, n, out);
	if (t.split) {
		copy_name(&t, 0, t.split, h.prefix);
		copy_name(&t, t.split + 1, t.full - t.split - 1, h.name);
	} else {
		copy_name(&t, 0, t.full < NAME_MAX_BYTES ? t.full : NAME_MAX_BYTES, h.name);
	}
	put_octal(h.mode, sizeof(h.mode), e->mode & 07777);
	put_octal(h.uid, sizeof(h.uid), e->uid);
	put_octal(h.gid, sizeof(h.gid), e->gid);
	put_octal(h.size, sizeof(h.size), file_size(e));
	put_octal(h.mtime, sizeof(h.mtime), mtime_fits(e->mtime_sec) ? (uint64_t)e->mtime_sec : 0);
	memcpy(h.linkname, link, strnlen(link, LINK_MAX_BYTES));
	put_block(&h, out);
}

uint64_t oci_tar_header_size(const struct oci_tar_entry *e)
{
	struct tar_name t;
	size_t n;

	plan_name(e, &t);
	n = pax_records(NULL, e, &t);
	return n ? 2 * BLOCK + n + oci_tar_padding(n) : BLOCK;
}

uint64_t oci_tar_member_size(const struct oci_tar_entry *e)
{
	uint64_t size = file_size(e);

	return oci_tar_header_size(e) + size + oci_tar_padding(size);
}
