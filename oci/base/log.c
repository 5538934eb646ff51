#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_int enabled_below; /* levels below this are written */
static int set_below;
static void (*the_sink)(const char *line);

void eb_log_set(enum eb_log_level max, void (*sink)(const char *line))
{
	the_sink = sink;
	set_below = sink ? (int)max + 1 : 0;
	atomic_store(&enabled_below, set_below);
}

void eb_log_enable(bool on)
{
	atomic_store(&enabled_below, on ? set_below : 0);
}

void eb_log(enum eb_log_level level, const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	if ((int)level >= atomic_load_explicit(&enabled_below, memory_order_relaxed))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	the_sink(line);
}
