#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/json.h"
#include "image/mediatype.h"
#include "registry/served.h"
#include "reglayout.h"
#include "testlib.h"

static const struct reg_entry *entry(const struct reg_served *s, const char *path, const char *tag)
{
	for (size_t i = 0; i < s->n_entries; i++)
		if (strcmp(s->entries[i].path, path) == 0 && s->entries[i].tag &&
		    strcmp(s->entries[i].tag, tag) == 0)
			return &s->entries[i];
	return NULL;
}

TEST(served, new_gathers_names_and_documents)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();
	EB_CLEANUP(reg_served_unref_p) struct reg_served *s = NULL;
	struct oci_descriptor one[2] = { { .size = 0 } };
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor index = { .size = 0 };
	const struct reg_entry *e;

	rl_manifest(l, "layer-1", NULL, NULL, &one[0]);
	rl_manifest(l, "layer-22", NULL, NULL, &one[1]);
	one[0].platform.os = eb_xstrdup("linux");
	one[0].platform.architecture = eb_xstrdup("arm64");
	one[0].platform.variant = eb_xstrdup("v8");
	rl_index(l, one, 2, &index);
	rl_list(l, &index, "ess.internal/a/b:1", NULL, NULL);
	rl_image(l, "redis:8", "layer-1");
	rl_image(l, NULL, "layer-3");
	rl_image(l, "NOT/a name", "layer-4");
	rl_write(l, test_path("a.tar"));
	s = rl_open(test_path("a.tar"));
	CHECK_INT(s->n_manifests, 5); /* layer-1's counts once */
	CHECK_INT(s->n_entries, 2);
	CHECK_STR(s->title, "a.tar");
	e = entry(s, "a/b", "1");
	CHECK(e && e->is_image && e->manifest->is_index);
	CHECK_STR(e->host, "ess.internal");
	CHECK_STR(e->manifest->media_type, OCI_MT_INDEX);
	CHECK_INT(e->n_platforms, 2);
	CHECK_STR(e->platforms[0].name, "linux/arm64/v8");
	CHECK_INT(e->platforms[0].bytes, strlen("{}") + strlen("layer-1"));
	e = entry(s, "library/redis", "8");
	CHECK(e && !e->manifest->is_index);
	CHECK_STR(e->host, "docker.io");
	CHECK(reg_served_manifest(s, &one[1].digest) && reg_served_manifest(s, &index.digest));
	CHECK(!reg_served_manifest(s, &(struct oci_digest){ "sha256:0" }));
	oci_descriptor_release(&one[0]);
	oci_descriptor_release(&one[1]);
}

TEST(served, new_names_a_bundle_and_its_signatures)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();
	EB_CLEANUP(reg_served_unref_p) struct reg_served *s = NULL;
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor root = { .size = 0 };
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor sig = { .size = 0 };
	autofree char *text = NULL;
	autofree char *tag = NULL;

	oci_manifest_init(&m, false);
	rl_blob(l, OCI_MT_EMPTY, "{}", &m.config);
	oci_manifest_annotate(&m, OCI_ANN_TITLE, "demo");
	oci_manifest_annotate(&m, OCI_ANN_VERSION, "1.2");
	text = oci_manifest_write(&m, NULL);
	rl_blob(l, OCI_MT_MANIFEST, text, &d);
	rl_index(l, &d, 1, &root);
	rl_manifest(l, "signature", NULL, NULL, &sig);
	rl_list(l, &root, NULL, BND_ANN_ROOT, "true");
	rl_list(l, &sig, NULL, BND_ANN_SIGNS, root.digest.text);
	rl_write(l, test_path("a.tar"));
	s = rl_open(test_path("a.tar"));
	CHECK_STR(s->title, "demo 1.2");
	CHECK_STR(s->root.text, root.digest.text);
	CHECK_INT(s->n_signatures, 1);
	CHECK(oci_digest_eq(&entry(s, "demo", "1.2")->manifest->digest, &root.digest));
	tag = eb_xasprintf("sha256-%s.sig", oci_digest_hex(&root.digest));
	CHECK(oci_digest_eq(&entry(s, "demo", tag)->manifest->digest, &sig.digest));
}

