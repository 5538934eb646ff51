#include "image/docker_archive.h"

#include "base/buf.h"
#include "base/codec.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "image/archive.h"
#include "image/config.h"
#include "image/mediatype.h"
#include "image/tar_read.h"

enum {
	LIST_MAX_BYTES = 16 * 1024 * 1024, /* of manifest.json; containerd takes 20 MiB */
	CONFIG_MAX_BYTES = OCI_MANIFEST_MAX_BYTES,
	MAX_LAYERS = 65536, /* of all images together, and so many different blobs below: */
	MAX_PLACES = 16384, /* they are looked for one by one */
	IO_BYTES = 256 * 1024,
	SHOWN_BYTES = 200,
};

/* Where a blob is. */
struct place {
	struct oci_digest digest, diff_id;
	const char *media_type;
	uint64_t offset, size;
};

struct image {
	struct oci_docker_image public;
	char *config;
	char **layers; /* names of members */
	size_t n_layers;
	char *manifest; /* NULL = not loaded */
	struct oci_descriptor desc;
};

struct oci_docker_archive {
	struct oci_archive *tar;
	struct image *images;
	size_t n;
	struct place *places;
	size_t n_places, alloc_places;
};

struct oci_docker_archive *oci_docker_free(struct oci_docker_archive *a)
{
	if (!a)
		return NULL;
	for (size_t i = 0; i < a->n; i++) {
		struct image *im = &a->images[i];

		for (size_t k = 0; k < im->public.n_tags; k++)
			free(im->public.tags[k]);
		for (size_t k = 0; k < im->n_layers; k++)
			free(im->layers[k]);
		free(im->public.tags);
		free(im->layers);
		free(im->config);
		free(im->manifest);
		oci_descriptor_release(&im->desc);
	}
	free(a->images);
	free(a->places);
	oci_archive_free(a->tar);
	free(a);
	return NULL;
}

const char *oci_docker_path(const struct oci_docker_archive *a)
{
	return oci_archive_path(a->tar);
}

size_t oci_docker_count(const struct oci_docker_archive *a)
{
	return a->n;
}

const struct oci_docker_image *oci_docker_image(const struct oci_docker_archive *a, size_t i)
{
	return &a->images[i].public;
}

/* ---- manifest.json ---- */

/* The strings of an array, or of none at all. */
static int parse_strings(const json_t *j, const char *key, size_t max, char ***ret, size_t *ret_n,
			 struct eb_error **err)
{
	json_t *list = NULL;
	size_t n;
	int r = eb_json_opt_array(j, key, &list, err);

	if (r < 0)
		return r;
	n = json_array_size(list);
	if (n > max)
		return eb_throw(err, EB_E_LIMIT, "%s: more than %zu entries, found %zu", key, max,
				n);
	*ret = eb_xcalloc(n + 1, sizeof(**ret));
	for (size_t i = 0; i < n; i++) {
		const json_t *s = json_array_get(list, i);

		if (!json_is_string(s))
			return eb_throw(err, EB_E_FORMAT, "%s[%zu]: expected a string, found %s",
					key, i, eb_json_type_name(s));
		(*ret)[(*ret_n)++] = eb_xstrdup(json_string_value(s));
	}
	return 0;
}

static int parse_image(const json_t *j, struct image *im, struct eb_error **err)
{
	const char *config = NULL;
	int r;

	if (!json_is_object(j))
		return eb_throw(err, EB_E_FORMAT, "expected an object, found %s",
				eb_json_type_name(j));
	r = eb_json_get_str(j, "Config", &config, err);
	if (r >= 0)
		im->config = eb_xstrdup(config);
	if (r >= 0)
		r = parse_strings(j, "RepoTags", OCI_DOCKER_MAX_TAGS, &im->public.tags,
				  &im->public.n_tags, err);
	return r < 0 ? r
		     : parse_strings(j, "Layers", OCI_MAX_LAYERS, &im->layers, &im->n_layers, err);
}

