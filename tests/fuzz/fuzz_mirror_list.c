/* Any text as the list of a mirror: refused with a place, or a list of images that say which of
 * them are meant. */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "mirror/choose.h"
#include "mirror/mirror_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is chosen is no more than asked for, and what its patterns let through. */
static void check_image(const struct mir_list *l, const struct mir_image *im)
{
	static const char *const tags[] = { "1.0",	  "v1.2.3",    "2.0.0-rc.1", "latest",
					    "8.2-alpine", "release-3", "2024.01.15" };
	autofree const char **chosen = NULL;
	autofree char *repo = NULL;
	struct eb_error *e = NULL;
	size_t n;

	if (!im->path && !im->ref.tag && !im->ref.digest.text[0] && !im->tags.n && !im->range &&
	    !im->n_digests)
		abort();
	mir_choose(im, (char *const *)(uintptr_t)tags, EB_ARRAY_LEN(tags), &chosen, &n);
	if (n > EB_ARRAY_LEN(tags) || (im->keep && n > im->keep))
		abort();
	for (size_t i = 1; i < n; i++)
		if (strcmp(chosen[i - 1], chosen[i]) == 0)
			abort();
	if (im->ref.host &&
	    mir_target_repo(&l->naming, im->to, im->ref.host, im->ref.repo, &repo, &e) < 0 && !e)
		abort();
	eb_error_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(mir_list_free_p) struct mir_list *l = NULL;

	if (mir_list_parse("d", "l.yaml", (const char *)data, size, &l, &e) < 0) {
		autojson json_t *message = json_string(e ? e->message : NULL);

		if (!message || e->code != EB_E_RECIPE || strncmp(e->message, "l.yaml:", 7) != 0)
			abort();
		return 0;
	}
	if (l->n_images == 0)
		abort();
	for (size_t i = 0; i < l->n_images; i++)
		check_image(l, &l->images[i]);
	return 0;
}
