/* Any text as the signed part of InRelease: refused with a printable message, or files that are
 * found again by their paths. */
#include "base/error.h"
#include "pkg/release.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(pkg_release_text_free_p) struct pkg_release_text *t = NULL;
	autoerror struct eb_error *e = NULL;

	if (pkg_release_parse((const char *)data, size, &t, &e) < 0) {
		if (!e || t || (e->code != EB_E_FORMAT && e->code != EB_E_LIMIT))
			abort();
		for (const char *p = e->message; *p; p++)
			if (*p < ' ' || *p > '~')
				abort();
		return 0;
	}
	for (size_t i = 0; i < t->n_files; i++) {
		const struct pkg_release_file *f = pkg_release_find(t, t->files[i].path);

		if (!f || strcmp(f->sha256, t->files[i].sha256) != 0)
			abort();
	}
	return 0;
}
