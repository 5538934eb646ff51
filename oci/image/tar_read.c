/* Reading tars of others. libarchive parses; what it would let pass is refused here: names that
 * leave the root or have two spellings, members that no layer of ours can hold, ends that are
 * missing, bytes after the end, and headers that want memory.
 *
 * libarchive keeps a member's pax headers in memory before it gives them out, so what it reads
 * between two members is counted while it reads. It is given the plain tar: decompression stands
 * before it (tar_filter.c), which makes the count exact. */
#include "image/tar_read.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "image/tar_filter.h"

enum { BLOCK_BYTES = 32 * 1024, TAR_BLOCK = 512, SHOWN_BYTES = 200 };

const struct oci_tar_limits oci_tar_default_limits = {
	.entries = 1000000,		   /* the largest images have some 300,000 */
	.total_bytes = (uint64_t)64 << 30, /* images for machine learning come to 20 GiB */
	.header_bytes = 1024 * 1024,	   /* the kernel takes 64 KiB for one xattr */
	.path_bytes = 4095,		   /* PATH_MAX without its NUL */
	.depth = 256,			   /* as deep as our tree of files may be */
	.ratio = 1000, /* trees are below 100; gzip cannot do more than 1032, zstd can */
};

struct oci_tar_reader {
	struct eb_reader *in;
	struct archive *archive;
	struct oci_tar_limits lim;
	struct eb_error *pending; /* of in, or a limit, met inside libarchive */

	bool in_header, have_member, end;
	uint64_t header_seen; /* bytes fetched since the last member's end */
	uint64_t fetched;     /* bytes given to libarchive */
	uint64_t nonzero_end; /* offset behind the last byte that is not zero */
	uint64_t member_end;  /* offset behind the last member's data and padding */

	uint64_t entries, total_bytes;
	char *path, *link;
	uint64_t left; /* of the current member's data */
	struct oci_xattr *xattrs;
	size_t n_xattrs;
	char block[BLOCK_BYTES];
};

/* ---- input of libarchive ---- */

/* Note where the last byte of a block is that is not zero. */
static void note_zeros(struct oci_tar_reader *t, size_t n)
{
	while (n > 0 && t->block[n - 1] == 0)
		n--;
	if (n > 0)
		t->nonzero_end = t->fetched + n;
}

static int throw_header_bytes(const struct oci_tar_reader *t, struct eb_error **err)
{
	return eb_throw(err, EB_E_LIMIT,
			"the headers of one member are larger than %" PRIu64
			" bytes (limit 'header_bytes')",
			t->lim.header_bytes);
}

static ssize_t fetch(struct oci_tar_reader *t, struct eb_error **err)
{
	ssize_t got;

	if (t->in_header && t->header_seen > t->lim.header_bytes)
		return throw_header_bytes(t, err);
	got = eb_read(t->in, t->block, sizeof(t->block), err);
	if (got <= 0)
		return got;
	note_zeros(t, (size_t)got);
	t->fetched += (uint64_t)got;
	if (t->in_header)
		t->header_seen += (uint64_t)got;
	return got;
}

static la_ssize_t tar_input(struct archive *a, void *ctx, const void **ret)
{
	struct oci_tar_reader *t = ctx;
	ssize_t got = t->pending ? -EIO : fetch(t, &t->pending);

	if (got < 0) {
		archive_set_error(a, EIO, "input failed");
		return ARCHIVE_FATAL;
	}
	*ret = t->block;
	return got;
}

/* Say before a message about the stream where in it that was. */
static int prefix_place(struct oci_tar_reader *t, int code, struct eb_error **err)
{
	autofree char *shown = t->path ? eb_printable(t->path, SHOWN_BYTES) : NULL;

	if (!shown)
		return eb_prefix(err, code, "tar, first member");
	return eb_prefix(err, code, "tar, %smember '%s'", t->in_header ? "after " : "", shown);
}

static int tar_fail(struct oci_tar_reader *t, struct eb_error **err)
{
	const char *text = archive_error_string(t->archive);
	int c;

	if (t->pending)
		c = eb_error_forward(err, EB_TAKE_PTR(t->pending));
	else if (text && strstr(text, "header too large"))
		/* libarchive has a limit of its own, which is as large as ours. */
		c = throw_header_bytes(t, err);
	else
		c = eb_throw(err, EB_E_FORMAT, "damaged or truncated before byte %" PRIu64 ": %s",
			     t->fetched, text ? text : "no details");
	return prefix_place(t, c, err);
}

