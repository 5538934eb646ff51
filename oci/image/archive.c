#include "image/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "image/archive_walk.h"

enum { LAYOUT_MAX_BYTES = 4096 };

struct oci_archive {
	char *path;
	int fd;		   /* of the tar */
	struct eb_dir dir; /* or of the directory */
	uint64_t file_size, end_offset;
	struct eb_arena *arena;
	struct oci_member_list list;
	uint32_t *sorted; /* indexes into list, by name */
	struct oci_manifest index;
};

struct oci_archive *oci_archive_free(struct oci_archive *a)
{
	if (!a)
		return NULL;
	if (a->fd >= 0)
		close(a->fd);
	eb_dir_release(&a->dir);
	oci_manifest_release(&a->index);
	free(a->list.items);
	free(a->list.links);
	free(a->sorted);
	eb_arena_free(a->arena);
	free(a->path);
	free(a);
	return NULL;
}

const char *oci_archive_path(const struct oci_archive *a)
{
	return a->path;
}

bool oci_archive_is_dir(const struct oci_archive *a)
{
	return a->dir.fd >= 0;
}

int oci_archive_fd(const struct oci_archive *a)
{
	return a->fd;
}

uint64_t oci_archive_file_size(const struct oci_archive *a)
{
	return a->file_size;
}

uint64_t oci_archive_end_offset(const struct oci_archive *a)
{
	return a->end_offset;
}

size_t oci_archive_count(const struct oci_archive *a)
{
	return a->list.n;
}

const struct oci_member *oci_archive_member(const struct oci_archive *a, size_t i)
{
	return &a->list.items[i];
}

const struct oci_manifest *oci_archive_index(const struct oci_archive *a)
{
	return &a->index;
}

/* ---- finding ---- */

static int by_member_name(const void *x, const void *y, void *items)
{
	const struct oci_member *m = items;
	uint32_t i = *(const uint32_t *)x, j = *(const uint32_t *)y;
	int c = strcmp(m[i].name, m[j].name);

	return c ? c : (i > j) - (i < j);
}

/* Two members of one name are two answers to one question, and tools differ in which they take. */
static int sort_names(struct oci_archive *a, struct eb_error **err)
{
	const struct oci_member *m = a->list.items;
	autofree char *shown = NULL;

	a->sorted = eb_xcalloc(a->list.n, sizeof(*a->sorted));
	for (size_t i = 0; i < a->list.n; i++)
		a->sorted[i] = (uint32_t)i;
	if (a->list.n > 1)
		qsort_r(a->sorted, a->list.n, sizeof(*a->sorted), by_member_name, a->list.items);
	for (size_t i = 1; i < a->list.n; i++) {
		const struct oci_member *p = &m[a->sorted[i - 1]], *q = &m[a->sorted[i]];

		if (strcmp(p->name, q->name) != 0)
			continue;
		shown = eb_printable(p->name, 200);
		return eb_throw(err, EB_E_FORMAT,
				"member '%s' is there twice, at offsets %" PRIu64 " and %" PRIu64,
				shown, p->header_offset, q->header_offset);
	}
	return 0;
}

