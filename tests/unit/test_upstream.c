#include "image/upstream.h"

#include "image/mediatype.h"
#include "pkg/cache.h"
#include "recipe/lock.h"
#include "recipe/recipe.h"
#include "registry_client.h"

static void check_place(const char *mirror, const char *ref, const char *host, const char *repo,
			bool plain_http)
{
	const char *const mirrors[] = { "other.example=127.0.0.1:1", mirror, NULL };
	const struct img_upstream u = { .mirrors = mirrors };
	EB_CLEANUP(img_place_release_p) struct img_place p = { NULL, NULL, false };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(img_upstream_place(&u, ref, &p, &e), e);
	CHECK_STR(p.host, host);
	CHECK_STR(p.repo, repo);
	CHECK(p.plain_http == plain_http);
}

TEST(upstream, place_without_mirror_is_the_name_itself)
{
	check_place(NULL, "up.example/team/server:1", "up.example", "team/server", false);
	check_place(NULL, "127.0.0.1:5000/a/b:1", "127.0.0.1:5000", "a/b", true);
	check_place("up.example.org=m.example", "up.example/a/b:1", "up.example", "a/b", false);
}

TEST(upstream, place_of_a_mirror_speaks_http_only_where_it_may)
{
	check_place("up.example=m.example:5000/hub", "up.example/team/server:1", "m.example:5000",
		    "hub/team/server", false);
	check_place("up.example=http://m.example", "up.example/a/b:1", "m.example", "a/b", true);
	check_place("up.example=127.0.0.1:5000", "up.example/a/b:1", "127.0.0.1:5000", "a/b", true);
	check_place("up.example=localhost:5000", "up.example/a/b:1", "localhost:5000", "a/b", true);
	check_place("up.example=localhost.example", "up.example/a/b:1", "localhost.example", "a/b",
		    false);
	check_place("up.example=https://127.0.0.1:5000", "up.example/a/b:1", "127.0.0.1:5000",
		    "a/b", false);
}

static void check_mirror_refused(const char *mirror)
{
	const char *const mirrors[] = { mirror, NULL };
	const struct img_upstream u = { .mirrors = mirrors };
	EB_CLEANUP(img_place_release_p) struct img_place p = { NULL, NULL, false };
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(img_upstream_place(&u, "up.example/a/b:1", &p, &e), EB_E_USAGE,
		   "--registry-mirror", e);
}

TEST(upstream, place_refuses_what_is_no_mirror)
{
	check_mirror_refused("up.example");
	check_mirror_refused("=m.example");
	check_mirror_refused("up.example=");
	check_mirror_refused("up.example=m.example/a:tag");
}

/* ---- locking ---- */

static int open_fake(void *ctx, const char *host, bool plain_http, bool push,
		     struct oci_registry **ret, struct eb_error **err)
{
	struct client *c = ctx;
	const struct oci_registry_options o = {
		.transport = c->transport, .creds = c->creds, .plain_http = plain_http, .push = push
	};

	return oci_registry_new(host, &o, ret, err);
}

#define MANIFEST "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MT_MANIFEST "\","
#define INDEX "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MT_INDEX "\",\"manifests\":["

/* A manifest over these two blobs, of the repository "team/server". tag NULL = by digest alone. */
static size_t add_manifest(struct fakereg *f, const char *tag, const char *config,
			   const char *layer, const char *more, char out[static 80])
{
	char c[80], l[80];
	autofree char *text = NULL;

	fakereg_add_blob(f, "team/server", config, strlen(config), c);
	fakereg_add_blob(f, "team/server", layer, strlen(layer), l);
	text = eb_xasprintf(MANIFEST "\"config\":{\"mediaType\":\"" OCI_MT_CONFIG
				     "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{"
				     "\"mediaType\":\"" OCI_MT_LAYER_TAR
				     "\",\"digest\":\"%s\",\"size\":%zu}]%s}",
			    c, strlen(config), l, strlen(layer), more);
	fakereg_add_manifest(f, "team/server", tag, OCI_MT_MANIFEST, text, out);
	return strlen(text);
}

static const char config_amd64[] =
	"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},\"rootfs\":"
	"{\"type\":\"layers\",\"diff_ids\":[]}}";

struct upstream {
	char image[80], attestation[80], index[80], att[80], sbom[80];
};

/* What its registry says refers to `subject`. */
static void list_referrer(struct fakereg *f, const char *subject, const char *referrer, size_t size)
{
	autofree char *path = eb_xasprintf("/v2/team/server/referrers/%s", subject);
	autofree char *text = eb_xasprintf(INDEX "{\"mediaType\":\"" OCI_MT_MANIFEST
						 "\",\"digest\":\"%s\",\"size\":%zu}]}",
					   referrer, size);
	char digest[80];

	fakereg_add_manifest(f, "team/server", path, OCI_MT_INDEX, text, digest);
}

/* An image for amd64 with an attestation in its index, one under cosign's tag, and an SBOM that
 * refers to `subject` (NULL = to the index). */
