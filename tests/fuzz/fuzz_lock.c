/* Any text as lock.yaml: refused with a place, or a lock that is written, read and written again
 * as the same bytes. */
#include "base/error.h"
#include "base/json.h"
#include "recipe/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = NULL, *again = NULL;
	autofree char *first = NULL, *second = NULL, *diff = NULL;
	size_t n, n_again;

	if (rcp_lock_parse("lock.yaml", (const char *)data, size, &l, &e) < 0) {
		autojson json_t *message = json_string(e ? e->message : NULL);

		if (!message || e->code != EB_E_RECIPE ||
		    strncmp(e->message, "lock.yaml:", 10) != 0)
			abort();
		return 0;
	}
	first = rcp_lock_write(l, &n);
	if (rcp_lock_parse("lock.yaml", first, n, &again, &e) < 0)
		abort();
	second = rcp_lock_write(again, &n_again);
	diff = rcp_lock_diff(l, again);
	if (n != n_again || memcmp(first, second, n) != 0 || *diff)
		abort();
	return 0;
}
