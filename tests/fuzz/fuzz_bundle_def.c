/* Any text as bundle.yaml: refused with a place, or a definition with at least one image. */
#include "base/error.h"
#include "base/json.h"
#include "bundle/def.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *d = NULL;

	if (bnd_def_parse("b", "bundle.yaml", (const char *)data, size, &d, &e) < 0) {
		autojson json_t *message = json_string(e ? e->message : NULL);

		if (!message || e->code != EB_E_RECIPE ||
		    strncmp(e->message, "bundle.yaml:", 12) != 0)
			abort();
		return 0;
	}
	if (d->n_images == 0 || !d->images[0].name || !d->images[0].dir)
		abort();
	return 0;
}
