#include <unistd.h>

#include "base/progress.h"
#include "base/stream.h"
#include "httpd.h"
#include "pkg/debrepo.h"
#include "pkg/mirror.h"
#include "testlib.h"
#include "testrepo.h"

#define DEMO "debian/dists/demo/"
#define SECURITY "debian-security/dists/demo-security/"

static const char *const both[] = { "amd64", "arm64" };
static const char *main_only[] = { "main" };

static struct rcp_suite suite(const char *archive, const char *name)
{
	return (struct rcp_suite){ .archive = archive,
				   .name = name,
				   .components = main_only,
				   .n_components = 1,
				   .priority = 500,
				   .pos = { "recipe.yaml", 4, 7 } };
}

static int load(struct testrepo *t, const struct rcp_suite *s, int64_t min_date,
		struct pkg_release **ret, struct eb_error **err)
{
	return pkg_release_load(&t->o, s, both, 2, min_date, ret, err);
}

static void check_text(struct testrepo *t, const struct pkg_release *r, size_t i, const char *has)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);

	CHECK_OK(pkg_release_open(&t->o, r, i, &in, &e), e);
	CHECK_OK(eb_read_all(in, &b, "Packages", &e), e);
	CHECK_HAS(eb_buf_str(&b), has);
}

TEST(debrepo, load_gives_verified_packages)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	EB_CLEANUP(pkg_release_free_p) struct pkg_release *r = NULL;
	const struct rcp_suite s = suite("debian", "demo");
	autoerror struct eb_error *e = NULL;

	testrepo_init(&t);
	CHECK_OK(load(&t, &s, 0, &r, &e), e);
	CHECK_INT(r->date_sec, 1770026400);
	CHECK_INT(r->valid_until_sec, 0);
	CHECK_INT(r->n_files, 2);
	CHECK_STR(r->files[0].arch, "amd64");
	CHECK_STR(r->files[1].arch, "arm64");
	CHECK_STR(r->files[1].path, "main/binary-arm64/Packages.xz");
	check_text(&t, r, 0, "Package: only-amd64\n");
	check_text(&t, r, 1, "Filename: pool/demo_1.2-3+b1_arm64.deb\n");
}

TEST(debrepo, load_by_suite_or_codename)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	EB_CLEANUP(pkg_release_free_p) struct pkg_release *r = NULL;
	const struct rcp_suite s = suite("debian", "demo-stable");
	const struct rcp_suite other = suite("debian", "unstable");
	autoerror struct eb_error *e = NULL;

	testrepo_init(&t);
	CHECK_INT(rename(testrepo_path("debian/dists/demo"),
			 testrepo_path("debian/dists/demo-stable")),
		  0);
	CHECK_OK(load(&t, &s, 0, &r, &e), e);
	CHECK_INT(rename(testrepo_path("debian/dists/demo-stable"),
			 testrepo_path("debian/dists/unstable")),
		  0);
	CHECK_FAIL(load(&t, &other, 0, &r, &e), EB_E_POLICY,
		   "InRelease of debian/unstable is that of suite 'demo-stable', codename 'demo'; "
		   "expected 'unstable'",
		   e);
}

TEST(debrepo, load_security_component_has_a_prefix)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	EB_CLEANUP(pkg_release_free_p) struct pkg_release *r = NULL;
	const struct rcp_suite s = suite("debian-security", "demo-security");
	autoerror struct eb_error *e = NULL;

	testrepo_init(&t);
	CHECK_OK(load(&t, &s, 0, &r, &e), e);
	CHECK_STR(r->files[0].path, "main/binary-amd64/Packages.xz");
	check_text(&t, r, 0, "Version: 1.0-1+deb1u1\n");
}

