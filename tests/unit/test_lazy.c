#include <zlib.h>

#include "base/lazy.h"
#include "testlib.h"

struct functions {
	__typeof__(zlibVersion) *version;
	__typeof__(zlibVersion) *other;
};

TEST(lazy, loads_functions_by_name)
{
	static const struct eb_codec_symbol symbols[] = { { "zlibVersion",
							    offsetof(struct functions, version) } };
	struct functions f = { 0 };
	struct eb_lazy l = { "libz.so.1", symbols, 1, &f, NULL };

	eb_lazy_load(&l);
	CHECK(!l.problem);
	CHECK(f.version && !f.other);
	if (f.version)
		CHECK_STR(f.version(), zlibVersion());
}

TEST(lazy, library_that_is_missing_is_named)
{
	struct eb_lazy l = { "libess-there-is-none.so.7", NULL, 0, NULL, NULL };

	eb_lazy_load(&l);
	CHECK(l.problem && strstr(l.problem, "libess-there-is-none.so.7"));
	free((char *)(uintptr_t)l.problem);
}

TEST(lazy, function_that_is_missing_is_named)
{
	static const struct eb_codec_symbol symbols[] = {
		{ "zlibVersion", offsetof(struct functions, version) },
		{ "zlibNonesuch", offsetof(struct functions, other) },
	};
	struct functions f = { 0 };
	struct eb_lazy l = { "libz.so.1", symbols, 2, &f, NULL };

	eb_lazy_load(&l);
	CHECK(l.problem && strstr(l.problem, "zlibNonesuch"));
	free((char *)(uintptr_t)l.problem);
}
