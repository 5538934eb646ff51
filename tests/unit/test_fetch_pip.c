#include "base/hash.h"
#include "pkg/fetch.h"
#include "pkg/pip.h"
#include "testlib.h"

#define FILE_NAME "demo-1-py3-none-any.whl"

struct world {
	struct pkg_cache cache;
	char sha256[65];
	char *path;
	struct pkg_pip pip;
	struct pkg_source source;
};

static const char *const pip_env[] = { "PATH=/usr/bin:/bin", NULL };

static void world_release(struct world *w)
{
	setenv("PATH", w->path, 1);
	free(w->path);
	pkg_cache_release(&w->cache);
}
EB_DEFINE_RELEASE(struct world, world_release)

/* A pip that gives a wheel whose bytes are `text`. */
static void world_init(struct world *w, const char *text)
{
	autofree char *script = eb_xasprintf(
		"#!/bin/sh\nfor a; do case $a in --dest=*) d=${a#*=} ;; esac; done\n"
		"/bin/mkdir \"$d\" && printf %%s '%s' >\"$d/" FILE_NAME "\"\n",
		text);
	autoerror struct eb_error *e = NULL;

	w->path = eb_xstrdup(getenv("PATH"));
	CHECK_OK(pkg_cache_open(test_path("cache"), &w->cache, &e), e);
	CHECK_OK(eb_file_write(test_path("python3"), script, strlen(script), 0755, &e), e);
	setenv("PATH", test_dir(), 1);
	eb_sha256_hex("demo", 4, w->sha256);
	w->pip = (struct pkg_pip){ pip_env, test_dir() };
	w->source = (struct pkg_source){ .what = "wheel demo 1 (amd64)",
					 .path = FILE_NAME,
					 .wheel = FILE_NAME,
					 .name = "demo",
					 .version = "1",
					 .sha256 = w->sha256,
					 .size = 4 };
}

static int fetch(struct world *w, const char *const *dirs, bool offline, struct eb_error **err)
{
	const struct pkg_fetch_options o = {
		.cache = &w->cache, .source_dirs = dirs, .offline = offline, .pip = &w->pip
	};

	return pkg_fetch(&o, &w->source, 1, err);
}

TEST(fetch_pip, wheel_comes_by_pip)
{
	EB_CLEANUP(world_release_p) struct world w = { 0 };
	uint64_t size = 0;
	autoerror struct eb_error *e = NULL;

	world_init(&w, "demo");
	CHECK_OK(fetch(&w, NULL, false, &e), e);
	close(pkg_cache_find(&w.cache, w.sha256, &size, NULL));
	CHECK_INT(size, 4);
	/* It is there now. */
	CHECK_OK(fetch(&w, NULL, true, &e), e);
}

TEST(fetch_pip, wrong_wheel_is_refused_and_not_kept)
{
	EB_CLEANUP(world_release_p) struct world w = { 0 };
	uint64_t size = 0;
	autoerror struct eb_error *e = NULL;

	world_init(&w, "evil");
	CHECK_FAIL(fetch(&w, NULL, false, &e), EB_E_DIGEST, FILE_NAME, e);
	CHECK_INT(pkg_cache_find(&w.cache, w.sha256, &size, NULL), -EB_E_NOT_FOUND);
}

TEST(fetch_pip, offline_asks_nobody_but_directories)
{
	EB_CLEANUP(world_release_p) struct world w = { 0 };
	const char *const dirs[] = { test_dir(), NULL };
	autoerror struct eb_error *e = NULL;

	world_init(&w, "demo");
	CHECK_FAIL(fetch(&w, NULL, true, &e), EB_E_OFFLINE, "wheel demo 1 (amd64)", e);
	CHECK_OK(eb_file_write(test_path(FILE_NAME), "demo", 4, 0644, &e), e);
	CHECK_OK(fetch(&w, dirs, true, &e), e);
}