int oci_tar_open(struct eb_reader *in, enum oci_tar_filter filter, const struct oci_tar_limits *lim,
		 struct oci_tar_reader **ret, struct eb_error **err)
{
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = eb_xcalloc(1, sizeof(*t));
	int c = oci_tar_filter_open(in, filter, lim->ratio, &t->in, err);

	if (c < 0)
		return c;
	t->lim = *lim;
	t->in_header = true;
	t->archive = archive_read_new();
	if (!t->archive || archive_read_support_format_tar(t->archive) != ARCHIVE_OK)
		return eb_throw(err, EB_E_UNSUPPORTED, "this libarchive cannot read tar");
	if (archive_read_open(t->archive, t, NULL, tar_input, NULL) != ARCHIVE_OK)
		return tar_fail(t, err);
	*ret = EB_TAKE_PTR(t);
	return 0;
}

static void forget_member(struct oci_tar_reader *t)
{
	free(t->link);
	t->link = NULL;
	free(t->xattrs);
	t->xattrs = NULL;
	t->n_xattrs = 0;
	t->left = 0;
}

struct oci_tar_reader *oci_tar_reader_free(struct oci_tar_reader *t)
{
	if (!t)
		return NULL;
	forget_member(t);
	free(t->path);
	if (t->archive)
		eb_ignore(archive_read_free(t->archive));
	eb_reader_free(t->in);
	eb_error_free(t->pending);
	free(t);
	return NULL;
}

/* ---- names ---- */

static int refuse_path(const char *what, const char *name, int code, const char *why,
		       struct eb_error **err)
{
	autofree char *shown = eb_printable(name, SHOWN_BYTES);

	return eb_throw(err, code, "%s '%s' %s", what, shown, why);
}

/* Every component must be a name: not empty, not "." or "..". */
static int check_components(const struct oci_tar_reader *t, const char *what, const char *path,
			    struct eb_error **err)
{
	size_t depth = 0;

	for (const char *p = path;; p++) {
		size_t n = (size_t)(strchrnul(p, '/') - p);

		if (n == 0 || (n == 1 && p[0] == '.'))
			return refuse_path(what, path, EB_E_FORMAT, "is not in its simplest form",
					   err);
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return refuse_path(what, path, EB_E_FORMAT, "has a '..' component", err);
		if (++depth > t->lim.depth)
			return refuse_path(what, path, EB_E_LIMIT,
					   "has more components than limit 'depth' allows", err);
		p += n;
		if (!*p)
			return 0;
	}
}

/* One spelling per path: "./" at the front and one slash at the end of a directory go. The result
 * is heap; "" is the root. */
static int clean_path(const struct oci_tar_reader *t, const char *what, const char *name,
		      bool is_dir, char **ret, struct eb_error **err)
{
	autofree char *copy = NULL;
	size_t n;
	int c;

	if (strlen(name) > t->lim.path_bytes)
		return refuse_path(what, name, EB_E_LIMIT,
				   "is longer than limit 'path_bytes' allows", err);
	if (name[0] == '/')
		return refuse_path(what, name, EB_E_FORMAT,
				   "is absolute, expected one inside the tree", err);
	if (is_dir && (strcmp(name, ".") == 0 || strcmp(name, "./") == 0)) {
		*ret = eb_xstrdup("");
		return 0;
	}
	if (name[0] == '.' && name[1] == '/')
		name += 2;
	n = strlen(name);
	if (is_dir && n > 1 && name[n - 1] == '/')
		n--;
	copy = eb_xstrndup(name, n);
	c = check_components(t, what, copy, err);
	if (c < 0)
		return c;
	*ret = EB_TAKE_PTR(copy);
	return 0;
}

/* ---- what a member is ---- */

static int unsupported(const char *what, struct eb_error **err)
{
	int c = eb_throw(err, EB_E_UNSUPPORTED, "is %s, which an image of ours cannot hold", what);

	return eb_hint(err, c,
		       "leave it out of the archive, or unpack and repack it as a plain "
		       "file or directory");
}

