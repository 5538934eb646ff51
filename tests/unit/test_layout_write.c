#include "bundle/layout_write.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/pool.h"
#include "base/stream.h"
#include "bundle/reader.h"
#include "dist/origin.h"
#include "mkdemo.h"
#include "testlib.h"

enum { ARCHIVE_BYTES = 1 << 20 };

struct fixture {
	struct demo m;
	struct eb_pool *pool;
	const char *path;
	struct bnd_bundle b;
	struct oci_source src;
	struct oci_graph graph; /* of the first image */
};

static void start(struct fixture *f)
{
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .path = NULL };
	demo_init(&f->m, 2);
	f->path = demo_bundle(&f->m, "demo.tar", NULL);
	f->pool = eb_pool_new(3);
	CHECK_OK(bnd_open(f->path, &f->b, &e), e);
	f->src = oci_source_archive(f->b.archive);
	CHECK_OK(oci_graph_load(&f->src, &f->b.images[0].desc, &f->graph, &e), e);
}

static void end(struct fixture *f)
{
	oci_graph_release(&f->graph);
	bnd_close(&f->b);
	eb_pool_free(f->pool);
	demo_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)
#define AUTOFIX(name)                                                                              \
	EB_CLEANUP(end_p) struct fixture name;                                                     \
	start(&name)

/* The image is in the layout at `path` under that name, every blob of it. */
static void check_image(const struct fixture *x, const char *path, const char *name)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	EB_CLEANUP(oci_graph_release_p) struct oci_graph g = { .nodes = NULL };
	const struct oci_descriptor *d = NULL;
	struct oci_source src;

	CHECK_OK(oci_archive_open(path, &a, &e), e);
	CHECK_OK(oci_archive_resolve(a, name, &d, &e), e);
	CHECK_STR(d->digest.text, x->b.images[0].desc.digest.text);
	src = oci_source_archive(a);
	CHECK_OK(oci_graph_load(&src, d, &g, &e), e);
	CHECK_INT(g.n_blobs, x->graph.n_blobs);
	for (size_t i = 0; i < g.n_blobs; i++) {
		autofree char *text = NULL;

		CHECK_OK(oci_archive_blob_text(a, &g.blobs[i], ARCHIVE_BYTES, &text, NULL, &e), e);
	}
}

TEST(layout_write, archive_holds_the_image)
{
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x);
	const struct bnd_write_options o = { .pool = x.pool };
	const struct bnd_image_in in[] = { { &x.graph, "r.example.org/x/y:1", true, NULL } };
	EB_AUTOBUF(one, ARCHIVE_BYTES);
	EB_AUTOBUF(two, ARCHIVE_BYTES);

	CHECK_OK(bnd_write_archive(test_path("a.tar"), &x.src, in, 1, &o, &e), e);
	CHECK_OK(bnd_write_archive(test_path("b.tar"), &x.src, in, 1, &o, &e), e);
	check_image(&x, test_path("a.tar"), "r.example.org/x/y:1");
	demo_read(test_path("a.tar"), &one);
	demo_read(test_path("b.tar"), &two);
	CHECK_INT(one.len, two.len);
	CHECK(memcmp(one.data, two.data, one.len) == 0);
}

TEST(layout_write, folder_keeps_what_is_there)
{
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x);
	const struct bnd_write_options o = { .pool = x.pool };
	const struct bnd_image_in in[] = { { &x.graph, "one", false, NULL } };
	const struct bnd_image_in other[] = { { &x.graph, "two", false, NULL } };
	struct stat before, after;
	char blob[160];

	CHECK_OK(bnd_write_folder(test_path("l"), &x.src, in, 1, &o, &e), e);
	oci_digest_blob_path(&x.graph.blobs[0].digest, blob);
	CHECK_INT(stat(test_path("l/%s", blob), &before), 0);
	CHECK_OK(bnd_write_folder(test_path("l"), &x.src, other, 1, &o, &e), e);
	CHECK_OK(bnd_write_folder(test_path("l"), &x.src, in, 1, &o, &e), e);
	CHECK_INT(stat(test_path("l/%s", blob), &after), 0);
	CHECK_INT(after.st_ino, before.st_ino);
	check_image(&x, test_path("l"), "one");
	check_image(&x, test_path("l"), "two");
	{
		EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;

		CHECK_OK(oci_archive_open(test_path("l"), &a, &e), e);
		CHECK_INT(oci_archive_index(a)->n_items, 2);
	}
}

