#include "image/archive_walk.h"

#include <errno.h>
#include <inttypes.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "image/tar_header.h"
#include "image/tar_write.h"

enum {
	EXTENDED_MAX_BYTES = 64 * 1024,	    /* of one pax header or long name; ours have none */
	NAME_MAX_BYTES = 1023,		    /* a sha512 blob's path has 141 */
	NAMES_MAX_BYTES = 32 * 1024 * 1024, /* OCI_ARCHIVE_MAX_MEMBERS names of such blobs */
	SHOWN_BYTES = 200,
};

int oci_member_add(struct oci_member_list *list, const char *name, const struct oci_member *m,
		   struct eb_error **err)
{
	int r = eb_grow(&list->items, &list->alloc, list->n + 1, sizeof(*list->items),
			OCI_ARCHIVE_MAX_MEMBERS, "members", err);

	if (r < 0)
		return r;
	list->name_bytes += strlen(name) + 1;
	if (list->name_bytes > NAMES_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "names of members come to more than %d bytes",
				NAMES_MAX_BYTES);
	list->items[list->n] = *m;
	list->items[list->n++].name = eb_arena_strdup(list->arena, name);
	return 0;
}

struct walk {
	int fd;
	uint64_t file_size;
	uint64_t at;	/* of the next header block */
	uint64_t first; /* of the first header block of the member in the making */
	bool has_name, has_size, long_link;
	char name[NAME_MAX_BYTES + 1]; /* from a pax header or GNU long name */
	uint64_t size;		       /* from a pax header */
	const char *last;	       /* name of the last member, for messages */
};

static int read_at(struct walk *w, uint64_t offset, void *p, size_t n, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *r = eb_reader_region(w->fd, offset, n);

	return eb_read_full(r, p, n, err);
}

static int set_name(struct walk *w, const char *p, size_t n, struct eb_error **err)
{
	if (n > NAME_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "name of %zu bytes is longer than %d", n,
				NAME_MAX_BYTES);
	if (w->has_name)
		return eb_throw(err, EB_E_FORMAT, "has two extended headers with a name");
	if (n == 0 || memchr(p, '\0', n))
		return eb_throw(err, EB_E_FORMAT, "name is empty or has a NUL in it");
	memcpy(w->name, p, n);
	w->name[n] = '\0';
	w->has_name = true;
	return 0;
}

/* The records that place a member. What only describes it (mtime, uid, ...) is of no interest. */
static int use_pax_record(struct walk *w, char type, struct eb_span key, struct eb_span value,
			  struct eb_error **err)
{
	bool path = eb_span_eq(key, "path"), size = eb_span_eq(key, "size");

	if (eb_span_starts(key, "GNU.sparse."))
		return eb_throw(err, EB_E_UNSUPPORTED, "is a sparse file");
	if (eb_span_eq(key, "linkpath"))
		w->long_link = true;
	if (type == 'g' && (path || size))
		return eb_throw(err, EB_E_UNSUPPORTED, "global pax header sets path or size");
	if (path)
		return set_name(w, value.ptr, value.len, err);
	if (size) {
		if (w->has_size)
			return eb_throw(err, EB_E_FORMAT, "has its size in two pax records");
		w->has_size = true;
		return eb_parse_u64(value, INT64_MAX, &w->size, err);
	}
	return 0;
}

static int use_extended(struct walk *w, const struct oci_member_list *list, char type,
			const char *p, size_t n, struct eb_error **err)
{
	struct eb_span rest = { p, n }, key, value;
	int r;

	if (type == 'K' && list->takes_links)
		return eb_throw(err, EB_E_UNSUPPORTED, "is a link with a target of %zu bytes", n);
	if (type == 'K')
		return 0; /* of a link, which is refused when it comes */
	if (type == 'L')
		return set_name(w, p, strnlen(p, n), err);
	while ((r = oci_tar_pax_next(&rest, &key, &value, err)) > 0) {
		r = use_pax_record(w, type, key, value, err);
		if (r < 0)
			return r;
	}
	return r;
}

/* Where data and padding of size bytes end, if that is inside the file. */
static int member_end(const struct walk *w, uint64_t data, uint64_t size, uint64_t *ret,
		      struct eb_error **err)
{
	uint64_t end;

	if (!eb_add_u64(data, size, &end) || !eb_add_u64(end, oci_tar_padding(size), &end) ||
	    end > w->file_size)
		return eb_throw(err, EB_E_FORMAT,
				"its %" PRIu64
				" bytes go past the end of the file, which has %" PRIu64 " bytes",
				size, w->file_size);
	*ret = end;
	return 0;
}

static int step_extended(struct walk *w, const struct oci_tar_block *b,
			 const struct oci_member_list *list, struct eb_error **err)
{
	autofree char *text = NULL;
	uint64_t end = 0;
	int r;

	if (b->size > EXTENDED_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT,
				"extended header of %" PRIu64 " bytes is larger than %d", b->size,
				EXTENDED_MAX_BYTES);
	r = member_end(w, w->at + OCI_TAR_BLOCK, b->size, &end, err);
	if (r < 0)
		return r;
	text = eb_xcalloc(1, (size_t)b->size + 1);
	r = read_at(w, w->at + OCI_TAR_BLOCK, text, (size_t)b->size, err);
	if (r == 0)
		r = use_extended(w, list, b->type, text, (size_t)b->size, err);
	if (r == 0)
		w->at = end;
	return r;
}