static int parse_list(struct oci_docker_archive *a, const struct eb_buf *b, struct eb_error **err)
{
	autojson json_t *j = NULL;
	int r = eb_json_parse(b->data, b->len, LIST_MAX_BYTES, &j, err);
	size_t n, layers = 0;

	if (r < 0)
		return r;
	if (!json_is_array(j))
		return eb_throw(err, EB_E_FORMAT, "expected an array, found %s",
				eb_json_type_name(j));
	n = json_array_size(j);
	if (n == 0)
		return eb_throw(err, EB_E_FORMAT, "names no image");
	if (n > OCI_DOCKER_MAX_IMAGES)
		return eb_throw(err, EB_E_LIMIT, "more than %d images, found %zu",
				OCI_DOCKER_MAX_IMAGES, n);
	a->images = eb_xcalloc(n, sizeof(*a->images));
	for (a->n = 0; a->n < n && r >= 0; a->n++) {
		r = parse_image(json_array_get(j, a->n), &a->images[a->n], err);
		if (r < 0)
			r = eb_prefix(err, r, "image %zu", a->n);
		layers += a->images[a->n].n_layers;
		if (r >= 0 && layers > MAX_LAYERS)
			r = eb_throw(err, EB_E_LIMIT, "more than %d layers in all", MAX_LAYERS);
	}
	return r;
}

static int find(const struct oci_docker_archive *a, const char *name, const struct oci_member **ret,
		struct eb_error **err)
{
	autofree char *shown = eb_printable(name, SHOWN_BYTES);

	*ret = oci_archive_find(a->tar, strncmp(name, "./", 2) == 0 ? name + 2 : name);
	return *ret ? 0 : eb_throw(err, EB_E_FORMAT, "no member '%s'", shown);
}

static int read_member(const struct oci_docker_archive *a, const char *name, struct eb_buf *b,
		       const struct oci_member **ret, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	int r = find(a, name, ret, err);

	if (r >= 0)
		r = oci_archive_member_reader(a->tar, *ret, &in, err);
	return r < 0 ? r : eb_read_all(in, b, name, err);
}

static int open_list(struct oci_docker_archive *a, struct eb_error **err)
{
	EB_AUTOBUF(b, LIST_MAX_BYTES);
	const struct oci_member *m;
	int r;

	if (!oci_archive_find(a->tar, "manifest.json")) {
		r = eb_throw(err, EB_E_FORMAT,
			     "no member 'manifest.json': not an archive of 'docker save'");
		return oci_archive_find(a->tar, "oci-layout")
			       ? eb_hint(err, r, "it is an image layout, read as oci-archive:FILE")
			       : r;
	}
	r = read_member(a, "manifest.json", &b, &m, err);
	eb_buf_str(&b);
	if (r >= 0)
		r = parse_list(a, &b, err);
	return r < 0 ? eb_prefix(err, r, "manifest.json") : 0;
}

int oci_docker_open(const char *path, struct oci_docker_archive **ret, struct eb_error **err)
{
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = eb_xcalloc(1, sizeof(*a));
	int r = oci_archive_open_tar(path, &a->tar, err);

	if (r < 0)
		return r;
	r = open_list(a, err);
	if (r < 0)
		return eb_prefix(err, r, "'%s'", path);
	*ret = EB_TAKE_PTR(a);
	return 0;
}

/* ---- layers ---- */

/* Passes on what it reads and hashes it, to its end when it is freed or before. */
struct hashing_reader {
	struct eb_reader base;
	struct eb_reader *in;
	struct eb_hash *hash; /* borrowed */
};

static ssize_t hashing_read(struct eb_reader *base, void *p, size_t n, struct eb_error **err)
{
	struct hashing_reader *r = (struct hashing_reader *)base;
	ssize_t got = eb_read(r->in, p, n, err);

	if (got > 0)
		eb_hash_update(r->hash, p, (size_t)got);
	return got;
}

static void hashing_free(struct eb_reader *base)
{
	eb_reader_free(((struct hashing_reader *)base)->in);
	free(base);
}

static struct eb_reader *hashing(struct eb_reader *in, struct eb_hash *hash)
{
	static const struct eb_reader_ops ops = { hashing_read, hashing_free };
	struct hashing_reader *r = eb_xcalloc(1, sizeof(*r));

