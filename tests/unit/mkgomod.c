#include "mkgomod.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "testlib.h"

static void put(const char *path, const char *text)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(path, text, strlen(text), 0644, &e), e);
}

static void add(struct archive *a, const char *name, const char *text)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)strlen(text));
	CHECK_INT(archive_write_header(a, entry), ARCHIVE_OK);
	CHECK_INT(archive_write_data(a, text, strlen(text)), (la_ssize_t)strlen(text));
	archive_entry_free(entry);
}

void mkgomod(const char *proxy, const char *module, const char *version,
	     const struct mkgomod_file *files, size_t n)
{
	autofree char *dir = eb_xasprintf("%s/%s/@v", proxy, module);
	autofree char *info = eb_xasprintf("%s/%s.info", dir, version);
	autofree char *mod = eb_xasprintf("%s/%s.mod", dir, version);
	autofree char *zip = eb_xasprintf("%s/%s.zip", dir, version);
	autofree char *info_text = eb_xasprintf("{\"Version\":\"%s\"}", version);
	struct archive *a = archive_write_new();
	autoerror struct eb_error *e = NULL;
	EB_AUTODIR(d);

	CHECK_OK(eb_dir_open(dir, true, &d, &e), e);
	put(info, info_text);
	CHECK_INT(archive_write_set_format_zip(a), ARCHIVE_OK);
	CHECK_INT(archive_write_open_filename(a, zip), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++) {
		autofree char *name = eb_xasprintf("%s@%s/%s", module, version, files[i].path);

		add(a, name, files[i].text);
		if (strcmp(files[i].path, "go.mod") == 0)
			put(mod, files[i].text);
	}
	CHECK_INT(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}