const struct oci_member *oci_archive_find(const struct oci_archive *a, const char *name)
{
	size_t low = 0, high = a->list.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct oci_member *m = &a->list.items[a->sorted[mid]];
		int c = strcmp(name, m->name);

		if (c == 0)
			return m;
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct oci_member *oci_archive_find_blob(const struct oci_archive *a,
					       const struct oci_digest *d)
{
	char path[160];

	oci_digest_blob_path(d, path);
	return oci_archive_find(a, path);
}

/* ---- reading ---- */

static int open_in_dir(const struct oci_archive *a, const struct oci_member *m,
		       struct eb_reader **ret, struct eb_error **err)
{
	/* Not to hang on a fifo that took the file's place. */
	autofd int fd = eb_dir_open_file(&a->dir, m->name, O_RDONLY | O_NONBLOCK, 0, err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return eb_throw_errno(err, "stat '%s/%s'", a->path, m->name);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != m->size)
		return eb_throw(err, EB_E_CONFLICT, "'%s/%s' changed while it was in use", a->path,
				m->name);
	*ret = eb_reader_limit(eb_reader_fd(EB_TAKE_FD(fd), true), m->size, m->name);
	return 0;
}

int oci_archive_member_reader(const struct oci_archive *a, const struct oci_member *m,
			      struct eb_reader **ret, struct eb_error **err)
{
	if (oci_archive_is_dir(a))
		return open_in_dir(a, m, ret, err);
	*ret = eb_reader_region(a->fd, m->offset, m->size);
	return 0;
}

int oci_archive_blob(const struct oci_archive *a, const struct oci_descriptor *d,
		     struct eb_reader **ret, struct eb_error **err)
{
	const struct oci_member *m = oci_archive_find_blob(a, &d->digest);
	autofree char *what = NULL;
	struct eb_reader *in = NULL;
	int r;

	if (!m)
		return eb_throw(err, EB_E_NOT_FOUND, "'%s': blob %s is not in it", a->path,
				d->digest.text);
	if (m->size != d->size)
		return eb_throw(err, EB_E_DIGEST,
				"'%s': blob %s has %" PRIu64 " bytes, expected %" PRIu64, a->path,
				d->digest.text, m->size, d->size);
	r = oci_archive_member_reader(a, m, &in, err);
	if (r < 0)
		return r;
	what = eb_xasprintf("'%s': member '%s'", a->path, m->name);
	*ret = eb_reader_verify(in, oci_digest_hex(&d->digest), d->size, what);
	return 0;
}

int oci_archive_blob_text(const struct oci_archive *a, const struct oci_descriptor *d, size_t max,
			  char **ret, size_t *ret_n, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_AUTOBUF(b, max);
	int r;

	if (d->size > max)
		return eb_throw(err, EB_E_LIMIT,
				"'%s': blob %s of %" PRIu64 " bytes is larger than %zu", a->path,
				d->digest.text, d->size, max);
	r = oci_archive_blob(a, d, &in, err);
	if (r == 0)
		r = eb_read_all(in, &b, d->digest.text, err);
	if (r < 0)
		return r;
	if (ret_n)
		*ret_n = b.len;
	*ret = eb_buf_take(&b);
	return 0;
}

int oci_archive_manifest(const struct oci_archive *a, const struct oci_descriptor *d,
			 struct oci_manifest *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	bool index = oci_media_type_is_index(d->media_type);
	autofree char *text = NULL;
	size_t n = 0;
	int r;

	if (!index && !oci_media_type_is_manifest(d->media_type))
		return eb_throw(err, EB_E_UNSUPPORTED,
				"'%s': blob %s: '%.100s' is neither an image manifest nor an index",
				a->path, d->digest.text, d->media_type);
	r = oci_archive_blob_text(a, d, OCI_MANIFEST_MAX_BYTES, &text, &n, err);
	if (r < 0)
		return r;
	r = oci_manifest_parse(text, n, &m, err);
	if (r == 0 && m.is_index != index)
		r = eb_throw(err, EB_E_FORMAT, "is described as '%s' and is an %s", d->media_type,
			     m.is_index ? "index" : "image manifest");
	if (r < 0)
		return eb_prefix(err, r, "'%s': blob %s", a->path, d->digest.text);
	*ret = m;
	m = (struct oci_manifest){ .media_type = NULL };
	return 0;
}

/* ---- opening ---- */

static int read_member(const struct oci_archive *a, const char *name, struct eb_buf *b,
		       struct eb_error **err)
{
	const struct oci_member *m = oci_archive_find(a, name);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	int r;

	if (!m) {
		r = eb_throw(err, EB_E_FORMAT, "no member '%s': not an OCI image layout", name);
		return eb_hint(err, r,
			       "an archive of 'docker save' is read as docker-archive:FILE");
	}
	r = oci_archive_member_reader(a, m, &in, err);
	return r < 0 ? r : eb_read_all(in, b, name, err);
}

static int check_layout(const struct oci_archive *a, struct eb_error **err)
{
	EB_AUTOBUF(b, LAYOUT_MAX_BYTES);
	autojson json_t *j = NULL;
	const char *version = "";
	int r = read_member(a, "oci-layout", &b, err);

	if (r < 0)
		return r;
	r = eb_json_parse(eb_buf_str(&b), b.len, LAYOUT_MAX_BYTES, &j, err);
	if (r == 0)
		r = eb_json_get_str(j, "imageLayoutVersion", &version, err);
	if (r == 0 && strcmp(version, "1.0.0") != 0)
		r = eb_throw(err, EB_E_UNSUPPORTED,
			     "imageLayoutVersion: expected '1.0.0', found '%.40s'", version);
	return r < 0 ? eb_prefix(err, r, "oci-layout") : 0;
}

static int load_index(struct oci_archive *a, struct eb_error **err)
{
	EB_AUTOBUF(b, OCI_MANIFEST_MAX_BYTES);
	int r = read_member(a, "index.json", &b, err);

	if (r < 0)
		return r;
	r = oci_index_json_parse(eb_buf_str(&b), b.len, &a->index, err);
	return r < 0 ? eb_prefix(err, r, "index.json") : 0;
}

static int open_tar(struct oci_archive *a, struct eb_error **err)
{
	static const unsigned char magics[][4] = { { 0x1f, 0x8b }, { 0x28, 0xb5, 0x2f, 0xfd } };
	unsigned char first[4] = { 0 };
	struct stat st;
	int r;

	if (fstat(a->fd, &st) < 0)
		return eb_throw_errno(err, "stat");
	if (!S_ISREG(st.st_mode))
		return eb_throw(err, EB_E_UNSUPPORTED, "is neither a file nor a directory");
	a->file_size = (uint64_t)st.st_size;
	r = oci_walk_tar(a->fd, a->file_size, &a->list, &a->end_offset, err);
	if (r < 0 && pread(a->fd, first, sizeof(first), 0) == (ssize_t)sizeof(first) &&
	    (memcmp(first, magics[0], 2) == 0 || memcmp(first, magics[1], 4) == 0))
		return eb_hint(err, r, "it is compressed; decompress it first (gunzip or unzstd)");
	return r;
}

static int load(struct oci_archive *a, bool layout, struct eb_error **err)
{
	int r = oci_archive_is_dir(a) ? oci_walk_dir(&a->dir, &a->list, err) : open_tar(a, err);

	if (r == 0)
		r = oci_links_resolve(&a->list, err);
	if (r == 0)
		r = sort_names(a, err);
	if (r == 0 && layout)
		r = check_layout(a, err);
	return r < 0 || !layout ? r : load_index(a, err);
}

static int open_any(const char *path, bool layout, struct oci_archive **ret, struct eb_error **err)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = eb_xcalloc(1, sizeof(*a));
	struct stat st;
	int r;

	a->path = eb_xstrdup(path);
	a->dir.fd = -1;
	a->arena = eb_arena_new();
	a->list.arena = a->arena;
	a->list.takes_links = !layout;
	a->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (a->fd < 0)
		return eb_throw_errno(err, "open '%s'", path);
	if (fstat(a->fd, &st) < 0)
		return eb_throw_errno(err, "stat '%s'", path);
	if (S_ISDIR(st.st_mode) && layout)
		a->dir = (struct eb_dir){ EB_TAKE_FD(a->fd), eb_xstrdup(path) };
	r = load(a, layout, err);
	if (r < 0)
		return eb_prefix(err, r, "'%s'", path);
	*ret = EB_TAKE_PTR(a);
	return 0;
}

int oci_archive_open(const char *path, struct oci_archive **ret, struct eb_error **err)
{
	return open_any(path, true, ret, err);
}

int oci_archive_open_tar(const char *path, struct oci_archive **ret, struct eb_error **err)
{
	return open_any(path, false, ret, err);
}
