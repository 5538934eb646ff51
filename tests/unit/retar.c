#include "retar.h"

#include "image/archive.h"
#include "mkdeb.h"
#include "image/tar_write.h"
#include "testlib.h"

enum { TAR_BYTES = 16 << 20 };

void retar_read(const char *path, int64_t mtime_sec, struct retar *t)
{
	EB_CLEANUP(oci_archive_free_p) struct oci_archive *a = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, TAR_BYTES);

	*t = (struct retar){ .mtime_sec = mtime_sec };
	CHECK_OK(eb_file_read(path, &b, &e), e);
	CHECK_OK(oci_archive_open(path, &a, &e), e);
	CHECK(oci_archive_count(a) <= RETAR_MAX);
	for (size_t i = 0; i < oci_archive_count(a); i++) {
		const struct oci_member *m = oci_archive_member(a, i);
		struct retar_member *to = &t->m[t->n++];

		snprintf(to->name, sizeof(to->name), "%s", m->name);
		to->mode = strcmp(m->name, "ess-bundle") == 0 ? 0755 : 0644;
		to->n = (size_t)m->size;
		to->data = eb_xmalloc(to->n + 1);
		memcpy(to->data, b.data + m->offset, to->n);
		to->data[to->n] = '\0';
	}
}

void retar_release(struct retar *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->m[i].data);
	t->n = 0;
}

void retar_write(const struct retar *t, const char *path)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, TAR_BYTES);

	for (size_t i = 0; i < t->n; i++) {
		struct oci_tar_entry entry = { .path = t->m[i].name,
					       .type = '0',
					       .mode = t->m[i].mode,
					       .size = t->m[i].n,
					       .mtime_sec = t->mtime_sec };

		mkdeb_tar_add(&b, &entry, t->m[i].data);
	}
	mkdeb_tar_end(&b);
	CHECK_OK(eb_file_write(path, b.data, b.len, 0644, &e), e);
}

struct retar_member *retar_find(struct retar *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->m[i].name, name) == 0)
			return &t->m[i];
	test_fail(__FILE__, __LINE__, "no member '%s'", name);
}

struct retar_member *retar_with(struct retar *t, const struct retar_member *after, const char *text)
{
	for (size_t i = after ? (size_t)(after - t->m) + 1 : 0; i < t->n; i++)
		if (memmem(t->m[i].data, t->m[i].n, text, strlen(text)))
			return &t->m[i];
	return NULL;
}

void retar_add(struct retar *t, const char *name, const char *data)
{
	struct retar_member *m = &t->m[t->n];

	CHECK(t->n < RETAR_MAX);
	*m = (struct retar_member){ .mode = 0644, .data = eb_xstrdup(data), .n = strlen(data) };
	snprintf(m->name, sizeof(m->name), "%s", name);
	t->n++;
}

void retar_drop(struct retar *t, struct retar_member *m)
{
	size_t i = (size_t)(m - t->m);

	free(m->data);
	memmove(m, m + 1, (t->n - i - 1) * sizeof(*m));
	t->n--;
}

size_t retar_replace(struct retar_member *m, const char *from, const char *to)
{
	size_t n = strlen(from), found = 0;
	char *at = m->data;

	CHECK_INT(strlen(to), n);
	while ((at = memmem(at, m->n - (size_t)(at - m->data), from, n))) {
		memcpy(at, to, n);
		at += n;
		found++;
	}
	return found;
}

void retar_rename(struct retar *t, struct retar_member *m)
{
	char from[65], to[65];

	snprintf(from, sizeof(from), "%s", m->name + strlen("blobs/sha256/"));
	eb_sha256_hex(m->data, m->n, to);
	snprintf(m->name, sizeof(m->name), "blobs/sha256/%s", to);
	for (size_t i = 0; i < t->n; i++)
		if (retar_replace(&t->m[i], from, to) && strncmp(t->m[i].name, "blobs/", 6) == 0)
			retar_rename(t, &t->m[i]);
}
