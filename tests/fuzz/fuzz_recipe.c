/* Any text as recipe.yaml: refused with a place, or a recipe whose parts can all be used. */
#include "base/error.h"
#include "base/json.h"
#include "recipe/lock.h"
#include "recipe/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;
	struct rcp_chain chain = { .stage = &r, .n = 1 };
	autojson json_t *config = NULL;
	autofree char *text = NULL;
	char hex[65];

	if (rcp_parse(".", "recipe.yaml", (const char *)data, size, &r, &e) < 0) {
		autojson json_t *message = json_string(e ? e->message : NULL);

		if (!message || e->code != EB_E_RECIPE ||
		    strncmp(e->message, "recipe.yaml:", 12) != 0)
			abort();
		return 0;
	}
	for (size_t i = 0; i < r->n_entries; i++)
		if (r->entries[i].path[0] != '/' || strstr(r->entries[i].path, "/../"))
			abort();
	rcp_lock_inputs_hash(&chain, hex);
	config = rcp_config_merge(&chain, NULL);
	text = eb_json_canonical(config, NULL);
	return 0;
}
