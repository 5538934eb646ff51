#include "pkg/once.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "pkg/cache.h"
#include "pkg/partial.h"

struct pkg_once {
	struct pkg_partial *lock; /* of a download that there never is */
};

struct pkg_once *pkg_once_begin(const struct pkg_cache *c, const char *kind, const char *key,
				const char *what, struct eb_progress *progress)
{
	autofree char *text = eb_xasprintf("once %s %s", kind, key);
	struct pkg_once *o = eb_xcalloc(1, sizeof(*o));
	char name[EB_SHA256_HEX + 1];
	int r;

	eb_sha256_hex(text, strlen(text), name);
	while ((r = pkg_partial_open(c, name, UINT64_MAX, &o->lock, NULL)) == PKG_PARTIAL_BUSY) {
		autofree char *waiting = eb_xasprintf("waiting for another process: %s", what);
		unsigned int task = eb_progress_start(progress, waiting, EB_UNIT_ITEMS, 0);

		r = pkg_partial_wait(c, name, NULL);
		eb_progress_finish(progress, task);
		if (r < 0)
			break;
	}
	return o->lock ? o : pkg_once_end(o);
}

struct pkg_once *pkg_once_end(struct pkg_once *o)
{
	if (o)
		pkg_partial_free(o->lock);
	free(o);
	return NULL;
}
