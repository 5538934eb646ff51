#include "image/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/stream.h"
#include "mkdemo.h"
#include "mkdeb.h"
#include "testlib.h"

enum { LAYER_BYTES = 1 << 20, MAX_LAYERS = 8 };

struct fixture {
	struct demo m;
	struct img_chain chain;
	struct img_session *session;
	struct eb_buf out[MAX_LAYERS];
};

static void start(struct fixture *f, const char *recipe)
{
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .chain = { .n = 0 } };
	demo_init(&f->m, 2);
	demo_all(&f->m);
	f->session = img_session_new(&f->m.env);
	for (size_t i = 0; i < MAX_LAYERS; i++)
		eb_buf_init(&f->out[i], LAYER_BYTES);
	CHECK_OK(img_chain_load(test_path("recipes/%s", recipe), &f->chain, &e), e);
}

static void end(struct fixture *f)
{
	for (size_t i = 0; i < MAX_LAYERS; i++)
		eb_buf_release(&f->out[i]);
	img_session_free(f->session);
	img_chain_release(&f->chain);
	demo_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)

#define FIXTURE(f, recipe)                                                                         \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	autoerror struct eb_error *e = NULL;                                                       \
	start(&f, recipe)

static void reload(struct fixture *f, const char *recipe)
{
	autoerror struct eb_error *e = NULL;

	img_session_free(f->session);
	f->session = img_session_new(&f->m.env);
	img_chain_release(&f->chain);
	CHECK_OK(img_chain_load(test_path("recipes/%s", recipe), &f->chain, &e), e);
}

static void key_of(struct fixture *f, const char *arch, char ret[static 65])
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(img_stage_key(&f->m.env, &f->chain, arch, ret, &e), e);
}

static int layers(struct fixture *f, enum img_trust trust, const struct img_layers **ret,
		  struct eb_error **err)
{
	return img_stage_layers(f->session, &f->chain, "amd64", trust, ret, err);
}

static struct eb_writer *into_buffer(void *ctx, size_t i)
{
	struct fixture *f = ctx;

	return i < MAX_LAYERS ? eb_writer_buf(&f->out[i]) : NULL;
}

static bool layer_has(const struct fixture *f, size_t i, const char *text)
{
	return f->out[i].len && memmem(f->out[i].data, f->out[i].len, text, strlen(text));
}

