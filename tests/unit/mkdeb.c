#include "mkdeb.h"

#include <archive.h>
#include <archive_entry.h>

#include "image/tar_write.h"
#include "testlib.h"

void mkdeb_ar_begin(struct eb_buf *ar)
{
	eb_buf_adds(ar, "!<arch>\n");
}

void mkdeb_ar_member(struct eb_buf *ar, const char *name, const void *p, size_t n)
{
	eb_buf_addf(ar, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name, 0, 0, 0, 0100644, n);
	eb_buf_add(ar, p, n);
	if (n % 2)
		eb_buf_addc(ar, '\n');
}

void mkdeb_tar_add(struct eb_buf *tar, const struct oci_tar_entry *e, const void *data)
{
	static const char zero[512];

	oci_tar_header(e, tar);
	if (e->type != '0')
		return;
	eb_buf_add(tar, data, (size_t)e->size);
	eb_buf_add(tar, zero, (size_t)oci_tar_padding(e->size));
}

void mkdeb_tar_file(struct eb_buf *tar, const char *path, const char *text)
{
	struct oci_tar_entry e = {
		.path = path, .type = '0', .mode = 0644, .mtime_sec = 1000, .size = strlen(text)
	};

	mkdeb_tar_add(tar, &e, text);
}

void mkdeb_tar_dir(struct eb_buf *tar, const char *path)
{
	struct oci_tar_entry e = { .path = path, .type = '5', .mode = 0755, .mtime_sec = 1000 };

	mkdeb_tar_add(tar, &e, NULL);
}

void mkdeb_tar_link(struct eb_buf *tar, char type, const char *path, const char *target)
{
	struct oci_tar_entry e = {
		.path = path, .type = type, .mode = 0777, .mtime_sec = 1000, .link = target
	};

	mkdeb_tar_add(tar, &e, NULL);
}

void mkdeb_tar_end(struct eb_buf *tar)
{
	static const char zero[OCI_TAR_END_BYTES];

	eb_buf_add(tar, zero, sizeof(zero));
}

void mkdeb_compress(struct eb_buf *b, const char *how)
{
	size_t used = 0, room = b->len + b->len / 8 + 65536;
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	char *out = malloc(room);

	archive_write_set_format_raw(a);
	archive_write_add_filter_by_name(a, strcmp(how, "gz") == 0    ? "gzip"
					    : strcmp(how, "zst") == 0 ? "zstd"
					    : strcmp(how, "bz2") == 0 ? "bzip2"
								      : how);
	archive_write_set_bytes_per_block(a, 0);
	archive_entry_set_filetype(e, AE_IFREG);
	if (!out || archive_write_open_memory(a, out, room, &used) != ARCHIVE_OK ||
	    archive_write_header(a, e) != ARCHIVE_OK ||
	    archive_write_data(a, b->data, b->len) != (la_ssize_t)b->len ||
	    archive_write_close(a) != ARCHIVE_OK)
		test_fail(__FILE__, __LINE__, "compress: %s", archive_error_string(a));
	archive_write_free(a);
	archive_entry_free(e);
	eb_buf_clear(b);
	eb_buf_add(b, out, used);
	free(out);
}

static void add_part(struct eb_buf *ar, const char *part, const char *how, struct eb_buf *tar)
{
	char name[32];

	snprintf(name, sizeof(name), "%s.tar%s%s", part, how[0] ? "." : "", how);
	if (how[0])
		mkdeb_compress(tar, how);
	mkdeb_ar_member(ar, name, tar->data, tar->len);
}

void mkdeb(struct eb_buf *out, const char *how, const char *control, const struct eb_buf *tar)
{
	EB_AUTOBUF(control_tar, 1 << 20);
	EB_AUTOBUF(copy, (size_t)1 << 30);

	mkdeb_ar_begin(out);
	mkdeb_ar_member(out, "debian-binary", "2.0\n", 4);
	mkdeb_tar_dir(&control_tar, "");
	mkdeb_tar_file(&control_tar, "control", control);
	mkdeb_tar_file(&control_tar, "md5sums", "d41d8cd98f00b204e9800998ecf8427e  usr/bin/x\n");
	mkdeb_tar_file(&control_tar, "postinst", "#!/bin/sh\n");
	mkdeb_tar_end(&control_tar);
	add_part(out, "control", how, &control_tar);
	eb_buf_add(&copy, tar->data, tar->len);
	add_part(out, "data", how, &copy);
}