TEST(debrepo, load_expired_is_refused)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	struct pkg_release *r = NULL;
	const struct rcp_suite s = suite("debian-security", "demo-security");
	autoerror struct eb_error *e = NULL;

	testrepo_init(&t);
	t.o.now_sec = 1770717601;
	CHECK_FAIL(load(&t, &s, 0, &r, &e), EB_E_EXPIRED,
		   "InRelease of debian-security/demo-security expired at 2026-02-10T10:00:00Z, "
		   "now is 2026-02-10T10:00:01Z",
		   e);
	CHECK(!r);
}

TEST(debrepo, load_older_than_the_lock_is_refused)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	EB_CLEANUP(pkg_release_free_p) struct pkg_release *r = NULL;
	const struct rcp_suite s = suite("debian", "demo");
	autoerror struct eb_error *e = NULL;

	testrepo_init(&t);
	testrepo_replace(DEMO "InRelease", DEMO "InRelease.older");
	CHECK_FAIL(load(&t, &s, 1770026400, &r, &e), EB_E_EXPIRED,
		   "InRelease of debian/demo is of 2026-01-01T10:00:00Z, but the lock has seen one "
		   "of 2026-02-02T10:00:00Z",
		   e);
	CHECK_OK(load(&t, &s, 1767261600, &r, &e), e);
}

TEST(debrepo, load_bad_signatures_are_refused)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	struct pkg_release *r = NULL;
	const struct rcp_suite s = suite("debian", "demo");
	autoerror struct eb_error *e = NULL;

	testrepo_init(&t);
	testrepo_edit(DEMO "InRelease", "Suite: demo-stable", "Suite: demo-stahle");
	CHECK_FAIL(load(&t, &s, 0, &r, &e), EB_E_SIGNATURE,
		   "repo/debian/dists/demo/InRelease: InRelease of debian/demo: the signature does "
		   "not fit the text",
		   e);
	testrepo_replace(DEMO "InRelease", DEMO "InRelease.other-key");
	CHECK_FAIL(load(&t, &s, 0, &r, &e), EB_E_SIGNATURE, "signed by unknown", e);
	t.o.keyring = "/nonexistent/keyring.gpg";
	CHECK_FAIL(load(&t, &s, 0, &r, &e), ENOENT, "keyring '/nonexistent/keyring.gpg'", e);
}

TEST(debrepo, load_unknown_component_and_architecture_name_the_place)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	struct pkg_release *r = NULL;
	static const char *const mips[] = { "mips" };
	static const char *wrong[] = { "main", "universe" };
	struct rcp_suite s = suite("debian", "demo");
	autoerror struct eb_error *e = NULL;

	testrepo_init(&t);
	CHECK_FAIL(pkg_release_load(&t.o, &s, mips, 1, 0, &r, &e), EB_E_RECIPE,
		   "recipe.yaml:4:7: debian/demo has no architecture 'mips'; it has: all, amd64, "
		   "arm64",
		   e);
	s.components = wrong;
	s.n_components = 2;
	CHECK_FAIL(
		load(&t, &s, 0, &r, &e), EB_E_RECIPE,
		"recipe.yaml:4:7: debian/demo has no component 'universe'; it has: main, contrib",
		e);
}

TEST(debrepo, load_altered_packages_are_refused)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	struct pkg_release *r = NULL;
	const struct rcp_suite s = suite("debian", "demo");
	autoerror struct eb_error *e = NULL;
	int rc;

	testrepo_init(&t);
	testrepo_replace(DEMO "main/binary-amd64/Packages.xz",
			 DEMO "main/binary-arm64/Packages.xz");
	rc = load(&t, &s, 0, &r, &e);
	CHECK(rc < 0);
	CHECK_HAS(e->message, "Packages of debian/demo/main (amd64)");
	CHECK(!r);
}

TEST(debrepo, load_missing_offline)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	struct pkg_release *r = NULL;
	const struct rcp_suite s = suite("debian", "sid");
	autoerror struct eb_error *e = NULL;

	testrepo_init(&t);
	CHECK_FAIL(load(&t, &s, 0, &r, &e), EB_E_OFFLINE, "InRelease of debian/sid is not in the",
		   e);
}

/* --- over HTTP --- */