static int member_type(struct archive_entry *e, char *ret, struct eb_error **err)
{
	if (archive_entry_hardlink(e)) {
		*ret = '1';
		return 0;
	}
	if (archive_entry_sparse_count(e) > 0)
		return unsupported("a sparse file", err);
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		*ret = '0';
		return 0;
	case AE_IFLNK:
		*ret = '2';
		return 0;
	case AE_IFDIR:
		*ret = '5';
		return 0;
	case AE_IFIFO:
		*ret = '6';
		return 0;
	case AE_IFCHR:
	case AE_IFBLK:
		return unsupported("a device node", err);
	default:
		return unsupported("of an unknown type", err);
	}
}

static int member_link(struct oci_tar_reader *t, struct archive_entry *e, char type,
		       struct eb_error **err)
{
	const char *target;

	if (type == '1')
		return clean_path(t, "hard link target", archive_entry_hardlink(e), false, &t->link,
				  err);
	if (type != '2')
		return 0;
	target = archive_entry_symlink(e);
	if (!target || !*target)
		return eb_throw(err, EB_E_FORMAT, "is a symbolic link to nothing");
	if (strlen(target) > t->lim.path_bytes)
		return eb_throw(err, EB_E_LIMIT,
				"link target is longer than %u bytes (limit 'path_bytes')",
				t->lim.path_bytes);
	t->link = eb_xstrdup(target);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct oci_xattr *)a)->name, ((const struct oci_xattr *)b)->name);
}

/* Names and values stay libarchive's, until the next member. */
static int member_xattrs(struct oci_tar_reader *t, struct archive_entry *e, struct eb_error **err)
{
	int n = archive_entry_xattr_reset(e);

	if (n <= 0)
		return 0;
	t->xattrs = eb_xcalloc((size_t)n, sizeof(*t->xattrs));
	for (int i = 0; i < n; i++) {
		struct oci_xattr *x = &t->xattrs[t->n_xattrs];

		if (archive_entry_xattr_next(e, &x->name, &x->value, &x->size) != ARCHIVE_OK)
			break;
		if (!x->name || !*x->name)
			return eb_throw(err, EB_E_FORMAT, "has an extended attribute without name");
		t->n_xattrs++;
	}
	qsort(t->xattrs, t->n_xattrs, sizeof(*t->xattrs), by_name);
	for (size_t i = 1; i < t->n_xattrs; i++)
		if (strcmp(t->xattrs[i - 1].name, t->xattrs[i].name) == 0)
			return eb_throw(err, EB_E_FORMAT, "has extended attribute '%.100s' twice",
					t->xattrs[i].name);
	return 0;
}

static int member_id(const char *what, int64_t id, uint32_t *ret, struct eb_error **err)
{
	if (id < 0 || id >= UINT32_MAX)
		return eb_throw(err, EB_E_FORMAT, "%s %" PRId64 " is out of range", what, id);
	*ret = (uint32_t)id;
	return 0;
}

static int member_size(struct oci_tar_reader *t, struct archive_entry *e, uint64_t *ret,
		       struct eb_error **err)
{
	int64_t size = archive_entry_size_is_set(e) ? archive_entry_size(e) : 0;

	if (size < 0)
		return eb_throw(err, EB_E_FORMAT, "size %" PRId64 " is negative", size);
	if (!eb_add_u64(t->total_bytes, (uint64_t)size, &t->total_bytes) ||
	    t->total_bytes > t->lim.total_bytes)
		return eb_throw(err, EB_E_LIMIT,
				"with it the members come to more than %" PRIu64
				" bytes (limit 'total_bytes')",
				t->lim.total_bytes);
	*ret = (uint64_t)size;
	return 0;
}

static int fill_member(struct oci_tar_reader *t, struct archive_entry *e, struct oci_tar_entry *ret,
		       struct eb_error **err)
{
	struct oci_tar_entry out = { .mode = (uint32_t)archive_entry_perm(e) & 07777,
				     .mtime_sec = (int64_t)archive_entry_mtime(e) };
	int c = member_type(e, &out.type, err);

	if (c == 0)
		c = member_link(t, e, out.type, err);
	if (c == 0)
		c = member_id("uid", archive_entry_uid(e), &out.uid, err);
	if (c == 0)
		c = member_id("gid", archive_entry_gid(e), &out.gid, err);
	if (c == 0 && out.type == '0')
		c = member_size(t, e, &out.size, err);
	if (c == 0)
		c = member_xattrs(t, e, err);
	if (c < 0)
		return c;
	t->left = out.size;
	out.path = t->path;
	out.link = t->link;
	out.xattrs = t->xattrs;
	out.n_xattrs = t->n_xattrs;
	*ret = out;
	return 0;
}

