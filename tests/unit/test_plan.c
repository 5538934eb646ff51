#include "bundle/plan.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/json.h"
#include "bundle/reader.h"
#include "bundle/source.h"
#include "bundle/verify.h"
#include "image/mediatype.h"
#include "image/tar_header.h"
#include "image/tar_write.h"
#include "mkdemo.h"
#include "testlib.h"

enum { BUNDLE_BYTES = 4 << 20 };

static void build(struct demo *m, const struct bnd_plan_options *o, const char *path)
{
	EB_CLEANUP(demo_build_release_p) struct demo_build b;
	autoerror struct eb_error *e = NULL;

	CHECK_OK(demo_plan(m, NULL, o, &b, &e), e);
	CHECK_OK(bnd_plan_write(&b.plan, path, &e), e);
}

static void check_same(const char *a, const char *b)
{
	EB_AUTOBUF(x, BUNDLE_BYTES);
	EB_AUTOBUF(y, BUNDLE_BYTES);

	demo_read(a, &x);
	demo_read(b, &y);
	CHECK_INT(x.len, y.len);
	CHECK(memcmp(x.data, y.data, x.len) == 0);
}

TEST(plan, same_bytes_on_any_number_of_threads)
{
	static const unsigned int jobs[] = { 1, 2, 7 };
	static const enum eb_codec_kind kinds[] = { EB_CODEC_NONE, EB_CODEC_GZIP, EB_CODEC_ZSTD };

	for (size_t k = 0; k < EB_ARRAY_LEN(kinds); k++)
		for (size_t i = 0; i < EB_ARRAY_LEN(jobs); i++) {
			EB_CLEANUP(demo_release_p) struct demo m;
			mode_t mask = umask(i ? 077 : 0);

			demo_init(&m, jobs[i]);
			m.env.compression = kinds[k];
			demo_all(&m);
			build(&m, NULL, test_path("%zu-%zu.tar", k, i));
			umask(mask);
			check_same(test_path("%zu-0.tar", k), test_path("%zu-%zu.tar", k, i));
		}
}

TEST(plan, second_build_gives_the_same_from_the_cache)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	autoerror struct eb_error *e = NULL;
	struct bnd_verify_result res;

	demo_init(&m, 2);
	demo_all(&m);
	build(&m, NULL, test_path("a.tar"));
	build(&m, NULL, test_path("b.tar"));
	check_same(test_path("a.tar"), test_path("b.tar"));
	CHECK_OK(bnd_verify(test_path("a.tar"), NULL, m.pool, NULL, NULL, &res, &e), e);
}

TEST(plan, layers_shared_by_images_are_there_once)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	autoerror struct eb_error *e = NULL;

	demo_init(&m, 2);
	CHECK_OK(bnd_open(demo_bundle(&m, "a.tar", NULL), &b, &e), e);
	CHECK_INT(b.n_images, 2);
	CHECK_STR(b.images[0].name, "example.internal/base:1");
	CHECK_STR(b.images[1].name, "example.internal/app:1.0-1");
	CHECK_INT(b.images[0].platforms[0].n_items, 2);
	CHECK_INT(b.images[1].platforms[0].n_items, 4);
	for (size_t i = 0; i < 2; i++)
		CHECK(oci_digest_eq(&b.images[0].platforms[0].items[i].digest,
				    &b.images[1].platforms[0].items[i].digest));
}

TEST(plan, architectures_are_chosen)
{
	static const char *const arm64[] = { "arm64" }, *const other[] = { "riscv64" };
	EB_CLEANUP(demo_release_p) struct demo m;
	EB_CLEANUP(demo_build_release_p) struct demo_build b, none;
	struct bnd_plan_options o = { .arches = arm64, .n_arches = 1 };
	autoerror struct eb_error *e = NULL;

	demo_init(&m, 2);
	demo_all(&m);
	CHECK_OK(demo_plan(&m, NULL, &o, &b, &e), e);
	CHECK_INT(b.plan.images[0].image.n_platforms, 1);
	CHECK_STR(b.plan.images[0].image.platforms[0].arch, "arm64");
	CHECK_STR(b.plan.images[0].image.platforms[0].manifest.desc.platform.variant, "v8");
	o.arches = other;
	CHECK_FAIL(demo_plan(&m, NULL, &o, &none, &e), EB_E_NOT_FOUND, "bundle 'demo': ", e);
}

TEST(plan, layout_only_has_the_images_alone)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	struct bnd_plan_options o = { .layout_only = true };
	struct bnd_bundle b;
	autoerror struct eb_error *e = NULL;

	demo_init(&m, 2);
	demo_all(&m);
	build(&m, &o, test_path("a.tar"));
	CHECK_OK(oci_archive_open(test_path("a.tar"), &a, &e), e);
	CHECK_INT(oci_archive_index(a)->n_items, 2);
	CHECK_STR(oci_descriptor_annotation(&oci_archive_index(a)->items[0], OCI_ANN_REF_NAME),
		  "example.internal/base:1");
	CHECK(oci_archive_find(a, "ess-bundle") == NULL);
	CHECK_FAIL(bnd_open(test_path("a.tar"), &b, &e), EB_E_FORMAT, "but not a bundle", e);
}

