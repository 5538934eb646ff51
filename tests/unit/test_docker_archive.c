#include "image/docker_archive.h"

#include <fcntl.h>

#include "base/codec.h"
#include "base/stream.h"
#include "dist/graph.h"
#include "dist/origin.h"
#include "image/mediatype.h"
#include "tar_build.h"
#include "testlib.h"

#define LAYER "not looked into"
#define LIST(tags) "[{\"Config\":\"c.json\",\"RepoTags\":" tags ",\"Layers\":[\"a/layer.tar\"]}]"

/* The configuration of one layer, of those plain bytes. */
static char *config_of(const char *layer)
{
	struct oci_digest d;

	oci_digest_of(layer, strlen(layer), &d);
	return eb_xasprintf("{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":"
			    "\"layers\",\"diff_ids\":[\"%s\"]}}",
			    d.text);
}

static void add_config(struct eb_buf *b)
{
	autofree char *text = config_of(LAYER);

	tb_file(b, "c.json", text);
}

static int open_tar(struct eb_buf *b, struct oci_docker_archive **ret, struct eb_error **err)
{
	const char *path = test_path("a.tar");

	tb_end(b);
	CHECK_OK(eb_file_write(path, b->data, b->len, 0600, NULL), (struct eb_error *)NULL);
	return oci_docker_open(path, ret, err);
}

static void add_compressed(struct eb_buf *b, enum eb_codec_kind kind, const char *text)
{
	EB_CLEANUP(eb_codec_free_p) struct eb_codec *codec = NULL;
	EB_CLEANUP(eb_codec_ctx_free_p) struct eb_codec_ctx *x = NULL;
	autoerror struct eb_error *e = NULL;
	autofree char *out = NULL;
	struct oci_tar_entry entry = { .path = "a/layer.tar", .type = '0', .mode = 0644 };
	size_t n = 0;

	CHECK_OK(eb_codec_open_system(kind, eb_codec_default_level(kind), &codec, &e), e);
	x = eb_codec_ctx_new(codec);
	out = eb_xmalloc(eb_codec_bound(codec, strlen(text)));
	CHECK_OK(eb_codec_block(x, text, strlen(text), out, eb_codec_bound(codec, strlen(text)), &n,
				&e),
		 e);
	entry.size = n;
	tb_member(b, &entry, out);
}

/* All of image i can be read and is what its digests say; the text of its one layer. */
static char *read_image(struct oci_docker_archive *a, size_t i, const char *media_type)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_graph_release_p) struct oci_graph g = { .nodes = NULL };
	const struct oci_source src = oci_source_docker(a);
	autoerror struct eb_error *e = NULL;
	char *last = NULL;

	CHECK_OK(oci_docker_load(a, i, &d, &e), e);
	CHECK_STR(d.media_type, OCI_MT_MANIFEST);
	CHECK_OK(oci_graph_load(&src, &d, &g, &e), e);
	CHECK_STR(oci_graph_root(&g)->doc.items[0].media_type, media_type);
	for (size_t k = 0; k < g.n_blobs; k++) {
		EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
		EB_AUTOBUF(b, 1 << 20);

		CHECK_OK(oci_source_verified(&src, &g.blobs[k], &in, &e), e);
		CHECK_OK(eb_read_all(in, &b, "blob", &e), e);
		free(last);
		last = eb_buf_take(&b);
	}
	return last;
}

TEST(docker_archive, plain_layers_have_their_diff_id_as_digest)
{
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	autofree char *text = NULL;
	EB_AUTOBUF(b, 1 << 20);

	add_config(&b);
	tb_file(&b, "a/layer.tar", LAYER);
	tb_file(&b, "manifest.json", LIST("[\"redis:7\",\"r.example.org/x:1\"]"));
	CHECK_OK(open_tar(&b, &a, &e), e);
	CHECK_INT(oci_docker_count(a), 1);
	CHECK_INT(oci_docker_image(a, 0)->n_tags, 2);
	CHECK_STR(oci_docker_image(a, 0)->tags[1], "r.example.org/x:1");
	text = read_image(a, 0, OCI_MT_LAYER_TAR);
	CHECK_STR(text, LAYER);
}

