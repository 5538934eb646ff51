#include "mkwheel.h"

#include "pkg/wheel_record.h"
#include "pkg/zip_write.h"

enum { CAP = 1 << 20 };

static void add(struct pkg_zip_writer *z, struct eb_buf *list, const char *path, const char *text,
		const char *skip)
{
	char hash[PKG_RECORD_HASH];

	pkg_record_hash(text, strlen(text), hash);
	if (!skip || strcmp(skip, path) != 0)
		pkg_record_add(list, path, hash, strlen(text));
	pkg_zip_writer_add(z, path, text, strlen(text));
}

void mkwheel(struct eb_buf *out, const struct mkwheel_file *files, size_t n, const char *wheel,
	     const char *metadata, const char *record, const char *skip)
{
	struct pkg_zip_writer z;
	EB_AUTOBUF(list, CAP);

	pkg_zip_writer_init(&z, out);
	for (size_t i = 0; i < n; i++)
		add(&z, &list, files[i].path, files[i].text, skip);
	add(&z, &list, "demo-1.0.dist-info/METADATA", metadata ? metadata : MKWHEEL_METADATA, skip);
	add(&z, &list, "demo-1.0.dist-info/WHEEL", wheel ? wheel : MKWHEEL_WHEEL, skip);
	eb_buf_adds(&list, record ? record : "");
	eb_buf_adds(&list, "demo-1.0.dist-info/RECORD,,\n");
	pkg_zip_writer_add(&z, "demo-1.0.dist-info/RECORD", list.data, list.len);
	pkg_zip_writer_end(&z);
}
