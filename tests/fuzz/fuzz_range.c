/* Headers about parts and versions: a part lies within the file, and anything else leaves the
 * results alone. The first eight bytes are the file's size. */
#include <assert.h>
#include <stdint.h>

#include "base/mem.h"
#include "registry/condition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole, first = 77, bytes = 78;
	autofree char *text = NULL;
	enum reg_range r;

	if (size < sizeof(whole))
		return 0;
	memcpy(&whole, data, sizeof(whole));
	text = eb_xstrndup((const char *)data + sizeof(whole), size - sizeof(whole));
	r = reg_range_parse(text, whole, &first, &bytes);
	if (r == REG_RANGE_PART)
		assert(bytes > 0 && first < whole && bytes <= whole - first);
	else
		assert(first == 77 && bytes == 78);
	(void)reg_etag_matches(text, "\"sha256:0\"");
	return 0;
}