TEST(docker_archive, compressed_layers_stay_as_they_are)
{
	static const struct {
		enum eb_codec_kind kind;
		const char *media_type;
	} known[] = { { EB_CODEC_GZIP, OCI_MT_LAYER_GZIP }, { EB_CODEC_ZSTD, OCI_MT_LAYER_ZSTD } };

	for (size_t i = 0; i < EB_ARRAY_LEN(known); i++) {
		EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
		EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *bad = NULL;
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
		autoerror struct eb_error *e = NULL;
		autofree char *text = NULL;
		EB_AUTOBUF(b, 1 << 20);
		EB_AUTOBUF(other, 1 << 20);

		add_config(&b);
		add_compressed(&b, known[i].kind, LAYER);
		tb_file(&b, "manifest.json", LIST("null"));
		CHECK_OK(open_tar(&b, &a, &e), e);
		CHECK_INT(oci_docker_image(a, 0)->n_tags, 0);
		text = read_image(a, 0, known[i].media_type);

		add_config(&other);
		add_compressed(&other, known[i].kind, "something else");
		tb_file(&other, "manifest.json", LIST("null"));
		CHECK_OK(open_tar(&other, &bad, &e), e);
		CHECK_FAIL(oci_docker_load(bad, 0, &d, &e), EB_E_DIGEST, "layer 0", e);
	}
}

TEST(docker_archive, links_lead_to_layers)
{
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	autofree char *text = NULL;
	EB_AUTOBUF(b, 1 << 20);

	tb_header(&b, "a/", '5', "", 0);
	tb_header(&b, "a/layer.tar", '2', "../b/layer.tar", 0);
	tb_header(&b, "b/layer.tar", '1', "real.tar", 0);
	tb_file(&b, "real.tar", LAYER);
	add_config(&b);
	tb_file(&b, "manifest.json", LIST("[]"));
	CHECK_OK(open_tar(&b, &a, &e), e);
	text = read_image(a, 0, OCI_MT_LAYER_TAR);
	CHECK_STR(text, LAYER);
}

TEST(docker_archive, resolve_by_tag_number_or_alone)
{
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *one = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);
	EB_AUTOBUF(single, 1 << 20);
	size_t i = 9;

	tb_file(&b, "manifest.json",
		"[{\"Config\":\"c\",\"Layers\":[]},{\"Config\":\"c\",\"RepoTags\":[\"redis:7\"]}]");
	CHECK_OK(open_tar(&b, &a, &e), e);
	CHECK_OK(oci_docker_resolve(a, "docker.io/library/redis:7", &i, &e), e);
	CHECK_INT(i, 1);
	CHECK_OK(oci_docker_resolve(a, "@0", &i, &e), e);
	CHECK_INT(i, 0);
	CHECK_FAIL(oci_docker_resolve(a, "@2", &i, &e), EB_E_NOT_FOUND, "no image '@2'", e);
	CHECK_FAIL(oci_docker_resolve(a, "redis:8", &i, &e), EB_E_NOT_FOUND, "redis:8", e);
	CHECK_INT(oci_docker_resolve(a, NULL, &i, &e), -EB_E_USAGE);
	CHECK_HAS(e->hint, "@0, redis:7");
	tb_file(&single, "manifest.json", LIST("[]"));
	CHECK_OK(open_tar(&single, &one, NULL), (struct eb_error *)NULL);
	CHECK_OK(oci_docker_resolve(one, NULL, &i, NULL), (struct eb_error *)NULL);
	CHECK_INT(i, 0);
}

/* What opening a tar with this manifest.json says. */
static void check_list(const char *list, int code, const char *part)
{
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);

	tb_file(&b, "manifest.json", list);
	CHECK_INT(open_tar(&b, &a, &e), -code);
	CHECK_HAS(e->message, part);
	CHECK_HAS(e->message, "manifest.json");
}

TEST(docker_archive, open_bad_list_names_the_place)
{
	check_list("{}", EB_E_FORMAT, "expected an array, found an object");
	check_list("[]", EB_E_FORMAT, "names no image");
	check_list("[{\"Config\":\"c\"},1]", EB_E_FORMAT, "image 1: expected an object");
	check_list("[{}]", EB_E_FORMAT, "image 0: Config");
	check_list("[{\"Config\":\"c\",\"Layers\":[1]}]", EB_E_FORMAT, "Layers[0]");
	check_list("[{\"Config\":\"c\",\"RepoTags\":\"x\"}]", EB_E_FORMAT, "RepoTags");
	check_list("[", EB_E_FORMAT, "1:");
}

