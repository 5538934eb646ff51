#include "mirror/mirror_list.h"

#include <errno.h>

#include "testlib.h"

static int parse(const char *text, struct mir_list **ret, struct eb_error **err)
{
	return mir_list_parse("lists", "lists/l.yaml", text, strlen(text), ret, err);
}

TEST(mirror_list, parse_full_reads_every_key)
{
	autofree char *path = eb_xasprintf("%s/tests/fuzz/corpus/mirror_list/full.yaml",
					   test_source_root());
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(mir_list_free_p) struct mir_list *l = NULL;
	const struct mir_image *im;
	EB_AUTOBUF(b, 65536);

	CHECK_OK(eb_file_read(path, &b, &e), e);
	CHECK_OK(parse(eb_buf_str(&b), &l, &e), e);
	CHECK_INT(l->to.kind, MIR_TO_REGISTRY);
	CHECK_STR(l->to.ref.host, "registry.example.org:5000");
	CHECK_STR(l->to.ref.repo, "mirror");
	CHECK_STR(l->naming.path, "{host}/{path}");
	CHECK_INT(l->naming.n_renames, 2);
	CHECK_STR(l->naming.renames[0].from, "docker.io/library");
	CHECK(mir_list_is_plain_http(l, "127.0.0.1:5000"));
	CHECK(!mir_list_is_plain_http(l, "127.0.0.1:5001"));
	CHECK_INT(l->n_images, 4);
	im = &l->images[0];
	CHECK_STR(im->ref.repo, "library/redis");
	CHECK_INT(im->tags.n, 3);
	CHECK_INT(im->exclude.n, 1);
	CHECK(im->range && im->prerelease && !im->referrers);
	CHECK_STR(im->prefix, "release-");
	CHECK_STR(im->suffix, "-alpine");
	CHECK_INT(im->n_digests, 1);
	CHECK_INT(im->n_platforms, 1);
	CHECK_STR(im->platforms[0], "linux/arm64/v8");
	CHECK_INT(im->keep, 3);
	CHECK_STR(im->to, "cache/{name}");
	CHECK(mir_image_asks_for_tags(im));
	/* The defaults, and places beside the list. */
	im = &l->images[1];
	CHECK_STR(im->path, "lists/layouts/x");
	CHECK(!im->is_bundle && im->referrers && im->sparse);
	CHECK_INT(im->keep, 5);
	CHECK_STR(im->platforms[0], "linux/amd64");
	CHECK_INT(im->names.n, 1);
	CHECK_STR(l->images[2].path, "/srv/quickstart.tar");
	CHECK(l->images[2].is_bundle);
	CHECK_STR(l->images[3].ref.tag, "1");
	CHECK(l->images[3].ref.digest.text[0]);
	CHECK(!mir_image_asks_for_tags(&l->images[3]));
	CHECK_INT(l->images[3].pos.line, 28);
}

TEST(mirror_list, parse_takes_defaults_from_anywhere_in_the_file)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(mir_list_free_p) struct mir_list *l = NULL;

	CHECK_OK(parse("images: [{from: redis, tags: x}]\nkeep: 4\nreferrers: true\n", &l, &e), e);
	CHECK_INT(l->images[0].keep, 4);
	CHECK(l->images[0].referrers);
	CHECK_STR(l->images[0].ref.host, "docker.io");
	CHECK(!l->to.text);
}

TEST(mirror_list, set_to_knows_the_kinds_of_places)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(mir_list_free_p) struct mir_list *l = NULL;

	CHECK_OK(parse("to: oci:out\nimages: [{from: redis, tags: x}]\n", &l, &e), e);
	CHECK_INT(l->to.kind, MIR_TO_FOLDER);
	CHECK_STR(l->to.path, "lists/out");
	CHECK(l->naming.is_layout);
	CHECK_OK(mir_list_set_to(l, "", "oci-archive:x.tar", &e), e);
	CHECK_INT(l->to.kind, MIR_TO_ARCHIVE);
	CHECK_STR(l->to.path, "x.tar");
	CHECK_OK(mir_list_set_to(l, "", "docker://r.example.org", &e), e);
	CHECK_INT(l->to.kind, MIR_TO_REGISTRY);
	CHECK_STR(l->to.ref.repo, "");
	CHECK(!l->naming.is_layout);
	CHECK_FAIL(mir_list_set_to(l, "", "bundle:x.tar", &e), EB_E_USAGE, "definition", e);
	CHECK_FAIL(mir_list_set_to(l, "", "oci:", &e), EB_E_USAGE, "names no file", e);
	CHECK_FAIL(mir_list_set_to(l, "", "r.example.org/a:1", &e), EB_E_USAGE, "", e);
}

