#include "bundle/docker_write.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/pool.h"
#include "bundle/reader.h"
#include "dist/origin.h"
#include "image/mediatype.h"
#include "mkdemo.h"
#include "testlib.h"

enum { ARCHIVE_BYTES = 1 << 20 };

struct fixture {
	struct demo m;
	struct eb_pool *pool;
	const char *path;
	struct bnd_bundle b;
	struct oci_source src;
	struct oci_graph index, graph; /* of the first image, and of its first platform */
};

static void start(struct fixture *f)
{
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .path = NULL };
	demo_init(&f->m, 2);
	f->path = demo_bundle(&f->m, "demo.tar", NULL);
	f->pool = eb_pool_new(2);
	CHECK_OK(bnd_open(f->path, &f->b, &e), e);
	f->src = oci_source_archive(f->b.archive);
	CHECK_OK(oci_graph_load(&f->src, &f->b.images[0].desc, &f->index, &e), e);
	CHECK_OK(oci_graph_load(&f->src, &oci_graph_root(&f->index)->doc.items[0], &f->graph, &e),
		 e);
}

static void end(struct fixture *f)
{
	oci_graph_release(&f->graph);
	oci_graph_release(&f->index);
	bnd_close(&f->b);
	eb_pool_free(f->pool);
	demo_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)
#define AUTOFIX(name)                                                                              \
	EB_CLEANUP(end_p) struct fixture name;                                                     \
	start(&name)

TEST(docker_write, archive_holds_tags_configuration_and_layers)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_graph_release_p) struct oci_graph g = { .nodes = NULL };
	AUTOFIX(x);
	const struct bnd_write_options o = { .pool = x.pool };
	const struct bnd_image_in in[] = { { &x.graph, "r.example.org/x/y:1", true, NULL },
					   { &x.graph, "redis", true, NULL },
					   { &x.graph, "redis:latest", true, NULL },
					   { &x.graph, "bare", false, NULL } };
	struct oci_source src;

	CHECK_OK(bnd_write_docker(test_path("a.tar"), &x.src, in, EB_ARRAY_LEN(in), &o, &e), e);
	CHECK_OK(oci_docker_open(test_path("a.tar"), &a, &e), e);
	CHECK_INT(oci_docker_count(a), 1);
	CHECK_INT(oci_docker_image(a, 0)->n_tags, 2);
	CHECK_STR(oci_docker_image(a, 0)->tags[0], "r.example.org/x/y:1");
	CHECK_STR(oci_docker_image(a, 0)->tags[1], "docker.io/library/redis:latest");
	CHECK_OK(oci_docker_load(a, 0, &d, &e), e);
	src = oci_source_docker(a);
	CHECK_OK(oci_graph_load(&src, &d, &g, &e), e);
	CHECK_STR(oci_graph_root(&g)->doc.config.digest.text,
		  oci_graph_root(&x.graph)->doc.config.digest.text);
	CHECK_INT(g.n_blobs, x.graph.n_blobs);
}

TEST(docker_write, bytes_do_not_depend_on_compression)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_docker_free_p) struct oci_docker_archive *a = NULL;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_graph_release_p) struct oci_graph g = { .nodes = NULL };
	EB_AUTOBUF(one, ARCHIVE_BYTES);
	EB_AUTOBUF(two, ARCHIVE_BYTES);
	AUTOFIX(x);
	const struct bnd_write_options o = { .pool = x.pool };
	struct bnd_image_in in = { &x.graph, "r.example.org/x/y:1", true, NULL };
	struct oci_source src;

	CHECK_OK(bnd_write_docker(test_path("a.tar"), &x.src, &in, 1, &o, &e), e);
	CHECK_OK(oci_docker_open(test_path("a.tar"), &a, &e), e);
	CHECK_OK(oci_docker_load(a, 0, &d, &e), e);
	src = oci_source_docker(a);
	CHECK_OK(oci_graph_load(&src, &d, &g, &e), e);
	in.graph = &g;
	CHECK_OK(bnd_write_docker(test_path("b.tar"), &src, &in, 1, &o, &e), e);
	demo_read(test_path("a.tar"), &one);
	demo_read(test_path("b.tar"), &two);
	CHECK_INT(one.len, two.len);
	CHECK(memcmp(one.data, two.data, one.len) == 0);
}

TEST(docker_write, index_is_refused)
{
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x);
	const struct bnd_write_options o = { .pool = x.pool };
	const struct bnd_image_in in = { &x.index, "r.example.org/x/y:1", true, NULL };

	CHECK_FAIL(bnd_write_docker(test_path("a.tar"), &x.src, &in, 1, &o, &e), EB_E_USAGE,
		   "r.example.org/x/y:1: an archive of this kind holds one platform", e);
}

TEST(docker_write, damaged_layer_leaves_no_file)
{
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x);
	const struct bnd_write_options o = { .pool = x.pool };
	const struct bnd_image_in in = { &x.graph, "r.example.org/x/y:1", true, NULL };
	const struct oci_descriptor *d = &oci_graph_root(&x.graph)->doc.items[0];
	const struct oci_member *m = oci_archive_find_blob(x.b.archive, &d->digest);
	autofd int fd = open(x.path, O_RDWR | O_CLOEXEC);
	struct stat st;

	CHECK_INT(pwrite(fd, "?", 1, (off_t)m->offset), 1);
	CHECK_FAIL(bnd_write_docker(test_path("a.tar"), &x.src, &in, 1, &o, &e), EB_E_DIGEST,
		   d->digest.text, e);
	CHECK(stat(test_path("a.tar"), &st) < 0);
}
