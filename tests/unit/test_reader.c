#include "bundle/reader.h"

#include "base/json.h"
#include "base/pool.h"
#include "bundle/describe.h"
#include "image/mediatype.h"
#include "mkdemo.h"
#include "retar.h"
#include "sign/key.h"
#include "testlib.h"

struct fixture {
	struct demo m;
	struct oci_key *key;
	const char *path;
	struct retar t;
	struct bnd_bundle b;
};

static void start(struct fixture *f)
{
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .path = NULL };
	demo_init(&f->m, 1);
	CHECK_OK(oci_key_generate(&f->key, &e), e);
	f->path = demo_bundle(&f->m, "demo.tar", f->key);
	retar_read(f->path, DEMO_EPOCH, &f->t);
}

static void end(struct fixture *f)
{
	bnd_close(&f->b);
	retar_release(&f->t);
	oci_key_free(f->key);
	demo_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)

#define FIXTURE(f)                                                                                 \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	autoerror struct eb_error *e = NULL;                                                       \
	start(&f)

/* Replace text in the first document that has it, give it its new digest everywhere, open. */
static int open_bent(struct fixture *f, const char *from, const char *to, struct eb_error **err)
{
	struct retar_member *m = retar_with(&f->t, NULL, from);

	CHECK(m != NULL);
	CHECK(retar_replace(m, from, to) > 0);
	if (strncmp(m->name, "blobs/", 6) == 0)
		retar_rename(&f->t, m);
	retar_write(&f->t, f->path);
	return bnd_open(f->path, &f->b, err);
}

TEST(reader, open_reads_all_documents)
{
	FIXTURE(f);

	CHECK_OK(bnd_open(f.path, &f.b, &e), e);
	CHECK_INT(f.b.n_images, 2);
	CHECK_INT(f.b.n_signatures, 1);
	CHECK(bnd_part(&f.b, BND_MT_DEFINITION) != NULL);
	CHECK(bnd_part(&f.b, BND_MT_TOOL) != NULL);
	CHECK(bnd_part(&f.b, "a/b") == NULL);
}

TEST(reader, no_bundle_is_told_apart)
{
	FIXTURE(f);

	CHECK_INT(open_bent(&f, BND_ANN_ROOT, "vnd.ess.bundle.Root", &e), -EB_E_FORMAT);
	CHECK_HAS(e->message, "an OCI image layout with 4 entries, but not a bundle");
	CHECK_HAS(e->hint, "ess-bundle build");
}

TEST(reader, root_of_another_type_is_refused)
{
	FIXTURE(f);

	/* The first document that has it is index.json: the root itself says otherwise. */
	CHECK_OK(
		open_bent(&f, "ess.bundle.v1+json\",\"digest", "ess.bundle.v2+json\",\"digest", &e),
		e);
	bnd_close(&f.b);
	CHECK_INT(open_bent(&f, "\"artifactType\":\"" BND_MT_BUNDLE "\",\"config",
			    "\"artifactType\":\"application/vnd.ess.bundle.v2+json\",\"config", &e),
		  -EB_E_FORMAT);
	CHECK_HAS(e->message, "the root does not begin with a bundle manifest");
}

TEST(reader, newer_format_is_unsupported)
{
	FIXTURE(f);

	CHECK_FAIL(open_bent(&f, BND_ANN_FORMAT "\":\"1\"", BND_ANN_FORMAT "\":\"3\"", &e),
		   EB_E_UNSUPPORTED, "bundle format 3; this program reads format 1", e);
}

TEST(reader, image_without_a_name_is_refused)
{
	FIXTURE(f);

	CHECK_FAIL(open_bent(&f, BND_ANN_NAME, "vnd.ess.bundle.Name", &e), EB_E_FORMAT,
		   "without a name", e);
}

