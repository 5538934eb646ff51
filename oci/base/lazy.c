#include "base/lazy.h"

#include "base/error.h"
#include "base/mem.h"

void eb_lazy_load(struct eb_lazy *l)
{
	struct eb_codec_lib lib = { .fd = -1 };
	autoerror struct eb_error *e = NULL;

	/* The handle is not kept: what is loaded stays loaded. */
	if (eb_codec_lib_system(l->soname, &lib, &e) < 0 ||
	    eb_codec_lib_symbols(&lib, l->soname, l->symbols, l->n, l->table, &e) < 0)
		l->problem = eb_xstrdup(e->message);
}
