#include "image/image.h"

#include "base/json.h"
#include "image/config.h"
#include "image/mediatype.h"
#include "mkdemo.h"
#include "testlib.h"

struct fixture {
	struct demo m;
	struct img_chain chain;
	struct img_session *session;
	struct img_image image;
};

static void start_with(struct fixture *f, const char *recipe, enum eb_codec_kind compression)
{
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .session = NULL };
	demo_init(&f->m, 2);
	f->m.env.compression = compression;
	demo_all(&f->m);
	f->session = img_session_new(&f->m.env);
	CHECK_OK(img_chain_load(test_path("recipes/%s", recipe), &f->chain, &e), e);
	CHECK_OK(img_image_plan(f->session, &f->chain, NULL, 0, IMG_TRUST_LOCK, &f->image, &e), e);
}

static void start(struct fixture *f, const char *recipe)
{
	start_with(f, recipe, EB_CODEC_NONE);
}

static void end(struct fixture *f)
{
	img_image_release(&f->image);
	img_session_free(f->session);
	img_chain_release(&f->chain);
	demo_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)

TEST(image, documents_fit_together)
{
	EB_CLEANUP(end_p) struct fixture f;
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest index = { .n_items = 0 };
	autoerror struct eb_error *e = NULL;

	start(&f, "app");
	CHECK_STR(f.image.version, "1.0-1");
	CHECK_INT(f.image.n_platforms, 2);
	CHECK_OK(oci_index_json_parse(f.image.index.text, f.image.index.desc.size, &index, &e), e);
	CHECK_INT(index.n_items, 2);
	CHECK_STR(oci_manifest_annotation(&index, OCI_ANN_TITLE), "app");
	CHECK_STR(oci_manifest_annotation(&index, OCI_ANN_VERSION), "1.0-1");
	for (size_t i = 0; i < 2; i++) {
		const struct img_platform *p = &f.image.platforms[i];
		EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
		EB_CLEANUP(oci_config_release_p) struct oci_config c = { .n_diff_ids = 0 };
		size_t k = 0;

		CHECK(oci_digest_eq(&index.items[i].digest, &p->manifest.desc.digest));
		CHECK_STR(index.items[i].platform.architecture, i ? "arm64" : "amd64");
		CHECK_OK(oci_manifest_parse(p->manifest.text, p->manifest.desc.size, &m, &e), e);
		CHECK(oci_digest_eq(&m.config.digest, &p->config.desc.digest));
		CHECK_OK(oci_config_parse(p->config.text, p->config.desc.size, &c, &e), e);
		CHECK_INT(c.n_diff_ids, 4);
		CHECK_INT(m.n_items, 4);
		CHECK_INT(c.created_sec, DEMO_EPOCH);
		for (size_t s = 0; s < p->n_stages; s++)
			for (size_t l = 0; l < p->stage[s]->n; l++, k++) {
				const struct img_layer_info *y = &p->stage[s]->items[l];

				CHECK(oci_digest_eq(&m.items[k].digest, &y->result.digest));
				CHECK(oci_digest_eq(&c.diff_ids[k], &y->result.diff_id));
				CHECK_STR(
					oci_descriptor_annotation(&m.items[k], BND_ANN_LAYER_GROUP),
					y->name);
			}
		CHECK_STR(json_string_value(json_object_get(c.config, "User")), "1000:1000");
		CHECK_STR(json_string_value(json_array_get(json_object_get(c.config, "Env"), 0)),
			  "PATH=/usr/bin");
		CHECK_STR(c.history[3].created_by, "ess-bundle recipe app: image");
	}
}

TEST(image, index_says_which_layers_are_zstd)
{
	static const enum eb_codec_kind kinds[] = { EB_CODEC_NONE, EB_CODEC_GZIP, EB_CODEC_ZSTD };

	for (size_t i = 0; i < EB_ARRAY_LEN(kinds); i++) {
		EB_CLEANUP(end_p) struct fixture f;
		EB_CLEANUP(oci_manifest_release_p) struct oci_manifest index = { .n_items = 0 };
		autoerror struct eb_error *e = NULL;

		start_with(&f, "base", kinds[i]);
		CHECK_OK(oci_index_json_parse(f.image.index.text, f.image.index.desc.size, &index,
					      &e),
			 e);
		CHECK_INT(index.n_items, 2);
		for (size_t k = 0; k < 2; k++)
			CHECK_STR(
				oci_descriptor_annotation(&index.items[k], OCI_ANN_CONTAINERS_ZSTD),
				kinds[i] == EB_CODEC_ZSTD ? "true" : NULL);
	}
}

TEST(image, unknown_architecture_is_not_found)
{
	static const char *const other[] = { "riscv64" };
	EB_CLEANUP(end_p) struct fixture f;
	struct img_image none;
	autoerror struct eb_error *e = NULL;

	start(&f, "base");
	CHECK(img_has_arch(&f.chain, "arm64"));
	CHECK(!img_has_arch(&f.chain, "riscv64"));
	CHECK_FAIL(img_image_plan(f.session, &f.chain, other, 1, IMG_TRUST_LOCK, &none, &e),
		   EB_E_NOT_FOUND, "recipes/base/recipe.yaml: is for none of the architectures", e);
}

TEST(image, version_comes_from_the_recipe_its_package_or_nothing)
{
	EB_CLEANUP(end_p) struct fixture f;
	autofree char *none = NULL;

	start(&f, "base");
	CHECK_STR(f.image.version, "0");
	f.chain.stage[0].lock->packages[0].version = "2:1.5-1";
	((struct rcp_recipe *)(uintptr_t)f.chain.stage[0].recipe)->version_package =
		f.chain.stage[0].lock->packages[0].name;
	none = img_version(&f.chain);
	CHECK_STR(none, "1.5-1");
}

TEST(image, clock_is_the_newest_lock_or_what_is_asked_for)
{
	EB_CLEANUP(end_p) struct fixture f;

	start(&f, "app");
	f.chain.stage[0].lock->epoch_sec = DEMO_EPOCH + 5;
	CHECK_INT(img_epoch(&f.m.env, &f.chain), DEMO_EPOCH + 5);
	f.m.env.epoch_sec = 3;
	CHECK_INT(img_epoch(&f.m.env, &f.chain), 3);
	f.m.env.epoch_sec = 0;
	CHECK_INT(img_epoch(&f.m.env, &f.chain), 0);
}

TEST(image, to_lock_writes_what_stages_believe_again)
{
	EB_CLEANUP(end_p) struct fixture f;
	struct rcp_lock *l;
	EB_CLEANUP(img_session_free_p) struct img_session *again = NULL;
	const struct img_layers *y;
	autoerror struct eb_error *e = NULL;

	start(&f, "app");
	l = f.chain.stage[1].lock;
	img_image_to_lock(&f.image, &f.m.env, l);
	CHECK_INT(l->n_results, 2);
	CHECK_INT(l->n_layers, 4); /* its own only */
	CHECK_STR(l->results[0].manifest, f.image.platforms[0].manifest.desc.digest.text);
	CHECK_STR(l->results[0].config, f.image.platforms[0].config.desc.digest.text);
	again = img_session_new(&f.m.env);
	CHECK_OK(img_stage_layers(again, &f.chain, "amd64", IMG_TRUST_LOCK, &y, &e), e);
	CHECK_INT(y->n, 2);
	CHECK(oci_digest_eq(&y->items[1].result.diff_id,
			    &f.image.platforms[0].stage[1]->items[1].result.diff_id));
	img_image_to_lock(&f.image, &f.m.env, l);
	CHECK_INT(l->n_results, 2);
}