/* ---- walking ---- */

static int skip_member(struct oci_tar_reader *t, struct eb_error **err)
{
	int c;

	if (!t->have_member)
		return 0;
	t->in_header = false;
	c = archive_read_data_skip(t->archive);
	if (c != ARCHIVE_OK && c != ARCHIVE_EOF)
		return tar_fail(t, err);
	t->have_member = false;
	t->member_end = (uint64_t)archive_filter_bytes(t->archive, 0);
	return 0;
}

/* After the last member: a block of zeros at least, and nothing but zeros. */
static int check_end(struct oci_tar_reader *t, struct eb_error **err)
{
	ssize_t got;
	int c = 0;

	t->in_header = false;
	do
		got = t->pending ? -EIO : fetch(t, &t->pending);
	while (got > 0 && t->nonzero_end <= t->member_end);
	t->in_header = true;
	if (got < 0)
		return tar_fail(t, err);
	if (t->nonzero_end > t->member_end)
		c = eb_throw(err, EB_E_FORMAT,
			     "bytes follow the end of the archive, at or before "
			     "byte %" PRIu64,
			     t->nonzero_end - 1);
	else if (t->fetched < t->member_end + TAR_BLOCK)
		c = eb_throw(err, EB_E_FORMAT,
			     "truncated: ends at byte %" PRIu64
			     " without the end-of-archive blocks",
			     t->fetched);
	if (c < 0)
		return prefix_place(t, c, err);
	t->end = true;
	return 0;
}

/* libarchive warns when it cannot convert a name from UTF-8 to the locale's characters, and then
 * gives its bytes, which is what we want. Any other warning means that it skipped something. */
static bool is_harmless(struct archive *a)
{
	const char *text = archive_error_string(a);

	return text && strstr(text, "can't be converted");
}

static int next_header(struct oci_tar_reader *t, struct archive_entry **ret, struct eb_error **err)
{
	int c;

	t->in_header = true;
	t->header_seen = 0;
	c = archive_read_next_header(t->archive, ret);
	if (t->pending)
		return tar_fail(t, err);
	if (c == ARCHIVE_EOF)
		return check_end(t, err);
	if (c != ARCHIVE_OK && !(c == ARCHIVE_WARN && is_harmless(t->archive)))
		return tar_fail(t, err);
	t->have_member = true;
	return 1;
}

int oci_tar_next(struct oci_tar_reader *t, struct oci_tar_entry *ret, struct eb_error **err)
{
	struct archive_entry *e;
	const char *name;
	char *path = NULL;
	int c;

	if (t->end)
		return 0;
	c = skip_member(t, err);
	if (c < 0)
		return c;
	forget_member(t);
	c = next_header(t, &e, err);
	if (c <= 0)
		return c;
	if (++t->entries > t->lim.entries) {
		c = eb_throw(err, EB_E_LIMIT, "more than %" PRIu64 " members (limit 'entries')",
			     t->lim.entries);
		return prefix_place(t, c, err);
	}
	name = archive_entry_pathname(e);
	if (!name || !*name)
		c = eb_throw(err, EB_E_FORMAT, "a member has no name");
	else
		c = clean_path(t, "path", name,
			       archive_entry_filetype(e) == AE_IFDIR && !archive_entry_hardlink(e),
			       &path, err);
	if (c < 0)
		return prefix_place(t, c, err);
	free(t->path);
	t->path = path;
	t->in_header = false;
	c = fill_member(t, e, ret, err);
	return c < 0 ? prefix_place(t, c, err) : 1;
}

ssize_t oci_tar_data(struct oci_tar_reader *t, void *p, size_t n, struct eb_error **err)
{
	la_ssize_t got;
	int c;

	if (t->left == 0)
		return 0;
	got = archive_read_data(t->archive, p, n < t->left ? n : (size_t)t->left);
	if (got < 0)
		return tar_fail(t, err);
	if (got == 0) {
		c = eb_throw(err, EB_E_FORMAT, "data ends %" PRIu64 " bytes early", t->left);
		return prefix_place(t, c, err);
	}
	t->left -= (uint64_t)got;
	return got;
}
