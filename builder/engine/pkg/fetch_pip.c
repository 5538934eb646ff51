/* Wheels among the sources: those that no directory has are asked of pip, all at once. */
#include "base/error.h"
#include "base/mem.h"
#include "pkg/fetch_job.h"
#include "pkg/pip.h"

int fetch_from_pip(struct fetch *f, struct eb_error **err)
{
	autofree struct pkg_pip_wheel *v = eb_xcalloc(f->n + 1, sizeof(*v));
	autoerror struct eb_error *e = NULL;
	struct fetch_item *first = NULL;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < f->n; i++) {
		const struct pkg_source *s = f->items[i].src;

		if (f->items[i].state != FETCH_MISSING || !s->wheel)
			continue;
		first = first ? first : &f->items[i];
		v[n++] = (struct pkg_pip_wheel){ s->name, s->version, s->wheel, s->sha256,
						 s->size };
	}
	if (!first)
		return 0;
	if (!f->o->pip)
		return eb_throw(err, EB_E_UNSUPPORTED, "%s: no pip to ask", first->src->what);
	r = pkg_pip_download(f->o->pip, v, n, f->o->cache, &e);
	if (r < 0)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	for (size_t i = 0; i < f->n; i++)
		if (f->items[i].state == FETCH_MISSING && f->items[i].src->wheel)
			fetch_got(&f->items[i]);
	return 0;
}
