#include "reglayout.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "image/mediatype.h"
#include "tar_build.h"
#include "testlib.h"

struct reglayout {
	struct eb_buf blobs;
	struct oci_manifest index;
	json_t *seen;
};

struct reglayout *rl_new(void)
{
	struct reglayout *l = eb_xcalloc(1, sizeof(*l));

	eb_buf_init(&l->blobs, 64 << 20);
	oci_manifest_init(&l->index, true);
	l->seen = eb_json_object();
	return l;
}

struct reglayout *rl_free(struct reglayout *l)
{
	eb_buf_release(&l->blobs);
	oci_manifest_release(&l->index);
	json_decref(l->seen);
	free(l);
	return NULL;
}

void rl_blob(struct reglayout *l, const char *media_type, const char *text,
	     struct oci_descriptor *ret)
{
	char path[160];

	oci_descriptor_of(media_type, text, strlen(text), ret);
	oci_digest_blob_path(&ret->digest, path);
	if (json_object_get(l->seen, path))
		return;
	eb_json_set(l->seen, path, json_true());
	tb_file(&l->blobs, path, text);
}

static void write_document(struct reglayout *l, const struct oci_manifest *m,
			   struct oci_descriptor *ret)
{
	autofree char *text = oci_manifest_write(m, NULL);

	rl_blob(l, m->media_type, text, ret);
	if (m->artifact_type)
		ret->artifact_type = eb_xstrdup(m->artifact_type);
}

void rl_manifest(struct reglayout *l, const char *layer, const char *artifact_type,
		 const struct oci_descriptor *subject, struct oci_descriptor *ret)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor blob = { .size = 0 };
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor unused = { .size = 0 };

	oci_manifest_init(&m, false);
	rl_blob(l, OCI_MT_CONFIG, "{}", &m.config);
	rl_blob(l, OCI_MT_LAYER_TAR, layer, &blob);
	oci_manifest_add(&m, &blob);
	if (artifact_type)
		m.artifact_type = eb_xstrdup(artifact_type);
	if (subject) {
		m.subject = eb_xcalloc(1, sizeof(*m.subject));
		oci_descriptor_copy(subject, m.subject);
		oci_manifest_annotate(&m, "example.note", layer);
	}
	write_document(l, &m, ret ? ret : &unused);
}

void rl_index(struct reglayout *l, const struct oci_descriptor *items, size_t n,
	      struct oci_descriptor *ret)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m = { .n_items = 0 };

	oci_manifest_init(&m, true);
	for (size_t i = 0; i < n; i++)
		oci_manifest_add(&m, &items[i]);
	write_document(l, &m, ret);
}

void rl_list(struct reglayout *l, const struct oci_descriptor *d, const char *name, const char *key,
	     const char *value)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor entry = { .size = 0 };

	oci_descriptor_copy(d, &entry);
	if (name)
		oci_descriptor_annotate(&entry, OCI_ANN_CONTAINERD_NAME, name);
	if (key)
		oci_descriptor_annotate(&entry, key, value);
	oci_manifest_add(&l->index, &entry);
}

void rl_image(struct reglayout *l, const char *name, const char *layer)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .size = 0 };

	rl_manifest(l, layer, NULL, NULL, &d);
	rl_list(l, &d, name, NULL, NULL);
}

void rl_write(struct reglayout *l, const char *path)
{
	autofree char *index = oci_manifest_write(&l->index, NULL);
	EB_AUTOBUF(b, 64 << 20);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	tb_file(&b, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	tb_file(&b, "index.json", index);
	eb_buf_add(&b, l->blobs.data, l->blobs.len);
	tb_end(&b);
	CHECK(fd >= 0);
	CHECK_INT(write(fd, b.data, b.len), b.len);
	close(fd);
}

struct reg_served *rl_open(const char *path)
{
	autoerror struct eb_error *e = NULL;
	struct oci_archive *a = NULL;
	struct reg_served *s = NULL;

	CHECK_OK(oci_archive_open(path, &a, &e), e);
	CHECK_OK(reg_served_new(a, NULL, &s, &e), e);
	return s;
}

struct reg_served *rl_one(const char *path, const char *name, const char *layer)
{
	EB_CLEANUP(rl_free_p) struct reglayout *l = rl_new();

	rl_image(l, name, layer);
	rl_write(l, path);
	return rl_open(path);
}
