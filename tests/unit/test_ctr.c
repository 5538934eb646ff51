#include "bundle/ctr.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/pool.h"
#include "base/stream.h"
#include "bundle/reader.h"
#include "dist/origin.h"
#include "mkdemo.h"
#include "testlib.h"

enum { ARCHIVE_BYTES = 1 << 20 };

/* A containerd that is a socket without anybody behind it, and a ctr that is a script. */
struct fixture {
	struct demo m;
	struct eb_pool *pool;
	struct bnd_bundle b;
	struct oci_source src;
	struct oci_graph graph;
	int fd;
	char *address, *path, *old_path;
	const char *env[3];
	struct bnd_ctr ctr;
};

static void start(struct fixture *f, const char *script)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	autofree char *text = eb_xasprintf("#!/bin/sh\n%s\n", script);
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	demo_init(&f->m, 2);
	CHECK_OK(bnd_open(demo_bundle(&f->m, "demo.tar", NULL), &f->b, &e), e);
	f->pool = eb_pool_new(2);
	f->src = oci_source_archive(f->b.archive);
	CHECK_OK(oci_graph_load(&f->src, &f->b.images[0].desc, &f->graph, &e), e);
	f->address = eb_xstrdup(test_path("sock"));
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->address);
	CHECK_INT(bind(f->fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_INT(mkdir(test_path("bin"), 0700), 0);
	CHECK_OK(eb_file_write(test_path("bin/ctr"), text, strlen(text), 0700, &e), e);
	f->path = eb_xasprintf("PATH=%s:/usr/bin:/bin", test_path("bin"));
	f->env[0] = f->path;
	f->ctr = (struct bnd_ctr){ f->address, "ns", f->env };
	f->old_path = eb_xstrdup(getenv("PATH"));
	/* posix_spawnp() looks in the PATH of this process. */
	CHECK_INT(setenv("PATH", f->path + 5, 1), 0);
}

static void end(struct fixture *f)
{
	setenv("PATH", f->old_path, 1);
	free(f->old_path);
	close(f->fd);
	oci_graph_release(&f->graph);
	bnd_close(&f->b);
	eb_pool_free(f->pool);
	demo_release(&f->m);
	free(f->address);
	free(f->path);
}
EB_DEFINE_RELEASE(struct fixture, end)
#define AUTOFIX(name, script)                                                                      \
	EB_CLEANUP(end_p) struct fixture name;                                                     \
	start(&name, script)

static int import(const struct fixture *x, const struct bnd_ctr_import *im, struct eb_error **err)
{
	const struct bnd_write_options o = { .pool = x->pool };
	const struct bnd_image_in in = { &x->graph, "r.example.org/x/y:1", true, NULL };

	return bnd_ctr_import(&x->ctr, &x->src, &in, 1, im, &o, err);
}

TEST(ctr, import_streams_an_archive_and_labels)
{
	static const char *const labels[] = { "a=1", "b=2" };
	const struct bnd_ctr_import im = { "linux/arm64", false, labels, 2 };
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	autofree char *want = NULL;
	const struct oci_descriptor *d = NULL;
	EB_AUTOBUF(calls, 4096);
	AUTOFIX(x, "d=${0%/*}/..; echo \"$@\" >>$d/calls; [ $6 = label ] || cat >$d/got.tar");

	CHECK_OK(import(&x, &im, &e), e);
	CHECK_OK(eb_file_read(test_path("calls"), &calls, &e), e);
	want = eb_xasprintf(
		"--address %s --namespace ns images import --platform linux/arm64 "
		"--no-unpack -\n"
		"--address %s --namespace ns images label r.example.org/x/y:1 a=1 b=2\n",
		x.address, x.address);
	CHECK_STR(eb_buf_str(&calls), want);
	CHECK_OK(oci_archive_open(test_path("got.tar"), &a, &e), e);
	CHECK_OK(oci_archive_resolve(a, "r.example.org/x/y:1", &d, &e), e);
	CHECK_STR(d->digest.text, x.b.images[0].desc.digest.text);
}

TEST(ctr, import_failure_shows_what_ctr_said)
{
	const struct bnd_ctr_import im = { .platform = NULL };
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x, "echo 'ctr: no room' >&2; exec <&-; exit 1");

	CHECK_FAIL(import(&x, &im, &e), EB_E_PROGRAM, "ctr failed (1): ctr: no room", e);
}