static void publish(struct fakereg *f, const char *subject, struct upstream *u)
{
	size_t image = add_manifest(f, NULL, config_amd64, "a layer", "", u->image);
	size_t attestation = add_manifest(f, NULL, "{\"a\":1}", "a statement", "", u->attestation);
	autofree char *index = NULL, *tag = NULL, *refers = NULL;
	size_t sbom;

	index = eb_xasprintf(
		INDEX "{\"mediaType\":\"" OCI_MT_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,"
		      "\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}},"
		      "{\"mediaType\":\"" OCI_MT_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,"
		      "\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"},"
		      "\"annotations\":{\"" OCI_ANN_DOCKER_REF_TYPE
		      "\":\"attestation-manifest\",\"" OCI_ANN_DOCKER_REF_DIGEST "\":\"%s\"}}]}",
		u->image, image, u->attestation, attestation, u->image);
	fakereg_add_manifest(f, "team/server", "1.2", OCI_MT_INDEX, index, u->index);
	tag = eb_xasprintf("sha256-%s.att", u->index + strlen("sha256:"));
	add_manifest(f, tag, "{\"b\":1}", "an envelope", "", u->att);
	refers = eb_xasprintf(",\"subject\":{\"mediaType\":\"" OCI_MT_INDEX
			      "\",\"digest\":\"%s\",\"size\":%zu}",
			      subject ? subject : u->index, strlen(index));
	sbom = add_manifest(f, NULL, "{\"c\":1}", "a list", refers, u->sbom);
	list_referrer(f, u->index, u->sbom, sbom);
}

static int lock(struct client *c, struct fakereg *f, const char *digest, const char *arches,
		struct rcp_lock **ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache cache = { .dir = { .fd = -1 } };
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *rcp = NULL;
	autofree char *text = eb_xasprintf("name: server\nimage: {ref: \"%s/team/server:1.2\", "
					   "digest: \"%s\"}\narchitectures: [%s]\n",
					   fakereg_host(f), digest, arches);
	const struct img_upstream u = { .ctx = c, .open = open_fake };
	struct pkg_fetch_options fetch = { .cache = NULL };
	struct img_env env = { .fetch = &fetch, .upstream = &u, .epoch_sec = -1 };
	int r = pkg_cache_open(test_path("cache"), &cache, err);

	fetch.cache = env.cache = &cache;
	if (r >= 0)
		r = rcp_parse("server", "recipe.yaml", text, strlen(text), &rcp, err);
	return r < 0 ? r : img_upstream_lock(&env, rcp, ret, err);
}

static const struct rcp_locked_blob *locked(const struct rcp_lock *l, const char *kind,
					    const char *digest)
{
	for (size_t i = 0; i < l->n_blobs; i++)
		if (strcmp(l->blobs[i].kind, kind) == 0 &&
		    strcmp(l->blobs[i].sha256, digest + strlen("sha256:")) == 0)
			return &l->blobs[i];
	return NULL;
}

TEST(upstream, lock_lists_what_hangs_on_the_image)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = NULL;
	autoerror struct eb_error *e = NULL;
	const struct rcp_locked_blob *b;
	struct upstream u;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	fakereg_ways(f)->referrers = true;
	publish(f, NULL, &u);
	CHECK_OK(lock(&c, f, u.index, "amd64", &l, &e), e);
	CHECK(locked(l, RCP_BLOB_INDEX, u.index));
	b = locked(l, RCP_BLOB_ATTESTATION, u.attestation);
	CHECK(b);
	CHECK_STR(b->arch, "amd64");
	b = locked(l, RCP_BLOB_ATT, u.att);
	CHECK(b && !b->arch);
	CHECK_STR(b->signs, u.index);
	b = locked(l, RCP_BLOB_REFERRER, u.sbom);
	CHECK(b);
	CHECK_STR(b->signs, u.index);
	/* Each manifest with its configuration and its layer, and the index. */
	CHECK_INT(l->n_blobs, 13);
}

TEST(upstream, lock_refuses_a_referrer_that_is_none)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = NULL;
	autoerror struct eb_error *e = NULL;
	struct oci_digest other;
	struct upstream u;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	fakereg_ways(f)->referrers = true;
	oci_digest_of("other", 5, &other);
	publish(f, other.text, &u);
	CHECK_FAIL(lock(&c, f, u.index, "amd64", &l, &e), EB_E_FORMAT, "which it does not", e);
}

TEST(upstream, lock_of_one_manifest_needs_its_platform)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = NULL;
	autoerror struct eb_error *e = NULL;
	const struct rcp_locked_blob *b;
	struct upstream u;
	AUTOREG(f);
	AUTOCLIENT(c, f, NULL, NULL);

	publish(f, NULL, &u);
	CHECK_FAIL(lock(&c, f, u.image, "arm64", &l, &e), EB_E_RECIPE, "manifest of amd64 alone",
		   e);
	eb_error_clear(&e);
	CHECK_FAIL(lock(&c, f, u.image, "amd64, arm64", &l, &e), EB_E_RECIPE,
		   "manifest of amd64 alone", e);
	eb_error_clear(&e);
	CHECK_OK(lock(&c, f, u.image, "amd64", &l, &e), e);
	b = locked(l, RCP_BLOB_MANIFEST, u.image);
	CHECK(b);
	CHECK_STR(b->arch, "amd64");
	CHECK_STR(b->version, "1.2");
	CHECK_INT(l->n_blobs, 3);
}
