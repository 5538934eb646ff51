#include "base/base64.h"
#include "base/json.h"
#include "fakekube.h"
#include "kube/api.h"
#include "kube/config.h"
#include "secrets/store.h"
#include "testlib.h"

#define PATH "/api/v1/namespaces/ess/secrets/r-generated"

struct bench {
	struct fakekube *k;
	struct kube_config *c;
	struct kube_api *api;
	json_t *labels;
	struct sec_specs specs;
	struct sec_ensure e;
	unsigned int said, hooks;
};

static void bench_release(struct bench *b)
{
	kube_api_free(b->api);
	kube_config_free(b->c);
	fakekube_stop(b->k);
	json_decref(b->labels);
	sec_specs_release(&b->specs);
}
EB_DEFINE_RELEASE(struct bench, bench_release)

static void on_say(void *ctx, const char *text)
{
	struct bench *b = ctx;

	CHECK_HAS(text, "Secret ess/r-generated: ");
	b->said++;
}

static int on_template(void *ctx, const char *path, char **ret, struct eb_error **err)
{
	(void)ctx;
	(void)err;
	CHECK_STR(path, "/t/reg");
	*ret = eb_xstrdup("as: AS_TOKEN\nhs: HS_TOKEN\n");
	return 0;
}

static void set_up(struct bench *b, const char *specs)
{
	struct kube_api_options o = { .backoff_msec = 1 };
	struct eb_error *e = NULL;
	autofree char *text = NULL;

	b->k = fakekube_start();
	text = fakekube_config(b->k, NULL);
	CHECK_OK(kube_config_parse("k", text, strlen(text), NULL, &b->c, &e), e);
	CHECK_OK(kube_api_new(b->c, &o, &b->api, &e), e);
	CHECK_OK(sec_labels_parse("app=x,app.kubernetes.io/managed-by=Helm", &b->labels, &e), e);
	CHECK_OK(sec_specs_parse(specs, &b->specs, &e), e);
	b->e = (struct sec_ensure){ .namespace_ = "ess",
				    .labels = b->labels,
				    .now_msec = 1234,
				    .read_template = on_template,
				    .ctx = b,
				    .say = on_say };
}
#define BENCH(name, specs)                                                                         \
	EB_CLEANUP(bench_release_p) struct bench name = { .k = NULL };                             \
	struct eb_error *e = NULL;                                                                 \
	set_up(&(name), specs)

static char *value(struct bench *b, const char *key)
{
	autojson json_t *j = fakekube_object(b->k, PATH);
	const char *text = eb_json_text(json_object_get(j, "data"), key);
	EB_AUTOBUF(out, 10000);

	eb_ignore(eb_base64_decode(text, strlen(text), &out, NULL));
	return out.len ? eb_buf_take(&out) : NULL;
}

#define ALL                                                                                        \
	"r-generated:A:rand32,r-generated:X:extra,r-generated:S:signingkey,r-generated:E:"         \
	"ecdsaprime256v1,r-generated:R:registration:/t/reg"

TEST(store, ensure_makes_one_labelled_secret_in_one_write)
{
	BENCH(b, ALL);
	autojson json_t *j = NULL;
	autofree char *extra = NULL, *key = NULL;
	const json_t *labels;

	CHECK_OK(sec_ensure_all(b.api, &b.specs, &b.e, &e), e);
	j = fakekube_object(b.k, PATH);
	labels = json_object_get(json_object_get(j, "metadata"), "labels");
	CHECK_STR(eb_json_text(labels, SEC_MANAGED_BY), SEC_MANAGER);
	CHECK_STR(eb_json_text(labels, "app"), "x");
	CHECK_INT(json_object_size(json_object_get(j, "data")), 5);
	CHECK_INT(httpd_n_requests(fakekube_httpd(b.k)), 2);
	CHECK_INT(b.said, 5);
	extra = value(&b, "X");
	CHECK_STR(extra, "{}\n");
	key = value(&b, "S");
	CHECK(strncmp(key, "ed25519 1 ", 10) == 0);
}

TEST(store, ensure_again_changes_nothing)
{
	BENCH(b, ALL);
	autojson json_t *before = NULL, *after = NULL;

	CHECK_OK(sec_ensure_all(b.api, &b.specs, &b.e, &e), e);
	before = fakekube_object(b.k, PATH);
	b.said = 0;
	CHECK_OK(sec_ensure_all(b.api, &b.specs, &b.e, &e), e);
	after = fakekube_object(b.k, PATH);
	CHECK(json_equal(before, after));
	CHECK_INT(b.said, 0);
}