TEST(layout_write, damaged_blob_is_not_written)
{
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x);
	const struct bnd_write_options o = { .pool = x.pool };
	const struct bnd_image_in in[] = { { &x.graph, "one", false, NULL } };
	const struct oci_descriptor *d = &x.graph.blobs[0];
	const struct oci_member *m = oci_archive_find_blob(x.b.archive, &d->digest);
	autofd int fd = open(x.path, O_RDWR | O_CLOEXEC);
	struct stat st;
	char path[160];

	CHECK_INT(pwrite(fd, "?", 1, (off_t)m->offset), 1);
	CHECK_FAIL(bnd_write_archive(test_path("a.tar"), &x.src, in, 1, &o, &e), EB_E_DIGEST,
		   d->digest.text, e);
	CHECK(stat(test_path("a.tar"), &st) < 0);
	CHECK_INT(bnd_write_folder(test_path("l"), &x.src, in, 1, &o, &e), -EB_E_DIGEST);
	oci_digest_blob_path(&d->digest, path);
	CHECK(stat(test_path("l/%s", path), &st) < 0);
	CHECK(stat(test_path("l/index.json"), &st) < 0);
}

/* What goes into the stream, as a file. */
static void stream_to(const struct fixture *x, const struct bnd_image_in *in, const char *path)
{
	const struct bnd_write_options o = { .pool = x->pool };
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(eb_writer_free_p)
	struct eb_writer *out = eb_writer_fd(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
					     true);

	CHECK_OK(bnd_write_stream(out, &x->src, in, 1, &o, &e), e);
	CHECK_OK(eb_writer_finish(out, &e), e);
}

TEST(layout_write, stream_has_the_bytes_of_the_archive)
{
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x);
	const struct bnd_write_options o = { .pool = x.pool };
	const struct bnd_image_in in = { &x.graph, "r.example.org/x/y:1", true, NULL };
	EB_AUTOBUF(one, ARCHIVE_BYTES);
	EB_AUTOBUF(two, ARCHIVE_BYTES);

	CHECK_OK(bnd_write_archive(test_path("a.tar"), &x.src, &in, 1, &o, &e), e);
	stream_to(&x, &in, test_path("b.tar"));
	demo_read(test_path("a.tar"), &one);
	demo_read(test_path("b.tar"), &two);
	CHECK_INT(one.len, two.len);
	CHECK(memcmp(one.data, two.data, one.len) == 0);
}

TEST(layout_write, index_keeps_its_digest_without_other_platforms)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	EB_CLEANUP(oci_graph_release_p) struct oci_graph one = { .nodes = NULL };
	AUTOFIX(x);
	const struct oci_node *index = oci_graph_root(&x.graph);
	const struct bnd_image_in in = { &one, "r.example.org/x/y:1", true, index };
	const struct oci_descriptor *d = NULL;

	CHECK_OK(oci_graph_load(&x.src, &index->doc.items[0], &one, &e), e);
	stream_to(&x, &in, test_path("a.tar"));
	CHECK_OK(oci_archive_open(test_path("a.tar"), &a, &e), e);
	CHECK_OK(oci_archive_resolve(a, "r.example.org/x/y:1", &d, &e), e);
	CHECK_STR(d->digest.text, index->desc.digest.text);
	CHECK(oci_archive_find_blob(a, &d->digest));
	CHECK(oci_archive_find_blob(a, &index->doc.items[0].digest));
	CHECK(!oci_archive_find_blob(a, &index->doc.items[1].digest));
}