/* A list of n times `part`. */
static void check_many(const char *before, const char *part, size_t n, const char *after,
		       const char *message)
{
	EB_AUTOBUF(b, 1 << 20);

	eb_buf_adds(&b, before);
	for (size_t i = 0; i < n; i++)
		eb_buf_addf(&b, "%s%s", i ? "," : "", part);
	eb_buf_adds(&b, after);
	check_list(eb_buf_str(&b), EB_E_LIMIT, message);
}

TEST(docker_archive, limits_are_named)
{
	check_many("[", "{\"Config\":\"c\"}", OCI_DOCKER_MAX_IMAGES + 1, "]",
		   "more than 4096 images");
	check_many("[{\"Config\":\"c\",\"RepoTags\":[", "\"a\"", OCI_DOCKER_MAX_TAGS + 1, "]}]",
		   "RepoTags: more than 1024");
	check_many("[{\"Config\":\"c\",\"Layers\":[", "\"a\"", OCI_MAX_LAYERS + 1, "]}]",
		   "Layers: more than 512");
}

TEST(docker_archive, open_other_files_says_what_they_are)
{
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);

	tb_file(&b, "oci-layout", "{}");
	CHECK_INT(open_tar(&b, &a, &e), -EB_E_FORMAT);
	CHECK_HAS(e->message, "no member 'manifest.json'");
	CHECK_HAS(e->hint, "oci-archive:FILE");
	eb_error_clear(&e);
	CHECK_FAIL(oci_docker_open(test_dir(), &a, &e), EB_E_UNSUPPORTED, "neither a file", e);
	CHECK_INT(oci_docker_open(test_path("nothing"), &a, NULL), -ENOENT);
}

/* An archive with one link besides what it needs. */
static void check_link(char type, const char *name, const char *target, const char *part)
{
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);

	add_config(&b);
	tb_file(&b, "a/layer.tar", LAYER);
	tb_file(&b, "manifest.json", LIST("[]"));
	tb_header(&b, name, type, target, 0);
	CHECK_FAIL(open_tar(&b, &a, &e), EB_E_FORMAT, part, e);
}

TEST(docker_archive, open_bad_links_are_refused)
{
	check_link('2', "x", "../c.json", "outside of the archive");
	check_link('2', "x", "/etc/passwd", "outside of the archive");
	check_link('2', "x", "", "outside of the archive");
	check_link('1', "x", "../c.json", "outside of the archive");
	check_link('2', "x", "nothing", "which is not there");
	check_link('2', "x", "x", "which is not there");
	check_link('2', "x/../y", "c.json", "not a path inside");
	check_link('2', "c.json", "a/layer.tar", "is there twice");
}

TEST(docker_archive, load_bad_images_is_refused)
{
	static const struct {
		const char *config, *list, *part;
	} known[] = {
		{ "c.json", "[{\"Config\":\"d.json\"}]", "no member 'd.json'" },
		{ "c.json", LIST("[]"), "layer 0: no member 'a/layer.tar'" },
		{ "c.json", "[{\"Config\":\"c.json\"}]", "0 layers are listed" },
		{ "c.json", "[{\"Config\":\"manifest.json\"}]", "configuration" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(known); i++) {
		EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
		autoerror struct eb_error *e = NULL;
		EB_AUTOBUF(b, 1 << 20);

		add_config(&b);
		tb_file(&b, "manifest.json", known[i].list);
		CHECK_OK(open_tar(&b, &a, &e), e);
		CHECK_FAIL(oci_docker_load(a, 0, &d, &e), EB_E_FORMAT, known[i].part, e);
		CHECK(!d.media_type);
	}
}

TEST(docker_archive, damaged_plain_layer_is_noticed_while_read)
{
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_graph_release_p) struct oci_graph g = { .nodes = NULL };
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	autoerror struct eb_error *e = NULL;
	struct oci_source src;
	EB_AUTOBUF(b, 1 << 20);
	EB_AUTOBUF(got, 1 << 20);

	add_config(&b);
	tb_file(&b, "a/layer.tar", "not looked inot");
	tb_file(&b, "manifest.json", LIST("[]"));
	CHECK_OK(open_tar(&b, &a, &e), e);
	CHECK_OK(oci_docker_load(a, 0, &d, &e), e);
	src = oci_source_docker(a);
	CHECK_OK(oci_graph_load(&src, &d, &g, &e), e);
	CHECK_OK(oci_source_verified(&src, &oci_graph_root(&g)->doc.items[0], &in, &e), e);
	CHECK_FAIL(eb_read_all(in, &got, "layer", &e), EB_E_DIGEST, "expected sha256:", e);
}
