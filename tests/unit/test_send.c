#include "mirror/send.h"

#include <sys/stat.h>

#include "image/archive.h"
#include "mirror_fixture.h"

#define LIST(to, more) "to: " to "\nimages:\n- {from: FROM/a/b, " more "}\n"

static bool has(struct mirror_fixture *x, const char *repo, const char *version)
{
	return fakereg_manifest(x->to, repo, version) != NULL;
}

TEST(send, a_registry_gets_what_it_lacks)
{
	const char *digest;
	AUTOMIRROR(x);

	digest = mirror_image(&x, "a/b", "1.0", "one");
	mirror_image(&x, "a/b", "1.1", "two");
	mirror_send(&x, LIST("TO/m", "tags: \"1.*\""));
	CHECK_STR(mirror_statuses(&x), "dd");
	CHECK_STR(fakereg_manifest(x.to, "m/a/b", "1.0"), fakereg_manifest(x.from, "a/b", digest));
	CHECK(has(&x, "m/a/b", "1.1"));
	/* The shared base once, two configurations, two layers of each. */
	CHECK_INT(x.sum.blobs_sent, 1 + 2 + 4);
	mirror_image(&x, "a/b", "1.2", "three");
	mirror_send(&x, LIST("TO/m", "tags: \"1.*\""));
	CHECK_STR(mirror_statuses(&x), "dtt");
	CHECK_INT(x.sum.blobs_sent, 2);
}

/* One question to each side per image, and the list of tags. */
TEST(send, nothing_to_do_is_one_head_per_image)
{
	size_t from, to;
	AUTOMIRROR(x);

	mirror_image(&x, "a/b", "1.0", "one");
	mirror_image(&x, "a/b", "1.1", "two");
	mirror_send(&x, LIST("TO", "tags: [\"1.0\", \"1.1\"]"));
	from = fakereg_count(x.from, "HEAD", "") + fakereg_count(x.from, "GET", "");
	to = fakereg_count(x.to, "HEAD", "") + fakereg_count(x.to, "GET", "") +
	     fakereg_count(x.to, "PUT", "") + fakereg_count(x.to, "POST", "");
	mirror_send(&x, LIST("TO", "tags: [\"1.0\", \"1.1\"]"));
	CHECK_STR(mirror_statuses(&x), "tt");
	CHECK_INT(fakereg_count(x.from, "HEAD", "") + fakereg_count(x.from, "GET", "") - from, 2);
	CHECK_INT(fakereg_count(x.to, "HEAD", "") + fakereg_count(x.to, "GET", "") +
			  fakereg_count(x.to, "PUT", "") + fakereg_count(x.to, "POST", "") - to,
		  2);
}

TEST(send, one_that_fails_does_not_hinder_the_others)
{
	struct mir_send_options fast = { .fail_fast = true };
	autoerror struct eb_error *e = NULL;
	static const char bad[] =
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"config\":{\"mediaType\":\"a/b\",\"size\":2,\"digest\":\"sha256:"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"},"
		"\"layers\":[]}";
	char digest[80];
	AUTOMIRROR(x);

	mirror_image(&x, "a/b", "1.0", "one");
	mirror_image(&x, "a/b", "1.2", "two");
	fakereg_add_manifest(x.from, "a/b", "1.1", "application/vnd.oci.image.manifest.v1+json",
			     bad, digest);
	mirror_send(&x, LIST("TO", "tags: \"1.*\""));
	CHECK_STR(mirror_statuses(&x), "dfd");
	CHECK_HAS(x.items.items[1].error->message, "blob sha256:0123");
	CHECK(has(&x, "a/b", "1.2") && has(&x, "a/b", "1.0") && !has(&x, "a/b", "1.1"));
	mirror_image(&x, "a/b", "1.3", "new");
	mirror_gather(&x, LIST("TO", "tags: \"1.*\""));
	CHECK_OK(mir_send(x.list, &x.net, x.client.registry, &x.items, &fast, &x.sum, &e), e);
	CHECK(strchr(mirror_statuses(&x), 'f'));
}

