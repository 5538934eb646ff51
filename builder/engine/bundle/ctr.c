#include "bundle/ctr.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "image/mediatype.h"
#include "pkg/piped.h"
#include "pkg/program.h"

enum {
	MAX_ARGS = 24,
	LIST_MAX_BYTES = 1024 * 1024,
	MESSAGES_MAX_BYTES = 64 * 1024,
	MAX_LABELS = 64,
	SHOWN_BYTES = 400,
};

static const char install[] = "ctr comes with containerd; k3s and RKE2 bring theirs, "
			      "put its folder into PATH";

struct args {
	const char *argv[MAX_ARGS + MAX_LABELS + 1];
	size_t n;
};

static void add(struct args *a, const char *arg)
{
	a->argv[a->n++] = arg;
}

static void begin(struct args *a, const struct bnd_ctr *c, const char *group, const char *verb)
{
	*a = (struct args){ .n = 0 };
	add(a, "ctr");
	add(a, "--address");
	add(a, c->address);
	add(a, "--namespace");
	add(a, c->namespace);
	add(a, group);
	add(a, verb);
}

static struct pkg_program program(const struct bnd_ctr *c, const struct args *a)
{
	return (struct pkg_program){ .argv = a->argv, .env = c->env, .install = install };
}

int bnd_ctr_check(const struct bnd_ctr *c, struct eb_error **err)
{
	struct stat st;
	int r;

	if (stat(c->address, &st) == 0 && S_ISSOCK(st.st_mode))
		return 0;
	if (errno == EACCES)
		return eb_throw_errno(err, "containerd's socket '%s'", c->address);
	r = eb_throw(err, EB_E_NOT_FOUND, "there is no containerd at '%s'", c->address);
	return eb_hint(err, r,
		       "say where its socket is with --containerd-address; k3s and RKE2 have it in "
		       "/run/k3s/containerd/containerd.sock");
}

/* ---- into it ---- */

/* When ctr ended before all was written, its own words say more than the broken pipe. */
static int send(struct pkg_piped *ctr, const struct oci_source *src,
		const struct bnd_image_in *images, size_t n, const struct bnd_write_options *o,
		struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *out = eb_writer_fd(pkg_piped_fd(ctr), false);
	autoerror struct eb_error *broken = NULL;
	int r = bnd_write_stream(out, src, images, n, o, &broken);

	if (r == -EPIPE) {
		r = pkg_piped_finish(ctr, err);
		return r < 0 ? r : eb_throw(err, EB_E_PROGRAM, "ctr ended before it had read all");
	}
	if (r < 0)
		return eb_error_forward(err, EB_TAKE_PTR(broken));
	return pkg_piped_finish(ctr, err);
}

/* Run ctr to its end; what it wrote goes to out. */
static int run(const struct bnd_ctr *c, const struct args *a, struct eb_buf *out,
	       struct eb_error **err)
{
	EB_AUTOBUF(messages, MESSAGES_MAX_BYTES);
	struct pkg_program p = program(c, a);
	autofree char *text = NULL, *said = NULL;
	int r;

	p.out = out;
	p.messages = &messages;
	r = pkg_program_run(&p, err);
	if (r <= 0)
		return r;
	text = eb_span_dup(eb_span_trim(eb_span_str(eb_buf_str(&messages))));
	said = eb_printable(text, SHOWN_BYTES);
	return eb_throw(err, EB_E_PROGRAM, "ctr failed (%d): %s", r, said);
}

static int label(const struct bnd_ctr *c, const char *name, const struct bnd_ctr_import *im,
		 struct eb_error **err)
{
	struct args a;

	begin(&a, c, "images", "label");
	add(&a, name);
	for (size_t i = 0; i < im->n_labels; i++)
		add(&a, im->labels[i]);
	return run(c, &a, NULL, err);
}

