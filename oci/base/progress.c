#include "base/progress.h"

#include <stdarg.h>

#include "base/mem.h"

unsigned int eb_progress_start(struct eb_progress *p, const char *name, enum eb_unit unit,
			       uint64_t total)
{
	return p ? p->ops->start(p, name, unit, total) : 0;
}

void eb_progress_advance(struct eb_progress *p, unsigned int task, uint64_t by)
{
	if (p && by)
		p->ops->advance(p, task, by);
}

void eb_progress_finish(struct eb_progress *p, unsigned int task)
{
	if (p)
		p->ops->finish(p, task);
}

void eb_progress_message(struct eb_progress *p, const char *fmt, ...)
{
	autofree char *line = NULL;
	va_list ap;

	if (!p)
		return;
	va_start(ap, fmt);
	line = eb_xvasprintf(fmt, ap);
	va_end(ap);
	p->ops->message(p, line);
}