TEST(served, new_joins_signatures_of_one_thing)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();
	EB_CLEANUP(reg_served_unref_p) struct reg_served *s = NULL;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
	autofree char *tag = NULL;
	autoerror struct eb_error *e = NULL;
	const struct reg_entry *found;
	struct oci_digest layer;

	rl_manifest(l, "layer", NULL, NULL, &d);
	rl_list(l, &d, "h.x/a:1", NULL, NULL);
	for (int i = 0; i < 3; i++) {
		EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor sig = { .size = 0 };

		rl_manifest(l, i == 0 ? "first" : i == 1 ? "second" : "third", NULL, NULL, &sig);
		rl_list(l, &sig, NULL, BND_ANN_SIGNS, d.digest.text);
	}
	rl_write(l, test_path("a.tar"));
	s = rl_open(test_path("a.tar"));
	CHECK_INT(s->n_signatures, 3);
	CHECK_INT(s->n_manifests, 5);
	CHECK_INT(s->n_entries, 2);
	tag = eb_xasprintf("sha256-%s.sig", oci_digest_hex(&d.digest));
	found = entry(s, "a", tag);
	CHECK(found && !found->manifest->member && found->manifest->text);
	CHECK_INT(found->manifest->size, strlen(found->manifest->text));
	CHECK_OK(oci_manifest_parse(found->manifest->text, found->manifest->size, &m, &e), e);
	CHECK_INT(m.n_items, 3);
	oci_digest_of("third", 5, &layer);
	CHECK(oci_digest_eq(&m.items[2].digest, &layer));
}

TEST(served, new_leaves_out_what_a_sparse_index_lacks)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();
	EB_CLEANUP(reg_served_unref_p) struct reg_served *s = NULL;
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor index = { .size = 0 };

	oci_descriptor_of(OCI_MT_MANIFEST, "gone", 4, &d);
	rl_index(l, &d, 1, &index);
	rl_list(l, &index, "h.x/a:1", NULL, NULL);
	rl_list(l, &d, "h.x/b:1", NULL, NULL);
	rl_write(l, test_path("a.tar"));
	s = rl_open(test_path("a.tar"));
	CHECK_INT(s->n_manifests, 1);
	CHECK_INT(s->n_entries, 1);
	CHECK_INT(s->entries[0].n_platforms, 0);
}

TEST(served, new_refuses_a_directory_and_a_damaged_document)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };
	autoerror struct eb_error *e = NULL;
	struct oci_archive *a = NULL;
	struct reg_served *s = NULL;

	rl_blob(l, OCI_MT_MANIFEST, "{\"no\":\"manifest\"}", &d);
	rl_list(l, &d, "h.x/a:1", NULL, NULL);
	rl_write(l, test_path("a.tar"));
	CHECK_OK(oci_archive_open(test_path("a.tar"), &a, &e), e);
	CHECK_FAIL(reg_served_new(a, NULL, &s, &e), EB_E_FORMAT, d.digest.text, e);
	CHECK(!s);
}

TEST(served, is_fresh_until_the_file_is_written_to)
{
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *s = rl_one(test_path("a.tar"), "h.x/a:1", "layer");
	EB_CLEANUP(reg_served_unref_p) struct reg_served *other = NULL;
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	CHECK(reg_served_is_fresh(s));
	/* Another file of that name is none of its business. */
	CHECK_INT(rename(test_path("a.tar"), test_path("b.tar")), 0);
	other = rl_one(test_path("a.tar"), "h.x/a:2", "other");
	CHECK(reg_served_is_fresh(s));
	CHECK_INT(utimensat(AT_FDCWD, test_path("b.tar"), old, 0), 0);
	CHECK(!reg_served_is_fresh(s));
	CHECK(reg_served_is_fresh(other));
	CHECK_INT(truncate(test_path("a.tar"), 1000), 0);
	CHECK(!reg_served_is_fresh(other));
	CHECK(!reg_served_is_fresh(other));
}

TEST(served, new_notices_a_change_before_it)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();
	autoerror struct eb_error *e = NULL;
	struct oci_archive *a = NULL;
	struct reg_served *s = NULL;
	struct stat st;

	rl_image(l, "h.x/a:1", "layer");
	rl_write(l, test_path("a.tar"));
	CHECK_INT(stat(test_path("a.tar"), &st), 0);
	st.st_size--;
	CHECK_OK(oci_archive_open(test_path("a.tar"), &a, &e), e);
	CHECK_FAIL(reg_served_new(a, &st, &s, &e), EB_E_CONFLICT, "changed while it was read", e);
}

/* Whoever opens it for writing has to wait until nothing is sent from it any more. */
TEST(served, lease_holds_a_writer_up)
{
	EB_CLEANUP(reg_served_unref_p)
	struct reg_served *s = rl_one(test_path("a.tar"), "h.x/a:1", "layer");
	int fd;

	/* SIGURG is ignored when nobody handles it. */
	if (!reg_served_lease(s, SIGURG))
		test_skip("this file system has no leases");
	CHECK(!reg_served_is_wanted(s) && reg_served_is_fresh(s));
	fd = open(test_path("a.tar"), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK_INT(fd, -1); /* begins to break it, and does not wait */
	CHECK(reg_served_is_wanted(s));
	CHECK(!reg_served_is_fresh(s));
	reg_served_yield(s);
	fd = open(test_path("a.tar"), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(fd >= 0);
	close(fd);
	CHECK(!reg_served_is_wanted(s));
}