int bnd_ctr_import(const struct bnd_ctr *c, const struct oci_source *src,
		   const struct bnd_image_in *images, size_t n, const struct bnd_ctr_import *im,
		   const struct bnd_write_options *o, struct eb_error **err)
{
	EB_CLEANUP(pkg_piped_free_p) struct pkg_piped *ctr = NULL;
	struct pkg_program p;
	struct args a;
	int r = bnd_ctr_check(c, err);

	if (r >= 0 && im->n_labels > MAX_LABELS)
		r = eb_throw(err, EB_E_LIMIT, "more than %d labels", MAX_LABELS);
	if (r < 0)
		return r;
	begin(&a, c, "images", "import");
	add(&a, im->platform ? "--platform" : "--all-platforms");
	if (im->platform)
		add(&a, im->platform);
	if (!im->unpack)
		add(&a, "--no-unpack");
	add(&a, "-");
	p = program(c, &a);
	r = pkg_piped_start(&p, PKG_PIPE_IN, &ctr, err);
	if (r >= 0)
		r = send(ctr, src, images, n, o, err);
	for (size_t i = 0; i < n && im->n_labels && r >= 0; i++)
		r = label(c, images[i].name, im, err);
	return r;
}

/* ---- out of it ---- */

static int open_blob(const struct bnd_ctr *c, const struct oci_digest *d, struct eb_reader **ret,
		     struct eb_error **err)
{
	struct pkg_program p;
	struct args a;

	begin(&a, c, "content", "get");
	add(&a, d->text);
	p = program(c, &a);
	return pkg_piped_reader(&p, ret, err);
}

/* A document whose size is not known before. */
static int read_document(const struct bnd_ctr *c, const struct oci_digest *d, uint64_t size,
			 struct eb_buf *b, struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	int r = open_blob(c, d, &in, err);

	if (r < 0)
		return r;
	in = eb_reader_verify(in, oci_digest_hex(d), size, d->text);
	r = eb_read_all(in, b, d->text, err);
	if (r != -EB_E_PROGRAM)
		return r;
	eb_prefix(err, r, "%s", d->text);
	return eb_hint(err, r,
		       "containerd keeps one platform of what it pulled; --platform says which "
		       "to copy");
}

static int source_text(void *ctx, const struct oci_descriptor *d, char **ret, struct eb_error **err)
{
	EB_AUTOBUF(b, OCI_MANIFEST_MAX_BYTES);
	int r = read_document(ctx, &d->digest, d->size, &b, err);

	eb_buf_str(&b);
	if (r >= 0)
		*ret = eb_buf_take(&b);
	return r;
}

static int source_blob(void *ctx, const struct oci_descriptor *d, uint64_t offset,
		       struct eb_reader **ret, struct eb_error **err)
{
	struct eb_reader *in = NULL;
	int r = open_blob(ctx, &d->digest, &in, err);

	if (r >= 0)
		r = eb_read_skip(in, offset, err);
	if (r < 0)
		eb_reader_free(in);
	else
		*ret = in;
	return r;
}

struct oci_source bnd_ctr_source(const struct bnd_ctr *c)
{
	return (struct oci_source){ (void *)(uintptr_t)c, source_text, source_blob };
}

/* The digest in the line of a table that begins with `name`. */
static bool find_digest(struct eb_span table, const char *name, struct oci_digest *ret)
{
	struct eb_span line, word;

	while (eb_span_next(&table, '\n', &line)) {
		if (!eb_span_word(&line, &word) || !eb_span_eq(word, name))
			continue;
		while (eb_span_word(&line, &word)) {
			autofree char *text = eb_span_dup(word);

			if (oci_digest_parse(text, ret, NULL) >= 0)
				return true;
		}
	}
	return false;
}

int bnd_ctr_resolve(const struct bnd_ctr *c, const char *name, struct oci_descriptor *ret,
		    struct eb_error **err)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .media_type = NULL };
	autofree char *filter = eb_xasprintf("name==%s", name);
	struct oci_digest d = { .text = "" };
	EB_AUTOBUF(list, LIST_MAX_BYTES);
	EB_AUTOBUF(text, OCI_MANIFEST_MAX_BYTES);
	struct args a;
	int r = bnd_ctr_check(c, err);

	if (r < 0)
		return r;
	begin(&a, c, "images", "ls");
	add(&a, filter);
	r = run(c, &a, &list, err);
	if (r < 0)
		return r;
	if (!find_digest(eb_span_str(eb_buf_str(&list)), name, &d))
		return eb_throw(err, EB_E_NOT_FOUND,
				"containerd has no image '%s' in its namespace '%s'", name,
				c->namespace);
	r = read_document(c, &d, UINT64_MAX, &text, err);
	if (r >= 0)
		r = oci_manifest_parse(eb_buf_str(&text), text.len, &m, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", name);
	oci_descriptor_of(m.media_type, text.data, text.len, ret);
	return 0;
}