	*r = (struct hashing_reader){ { &ops }, in, hash };
	return &r->base;
}

/* Read a compressed layer to its end: its digest, when its content is what the diffID says. */
static int hash_compressed(const struct oci_docker_archive *a, const struct oci_member *m,
			   enum eb_codec_kind kind, struct place *p, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *hash = eb_hash_new(EB_SHA256);
	autofree char *buf = eb_xmalloc(IO_BYTES);
	struct eb_reader *raw = NULL;
	char hex[EB_HASH_MAX_HEX + 1];
	ssize_t got;
	int r = oci_archive_member_reader(a->tar, m, &raw, err);

	if (r >= 0)
		r = eb_codec_reader(kind, hashing(raw, hash), oci_tar_default_limits.total_bytes,
				    oci_tar_default_limits.ratio, &in, err);
	if (r < 0)
		return r;
	in = eb_reader_verify(in, oci_digest_hex(&p->diff_id), UINT64_MAX, "what it unpacks to");
	while ((got = eb_read(in, buf, IO_BYTES, err)) > 0)
		;
	if (got < 0)
		return (int)got;
	eb_hash_final_hex(hash, hex);
	oci_digest_from_hex(hex, &p->digest);
	return 0;
}

/* What the first bytes say; what is neither of these is taken for a tar. */
static int detect(const struct oci_docker_archive *a, const struct oci_member *m,
		  enum eb_codec_kind *ret, const char **ret_type, struct eb_error **err)
{
	static const struct {
		const char *magic;
		size_t n;
		enum eb_codec_kind kind;
		const char *media_type; /* NULL = not for layers */
	} known[] = {
		{ "\x1f\x8b", 2, EB_CODEC_GZIP, OCI_MT_LAYER_GZIP },
		{ "\x28\xb5\x2f\xfd", 4, EB_CODEC_ZSTD, OCI_MT_LAYER_ZSTD },
		{ "\xfd\x37zXZ", 5, EB_CODEC_NONE, NULL },
		{ "BZh", 3, EB_CODEC_NONE, NULL },
	};
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	char first[8] = "";
	int r = oci_archive_member_reader(a->tar, m, &in, err);

	if (r >= 0)
		r = eb_read_full(in, first, m->size < sizeof(first) ? m->size : sizeof(first), err);
	if (r < 0)
		return r;
	*ret = EB_CODEC_NONE;
	*ret_type = OCI_MT_LAYER_TAR;
	for (size_t i = 0; i < EB_ARRAY_LEN(known); i++) {
		if (memcmp(first, known[i].magic, known[i].n) != 0)
			continue;
		if (!known[i].media_type)
			return eb_throw(err, EB_E_UNSUPPORTED,
					"is compressed by a method that images do not have: "
					"expected gzip, zstd or none");
		*ret = known[i].kind;
		*ret_type = known[i].media_type;
	}
	return 0;
}

static int add_place(struct oci_docker_archive *a, const struct place *p, struct eb_error **err)
{
	int r = eb_grow(&a->places, &a->alloc_places, a->n_places + 1, sizeof(*a->places),
			MAX_PLACES, "blobs", err);

	if (r >= 0)
		a->places[a->n_places++] = *p;
	return r;
}

/* A layer may be one of several images, by one name or by links. */
static int load_layer(struct oci_docker_archive *a, const char *name,
		      const struct oci_digest *diff_id, struct place *ret, struct eb_error **err)
{
	struct place p = { .diff_id = *diff_id };
	const struct oci_member *m = NULL;
	enum eb_codec_kind kind = EB_CODEC_NONE;
	int r = find(a, name, &m, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < a->n_places; i++)
		if (a->places[i].offset == m->offset &&
		    oci_digest_eq(&a->places[i].diff_id, diff_id)) {
			*ret = a->places[i];
			return 0;
		}
	p.offset = m->offset;
	p.size = m->size;
	p.digest = *diff_id;
	r = detect(a, m, &kind, &p.media_type, err);
	if (r >= 0 && kind != EB_CODEC_NONE)
		r = hash_compressed(a, m, kind, &p, err);
	if (r >= 0)
		r = add_place(a, &p, err);
	if (r >= 0)
		*ret = p;
	return r;
}

