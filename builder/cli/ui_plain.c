/* One line when a task starts and when it ends, and every ten seconds between; for logs. Also the
 * display that shows nothing but warnings. */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "cli/ui.h"

enum { EVERY_USEC = 10000000 };

static void put_line(struct ui *u, const char *text)
{
	autofree char *line = eb_xasprintf("%s\n", text);

	ui_put(u, line, strlen(line));
}

static void started(struct ui *u, struct ui_task *t)
{
	autofree char *line = NULL;
	char total[24];

	ui_format_amount(t->unit, t->total, total);
	if (t->total)
		line = eb_xasprintf("%s: started, %s", t->name, total);
	else
		line = eb_xasprintf("%s: started", t->name);
	put_line(u, line);
}

static void advanced(struct ui *u, struct ui_task *t)
{
	uint64_t now = ui_now(u);
	autofree char *line = NULL;
	char done[24], total[24], rate[24];

	ui_sample(t, now);
	if (now - t->shown_usec < EVERY_USEC)
		return;
	t->shown_usec = now;
	ui_format_amount(t->unit, t->done, done);
	ui_format_amount(t->unit, t->total, total);
	ui_format_amount(t->unit, (uint64_t)t->rate, rate);
	if (t->total)
		line = eb_xasprintf("%s: %.0f%%, %s of %s, %s/s", t->name,
				    (double)t->done * 100.0 / (double)t->total, done, total, rate);
	else
		line = eb_xasprintf("%s: %s, %s/s", t->name, done, rate);
	put_line(u, line);
}

static void finished(struct ui *u, struct ui_task *t)
{
	double sec = (double)(ui_now(u) - t->start_usec) / 1e6;
	autofree char *line = NULL;
	char done[24];

	ui_format_amount(t->unit, t->done, done);
	line = eb_xasprintf("%s: done, %s in %.1f s", t->name, done, sec);
	put_line(u, line);
}

static void plain_line(struct ui *u, enum ui_line kind, const char *text)
{
	static const char *const before[] = {
		[UI_NOTE] = "", [UI_WARNING] = "warning: ", [UI_DEBUG] = "debug: "
	};
	autofree char *line = eb_xasprintf("%s%s", before[kind], text);

	put_line(u, line);
}

const struct ui_renderer ui_renderer_plain = {
	.started = started,
	.advanced = advanced,
	.finished = finished,
	.line = plain_line,
};

static void nothing(struct ui *u, struct ui_task *t)
{
	(void)u;
	(void)t;
}

static void only_important(struct ui *u, enum ui_line kind, const char *text)
{
	if (kind != UI_NOTE)
		plain_line(u, kind, text);
}

const struct ui_renderer ui_renderer_none = {
	.started = nothing,
	.advanced = nothing,
	.finished = nothing,
	.line = only_important,
};