/* More than one push takes; what all have is sent once and mounted where it is needed. */
TEST(send, many_share_what_was_sent_for_others)
{
	EB_AUTOBUF(list, 65536);
	AUTOMIRROR(x);

	eb_buf_adds(&list, "to: TO\nimages:\n");
	for (int i = 0; i < 70; i++) {
		autofree char *repo = eb_xasprintf("r%d", i);

		mirror_manifest(&x, repo, "1", "amd64", repo);
		eb_buf_addf(&list, "- {from: FROM/%s, tags: \"1\"}\n", repo);
	}
	mirror_send(&x, eb_buf_str(&list));
	CHECK_INT(strspn(mirror_statuses(&x), "d"), 63);
	/* The base, the configuration, and a layer of each. */
	CHECK_INT(x.sum.blobs_sent, 2 + 70);
	CHECK_INT(x.sum.blobs_mounted, 2 * 69);
}

TEST(send, plan_changes_nothing)
{
	const struct mir_send_options o = { .plan = true };
	autoerror struct eb_error *e = NULL;
	AUTOMIRROR(x);

	mirror_image(&x, "a/b", "1.0", "one");
	mirror_send(&x, LIST("TO", "tags: \"1.*\""));
	mirror_image(&x, "a/b", "1.1", "two");
	mirror_gather(&x, LIST("TO", "tags: \"1.*\""));
	CHECK_OK(mir_send(x.list, &x.net, x.client.registry, &x.items, &o, &x.sum, &e), e);
	CHECK_STR(mirror_statuses(&x), "mt");
	CHECK_INT(x.sum.blobs_sent, 2);
	CHECK_INT(x.sum.bytes_sent, 2 * strlen("two for amd64"));
	CHECK(!has(&x, "a/b", "1.1"));
}

TEST(send, some_platforms_make_an_index_of_their_own)
{
	autofree char *first = NULL;
	AUTOMIRROR(x);

	mirror_image(&x, "a/b", "1", "one");
	mirror_send(&x, LIST("TO", "tags: \"1\", platforms: linux/arm64"));
	CHECK_STR(mirror_statuses(&x), "d");
	CHECK(!strstr(fakereg_manifest(x.to, "a/b", "1"), "platform"));
	first = eb_xstrdup(x.items.items[0].root.digest.text);
	mirror_send(&x, LIST("TO", "tags: \"1\", platforms: linux/arm64"));
	CHECK_STR(mirror_statuses(&x), "t");
	CHECK_STR(x.items.items[0].root.digest.text, first);
}

/* Its digest stays, and with it its signatures; a platform that is asked for later comes later. */
TEST(send, a_sparse_index_stays_what_it_is)
{
	const char *index, *amd64, *arm64;
	AUTOMIRROR(x);

	index = mirror_image(&x, "a/b", "1", "one");
	amd64 = mirror_manifest(&x, "a/b", NULL, "amd64", "one");
	arm64 = mirror_manifest(&x, "a/b", NULL, "arm64", "one");
	mirror_send(&x, LIST("TO", "tags: \"1\", platforms: linux/arm64, sparse: true"));
	CHECK_STR(mirror_statuses(&x), "d");
	CHECK_STR(x.items.items[0].root.digest.text, index);
	CHECK_HAS(x.items.items[0].warning, "the index is sparse, 1 of its documents");
	CHECK(has(&x, "a/b", arm64) && !has(&x, "a/b", amd64));
	CHECK_STR(fakereg_manifest(x.to, "a/b", "1"), fakereg_manifest(x.from, "a/b", index));
	mirror_send(&x, LIST("TO", "tags: \"1\", platforms: linux/arm64, sparse: true"));
	CHECK_STR(mirror_statuses(&x), "t");
	/* Beside one that wants all of it. */
	mirror_send(&x,
		    LIST("TO",
			 "tags: \"1\", platforms: linux/arm64, sparse: true") "- {from: FROM/a/b, "
									      "tags: \"1\", to: "
									      "whole}\n");
	CHECK_STR(mirror_statuses(&x), "td");
	CHECK(has(&x, "whole", amd64) && !has(&x, "a/b", amd64));
	/* The index has its digest already, so its parts have to be looked at. */
	mirror_send(&x, LIST("TO", "tags: \"1\", sparse: true"));
	CHECK_STR(mirror_statuses(&x), "d");
	CHECK(has(&x, "a/b", amd64) && !x.items.items[0].warning);
	mirror_send(&x, LIST("TO", "tags: \"1\", sparse: true"));
	CHECK_STR(mirror_statuses(&x), "t");
}

