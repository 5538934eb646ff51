/* A report of pip: parsed, and what is accepted keeps its promises. */
#include "base/error.h"
#include "base/mem.h"
#include "pkg/pip_report.h"
#include "pkg/wheel_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pkg_pip_provided provided = { "psycopg2", "2.9.10" };
	EB_CLEANUP(pkg_pip_set_free_p) struct pkg_pip_set *s = NULL;
	autoerror struct eb_error *e = NULL;

	if (pkg_pip_report_parse((const char *)data, size, NULL, &provided, 1, &s, &e) < 0) {
		if (!e || s)
			abort();
		return 0;
	}
	for (size_t i = 0; i < s->n; i++) {
		EB_CLEANUP(pkg_wheel_file_release_p) struct pkg_wheel_file f = { 0 };

		if (strchr(s->wheels[i].file, '/') || strlen(s->wheels[i].sha256) != 64 ||
		    pkg_wheel_file_parse(s->wheels[i].file, &f, NULL) < 0 ||
		    strcmp(f.name, s->wheels[i].name) != 0 || strcmp(f.name, provided.name) == 0 ||
		    (i && strcmp(s->wheels[i - 1].name, s->wheels[i].name) >= 0))
			abort();
	}
	return 0;
}
