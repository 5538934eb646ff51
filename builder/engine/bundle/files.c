#include "bundle/files.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"

enum { BLOCKS_MAX_BYTES = 128 * 1024 * 1024 };

/* What the layer under way hides of those below. */
struct hidden {
	struct bnd_path base;
	bool self; /* the path too, not only what is below it */
};

struct load {
	struct bnd_paths *files;
	struct bnd_paths *hidden;
	unsigned int layer;
	struct eb_hash *hash;
};

/* Which block differs is all that this has to tell; whether content differs is SHA-256's to say. */
static uint64_t block_hash(const unsigned char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

static void digest(struct eb_hash *h, uint8_t out[static 32])
{
	char hex[EB_HASH_MAX_HEX + 1];

	eb_hash_final_hex(h, hex);
	for (size_t i = 0; i < 32; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		out[i] = (uint8_t)strtoumax(pair, NULL, 16);
	}
}

static int read_block(struct oci_tar_reader *t, unsigned char *p, size_t *ret,
		      struct eb_error **err)
{
	size_t n = 0;
	ssize_t got = 0;

	while (n < BND_FILE_BLOCK && (got = oci_tar_data(t, p + n, BND_FILE_BLOCK - n, err)) > 0)
		n += (size_t)got;
	*ret = n;
	return got < 0 ? (int)got : 0;
}

static int load_content(struct load *l, struct bnd_file *f, struct oci_tar_reader *t,
			struct eb_error **err)
{
	unsigned char block[BND_FILE_BLOCK];
	EB_AUTOBUF(blocks, BLOCKS_MAX_BYTES);
	void *copy;
	size_t n;
	int r;

	while ((r = read_block(t, block, &n, err)) >= 0 && n > 0) {
		uint64_t h = block_hash(block, n);

		eb_hash_update(l->hash, block, n);
		eb_buf_add(&blocks, &h, sizeof(h));
	}
	if (r < 0)
		return r;
	digest(l->hash, f->content);
	r = eb_buf_check(&blocks, "block hashes of one file", err);
	if (r >= 0)
		r = bnd_paths_copy(l->files, blocks.data, blocks.len, &copy, err);
	if (r < 0)
		return r;
	f->blocks = copy;
	f->n_blocks = blocks.len / sizeof(uint64_t);
	return 0;
}

static void load_xattrs(struct load *l, struct bnd_file *f, const struct oci_tar_entry *e)
{
	if (e->n_xattrs == 0)
		return;
	for (size_t i = 0; i < e->n_xattrs; i++) {
		uint64_t size = e->xattrs[i].size;

		eb_hash_update(l->hash, e->xattrs[i].name, strlen(e->xattrs[i].name) + 1);
		eb_hash_update(l->hash, &size, sizeof(size));
		eb_hash_update(l->hash, e->xattrs[i].value, e->xattrs[i].size);
	}
	digest(l->hash, f->xattrs);
}

static int hide(struct load *l, const char *path, bool self, struct eb_error **err)
{
	void *h;
	int r = bnd_paths_add(l->hidden, path, &h, err);

	if (r >= 0)
		((struct hidden *)h)->self |= self;
	return r;
}

/* A hard link is another name of a file that is there already. */
static int load_hard_link(struct load *l, struct bnd_file *f, const struct oci_tar_entry *e,
			  struct eb_error **err)
{
	const struct bnd_file *to = bnd_paths_find(l->files, e->link);

	if (!to || to->type == '5' || to->type == 0)
		return eb_throw(err, EB_E_FORMAT,
				"hard link to '%s', which is no file of this image", e->link);
	f->size = to->size;
	f->mode = to->mode;
	f->uid = to->uid;
	f->gid = to->gid;
	f->mtime_sec = to->mtime_sec;
	memcpy(f->content, to->content, sizeof(f->content));
	memcpy(f->xattrs, to->xattrs, sizeof(f->xattrs));
	return 0;
}

static int load_file(struct load *l, const struct oci_tar_entry *e, struct oci_tar_reader *t,
		     struct eb_error **err)
{
	struct bnd_file *f;
	void *p;
	int r = bnd_paths_add(l->files, e->path, &p, err);

	if (r < 0)
		return r;
	f = p;
	if (f->type == '5' && e->type != '5')
		r = hide(l, e->path, false, err);
	*f = (struct bnd_file){ .base = f->base,
				.type = e->type,
				.layer = l->layer,
				.mode = e->mode,
				.uid = e->uid,
				.gid = e->gid,
				.mtime_sec = e->mtime_sec,
				.size = e->size };
	load_xattrs(l, f, e);
	if (r >= 0 && e->link) {
		r = bnd_paths_copy(l->files, e->link, strlen(e->link) + 1, &p, err);
		f->link = p;
	}
	if (r >= 0 && e->type == '0')
		r = load_content(l, f, t, err);
	if (r >= 0 && e->type == '1')
		r = load_hard_link(l, f, e, err);
	return r;
}

static bool is_hidden(const struct load *l, const char *path, char *scratch)
{
	const struct hidden *h = bnd_paths_find(l->hidden, path);
	char *slash;

	if (h && h->self)
		return true;
	memcpy(scratch, path, strlen(path) + 1);
	while ((slash = strrchr(scratch, '/'))) {
		*slash = '\0';
		if (bnd_paths_find(l->hidden, scratch))
			return true;
	}
	return *path && bnd_paths_find(l->hidden, "");
}

static void apply_hidden(struct load *l)
{
	autofree struct bnd_file **all = NULL;
	autofree char *scratch = NULL;

	if (bnd_paths_count(l->hidden) == 0)
		return;
	scratch = eb_xmalloc(oci_tar_default_limits.path_bytes + 1);
	all = (struct bnd_file **)bnd_paths_sorted(l->files);
	for (size_t i = 0; i < bnd_paths_count(l->files); i++)
		if (all[i]->layer < l->layer && is_hidden(l, all[i]->base.path, scratch))
			all[i]->type = 0;
}

static int load_member(struct load *l, const struct oci_tar_entry *e, struct oci_tar_reader *t,
		       struct eb_error **err)
{
	autofree char *path = NULL;
	enum bnd_whiteout kind;
	int r = bnd_whiteout_parse(e->path, &kind, &path, err);

	if (r < 0 || kind == BND_IGNORED)
		return r;
	if (kind == BND_PLAIN_FILE)
		return load_file(l, e, t, err);
	return hide(l, path, kind == BND_WHITEOUT, err);
}

static int load_layer(struct load *l, const struct bnd_layers *layers, size_t i,
		      struct eb_error **err)
{
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
	struct oci_tar_entry e;
	int r = bnd_layers_tar(layers, i, &t, err);

	l->layer = (unsigned int)i;
	l->hidden = bnd_paths_new(sizeof(struct hidden));
	while (r >= 0 && (r = oci_tar_next(t, &e, err)) > 0)
		r = load_member(l, &e, t, err);
	if (r >= 0)
		apply_hidden(l);
	l->hidden = bnd_paths_free(l->hidden);
	return r;
}

int bnd_files_load(const struct bnd_layers *layers, struct bnd_paths **ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_paths_free_p)
	struct bnd_paths *files = bnd_paths_new(sizeof(struct bnd_file));
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *hash = eb_hash_new(EB_SHA256);
	struct load l = { .files = files, .hash = hash };

	for (size_t i = 0; i < layers->manifest->n_items; i++) {
		int r = load_layer(&l, layers, i, err);

		if (r < 0) {
			autofree char *name = bnd_layers_name(layers, i);

			return eb_prefix(err, r, "%s", name);
		}
	}
	*ret = EB_TAKE_PTR(files);
	return 0;
}

unsigned int bnd_file_changes(const struct bnd_file *a, const struct bnd_file *b)
{
	unsigned int c = 0;

	if (a->type != b->type)
		c |= BND_FILE_TYPE;
	if (a->size != b->size || memcmp(a->content, b->content, sizeof(a->content)) != 0)
		c |= BND_FILE_CONTENT;
	if (a->mode != b->mode)
		c |= BND_FILE_MODE;
	if (a->uid != b->uid || a->gid != b->gid)
		c |= BND_FILE_OWNER;
	if (a->type == b->type && a->link && b->link && strcmp(a->link, b->link) != 0)
		c |= BND_FILE_LINK;
	if (memcmp(a->xattrs, b->xattrs, sizeof(a->xattrs)) != 0)
		c |= BND_FILE_XATTRS;
	if (a->mtime_sec != b->mtime_sec)
		c |= BND_FILE_MTIME;
	return c;
}