struct served {
	struct httpd *h;
	struct eb_buf text[8];
	size_t n;
};

static void serve(struct served *v, const char *url, const char *rel)
{
	autoerror struct eb_error *e = NULL;
	struct eb_buf *b = &v->text[v->n++];
	struct httpd_reply reply = { 0 };

	eb_buf_init(b, 1 << 20);
	CHECK_OK(eb_file_read(testrepo_path(rel), b, &e), e);
	reply.body = b->data;
	reply.size = b->len;
	httpd_reply(v->h, url, &reply);
}

static void served_release(struct served *v)
{
	httpd_stop(v->h);
	for (size_t i = 0; i < v->n; i++)
		eb_buf_release(&v->text[i]);
}
EB_DEFINE_RELEASE(struct served, served_release)

static void note_message(struct eb_progress *p, const char *line);
static unsigned int start(struct eb_progress *p, const char *name, enum eb_unit u, uint64_t total)
{
	(void)p, (void)name, (void)u, (void)total;
	return 1;
}
static void advance(struct eb_progress *p, unsigned int task, uint64_t by)
{
	(void)p, (void)task, (void)by;
}
static void finish(struct eb_progress *p, unsigned int task)
{
	(void)p, (void)task;
}
static const struct eb_progress_ops notes_ops = { start, advance, finish, note_message };
struct notes {
	struct eb_progress base;
	char last[256];
};
static void note_message(struct eb_progress *p, const char *line)
{
	snprintf(((struct notes *)p)->last, sizeof(((struct notes *)p)->last), "%s", line);
}

static void use_http(struct testrepo *t, struct served *v, struct pkg_mirrors **ret)
{
	autoerror struct eb_error *e = NULL;
	const char *urls[2] = { NULL, NULL };
	struct pkg_mirror_options mo = { .apt_dir = test_path("no-apt"),
					 .mirrors = urls,
					 .no_snapshot = true };

	v->h = httpd_start();
	urls[0] = httpd_url(v->h, "/debian");
	CHECK_OK(pkg_mirrors_load(&mo, ret, &e), e);
	t->o.mirrors = *ret;
	t->o.source_dirs = NULL;
	t->o.offline = false;
}

TEST(debrepo, load_from_mirror_then_offline_from_cache)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	EB_CLEANUP(served_release_p) struct served v = { 0 };
	EB_CLEANUP(pkg_mirrors_free_p) struct pkg_mirrors *m = NULL;
	EB_CLEANUP(pkg_release_free_p) struct pkg_release *r = NULL, *again = NULL;
	const struct rcp_suite s = suite("debian", "demo");
	autoerror struct eb_error *e = NULL;
	struct notes notes = { .base.ops = &notes_ops };

	testrepo_init(&t);
	use_http(&t, &v, &m);
	serve(&v, "/debian/dists/demo/InRelease", DEMO "InRelease");
	serve(&v, "/debian/dists/demo/main/binary-amd64/Packages.xz",
	      DEMO "main/binary-amd64/Packages.xz");
	serve(&v, "/debian/dists/demo/main/binary-arm64/Packages.xz",
	      DEMO "main/binary-arm64/Packages.xz");
	CHECK_OK(load(&t, &s, 0, &r, &e), e);
	check_text(&t, r, 0, "Package: demo\n");
	t.o.mirrors = NULL;
	t.o.offline = true;
	t.o.progress = &notes.base;
	CHECK_OK(load(&t, &s, 0, &again, &e), e);
	CHECK_STR(again->sha256, r->sha256);
	check_text(&t, again, 1, "Package: demo\n");
	CHECK_STR(notes.last, "offline: using the InRelease of debian/demo that the cache has, of "
			      "2026-02-02T10:00:00Z");
	t.o.keyring = testrepo_path("keyring-other.gpg");
	again = pkg_release_free(again);
	CHECK_FAIL(load(&t, &s, 0, &again, &e), EB_E_SIGNATURE, "cache: InRelease of debian/demo",
		   e);
}

