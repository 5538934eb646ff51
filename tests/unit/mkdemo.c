#include "mkdemo.h"

#include <sys/stat.h>

#include "base/pool.h"
#include "bundle/sign.h"
#include "mkdeb.h"
#include "testlib.h"

enum { DEB_BYTES = 16 << 20 };

void demo_init(struct demo *m, unsigned int jobs)
{
	autoerror struct eb_error *e = NULL;

	*m = (struct demo){ .cache = { .dir = { .fd = -1 } } };
	CHECK_OK(pkg_cache_open(test_path("cache"), &m->cache, &e), e);
	m->fetch = (struct pkg_fetch_options){ .cache = &m->cache, .offline = true };
	m->pool = eb_pool_new(jobs);
	m->env = (struct img_env){ .cache = &m->cache,
				   .fetch = &m->fetch,
				   .pool = m->pool,
				   .host_arch = "amd64",
				   .compression = EB_CODEC_NONE,
				   .epoch_sec = -1 };
}

void demo_release(struct demo *m)
{
	eb_pool_free(m->pool);
	pkg_cache_release(&m->cache);
}

void demo_read(const char *path, struct eb_buf *b)
{
	autoerror struct eb_error *e = NULL;

	eb_buf_clear(b);
	CHECK_OK(eb_file_read(path, b, &e), e);
}

void demo_write(const char *path, const void *p, size_t n)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(path, p, n, 0644, &e), e);
}

