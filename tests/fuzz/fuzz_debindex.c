/* The stored form of a package's index: what is parsed is written back in a canonical form. */
#include "base/buf.h"
#include "base/error.h"
#include "pkg/deb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = NULL, *y = NULL;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(a, (size_t)256 << 20);
	EB_AUTOBUF(b, (size_t)256 << 20);

	if (pkg_deb_index_parse((const char *)data, size, &x, &e) < 0) {
		if (!e || x)
			abort();
		return 0;
	}
	pkg_deb_index_write(x, &a);
	if (pkg_deb_index_parse(a.data, a.len, &y, &e) < 0)
		abort();
	pkg_deb_index_write(y, &b);
	if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
		abort();
	return 0;
}
