/* What is written from a tree reads as the same tree. */
#include "base/buf.h"
#include "base/mem.h"
#include "yaml/node.h"

static const struct yml_limits limits = { 64 * 1024, 2000, 50 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	autoerror struct eb_error *err = NULL, *again = NULL;
	struct yml_node *one = NULL, *two = NULL;
	EB_AUTOBUF(first, 1024 * 1024);
	EB_AUTOBUF(second, 1024 * 1024);

	if (yml_parse("f", (const char *)data, size, &limits, a, &one, &err) < 0)
		return 0;
	yml_write(one, &first);
	if (first.overflow)
		return 0;
	if (yml_parse("g", eb_buf_str(&first), first.len, NULL, a, &two, &again) < 0)
		abort();
	yml_write(two, &second);
	if (second.len != first.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
	return 0;
}