#define IMAGE(more) "images:\n- {from: redis, " more "}\n"

TEST(mirror_list, parse_refuses_with_the_place)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{ "{}", "lists/l.yaml:1:1: 'images' is missing" },
		{ "images: []", "l.yaml:1:9: images: expected 1 to 4096 images, found 0" },
		{ "image: []", "l.yaml:1:1: unknown key 'image'; did you mean 'images'?" },
		{ IMAGE("tag: x"), "l.yaml:2:17: unknown key 'tag'; did you mean 'tags'?" },
		{ IMAGE("keep: 1"), "l.yaml:2:3: images: which tags of 'redis'?" },
		{ "images: [{from: \"redis:7\", tags: x}]", "is one image already" },
		{ "images: [{from: \"redis:\"}]", "l.yaml:1:17: from: " },
		{ "images: [{from: \"docker-archive:x.tar\"}]",
		  "l.yaml:1:17: from: 'docker-archive:' cannot be mirrored from" },
		{ "to: \"containerd:\"\n" IMAGE("tags: x"), "cannot be mirrored to; expected" },
		{ "images: [{from: \"oci:\"}]", "'oci:' names no file" },
		{ "images: [{from: \"oci:x\", digests: [\"sha256:"
		  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"]}]",
		  "digests are for registries" },
		{ IMAGE("tags: x, names: y"), "names are for layouts" },
		{ IMAGE("tags: []"), "l.yaml:2:23: tags: expected at least one pattern" },
		{ IMAGE("tags: [a, \"/b(/\"]"), "l.yaml:2:27: tags: pattern '/b(/'" },
		{ IMAGE("semver: \">=\""), "l.yaml:2:25: semver: range '>='" },
		{ IMAGE("tags: x, suffix: -a"), "have no meaning without semver" },
		{ IMAGE("tags: x, prerelease: true"), "have no meaning without semver" },
		{ IMAGE("tags: x, keep: -1"), "keep: expected a number from 0 to 100000" },
		{ IMAGE("tags: x, platforms: amd64"), "'amd64' is not a platform such as" },
		{ IMAGE("tags: x, digests: sha256:00"), "'sha256:00' is not a digest" },
		{ IMAGE("tags: x, to: \"{tag}\""), "'{tag}' is not a name such as" },
		{ IMAGE("tags: x, referrers: maybe"), "expected true or false" },
		{ "to: A B\n" IMAGE("tags: x"), "l.yaml:1:5: to: " },
		{ "rename: [{from: \"/x\", to: y}]\n" IMAGE("tags: x"), "beginning of an image's" },
		{ "rename: [{from: x}]\n" IMAGE("tags: x"), "'to' is missing" },
		{ "plain-http: http://x\n" IMAGE("tags: x"), "is not a registry host" },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		autoerror struct eb_error *e = NULL;
		struct mir_list *l;

		CHECK_FAIL(parse(bad[i].text, &l, &e), EB_E_RECIPE, bad[i].part, e);
	}
}

TEST(mirror_list, load_names_the_file)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(mir_list_free_p) struct mir_list *l = NULL;
	static const char text[] = "images: [{from: \"oci:x\"}]\n";

	CHECK_FAIL(mir_list_load(test_path("none.yaml"), &l, &e), ENOENT, "none.yaml", e);
	CHECK_OK(eb_file_write(test_path("l.yaml"), text, sizeof(text) - 1, 0644, &e), e);
	CHECK_OK(mir_list_load(test_path("l.yaml"), &l, &e), e);
	CHECK_STR(l->images[0].path, test_path("x"));
}