TEST(send, what_hangs_on_an_image_is_there_before_it)
{
	struct oci_digest d;
	const char *digest;
	char tag[160];
	AUTOMIRROR(x);

	digest = mirror_image(&x, "a/b", "1", "one");
	snprintf(d.text, sizeof(d.text), "%s", digest);
	oci_digest_tag(&d, ".sig", tag);
	mirror_manifest(&x, "a/b", tag, "none", "signature");
	mirror_send(&x, LIST("TO/m", "tags: \"1\", referrers: true"));
	CHECK_STR(mirror_statuses(&x), "d");
	CHECK(has(&x, "m/a/b", tag));
	mirror_send(&x, LIST("TO/m", "tags: \"1\", referrers: true"));
	CHECK_STR(mirror_statuses(&x), "t");
	/* One that is signed later is not there any more. */
	oci_digest_tag(&d, ".att", tag);
	mirror_manifest(&x, "a/b", tag, "none", "attestation");
	mirror_send(&x, LIST("TO/m", "tags: \"1\", referrers: true"));
	CHECK_STR(mirror_statuses(&x), "d");
	CHECK(has(&x, "m/a/b", tag));
}

static void check_layout(const char *path, size_t n)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_OK(oci_archive_open(path, &a, &e), e);
	CHECK_INT(oci_archive_index(a)->n_items, n);
}

TEST(send_layout, a_folder_keeps_what_is_in_it)
{
	AUTOMIRROR(x);

	mirror_image(&x, "a/b", "1.0", "one");
	mirror_send(&x, LIST("oci:out", "tags: \"1.*\""));
	CHECK_STR(mirror_statuses(&x), "d");
	check_layout(test_path("out"), 1);
	mirror_send(&x, LIST("oci:out", "tags: \"1.*\""));
	CHECK_STR(mirror_statuses(&x), "t");
	mirror_image(&x, "a/b", "1.1", "two");
	mirror_image(&x, "a/b", "2.0", "three");
	mirror_send(&x, LIST("oci:out", "tags: \"1.1\""));
	CHECK_STR(mirror_statuses(&x), "d");
	CHECK_INT(x.sum.blobs_sent, 2);
	CHECK_INT(x.sum.blobs_there, 1 + 2);
	check_layout(test_path("out"), 2);
}

TEST(send_layout, a_file_holds_just_the_list)
{
	struct stat one, two;
	AUTOMIRROR(x);

	mirror_image(&x, "a/b", "1.0", "one");
	mirror_image(&x, "a/b", "1.1", "two");
	mirror_send(&x, LIST("oci-archive:out.tar", "tags: \"1.*\""));
	CHECK_STR(mirror_statuses(&x), "dd");
	check_layout(test_path("out.tar"), 2);
	CHECK_INT(stat(test_path("out.tar"), &one), 0);
	mirror_send(&x, LIST("oci-archive:out.tar", "tags: \"1.*\""));
	CHECK_STR(mirror_statuses(&x), "tt");
	CHECK_INT(stat(test_path("out.tar"), &two), 0);
	CHECK(one.st_ino == two.st_ino);
	mirror_send(&x, LIST("oci-archive:out.tar", "tags: \"1.1\""));
	check_layout(test_path("out.tar"), 1);
	/* Never one that lacks something in the place of one that has it. */
	mirror_send(&x, LIST("oci-archive:out.tar", "tags: [\"1.0\", gone]"));
	CHECK_STR(mirror_statuses(&x), "ff");
	CHECK_HAS(x.items.items[1].error->message, "gone");
	CHECK_HAS(x.items.items[0].error->message, "only with all images");
	check_layout(test_path("out.tar"), 1);
}