TEST(plan, definition_tells_images_and_packages)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	autoerror struct eb_error *e = NULL;
	const json_t *app, *packages;

	demo_init(&m, 2);
	CHECK_OK(bnd_open(demo_bundle(&m, "a.tar", NULL), &b, &e), e);
	CHECK_STR(json_string_value(json_object_get(b.definition, "reference")),
		  "example.internal/demo");
	CHECK_INT(json_integer_value(json_object_get(b.definition, "epoch")), DEMO_EPOCH);
	app = json_array_get(json_object_get(b.definition, "images"), 1);
	CHECK_STR(json_string_value(json_object_get(app, "digest")), b.images[1].desc.digest.text);
	packages = json_object_get(json_array_get(json_object_get(app, "platforms"), 0),
				   "packages");
	CHECK_INT(json_array_size(packages), 3);
	CHECK_STR(json_string_value(json_object_get(json_array_get(packages, 2), "name")), "app");
	CHECK_STR(oci_manifest_annotation(&b.root_index, OCI_ANN_VERSION), "0.1.0");
	CHECK_STR(oci_manifest_annotation(&b.root_index, OCI_ANN_CREATED), "1970-01-01T01:23:20Z");
}

TEST(plan, annotations_of_the_definition_are_on_the_root)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	EB_CLEANUP(demo_build_release_p) struct demo_build b;
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest bundle = { 0 };
	autoerror struct eb_error *e = NULL;
	const struct bnd_blob *text;

	demo_init(&m, 2);
	m.small = true;
	demo_all(&m);
	demo_file("bundles/demo/bundle.yaml",
		  "name: demo\nversion: 0.1.0\nregistry: example.internal\n"
		  "images: [{recipe: ../../recipes/base}]\n"
		  "annotations: {org.example.team: us, vnd.ess.bundle.format: \"9\"}\n");
	CHECK_OK(demo_plan(&m, NULL, NULL, &b, &e), e);
	CHECK_STR(oci_manifest_annotation(&b.plan.root_index, "org.example.team"), "us");
	CHECK_STR(oci_manifest_annotation(&b.plan.root_index, BND_ANN_FORMAT), "1");
	text = bnd_layout_find(&b.plan.layout, &b.plan.root_index.items[0].digest);
	CHECK_OK(oci_manifest_parse(text->text, text->size, &bundle, &e), e);
	CHECK_STR(oci_manifest_annotation(&bundle, "org.example.team"), "us");
}

/* What comes out must be what the plan says, and a file that is there stays as it is. */
TEST(plan, content_that_changes_while_writing_is_seen)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	EB_CLEANUP(demo_build_release_p) struct demo_build b;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(old, 64);

	demo_init(&m, 2);
	demo_all(&m);
	demo_file("out.tar", "old");
	CHECK_OK(demo_plan(&m, NULL, NULL, &b, &e), e);
	demo_file("recipes/app/files/app.conf", "b=9\n");
	CHECK_INT(bnd_plan_write(&b.plan, test_path("out.tar"), &e), -EB_E_DIGEST);
	CHECK_HAS(e->message, "out.tar': image 'app' (a");
	CHECK_HAS(e->message, "64): layer 'image' has other content: expected diff id sha256:");
	demo_read(test_path("out.tar"), &old);
	CHECK_STR(eb_buf_str(&old), "old");
}

TEST(plan, results_in_the_lock_are_held_to)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	autoerror struct eb_error *e = NULL;

	demo_init(&m, 2);
	demo_all(&m);
	{
		EB_CLEANUP(demo_build_release_p) struct demo_build b;
		struct rcp_lock *l;
		autofree char *text = NULL;
		size_t n;

		CHECK_OK(demo_plan(&m, NULL, NULL, &b, &e), e);
		for (size_t i = 0; i < b.plan.n_images; i++) {
			const struct img_chain *c = &b.plan.images[i].chain;

			l = c->stage[c->n - 1].lock;
			img_image_to_lock(&b.plan.images[i].image, &m.env, l);
			free(EB_TAKE_PTR(text));
			text = rcp_lock_write(l, &n);
			demo_write(test_path("recipes/%s/lock.yaml", l->recipe), text, n);
		}
	}
	build(&m, NULL, test_path("a.tar"));
	/* Other content under the same lock. */
	demo_file("recipes/app/files/app.conf", "b=9\n");
	{
		EB_CLEANUP(demo_build_release_p) struct demo_build b;

		CHECK_INT(demo_plan(&m, NULL, NULL, &b, &e), -EB_E_CONFLICT);
		CHECK_HAS(e->message, "image 'app' (amd64): ");
		CHECK_HAS(e->hint, "recipes/app' and review the diff");
	}
}