/* Make the file of a package in the cache another one of the same size. */
static void damage_package(struct fixture *f, size_t i)
{
	const struct rcp_locked_package *p = &f->chain.stage[0].lock->packages[i];
	const char *path = test_path("cache/sources/sha256/%s", p->sha256);
	autofd int fd = -1;

	CHECK_INT(chmod(path, 0600), 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK_INT(pwrite(fd, "X", 1, (off_t)p->size - 600), 1);
}

TEST(stage, layers_are_measured_once_and_then_known)
{
	const struct img_layers *a, *b;
	FIXTURE(f, "base");

	CHECK_OK(layers(&f, IMG_TRUST_LOCK, &a, &e), e);
	CHECK_INT(a->n, 2);
	CHECK_STR(a->items[0].name, "shared 0");
	CHECK_STR(a->items[1].name, "image");
	CHECK_STR(a->items[0].result.media_type, "application/vnd.oci.image.layer.v1.tar");
	CHECK_OK(layers(&f, IMG_TRUST_LOCK, &b, &e), e);
	CHECK(a == b);
	{
		struct oci_digest first = a->items[0].result.digest;
		uint64_t size = a->items[1].result.size;

		/* A new session has it from the cache and looks at no package. */
		damage_package(&f, 0);
		reload(&f, "base");
		CHECK_OK(layers(&f, IMG_TRUST_LOCK, &b, &e), e);
		CHECK_STR(b->items[0].result.digest.text, first.text);
		CHECK_INT(b->items[1].result.size, size);
		CHECK_STR(b->items[1].name, "image");
	}
}

TEST(stage, changed_package_is_named)
{
	const struct img_layers *l;
	FIXTURE(f, "base");

	damage_package(&f, 0);
	CHECK_INT(layers(&f, IMG_TRUST_NOTHING, &l, &e), -EB_E_DIGEST);
	CHECK_HAS(e->message, "image 'base' (amd64): ");
	CHECK_HAS(e->message, "package demo-data 1.0-1 (all)");
}

TEST(stage, missing_package_is_named)
{
	const struct img_layers *l;
	FIXTURE(f, "base");

	CHECK_INT(remove(test_path("cache/sources/sha256/%s",
				   f.chain.stage[0].lock->packages[0].sha256)),
		  0);
	CHECK_FAIL(layers(&f, IMG_TRUST_NOTHING, &l, &e), EB_E_NOT_FOUND,
		   "package demo-data 1.0-1 (all)", e);
}

TEST(stage, write_gives_what_was_measured)
{
	const struct img_layers *l;
	FIXTURE(f, "app");

	CHECK_OK(layers(&f, IMG_TRUST_LOCK, &l, &e), e);
	CHECK_INT(l->n, 2);
	CHECK_OK(img_stage_write(f.session, &f.chain, "amd64", l, into_buffer, &f, &e), e);
	for (size_t i = 0; i < l->n; i++) {
		struct oci_digest d;

		oci_digest_of(f.out[i].data, f.out[i].len, &d);
		CHECK_STR(d.text, l->items[i].result.digest.text);
		CHECK_INT(f.out[i].len, l->items[i].result.size);
	}
	CHECK(layer_has(&f, 0, "#!program"));
	CHECK(!layer_has(&f, 0, "library"));
	CHECK(layer_has(&f, 1, "b=2\n"));
	CHECK(layer_has(&f, 1, "usr/share/.wh.two"));
}

TEST(stage, write_that_differs_says_how)
{
	const struct img_layers *l;
	struct img_layers other;
	struct img_layer_info items[2];
	FIXTURE(f, "base");

	CHECK_OK(layers(&f, IMG_TRUST_LOCK, &l, &e), e);
	memcpy(items, l->items, sizeof(items));
	other = (struct img_layers){ .items = items, .n = 2 };
	oci_digest_of("x", 1, &items[1].result.digest);
	CHECK_FAIL(img_stage_write(f.session, &f.chain, "amd64", &other, into_buffer, &f, &e),
		   EB_E_DIGEST,
		   "image 'base' (amd64): layer 'image' has the right content but other "
		   "compressed bytes: expected sha256:2d711642",
		   e);
	oci_digest_of("x", 1, &items[0].result.diff_id);
	CHECK_FAIL(img_stage_write(f.session, &f.chain, "amd64", &other, NULL, &f, &e), EB_E_DIGEST,
		   "image 'base' (amd64): layer 'shared 0' has other content: expected diff id "
		   "sha256:2d711642",
		   e);
	other.n = 1;
	CHECK_FAIL(img_stage_write(f.session, &f.chain, "amd64", &other, into_buffer, &f, &e),
		   EB_E_DIGEST, "image 'base' (amd64): expected 1 layers, 2 came out", e);
	other.n = 2;
	items[0].name = (char *)(uintptr_t) "glibc";
	CHECK_FAIL(img_stage_write(f.session, &f.chain, "amd64", &other, into_buffer, &f, &e),
		   EB_E_DIGEST, "expected layer 0 to be 'glibc', it came out as 'shared 0'", e);
}

TEST(stage, results_in_the_lock_of_another_key_are_a_conflict)
{
	struct rcp_locked_result res = { .arch = "amd64", .codec = "none", .size = 1 };
	struct rcp_locked_layer y = { .arch = "amd64", .codec = "none", .name = "image" };
	const struct img_layers *l;
	char key[65];
	FIXTURE(f, "base");

	key_of(&f, "amd64", key);
	res.key = key;
	res.manifest = res.config = y.diff_id = y.digest =
		"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
	y.size = y.diff_size = 7;
	rcp_lock_add_result(f.chain.stage[0].lock, &res);
	rcp_lock_add_layer(f.chain.stage[0].lock, &y);
	CHECK_OK(layers(&f, IMG_TRUST_LOCK, &l, &e), e);
	CHECK_INT(l->n, 1); /* believed */
	CHECK_INT(l->items[0].result.size, 7);
	img_session_free(f.session);
	f.session = img_session_new(&f.m.env);
	demo_file("recipes/base/recipe.yaml", "");
	key[0] = key[0] == 'a' ? 'b' : 'a';
	rcp_lock_clear_results(f.chain.stage[0].lock);
	rcp_lock_add_result(f.chain.stage[0].lock, &res);
	CHECK_INT(layers(&f, IMG_TRUST_LOCK, &l, &e), -EB_E_CONFLICT);
	CHECK_HAS(e->message, "image 'base' (amd64): ");
	CHECK_HAS(e->message, "recipes/base was changed since ");
	CHECK_HAS(e->hint, "run 'ess-bundle lock ");
	eb_error_clear(&e);
	CHECK_OK(layers(&f, IMG_TRUST_NOTHING, &l, &e), e);
	CHECK_INT(l->n, 2);
}

TEST(stage, key_follows_what_decides_the_bytes_only)
{
	char key[65], other[65];
	FIXTURE(f, "app");

	key_of(&f, "amd64", key);
	key_of(&f, "amd64", other);
	CHECK_STR(other, key);
	key_of(&f, "arm64", other);
	CHECK(strcmp(other, key) != 0);
	f.m.env.compression = EB_CODEC_ZSTD;
	key_of(&f, "amd64", other);
	CHECK(strcmp(other, key) != 0);
	f.m.env.compression = EB_CODEC_NONE;
	f.m.env.epoch_sec = 1;
	key_of(&f, "amd64", other);
	CHECK(strcmp(other, key) != 0);
	f.m.env.epoch_sec = DEMO_EPOCH;
	key_of(&f, "amd64", other);
	CHECK_STR(other, key);
	/* The configuration is no layer. */
	demo_recipe("app", "name: app\nfrom: base\nversion: {package: app}\n"
			   "debian: {packages: [app]}\n"
			   "files: [{path: /etc/app.conf, source: files/app.conf, owner: "
			   "\"1000:1000\"}]\n"
			   "remove: [/usr/share/two]\nconfig: {user: \"1:1\"}\n");
	reload(&f, "app");
	key_of(&f, "amd64", other);
	CHECK_STR(other, key);
	demo_file("recipes/app/files/app.conf", "b=3\n");
	key_of(&f, "amd64", other);
	CHECK(strcmp(other, key) != 0);
	CHECK_INT(remove(test_path("recipes/app/files/app.conf")), 0);
	CHECK_INT(img_stage_key(&f.m.env, &f.chain, "amd64", other, &e), -ENOENT);
	CHECK_HAS(e->message, "recipes/app/recipe.yaml:5:");
}

TEST(stage, every_part_of_a_recipe_changes_the_key)
{
	static const char *const parts[] = {
		"path-exclude: [/a/*]\n",
		"path-include: [/a/*]\n",
		"remove: [/a]\n",
		"fixups: [tmp]\n",
		"users: [{name: u, uid: 5}]\n",
		"users: [{name: u, uid: 6}]\n",
		"users: [{name: u, uid: 5, home: /x}]\n",
		"users: [{name: u, uid: 5, shell: /x}]\n",
		"groups: [{name: g, gid: 5}]\n",
		"files: [{path: /a, content: x}]\n",
		"files: [{path: /a, content: y}]\n",
		"files: [{path: /a, content: x, mode: \"0600\"}]\n",
		"files: [{path: /a, content: x, owner: \"1:0\"}]\n",
		"files: [{path: /a, content: x, owner: \"0:1\"}]\n",
		"links: [{path: /a, target: x}]\n",
		"directories: [{path: /a}]\n",
		"permissions: [{path: /a, mode: \"0600\"}]\n",
		"permissions: [{path: /a, owner: \"1:1\"}]\n",
		"alternatives: [{name: /a, path: /b}]\n",
		"diversions: [{path: /a, to: /b}]\n",
	};
	char keys[EB_ARRAY_LEN(parts)][65];
	size_t n = 0;
	FIXTURE(f, "base");

	for (size_t i = 0; i < EB_ARRAY_LEN(parts); i++) {
		autofree char *text = eb_xasprintf("name: one\narchitectures: [amd64]\n%s",
						   parts[i]);

		demo_recipe("one", text);
		demo_lock_write(demo_lock("one"));
		reload(&f, "one");
		key_of(&f, "amd64", keys[n]);
		for (size_t k = 0; k < n; k++)
			if (strcmp(keys[k], keys[n]) == 0)
				test_fail(__FILE__, __LINE__, "%s and %s have one key", parts[k],
					  parts[n]);
		n++;
	}
	CHECK(!e);
}

TEST(stage, stale_lock_is_a_conflict)
{
	struct img_chain c;
	FIXTURE(f, "base");

	demo_recipe("base", "name: base\narchitectures: [amd64]\ndebian: {suites: [{archive: "
			    "debian, suite: demo}], packages: [libdemo]}\n");
	CHECK_INT(img_chain_load(test_path("recipes/base"), &c, &e), -EB_E_CONFLICT);
	CHECK_HAS(e->message, "recipes/base/lock.yaml does not answer ");
	CHECK_HAS(e->hint, "ess-bundle lock ");
}
