#include "render/output.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "testlib.h"

static void collect(struct rnd_objects *o)
{
	static const char text[] =
		"[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},"
		"\"data\":{\"x\":"
		"\"{{ y "
		"}}\"}},{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"j\","
		"\"annotations\":{\"helm.sh/hook\":\"pre-install\",\"helm.sh/"
		"hook-weight\":\"-3\"}}}]";
	struct eb_error *e = NULL;
	autojson json_t *j = NULL;

	CHECK_OK(eb_json_parse(text, strlen(text), 10000, &j, &e), e);
	CHECK_OK(rnd_objects_collect(j, "ns", o, &e), e);
}

TEST(output, documents_are_parted)
{
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects o = { 0 };
	EB_AUTOBUF(out, 10000);
	EB_AUTOBUF(small, 10);
	struct eb_error *e = NULL;

	collect(&o);
	CHECK_OK(rnd_write_documents(&o, &out, &e), e);
	CHECK_HAS(eb_buf_str(&out), "---\napiVersion: batch/v1\nkind: Job\n");
	CHECK_HAS(eb_buf_str(&out), "---\napiVersion: v1\nkind: ConfigMap\n");
	CHECK_FAIL(rnd_write_documents(&o, &small, &e), EB_E_LIMIT, "manifests", e);
}

TEST(output, split_writes_a_file_each_and_refuses_others)
{
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects o = { 0 };
	autofree char *dir = eb_xasprintf("%s/out", test_dir());
	autofree char *job = eb_xasprintf("%s/0001-job-j.yaml", dir);
	autofree char *map = eb_xasprintf("%s/0002-configmap-a.yaml", dir);
	autofree char *old = eb_xasprintf("%s/0009-secret-s.yaml", dir);
	struct eb_error *e = NULL;

	collect(&o);
	CHECK_OK(rnd_write_split(&o, dir, &e), e);
	CHECK_INT(access(job, F_OK), 0);
	CHECK_INT(access(map, F_OK), 0);
	CHECK_OK(rnd_write_split(&o, dir, &e), e);
	CHECK_OK(eb_file_write(old, "x", 1, 0644, &e), e);
	CHECK_FAIL(rnd_write_split(&o, dir, &e), EB_E_CONFLICT, "0009-secret-s.yaml", e);
}

static unsigned int mode_of(const char *dir, const char *name)
{
	autofree char *path = eb_xasprintf("%s/%s", dir, name);
	struct stat st = { 0 };

	CHECK_INT(stat(path, &st), 0);
	return st.st_mode & 07777;
}

TEST(output, files_with_secrets_are_for_their_owner)
{
	static const char text[] =
		"[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}},"
		"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"}}]";
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects o = { 0 };
	autofree char *dir = eb_xasprintf("%s/out", test_dir());
	mode_t old = umask(022);
	struct eb_error *e = NULL;
	autojson json_t *j = NULL;

	CHECK_OK(eb_json_parse(text, strlen(text), 10000, &j, &e), e);
	CHECK_OK(rnd_objects_collect(j, "ns", &o, &e), e);
	CHECK_OK(rnd_write_split(&o, dir, &e), e);
	umask(old);
	CHECK_INT(mode_of(dir, "0001-secret-s.yaml"), 0600);
	CHECK_INT(mode_of(dir, "0002-configmap-a.yaml"), 0644);
}

TEST(output, hooks_are_marked_for_argocd)
{
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects o = { 0 };

	collect(&o);
	rnd_annotate_argocd(&o);
	CHECK_STR(rnd_object_annotation(&o.items[0], "argocd.argoproj.io/hook"), "PreSync");
	CHECK_STR(rnd_object_annotation(&o.items[0], "argocd.argoproj.io/sync-wave"), "-3");
	CHECK_STR(rnd_object_annotation(&o.items[0], "helm.sh/hook"), "pre-install");
	CHECK(rnd_object_annotation(&o.items[1], "argocd.argoproj.io/hook") == NULL);
}