/* "./a/" becomes "a"; false for what is not a path inside. */
static bool clean_name(char *name, bool is_dir, char **ret)
{
	size_t n;

	if (name[0] == '.' && name[1] == '/')
		name += 2;
	n = strlen(name);
	if (is_dir && n > 0 && name[n - 1] == '/')
		name[n - 1] = '\0';
	*ret = name;
	if (is_dir && (!*name || strcmp(name, ".") == 0))
		return true;
	return eb_path_is_clean(name);
}

/* A link where links are taken: it has no data. */
static int step_link(struct walk *w, const struct oci_tar_block *b, struct oci_member_list *list,
		     struct eb_error **err)
{
	char text[NAME_MAX_BYTES + 1], *name;
	int r;

	snprintf(text, sizeof(text), "%s", w->has_name ? w->name : b->name);
	if (!clean_name(text, false, &name))
		return eb_throw(err, EB_E_FORMAT, "its name is not a path inside the archive");
	if (w->long_link)
		return eb_throw(err, EB_E_UNSUPPORTED,
				"is a link with a target of more than %d bytes",
				OCI_TAR_USTAR_LINK);
	if (w->has_size ? w->size : b->size)
		return eb_throw(err, EB_E_FORMAT, "is a link with data");
	r = oci_link_add(list, name, b->type, b->link, err);
	w->at += OCI_TAR_BLOCK;
	w->first = w->at;
	w->has_name = w->has_size = false;
	return r;
}

static int step_member(struct walk *w, const struct oci_tar_block *b, struct oci_member_list *list,
		       struct eb_error **err)
{
	struct oci_member m = { .header_offset = w->first,
				.offset = w->at + OCI_TAR_BLOCK,
				.size = w->has_size ? w->size : b->size };
	char text[NAME_MAX_BYTES + 1], *name;
	int r;

	snprintf(text, sizeof(text), "%s", w->has_name ? w->name : b->name);
	if (b->type != '0' && b->type != '5')
		return eb_throw(err, EB_E_UNSUPPORTED,
				"is neither a file nor a directory (type '%c')",
				b->type > ' ' && b->type < 0x7f ? b->type : '?');
	if (!clean_name(text, b->type == '5', &name))
		return eb_throw(err, EB_E_FORMAT, "its name is not a path inside the layout");
	if (b->type == '5' && m.size != 0)
		return eb_throw(err, EB_E_FORMAT, "is a directory with data");
	r = member_end(w, m.offset, m.size, &w->at, err);
	if (r == 0 && b->type == '0') {
		r = oci_member_add(list, name, &m, err);
		if (r == 0)
			w->last = list->items[list->n - 1].name;
	}
	w->first = w->at;
	w->has_name = w->has_size = w->long_link = false;
	return r;
}

/* One header block and what belongs to it: 1, or 0 for a block of zeros. */
static int step(struct walk *w, struct oci_member_list *list, struct eb_error **err)
{
	char block[OCI_TAR_BLOCK];
	autofree char *shown = NULL;
	struct oci_tar_block b = { .size = 0 };
	uint64_t at = w->at;
	int r;

	if (w->file_size - at < OCI_TAR_BLOCK)
		return eb_throw(err, EB_E_FORMAT,
				"file ends at %" PRIu64 " without the end-of-archive blocks",
				w->file_size);
	r = read_at(w, at, block, sizeof(block), err);
	if (r == 0)
		r = oci_tar_block_parse(block, &b, err);
	if (r <= 0)
		return r;
	shown = eb_printable(w->has_name ? w->name : b.name, SHOWN_BYTES);
	if (b.type == 'x' || b.type == 'g' || b.type == 'L' || b.type == 'K')
		r = step_extended(w, &b, list, err);
	else if (list->takes_links && (b.type == '1' || b.type == '2'))
		r = step_link(w, &b, list, err);
	else
		r = step_member(w, &b, list, err);
	return r < 0 ? eb_prefix(err, r, "member '%s'", shown) : 1;
}

/* Two blocks of zeros; the first was seen. */
static int check_end(struct walk *w, uint64_t *ret_end, struct eb_error **err)
{
	char block[OCI_TAR_BLOCK];
	struct oci_tar_block b;
	int r;

	if (w->first != w->at)
		return eb_throw(err, EB_E_FORMAT, "archive ends after an extended header");
	if (w->file_size - w->at < OCI_TAR_END_BYTES)
		return eb_throw(err, EB_E_FORMAT,
				"file ends at %" PRIu64 " inside the end-of-archive blocks",
				w->file_size);
	r = read_at(w, w->at + OCI_TAR_BLOCK, block, sizeof(block), err);
	if (r == 0)
		r = oci_tar_block_parse(block, &b, err);
	if (r > 0)
		return eb_throw(err, EB_E_FORMAT, "a header follows a single end-of-archive block");
	if (r == 0)
		*ret_end = w->at + OCI_TAR_END_BYTES;
	return r;
}

int oci_walk_tar(int fd, uint64_t file_size, struct oci_member_list *list, uint64_t *ret_end,
		 struct eb_error **err)
{
	struct walk w = { .fd = fd, .file_size = file_size };
	autofree char *shown = NULL;
	int r;

	while ((r = step(&w, list, err)) > 0)
		;
	if (r == 0)
		r = check_end(&w, ret_end, err);
	if (r == 0)
		return 0;
	if (!w.last)
		return eb_prefix(err, r, "tar header at offset %" PRIu64, w.at);
	shown = eb_printable(w.last, SHOWN_BYTES);
	return eb_prefix(err, r, "tar header at offset %" PRIu64 ", after member '%s'", w.at,
			 shown);
}
