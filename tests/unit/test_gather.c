#include "mirror/gather.h"

#include "image/mediatype.h"
#include "mirror_fixture.h"
#include "reglayout.h"

#define LIST(more) "to: TO/m\nimages:\n- {from: FROM/a/b, " more "}\n"

static const struct mir_item *item(const struct mirror_fixture *x, size_t i)
{
	CHECK(i < x->items.n);
	return &x->items.items[i];
}

TEST(gather, tags_become_images_with_their_places)
{
	const char *one, *two;
	autofree char *to = NULL;
	AUTOMIRROR(x);

	one = mirror_image(&x, "a/b", "1.0", "one");
	two = mirror_image(&x, "a/b", "1.1", "two");
	mirror_image(&x, "a/b", "2.0", "three");
	mirror_gather(&x, LIST("semver: 1"));
	CHECK_INT(x.items.n, 2);
	CHECK_STR(item(&x, 0)->tag, "1.1");
	CHECK_STR(item(&x, 0)->root.digest.text, two);
	CHECK_STR(item(&x, 1)->root.digest.text, one);
	CHECK_STR(item(&x, 1)->repo, "m/a/b");
	to = eb_xasprintf("%s/m/a/b:1.0", fakereg_host(x.to));
	CHECK_STR(item(&x, 1)->to, to);
	CHECK_INT(fakereg_count(x.to, "GET", "") + fakereg_count(x.to, "HEAD", ""), 0);
}

/* Nothing but what has to be known is asked: a HEAD for each. */
TEST(gather, tags_by_name_are_not_listed)
{
	AUTOMIRROR(x);

	mirror_image(&x, "a/b", "1.0", "one");
	mirror_image(&x, "a/b", "1.1", "two");
	mirror_gather(&x, LIST("tags: [\"1.0\", \"1.1\"]"));
	CHECK_STR(mirror_statuses(&x), "mm");
	CHECK_INT(fakereg_count(x.from, "HEAD", "/manifests/"), 2);
	CHECK_INT(fakereg_count(x.from, "GET", ""), 0);
}

TEST(gather, what_is_not_there_fails_alone)
{
	AUTOMIRROR(x);

	mirror_image(&x, "a/b", "1.0", "one");
	mirror_gather(&x, LIST("tags: [\"1.0\", gone]") "- {from: FROM/none, tags: [\"*\"]}\n");
	CHECK_STR(mirror_statuses(&x), "mff");
	CHECK_INT(item(&x, 1)->error->code, EB_E_NOT_FOUND);
	CHECK(!item(&x, 2)->to);
	CHECK_STR(item(&x, 2)->repo, "m/none");
	mirror_gather(&x, LIST("tags: [\"1.*\", gone]"));
	CHECK_STR(mirror_statuses(&x), "mf");
	CHECK_HAS(item(&x, 1)->error->message, "no such tag");
	mirror_gather(&x, LIST("semver: 7"));
	CHECK_STR(mirror_statuses(&x), "f");
	CHECK_HAS(item(&x, 0)->error->message, "l.yaml:3");
}

TEST(gather, a_digest_beside_a_tag_is_what_is_meant)
{
	autofree char *list = NULL;
	const char *old;
	AUTOMIRROR(x);

	old = mirror_image(&x, "a/b", "1", "old");
	list = eb_xasprintf("to: TO\nimages:\n- {from: \"FROM/a/b:1@%s\"}\n"
			    "- {from: FROM/a/b, digests: %s}\n",
			    old, old);
	mirror_image(&x, "a/b", "1", "new");
	mirror_gather(&x, list);
	CHECK_STR(mirror_statuses(&x), "mm");
	CHECK_STR(item(&x, 0)->root.digest.text, old);
	CHECK_STR(item(&x, 0)->to_tag, "1");
	CHECK(!item(&x, 1)->to_tag);
	CHECK_HAS(item(&x, 1)->to, old);
}

TEST(gather, two_images_do_not_share_a_name)
{
	AUTOMIRROR(x);

	mirror_image(&x, "a/b", "1", "one");
	mirror_image(&x, "c/b", "1", "other");
	mirror_gather(&x, "to: TO\nimages:\n- {from: FROM/a/b, tags: \"1\", to: \"{name}\"}\n"
			  "- {from: FROM/c/b, tags: \"1\", to: \"{name}\"}\n"
			  "- {from: FROM/a/b, tags: \"*\", to: \"{name}\"}\n");
	CHECK_STR(mirror_statuses(&x), "mf");
	CHECK_INT(item(&x, 1)->error->code, EB_E_CONFLICT);
	CHECK_HAS(item(&x, 1)->error->message, "a/b:1 would go there too");
	CHECK_HAS(item(&x, 1)->error->hint, "{host}/{path}");
}