TEST(reader, index_below_an_index_is_refused)
{
	struct retar_member *index, *outer;
	autofree char *hex = NULL, *entry = NULL;
	char was[65];
	FIXTURE(f);

	/* The index of one image lists the index of another as its platform. */
	CHECK_OK(bnd_open(f.path, &f.b, &e), e);
	hex = eb_xstrdup(oci_digest_hex(&f.b.images[1].desc.digest));
	entry = eb_xasprintf("{\"manifests\":[{\"digest\":\"sha256:%s\",\"mediaType\":\"%s\","
			     "\"size\":%llu}],\"mediaType\":\"%s\",\"schemaVersion\":2}",
			     hex, OCI_MT_INDEX, (unsigned long long)f.b.images[1].desc.size,
			     OCI_MT_INDEX);
	snprintf(was, sizeof(was), "%s", oci_digest_hex(&f.b.images[0].desc.digest));
	bnd_close(&f.b);
	for (index = f.t.m; !strstr(index->name, was); index++)
		;
	CHECK(index->n >= strlen(entry));
	memset(index->data, ' ', index->n);
	memcpy(index->data, entry, strlen(entry));
	retar_rename(&f.t, index);
	outer = retar_find(&f.t, "index.json");
	CHECK(outer != NULL);
	retar_write(&f.t, f.path);
	CHECK_FAIL(bnd_open(f.path, &f.b, &e), EB_E_FORMAT, "is an index, expected a manifest", e);
}

TEST(reader, damaged_document_is_named)
{
	struct retar_member *m;
	FIXTURE(f);

	m = retar_with(&f.t, NULL, "\"summary\":\"a small bundle\"");
	CHECK(m != NULL);
	m->data[1] ^= 1;
	retar_write(&f.t, f.path);
	CHECK_INT(bnd_open(f.path, &f.b, &e), -EB_E_DIGEST);
	CHECK_HAS(e->message, "definition: ");
	CHECK_HAS(e->message, m->name);
}

/* ---- describe ---- */

TEST(reader, describe_has_the_agreed_members)
{
	autojson json_t *j = NULL;
	const json_t *image, *layer;
	FIXTURE(f);

	CHECK_OK(bnd_open(f.path, &f.b, &e), e);
	CHECK_OK(bnd_describe(&f.b, &j, &e), e);
	CHECK_STR(json_string_value(json_object_get(j, "name")), "demo");
	CHECK_STR(json_string_value(json_object_get(json_object_get(j, "root"), "digest")),
		  f.b.root.digest.text);
	CHECK_INT(json_array_size(json_object_get(j, "signatures")), 1);
	CHECK(json_is_array(json_object_get(j, "manifests")));
	image = json_array_get(json_object_get(j, "images"), 1);
	CHECK_STR(json_string_value(json_object_get(image, "name")), "app");
	CHECK_STR(json_string_value(json_object_get(image, "ref")), "example.internal/app:1.0-1");
	CHECK_STR(json_string_value(json_array_get(json_object_get(image, "platforms"), 1)),
		  "linux/arm64/v8");
	CHECK_INT(json_array_size(json_object_get(image, "layers")), 8);
	layer = json_array_get(json_object_get(image, "layers"), 0);
	CHECK(json_is_string(json_object_get(layer, "diff_id")));
	CHECK_STR(json_string_value(json_object_get(layer, "holds")), "shared 0");
	/* Architecture: all packages of both platforms are one. */
	CHECK_INT(json_array_size(json_object_get(image, "packages")), 3);
}

TEST(reader, describe_survives_odd_definitions)
{
	static const char *const odd[] = {
		"[]",
		"{\"images\":1}",
		"{\"images\":[1,null,{\"ref\":1}]}",
		"{\"images\":[{\"ref\":\"example.internal/base:1\",\"platforms\":[1]}]}",
		("{\"images\":[{\"ref\":\"example.internal/base:1\",\"platforms\":[{\"packages\":"
		 "[1,null,\"x\",[]]}]}]}"),
		"{\"name\":1,\"version\":[],\"epoch\":-1}",
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(odd); i++) {
		struct retar_member *m;
		autojson json_t *j = NULL;
		FIXTURE(f);

		m = retar_with(&f.t, NULL, "\"reference\":\"example.internal/demo\"");
		CHECK(m && m->n > strlen(odd[i]));
		memset(m->data, ' ', m->n);
		memcpy(m->data, odd[i], strlen(odd[i]));
		retar_rename(&f.t, m);
		retar_write(&f.t, f.path);
		if (bnd_open(f.path, &f.b, &e) >= 0 && bnd_describe(&f.b, &j, &e) >= 0)
			CHECK(json_is_object(j));
		eb_error_clear(&e);
	}
}