void demo_file(const char *rel, const char *text)
{
	autofree char *path = eb_xstrdup(test_path("%s", rel));
	size_t root = strlen(test_dir()) + 1;

	for (char *slash = strchr(path + root, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	demo_write(path, text, strlen(text));
}

void demo_recipe(const char *name, const char *yaml)
{
	autofree char *rel = eb_xasprintf("recipes/%s/recipe.yaml", name);

	demo_file(rel, yaml);
}

struct rcp_lock *demo_lock(const char *recipe)
{
	struct rcp_lock *l = rcp_lock_new(recipe);

	l->epoch_sec = DEMO_EPOCH;
	return l;
}

void demo_package(struct demo *m, struct rcp_lock *l, const char *name, const char *source,
		  struct eb_buf *tar)
{
	static const char *const arches[] = { "amd64", "arm64" };
	autoerror struct eb_error *e = NULL;
	autofree char *path = eb_xasprintf("pool/%s_1.0-1_all.deb", name);
	EB_AUTOBUF(control, 4096);
	EB_AUTOBUF(deb, DEB_BYTES);
	char sha256[65];

	mkdeb_tar_end(tar);
	eb_buf_addf(&control,
		    "Package: %s\nVersion: 1.0-1\nArchitecture: all\nMaintainer: A "
		    "<a@example.org>\nDescription: a demonstration\n",
		    name);
	mkdeb(&deb, "", eb_buf_str(&control), tar);
	eb_buf_clear(tar);
	CHECK_OK(pkg_cache_store_text(&m->cache, deb.data, deb.len, sha256, &e), e);
	for (size_t i = 0; i < EB_ARRAY_LEN(arches); i++) {
		struct rcp_locked_package p = { .arch = arches[i],
						.deb_arch = "all",
						.name = name,
						.version = "1.0-1",
						.path = path,
						.archive = "debian",
						.suite = "demo",
						.source = source,
						.sha256 = sha256,
						.size = deb.len };

		rcp_lock_add_package(l, &p);
	}
}

void demo_lock_write(struct rcp_lock *l)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *lock = l;
	EB_CLEANUP(rcp_chain_release_p) struct rcp_chain chain = { 0 };
	autoerror struct eb_error *e = NULL;
	autofree char *text = NULL;
	char inputs[65];
	size_t n;

	CHECK_OK(rcp_chain_load(test_path("recipes/%s", l->recipe), &chain, &e), e);
	rcp_lock_inputs_hash(&chain, inputs);
	lock->inputs_sha256 = inputs;
	text = rcp_lock_write(lock, &n);
	demo_write(test_path("recipes/%s/lock.yaml", lock->recipe), text, n);
}

static void demo_make_base(struct demo *m)
{
	struct rcp_lock *l = demo_lock("base");
	EB_AUTOBUF(tar, DEB_BYTES);

	demo_recipe("base", "name: base\nsummary: the base\narchitectures: [amd64, arm64]\n"
			    "debian: {suites: [{archive: debian, suite: demo}], "
			    "packages: [libdemo, demo-data]}\n"
			    "users: [{name: app, uid: 1000}]\n"
			    "files: [{path: /etc/demo.conf, content: \"a=1\\n\"}]\n"
			    "config: {env: {PATH: /usr/bin}}\n");
	mkdeb_tar_dir(&tar, "usr");
	mkdeb_tar_dir(&tar, "usr/lib");
	mkdeb_tar_file(&tar, "usr/lib/libdemo.so.1", "library");
	mkdeb_tar_link(&tar, '1', "usr/lib/libdemo-alias.so.1", "usr/lib/libdemo.so.1");
	mkdeb_tar_link(&tar, '2', "usr/lib/libdemo.so", "libdemo.so.1");
	demo_package(m, l, "libdemo", "demo", &tar);
	mkdeb_tar_dir(&tar, "usr");
	mkdeb_tar_dir(&tar, "usr/share");
	mkdeb_tar_file(&tar, "usr/share/one", "first");
	mkdeb_tar_file(&tar, "usr/share/two", "second");
	demo_package(m, l, "demo-data", "data", &tar);
	demo_lock_write(l);
}

static void demo_make_app(struct demo *m)
{
	struct rcp_lock *l = demo_lock("app");
	EB_AUTOBUF(tar, DEB_BYTES);

	demo_recipe("app",
		    "name: app\nfrom: base\nversion: {package: app}\n"
		    "debian: {packages: [app]}\n"
		    "files: [{path: /etc/app.conf, source: files/app.conf, owner: \"1000:1000\"}]\n"
		    "remove: [/usr/share/two]\n"
		    "config: {entrypoint: [/usr/bin/app], user: \"1000:1000\"}\n");
	demo_file("recipes/app/files/app.conf", "b=2\n");
	mkdeb_tar_dir(&tar, "usr");
	mkdeb_tar_dir(&tar, "usr/bin");
	mkdeb_tar_file(&tar, "usr/bin/app", "#!program");
	demo_package(m, l, "app", "app-src", &tar);
	demo_lock_write(l);
}

#define HEAD                                                                                       \
	"name: demo\nversion: 0.1.0\nsummary: a small bundle\nregistry: example.internal\n"        \
	"tool: files/tool.sh\nimages:\n"
#define BASE "- {recipe: ../../recipes/base, tag: \"1\"}\n"
#define APP "- {recipe: ../../recipes/app}\n"

void demo_all(struct demo *m)
{
	demo_make_base(m);
	demo_make_app(m);
	demo_file("bundles/demo/bundle.yaml", m->small ? HEAD BASE : HEAD BASE APP);
	demo_file("bundles/demo/files/tool.sh", "#!/bin/sh\necho tool\n");
}

static int sign_root(void *ctx, const struct oci_descriptor *root, struct bnd_layout *layout,
		     struct oci_descriptor *ret_entry, struct eb_error **err)
{
	return bnd_sign_layout(ctx, "example.internal/demo", root, layout, ret_entry, err);
}

int demo_plan(struct demo *m, const struct oci_key *key, const struct bnd_plan_options *o,
	      struct demo_build *ret, struct eb_error **err)
{
	static const char *const amd64[] = { "amd64" };
	struct bnd_plan_options options = o ? *o : (struct bnd_plan_options){ .n_arches = 0 };
	int r;

	*ret = (struct demo_build){ .def = NULL };
	if (m->small) {
		options.arches = amd64;
		options.n_arches = 1;
	}
	CHECK_OK(bnd_def_load(test_path("bundles/demo"), &ret->def, err), *err);
	ret->session = img_session_new(&m->env);
	if (key) {
		options.sign = sign_root;
		options.sign_ctx = (void *)(uintptr_t)key;
	}
	r = bnd_plan_load(ret->def, ret->session, &ret->plan, err);
	if (r >= 0)
		r = bnd_plan_fetch(&ret->plan, &options, err);
	if (r >= 0)
		r = bnd_plan_make(&ret->plan, &options, err);
	return r;
}

void demo_build_release(struct demo_build *b)
{
	bnd_plan_release(&b->plan);
	img_session_free(b->session);
	bnd_def_free(b->def);
}

const char *demo_bundle(struct demo *m, const char *name, const struct oci_key *key)
{
	EB_CLEANUP(demo_build_release_p) struct demo_build b;
	autoerror struct eb_error *e = NULL;
	const char *path = test_path("%s", name);

	demo_all(m);
	CHECK_OK(demo_plan(m, key, NULL, &b, &e), e);
	CHECK_OK(bnd_plan_write(&b.plan, path, &e), e);
	return path;
}