TEST(gather, platforms_change_the_digest_and_say_so)
{
	const char *whole;
	AUTOMIRROR(x);

	whole = mirror_image(&x, "a/b", "1", "one");
	mirror_gather(&x, LIST("tags: \"1\", platforms: linux/arm64"));
	CHECK_STR(mirror_statuses(&x), "m");
	CHECK(strcmp(item(&x, 0)->root.digest.text, whole) != 0);
	CHECK_HAS(item(&x, 0)->warning, "linux/arm64 alone: the digest is");
	mirror_gather(&x, LIST("tags: \"1\", platforms: [linux/arm64, linux/amd64]"));
	CHECK_STR(item(&x, 0)->root.digest.text, whole);
	CHECK(!item(&x, 0)->warning);
	mirror_gather(&x, LIST("tags: \"1\", platforms: linux/s390x"));
	CHECK_STR(mirror_statuses(&x), "f");
}

static void sign(struct mirror_fixture *x, const char *repo, const char *digest, const char *suffix)
{
	struct oci_digest d;
	char tag[160], out[80];

	snprintf(d.text, sizeof(d.text), "%s", digest);
	oci_digest_tag(&d, suffix, tag);
	mirror_manifest(x, repo, tag, "none", tag);
	(void)out;
}

/* Of the index, of one platform, and of the list that hangs on it. */
TEST(gather, referrers_of_all_documents_are_found)
{
	const char *index, *platform;
	struct oci_descriptor sbom = { .artifact_type = NULL };
	struct oci_digest subject;
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(oci_registry_free_p) struct oci_registry *from = NULL;
	AUTOMIRROR(x);

	index = mirror_image(&x, "a/b", "1", "one");
	platform = mirror_manifest(&x, "a/b", NULL, "arm64", "one");
	sign(&x, "a/b", index, ".sig");
	sign(&x, "a/b", platform, ".att");
	snprintf(sbom.digest.text, sizeof(sbom.digest.text), "%s",
		 mirror_manifest(&x, "a/b", NULL, "none", "sbom"));
	sbom.media_type = eb_xstrdup(OCI_MT_MANIFEST);
	sbom.size = strlen(fakereg_manifest(x.from, "a/b", sbom.digest.text));
	snprintf(subject.text, sizeof(subject.text), "%s", index);
	CHECK_OK(x.net.open(&x, fakereg_host(x.from), true, false, &from, &e), e);
	CHECK_OK(oci_registry_add_referrers(from, "a/b", &subject, &sbom, 1, &e), e);
	sign(&x, "a/b", sbom.digest.text, ".sig");
	mirror_gather(&x, LIST("tags: \"1\", referrers: true"));
	CHECK_STR(mirror_statuses(&x), "m");
	CHECK_INT(item(&x, 0)->n_attached, 4);
	/* Of several tags of one image they are sent once. */
	fakereg_add_manifest(x.from, "a/b", "same", OCI_MT_INDEX,
			     fakereg_manifest(x.from, "a/b", "1"), (char[80]){ 0 });
	mirror_gather(&x, LIST("tags: [\"1\", same], referrers: true"));
	CHECK_INT(item(&x, 0)->n_attached + item(&x, 1)->n_attached, 4);
	mirror_gather(&x, LIST("tags: \"1\""));
	CHECK_INT(item(&x, 0)->n_attached, 0);
	oci_descriptor_release(&sbom);
}

TEST(gather, a_layout_gives_what_it_has_names_for)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();
	AUTOMIRROR(x);

	rl_image(l, "docker.io/library/redis:8.0", "one");
	rl_image(l, "docker.io/library/redis:7.0", "two");
	rl_image(l, "localhost:5000/x:1", "three");
	rl_image(l, "nightly", "four");
	rl_image(l, "example.org/x:\033[1m", "five");
	rl_image(l, "bad_host.org/x:1", "six");
	rl_image(l, "example.org/../x:1", "seven");
	rl_write(l, test_path("l.tar"));
	mirror_gather(&x, "to: TO/m\nimages:\n- {from: \"oci-archive:l.tar\"}\n");
	CHECK_STR(mirror_statuses(&x), "ffmmffm");
	CHECK_HAS(item(&x, 0)->error->hint, "'to'");
	CHECK_HAS(item(&x, 1)->from, "bad_host.org/x:1");
	CHECK_STR(item(&x, 2)->repo, "m/library/redis");
	CHECK_STR(item(&x, 2)->to_tag, "8.0");
	CHECK_HAS(item(&x, 4)->error->message, "../x");
	CHECK_HAS(item(&x, 5)->from, "example.org/x:?[1m");
	CHECK(!item(&x, 5)->to);
	CHECK_STR(item(&x, 6)->repo, "m/x");
	mirror_gather(&x, "to: TO/m\nimages:\n- {from: \"oci-archive:l.tar\", names: nightly, "
			  "to: n}\n- {from: \"oci-archive:l.tar\", names: \"*redis*\", keep: 1}\n"
			  "- {from: \"oci:none\"}\n");
	CHECK_STR(mirror_statuses(&x), "mmf");
	CHECK_STR(item(&x, 0)->repo, "m/n");
	CHECK_STR(item(&x, 1)->to_tag, "8.0");
}