/* ---- images ---- */

static void describe(const struct place *p, struct oci_descriptor *ret)
{
	*ret = (struct oci_descriptor){ .media_type = eb_xstrdup(p->media_type),
					.digest = p->digest,
					.size = p->size };
}

static int load_layers(struct oci_docker_archive *a, const struct image *im,
		       const struct oci_config *c, struct oci_manifest *m, struct eb_error **err)
{
	int r = 0;

	if (c->n_diff_ids != im->n_layers)
		return eb_throw(err, EB_E_FORMAT,
				"%zu layers are listed, the configuration has %zu", im->n_layers,
				c->n_diff_ids);
	for (size_t i = 0; i < im->n_layers && r >= 0; i++) {
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
		struct place p;

		r = load_layer(a, im->layers[i], &c->diff_ids[i], &p, err);
		if (r < 0)
			return eb_prefix(err, r, "layer %zu", i);
		describe(&p, &d);
		oci_manifest_add(m, &d);
	}
	return r;
}

static int load_image(struct oci_docker_archive *a, struct image *im, struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	EB_CLEANUP(oci_config_release_p) struct oci_config c = { .created_sec = -1 };
	struct place p = { .media_type = OCI_MT_CONFIG };
	EB_AUTOBUF(config, CONFIG_MAX_BYTES);
	const struct oci_member *member = NULL;
	size_t n;
	int r;

	oci_manifest_init(&m, false);
	r = read_member(a, im->config, &config, &member, err);
	if (r >= 0)
		r = oci_config_parse(eb_buf_str(&config), config.len, &c, err);
	if (r < 0)
		return eb_prefix(err, r, "configuration");
	p.offset = member->offset;
	p.size = member->size;
	oci_digest_of(config.data, config.len, &p.digest);
	r = add_place(a, &p, err);
	if (r >= 0)
		r = load_layers(a, im, &c, &m, err);
	if (r < 0)
		return r;
	describe(&p, &m.config);
	im->manifest = oci_manifest_write(&m, &n);
	oci_descriptor_of(OCI_MT_MANIFEST, im->manifest, n, &im->desc);
	return 0;
}

int oci_docker_load(struct oci_docker_archive *a, size_t i, struct oci_descriptor *ret,
		    struct eb_error **err)
{
	struct image *im = &a->images[i];
	int r = im->manifest ? 0 : load_image(a, im, err);

	if (r < 0)
		return eb_prefix(err, r, "'%s': image %zu", oci_docker_path(a), i);
	oci_descriptor_copy(&im->desc, ret);
	return 0;
}

static int throw_unknown(const struct oci_docker_archive *a, const struct oci_descriptor *d,
			 struct eb_error **err)
{
	return eb_throw(err, EB_E_NOT_FOUND, "'%s': %s is not in it", oci_docker_path(a),
			d->digest.text);
}

int oci_docker_text(const struct oci_docker_archive *a, const struct oci_descriptor *d, char **ret,
		    struct eb_error **err)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct image *im = &a->images[i];

		if (im->manifest && oci_digest_eq(&im->desc.digest, &d->digest) &&
		    im->desc.size == d->size) {
			*ret = eb_xstrdup(im->manifest);
			return 0;
		}
	}
	return throw_unknown(a, d, err);
}

int oci_docker_blob(const struct oci_docker_archive *a, const struct oci_descriptor *d,
		    uint64_t offset, struct eb_reader **ret, struct eb_error **err)
{
	for (size_t i = 0; i < a->n_places; i++) {
		const struct place *p = &a->places[i];

		if (!oci_digest_eq(&p->digest, &d->digest))
			continue;
		if (p->size != d->size || offset > p->size)
			return eb_throw(err, EB_E_DIGEST,
					"'%s': blob %s has %llu bytes, expected %llu",
					oci_docker_path(a), d->digest.text,
					(unsigned long long)p->size, (unsigned long long)d->size);
		*ret = eb_reader_region(oci_archive_fd(a->tar), p->offset + offset,
					p->size - offset);
		return 0;
	}
	return throw_unknown(a, d, err);
}
