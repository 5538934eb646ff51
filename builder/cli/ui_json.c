/* One JSON object per line, for programs that show progress in their own way:
 *
 *   {"event":"start","task":1,"name":"fetch","unit":"bytes","total":100,"time_usec":0}
 *   {"event":"progress","task":1,"done":50,"total":100,"per_sec":25,"time_usec":2000000}
 *   {"event":"finish","task":1,"done":100,"time_usec":4000000}
 *   {"event":"message","level":"note","text":"fetched 3 packages","time_usec":4000000}
 *
 * time_usec counts on a monotonic clock with an arbitrary start. A task's progress lines come at
 * most five times a second. total 0 means unknown. */
#include <jansson.h>
#include <stdio.h>

#include "base/mem.h"
#include "cli/ui.h"

enum { EVERY_USEC = 200000 };

/* Takes ownership of j, which is NULL when packing failed: only for text that is not UTF-8, and
 * ui_clean() has made all of it that. */
static void put(struct ui *u, json_t *j)
{
	autofree char *text = NULL, *line = NULL;

	if (!j)
		return;
	json_object_set_new(j, "time_usec", json_integer((json_int_t)ui_now(u)));
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	if (!text)
		abort();
	line = eb_xasprintf("%s\n", text); /* one write: lines of two processes do not mix */
	ui_put(u, line, strlen(line));
}

static void started(struct ui *u, struct ui_task *t)
{
	put(u, json_pack("{s:s, s:I, s:s, s:s, s:I}", "event", "start", "task", (json_int_t)t->id,
			 "name", t->name, "unit", t->unit == EB_UNIT_BYTES ? "bytes" : "items",
			 "total", (json_int_t)t->total));
}

static void advanced(struct ui *u, struct ui_task *t)
{
	uint64_t now = ui_now(u);

	ui_sample(t, now);
	if (now - t->shown_usec < EVERY_USEC)
		return;
	t->shown_usec = now;
	put(u, json_pack("{s:s, s:I, s:I, s:I, s:I}", "event", "progress", "task",
			 (json_int_t)t->id, "done", (json_int_t)t->done, "total",
			 (json_int_t)t->total, "per_sec", (json_int_t)t->rate));
}

static void finished(struct ui *u, struct ui_task *t)
{
	put(u, json_pack("{s:s, s:I, s:I}", "event", "finish", "task", (json_int_t)t->id, "done",
			 (json_int_t)t->done));
}

static void line(struct ui *u, enum ui_line kind, const char *text)
{
	static const char *const levels[] = {
		[UI_NOTE] = "note", [UI_WARNING] = "warning", [UI_DEBUG] = "debug"
	};

	put(u,
	    json_pack("{s:s, s:s, s:s}", "event", "message", "level", levels[kind], "text", text));
}

const struct ui_renderer ui_renderer_json = {
	.started = started,
	.advanced = advanced,
	.finished = finished,
	.line = line,
};
