/* One layer made once more and compared while it is made: the maker writes into a pipe, the
 * comparer reads the other end beside the bundle's own layer. */
#include <errno.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stream.h"
#include "bundle/layers.h"
#include "bundle/rebuild.h"
#include "bundle/tar_diff.h"
#include "image/stage.h"

struct closer {
	const struct bnd_layers *layers; /* the bundle's */
	size_t manifest_layer;

	struct img_session *session;
	struct img_chain chain;
	const char *arch;
	const struct img_layers *expect;
	size_t layer;
	int in, out; /* of the pipe; -1 = given away */

	struct bnd_tar_difference found;
	bool compared;
};

static struct eb_writer *place(void *ctx, size_t i)
{
	struct closer *c = ctx;

	if (i != c->layer || c->out < 0)
		return NULL;
	return eb_writer_fd(EB_TAKE_FD(c->out), true);
}

static int make(struct closer *c, struct eb_error **err)
{
	int r = img_stage_write(c->session, &c->chain, c->arch, c->expect, place, c, err);

	/* Never asked for: the other side must not wait for ever. */
	if (c->out >= 0)
		close(EB_TAKE_FD(c->out));
	return r;
}

static int compare(struct closer *c, struct eb_error **err)
{
	autofree char *rest = eb_xmalloc(65536);
	struct eb_reader *stored;
	ssize_t n;
	int r = bnd_layers_plain(c->layers, c->manifest_layer, &stored, err);

	if (r >= 0)
		r = bnd_tar_compare(stored, eb_reader_fd(c->in, false), &c->found, err);
	c->compared = r > 0;
	/* The maker goes on to the end of its layer, whatever was found. */
	do
		n = read(c->in, rest, 65536);
	while (n > 0 || (n < 0 && errno == EINTR));
	return r < 0 ? r : 0;
}

/* The comparer first: when both fail, what it says is what the maker ran into. */
static int both(void *ctx, size_t i, struct eb_error **err)
{
	return i == 0 ? compare(ctx, err) : make(ctx, err);
}

static int run(struct closer *c, struct eb_error **err)
{
	/* The two halves need a thread each whatever --jobs says; the maker's own work goes on on
	 * the program's pool. */
	EB_CLEANUP(eb_pool_free_p) struct eb_pool *pair = eb_pool_new(2);
	int fds[2], r;

	if (eb_pool_threads(pair) != 2)
		return eb_throw(err, EAGAIN, "start a thread");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return eb_throw_errno(err, "make a pipe");
	c->in = fds[0];
	c->out = fds[1];
	r = eb_pool_map(pair, 2, both, c, err);
	close(c->in);
	return r;
}

/* What the stage must come out as when nothing compresses it. */
static void plain_layers(const struct img_layers *from, struct img_layers *to)
{
	*to = (struct img_layers){ .items = eb_xcalloc(from->n, sizeof(*to->items)), .n = from->n };
	for (size_t i = 0; i < from->n; i++) {
		to->items[i].name = eb_xstrdup(from->items[i].name);
		to->items[i].result = from->items[i].result;
		to->items[i].result.digest = from->items[i].result.diff_id;
		to->items[i].result.size = from->items[i].result.diff_size;
	}
}

int bnd_rebuild_look_closer(const struct bnd_bundle *b, const struct bnd_plan *p,
			    struct bnd_rebuild_difference *d, struct eb_error **err)
{
	const struct bnd_plan_image *im = &p->images[d->image_i];
	const struct img_platform *pl = &im->image.platforms[d->platform_i];
	struct img_env env = *img_session_env(p->session);
	EB_CLEANUP(bnd_layers_release_p) struct bnd_layers layers = { 0 };
	EB_CLEANUP(img_session_free_p) struct img_session *session = NULL;
	EB_CLEANUP(img_layers_release_p) struct img_layers expect = { 0 };
	struct closer c;
	int r = bnd_layers_open(b, &b->images[d->image_i].platforms[d->bundle_platform_i], &layers,
				err);

	if (r < 0)
		return r;
	/* Compression would only be taken off again. */
	env.compression = EB_CODEC_NONE;
	session = img_session_new(&env);
	plain_layers(pl->stage[d->stage_i], &expect);
	c = (struct closer){ .layers = &layers,
			     .manifest_layer = d->manifest_layer_i,
			     .session = session,
			     .chain = img_chain_upto(&im->chain, d->stage_i),
			     .arch = pl->arch,
			     .expect = &expect,
			     .layer = d->layer_i };
	r = run(&c, err);
	if (r < 0) {
		bnd_tar_difference_release(&c.found);
		return r;
	}
	if (c.compared) {
		d->member = c.found.member;
		d->detail = c.found.detail;
	}
	return 0;
}