TEST(debrepo, load_prefers_by_hash)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	EB_CLEANUP(served_release_p) struct served v = { 0 };
	EB_CLEANUP(pkg_mirrors_free_p) struct pkg_mirrors *m = NULL;
	EB_CLEANUP(pkg_release_free_p) struct pkg_release *disk = NULL, *r = NULL;
	const struct rcp_suite s = suite("debian", "demo");
	autoerror struct eb_error *e = NULL;

	testrepo_init(&t);
	CHECK_OK(load(&t, &s, 0, &disk, &e), e);
	pkg_cache_release(&t.cache);
	CHECK_OK(pkg_cache_open(test_path("cache2"), &t.cache, &e), e);
	use_http(&t, &v, &m);
	serve(&v, "/debian/dists/demo/InRelease", DEMO "InRelease");
	for (size_t i = 0; i < 2; i++) {
		autofree char *url = eb_xasprintf(
			"/debian/dists/demo/main/binary-%s/by-hash/SHA256/%s", both[i],
			disk->files[i].sha256);
		autofree char *rel = eb_xasprintf(DEMO "main/binary-%s/Packages.xz", both[i]);

		serve(&v, url, rel);
	}
	CHECK_OK(load(&t, &s, 0, &r, &e), e);
	CHECK_INT(httpd_n_requests_of(v.h, "/debian/dists/demo/main/binary-amd64/Packages.xz"), 0);
}

TEST(debrepo, load_mirror_with_bad_inrelease_is_named)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	EB_CLEANUP(served_release_p) struct served v = { 0 };
	EB_CLEANUP(pkg_mirrors_free_p) struct pkg_mirrors *m = NULL;
	struct pkg_release *r = NULL;
	const struct rcp_suite s = suite("debian", "demo");
	autoerror struct eb_error *e = NULL;
	autofree char *want = NULL;

	testrepo_init(&t);
	use_http(&t, &v, &m);
	testrepo_edit(DEMO "InRelease", "Suite: demo-stable", "Suite: demo-stahle");
	serve(&v, "/debian/dists/demo/InRelease", DEMO "InRelease");
	want = eb_xasprintf("%s: InRelease of debian/demo: the signature does not fit",
			    httpd_host(v.h));
	CHECK_FAIL(load(&t, &s, 0, &r, &e), EB_E_SIGNATURE, want, e);
	/* Nothing of it was kept. */
	t.o.offline = true;
	CHECK_FAIL(load(&t, &s, 0, &r, &e), EB_E_OFFLINE, "not in the cache", e);
}

TEST(debrepo, load_second_mirror_is_asked)
{
	EB_CLEANUP(testrepo_release_p) struct testrepo t;
	EB_CLEANUP(served_release_p) struct served v = { 0 };
	EB_CLEANUP(pkg_mirrors_free_p) struct pkg_mirrors *m = NULL;
	EB_CLEANUP(pkg_release_free_p) struct pkg_release *r = NULL;
	const struct rcp_suite s = suite("debian", "demo");
	autoerror struct eb_error *e = NULL;
	autofree char *disk = NULL;
	const char *urls[3] = { NULL, NULL, NULL };
	struct pkg_mirror_options mo = { .apt_dir = test_path("no-apt"),
					 .mirrors = urls,
					 .no_snapshot = true };

	testrepo_init(&t);
	v.h = httpd_start();
	serve(&v, "/debian/dists/demo/InRelease", DEMO "InRelease.older");
	disk = eb_xasprintf("file://%s", testrepo_path("debian"));
	urls[0] = httpd_url(v.h, "/debian");
	urls[1] = disk;
	CHECK_OK(pkg_mirrors_load(&mo, &m, &e), e);
	t.o.mirrors = m;
	t.o.source_dirs = NULL;
	t.o.offline = false;
	CHECK_OK(load(&t, &s, 1770026400, &r, &e), e);
	CHECK_INT(r->date_sec, 1770026400);
}
