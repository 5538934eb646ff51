/* A control stanza, and a Replaces field made of its own text. */
#include "base/error.h"
#include "pkg/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct eb_span text = { (const char *)data, size }, rest = text, name, value;
	autoerror struct eb_error *e = NULL;
	size_t seen = 0;

	if (pkg_control_check(text, &e) < 0) {
		if (!e)
			abort();
		return 0;
	}
	while (pkg_control_next(&rest, &name, &value)) {
		if (name.ptr < text.ptr || value.ptr + value.len > text.ptr + text.len)
			abort();
		seen++;
	}
	if (seen < 3 || !pkg_control_field(text, "package").ptr)
		abort();
	value = pkg_control_field(text, "Replaces");
	if (value.ptr && value.len < 1000)
		pkg_control_replaces(value, "demo", "1.0-1");
	return 0;
}