TEST(store, ensure_adds_what_is_missing_and_keeps_the_rest)
{
	BENCH(b, ALL);
	autofree char *kept = NULL, *other = NULL, *made = NULL;

	fakekube_put(b.k, PATH,
		     json_pack("{s:s,s:s,s:{s:s,s:{s:s}},s:{s:s,s:s}}", "apiVersion", "v1", "kind",
			       "Secret", "metadata", "name", "r-generated", "labels",
			       SEC_MANAGED_BY, SEC_MANAGER, "data", "A", "bXk=", "MINE",
			       "b3RoZXI="));
	CHECK_OK(sec_ensure_all(b.api, &b.specs, &b.e, &e), e);
	kept = value(&b, "A");
	CHECK_STR(kept, "my");
	other = value(&b, "MINE");
	CHECK_STR(other, "other");
	made = value(&b, "R");
	CHECK_HAS(made, "as: ");
}

TEST(store, ensure_refuses_what_is_somebody_elses)
{
	BENCH(b, ALL);

	fakekube_put(b.k, PATH,
		     json_pack("{s:s,s:{s:s,s:{s:s}}}", "kind", "Secret", "metadata", "name",
			       "r-generated", "labels", SEC_MANAGED_BY, "Helm"));
	CHECK_FAIL(sec_ensure_all(b.api, &b.specs, &b.e, &e), EB_E_CONFLICT,
		   "Secret ess/r-generated is somebody else's: its label "
		   "app.kubernetes.io/managed-by is 'Helm'",
		   e);
	CHECK_INT(httpd_n_requests(fakekube_httpd(b.k)), 1);
}

TEST(store, ensure_replaces_a_key_that_could_be_guessed)
{
	BENCH(b, ALL);
	autofree char *key = NULL, *extra = NULL, *again = NULL, *extra_again = NULL;

	/* "ed25519 0 guessed\n" and "{}\n" */
	fakekube_put(b.k, PATH,
		     json_pack("{s:s,s:{s:s,s:{s:s}},s:{s:s,s:s}}", "kind", "Secret", "metadata",
			       "name", "r-generated", "labels", SEC_MANAGED_BY, SEC_MANAGER, "data",
			       "S", "ZWQyNTUxOSAwIGd1ZXNzZWQK", "X", "e30K"));
	CHECK_OK(sec_ensure_all(b.api, &b.specs, &b.e, &e), e);
	key = value(&b, "S");
	CHECK(strncmp(key, "ed25519 1 ", 10) == 0);
	extra = value(&b, "X");
	CHECK_HAS(extra, "\"ed25519:0\":");
	CHECK_HAS(extra, "expired_ts: 1234\n");
	CHECK_OK(sec_ensure_all(b.api, &b.specs, &b.e, &e), e);
	again = value(&b, "S");
	extra_again = value(&b, "X");
	CHECK_STR(again, key);
	CHECK_STR(extra_again, extra);
}

/* Somebody else makes the Secret between our look and our write. */
static void be_faster(void *ctx, const char *method)
{
	struct bench *b = ctx;

	if (b->hooks++ > 0 || strcmp(method, "POST") != 0)
		return;
	fakekube_put(b->k, PATH,
		     json_pack("{s:s,s:{s:s,s:{s:s}},s:{s:s}}", "kind", "Secret", "metadata",
			       "name", "r-generated", "labels", SEC_MANAGED_BY, SEC_MANAGER, "data",
			       "A", "Zmlyc3Q="));
}

TEST(store, ensure_keeps_what_a_faster_one_wrote)
{
	BENCH(b, ALL);
	autofree char *first = NULL, *made = NULL;

	fakekube_before_write(b.k, be_faster, &b);
	CHECK_OK(sec_ensure_all(b.api, &b.specs, &b.e, &e), e);
	first = value(&b, "A");
	CHECK_STR(first, "first");
	made = value(&b, "S");
	CHECK(made != NULL);
	CHECK_INT(b.hooks, 2);
}

TEST(store, labels_parse_wants_pairs)
{
	json_t *labels = NULL;
	struct eb_error *e = NULL;

	CHECK_FAIL(sec_labels_parse("a=b,c", &labels, &e), EB_E_USAGE, "label 'c'", e);
	CHECK_FAIL(sec_labels_parse("a=b=c", &labels, &e), EB_E_USAGE, "label 'a'", e);
	CHECK_OK(sec_labels_parse("", &labels, &e), e);
	CHECK_INT(json_object_size(labels), 0);
	json_decref(labels);
}