TEST(ctr, no_containerd_is_said_with_a_hint)
{
	const struct bnd_ctr_import im = { .platform = NULL };
	autoerror struct eb_error *e = NULL;
	AUTOFIX(x, "exit 9");

	x.ctr.address = test_path("nothing");
	CHECK_INT(import(&x, &im, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, "there is no containerd at");
	CHECK_HAS(e->hint, "--containerd-address");
	eb_error_clear(&e);
	x.ctr.address = test_path("bin/ctr");
	CHECK_INT(bnd_ctr_check(&x.ctr, NULL), -EB_E_NOT_FOUND);
}

/* "images ls" and "content get", out of a folder of blobs. */
#define STORE                                                                                      \
	"d=${0%/*}/..; case $5-$6 in images-ls) echo REF TYPE DIGEST; cat $d/list ;; "             \
	"content-get) cat $d/l/blobs/sha256/${7#sha256:} ;; *) exit 9 ;; esac"

TEST(ctr, source_reads_what_is_stored)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_graph_release_p) struct oci_graph g = { .nodes = NULL };
	autofree char *list = NULL;
	struct oci_source src;
	AUTOFIX(x, STORE);
	const struct bnd_write_options o = { .pool = x.pool };
	const struct bnd_image_in in = { &x.graph, "one", false, NULL };

	CHECK_OK(bnd_write_folder(test_path("l"), &x.src, &in, 1, &o, &e), e);
	list = eb_xasprintf(
		"r.example.org/x:10 type %064d 1 MiB\nr.example.org/x:1  type %s 1 MiB\n", 0,
		x.b.images[0].desc.digest.text);
	CHECK_OK(eb_file_write(test_path("list"), list, strlen(list), 0600, &e), e);
	CHECK_OK(bnd_ctr_resolve(&x.ctr, "r.example.org/x:1", &d, &e), e);
	CHECK_STR(d.digest.text, x.b.images[0].desc.digest.text);
	CHECK_INT(d.size, x.b.images[0].desc.size);
	CHECK_STR(d.media_type, x.b.images[0].desc.media_type);
	src = bnd_ctr_source(&x.ctr);
	CHECK_OK(oci_graph_load(&src, &d, &g, &e), e);
	CHECK_OK(bnd_write_folder(test_path("copy"), &src,
				  &(struct bnd_image_in){ &g, "one", false, NULL }, 1, &o, &e),
		 e);
	CHECK_FAIL(bnd_ctr_resolve(&x.ctr, "r.example.org/z:1", &d, &e), EB_E_NOT_FOUND,
		   "no image 'r.example.org/z:1' in its namespace 'ns'", e);
}

TEST(ctr, source_without_a_document_tells_of_platforms)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_graph_release_p) struct oci_graph g = { .nodes = NULL };
	struct oci_source src;
	AUTOFIX(x, "echo not found >&2; exit 1");

	src = bnd_ctr_source(&x.ctr);
	CHECK_INT(oci_graph_load(&src, &x.b.images[0].desc, &g, &e), -EB_E_PROGRAM);
	CHECK_HAS(e->message, "not found");
	CHECK_HAS(e->hint, "--platform");
}

TEST(ctr, source_wrong_bytes_are_refused)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_graph_release_p) struct oci_graph g = { .nodes = NULL };
	struct oci_source src;
	AUTOFIX(x, "echo '{}'");

	src = bnd_ctr_source(&x.ctr);
	CHECK_INT(oci_graph_load(&src, &x.b.images[0].desc, &g, &e), -EB_E_DIGEST);
}
