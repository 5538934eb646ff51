#include "pkg/wheel_file.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"

enum { MAX_FILE = 255, MAX_PARTS = 6 };

char *pkg_wheel_name(const char *name)
{
	char *out = eb_xmalloc(strlen(name) + 1), *to = out;
	bool sep = false;

	for (; *name; name++) {
		if (*name == '-' || *name == '_' || *name == '.') {
			sep = true;
			continue;
		}
		if (sep)
			*to++ = '-';
		sep = false;
		*to++ = (char)(*name >= 'A' && *name <= 'Z' ? *name - 'A' + 'a' : *name);
	}
	if (sep)
		*to++ = '-';
	*to = '\0';
	return out;
}

bool pkg_wheel_same_name(const char *a, const char *b)
{
	autofree char *x = pkg_wheel_name(a), *y = pkg_wheel_name(b);

	return strcmp(x, y) == 0;
}

void pkg_wheel_file_release(struct pkg_wheel_file *f)
{
	free(f->name);
	free(f->version);
	free(f->python);
	free(f->abi);
	free(f->platform);
	*f = (struct pkg_wheel_file){ 0 };
}

static bool is_file_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("-_.+!", c);
}

int pkg_wheel_file_parse(const char *file, struct pkg_wheel_file *ret, struct eb_error **err)
{
	struct eb_span rest = eb_span_str(file), part[MAX_PARTS + 1];
	autofree char *shown = eb_printable(file, 100);
	autofree char *name = NULL;
	size_t n = 0;
	bool good = rest.len <= MAX_FILE && eb_span_ends(rest, ".whl") && file[0] != '.';

	for (const char *c = file; good && *c; c++)
		good = is_file_char(*c);
	if (good)
		rest.len -= strlen(".whl");
	while (good && n < MAX_PARTS && eb_span_next(&rest, '-', &part[n]))
		good = part[n++].len > 0;
	if (!good || rest.len || n < 5)
		return eb_throw(err, EB_E_FORMAT,
				"'%s': expected NAME-VERSION-PYTHON-ABI-PLATFORM.whl", shown);
	name = eb_span_dup(part[0]);
	ret->name = pkg_wheel_name(name);
	ret->version = eb_span_dup(part[1]);
	ret->python = eb_span_dup(part[n - 3]);
	ret->abi = eb_span_dup(part[n - 2]);
	ret->platform = eb_span_dup(part[n - 1]);
	return 0;
}