TEST(plan, key_follows_inputs_and_options)
{
	static const char *const arm64[] = { "arm64" };
	EB_CLEANUP(demo_release_p) struct demo m;
	EB_CLEANUP(demo_build_release_p) struct demo_build b;
	autoerror struct eb_error *e = NULL;
	struct bnd_plan_options o = { .layout_only = true };
	const struct bnd_plan_options plain = { .n_arches = 0 };
	char keys[6][65];

	demo_init(&m, 2);
	demo_all(&m);
	CHECK_OK(demo_plan(&m, NULL, NULL, &b, &e), e);
	CHECK_OK(bnd_plan_key(&b.plan, &plain, NULL, keys[0], &e), e);
	CHECK_OK(bnd_plan_key(&b.plan, &plain, NULL, keys[1], &e), e);
	CHECK_STR(keys[1], keys[0]);
	CHECK_OK(bnd_plan_key(&b.plan, &plain, "signer", keys[1], &e), e);
	CHECK_OK(bnd_plan_key(&b.plan, &o, NULL, keys[2], &e), e);
	o = (struct bnd_plan_options){ .arches = arm64, .n_arches = 1 };
	CHECK_OK(bnd_plan_key(&b.plan, &o, NULL, keys[3], &e), e);
	demo_file("bundles/demo/files/tool.sh", "#!/bin/sh\necho other\n");
	CHECK_OK(bnd_plan_key(&b.plan, &plain, NULL, keys[4], &e), e);
	demo_file("recipes/app/files/app.conf", "b=9\n");
	CHECK_OK(bnd_plan_key(&b.plan, &plain, NULL, keys[5], &e), e);
	for (size_t i = 0; i < EB_ARRAY_LEN(keys); i++)
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(keys[i], keys[k]) != 0);
}

/* ---- the source in the bundle ---- */

TEST(plan, source_has_every_file_once)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	EB_CLEANUP(demo_build_release_p) struct demo_build b;
	const struct img_chain *chains[2];
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, BND_SOURCE_MAX_BYTES);
	static const char *const names[] = {
		"bundles/demo/bundle.yaml",   "bundles/demo/files/tool.sh",
		"recipes/app/files/app.conf", "recipes/app/lock.yaml",
		"recipes/app/recipe.yaml",    "recipes/base/lock.yaml",
		"recipes/base/recipe.yaml"
	};
	struct oci_tar_block block;
	size_t at = 0;

	demo_init(&m, 1);
	demo_all(&m);
	CHECK_OK(demo_plan(&m, NULL, NULL, &b, &e), e);
	chains[0] = &b.plan.images[0].chain;
	chains[1] = &b.plan.images[1].chain;
	CHECK_OK(bnd_source_tar(b.def, chains, 2, DEMO_EPOCH, &tar, &e), e);
	for (size_t i = 0; i < EB_ARRAY_LEN(names); i++) {
		CHECK_STR(tar.data + at, names[i]);
		CHECK_INT(oci_tar_block_parse(tar.data + at, &block, &e), 1);
		at += 512 + block.size + oci_tar_padding(block.size);
	}
	CHECK_INT(tar.len, at + 1024);
}

TEST(plan, source_of_two_recipes_of_one_name_is_a_conflict)
{
	EB_CLEANUP(demo_release_p) struct demo m;
	EB_CLEANUP(img_chain_release_p) struct img_chain one = { .n = 0 }, two = { .n = 0 };
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *def = NULL;
	const struct img_chain *chains[] = { &one, &two };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, BND_SOURCE_MAX_BYTES);
	EB_AUTOBUF(text, 65536);

	demo_init(&m, 1);
	demo_all(&m);
	CHECK_OK(bnd_def_load(test_path("bundles/demo"), &def, &e), e);
	CHECK_OK(img_chain_load(test_path("recipes/base"), &one, &e), e);
	/* Reached by another path it is the same. */
	CHECK_OK(img_chain_load(test_path("recipes/app/../base"), &two, &e), e);
	CHECK_OK(bnd_source_tar(def, chains, 2, DEMO_EPOCH, &tar, &e), e);
	img_chain_release(&two);
	demo_read(test_path("recipes/base/recipe.yaml"), &text);
	demo_file("other/base/recipe.yaml", eb_buf_str(&text));
	demo_read(test_path("recipes/base/lock.yaml"), &text);
	demo_file("other/base/lock.yaml", eb_buf_str(&text));
	CHECK_OK(img_chain_load(test_path("other/base"), &two, &e), e);
	CHECK_FAIL(bnd_source_tar(def, chains, 2, DEMO_EPOCH, &tar, &e), EB_E_CONFLICT,
		   "are both called recipes/base/lock.yaml", e);
}
