/* Bars on a terminal, one line per task, redrawn in place at most ten times a second.
 *
 * After every drawing the cursor stands at the start of the line below the bars and is never
 * hidden, so whatever ends the process, a signal included, leaves a usable terminal: no handler is
 * needed. The width is asked for at each drawing (TIOCGWINSZ), which makes SIGWINCH needless; rows
 * that a narrower window has wrapped are counted before the cursor goes up. */
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/ui.h"

enum { DRAW_USEC = 100000, MAX_ROWS = 8, MAX_NAME = 36, MIN_BAR = 10, MAX_BAR = 30 };

struct screen {
	unsigned int columns, rows;
	int name_width;
};

static struct screen ask_size(const struct ui *u)
{
	const struct ui_options *o = ui_opts(u);
	struct screen s = { o->columns ? o->columns : 80, 24, 0 };
	struct winsize ws;

	if (!o->columns && ioctl(o->fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col) {
		s.columns = ws.ws_col;
		s.rows = ws.ws_row ? ws.ws_row : 24;
	}
	if (s.columns > 500)
		s.columns = 500;
	return s;
}

/* Go to the first bar line and clear from there to the end of the screen. */
static void add_erase(struct ui *u, struct eb_buf *b, unsigned int columns)
{
	struct ui_tty_state *t = ui_tty(u);
	unsigned int up = 0;

	for (unsigned int i = 0; i < t->rows; i++)
		up += t->widths[i] ? (t->widths[i] + columns - 1) / columns : 1;
	eb_buf_adds(b, "\r");
	if (up)
		eb_buf_addf(b, "\x1b[%uA", up);
	eb_buf_adds(b, "\x1b[J");
	t->rows = 0;
}

static void add_bar(const struct ui *u, struct eb_buf *b, unsigned int cells, double part)
{
	const struct ui_options *o = ui_opts(u);
	unsigned int full = (unsigned int)(part * cells + 0.5);

	if (full > cells)
		full = cells;
	if (!o->utf8)
		eb_buf_addc(b, '[');
	if (o->colour)
		eb_buf_adds(b, "\x1b[32m");
	for (unsigned int i = 0; i < cells; i++) {
		if (i == full && o->colour)
			eb_buf_adds(b, "\x1b[90m");
		if (o->utf8)
			eb_buf_adds(b, i < full || o->colour ? "\xe2\x94\x81" : "\xe2\x94\x80");
		else
			eb_buf_addc(b, i < full ? '#' : '.');
	}
	if (o->colour)
		eb_buf_adds(b, "\x1b[0m");
	if (!o->utf8)
		eb_buf_addc(b, ']');
}

/* " 45%  12.3 MiB/27.1 MiB  3.2 MiB/s  eta 0:05", without the rate (level 1) and then the amounts
 * (level 2) where there is no room. */
static void format_numbers(const struct ui_task *t, int level, char *out, size_t n)
{
	char done[24], total[24], rate[24], eta[24] = "", per_sec[32] = "", amounts[56] = "";
	uint64_t left = t->total > t->done ? t->total - t->done : 0;

	ui_format_amount(t->unit, t->done, done);
	ui_format_amount(t->unit, t->total, total);
	if (level < 1 && t->sample_usec != t->start_usec && t->unit == EB_UNIT_BYTES) {
		ui_format_amount(t->unit, (uint64_t)t->rate, rate);
		snprintf(per_sec, sizeof(per_sec), "  %s/s", rate);
	}
	if (!t->total) {
		snprintf(out, n, "%s%s", done, per_sec);
		return;
	}
	if (level < 2)
		snprintf(amounts, sizeof(amounts), "  %s/%s", done, total);
	if (left && t->rate > 0.01)
		ui_format_eta((uint64_t)((double)left / t->rate + 0.5), eta);
	snprintf(out, n, "%3.0f%%%s%s%s%s",
		 t->done >= t->total ? 100.0 : (double)t->done * 99.999 / (double)t->total, amounts,
		 per_sec, eta[0] ? "  eta " : "", eta);
}

static void add_task(struct ui *u, struct eb_buf *b, const struct screen *s,
		     const struct ui_task *t)
{
	struct ui_tty_state *state = ui_tty(u);
	unsigned int room = s->columns - 1, used, cells = 0;
	int frame = ui_opts(u)->utf8 ? 0 : 2;
	char numbers[128], head[MAX_NAME + 8];
	int name = s->name_width, bar;

	if (name > (int)room / 3)
		name = (int)room / 3;
	if ((int)strlen(t->name) > name && name > 3)
		snprintf(head, sizeof(head), "%.*s...", name - 3, t->name);
	else
		snprintf(head, sizeof(head), "%-*.*s", name, name, t->name);
	bar = (int)room - 2 - name - 2 - 46 - frame; /* 46: the widest usual numbers */
	if (t->total && bar >= MIN_BAR)
		cells = bar > MAX_BAR ? MAX_BAR : (unsigned int)bar;
	eb_buf_addf(b, "  %s  ", head);
	used = 2 + (unsigned int)name + 2;
	if (cells) {
		add_bar(u, b, cells, (double)t->done / (double)t->total);
		eb_buf_adds(b, " ");
		used += cells + (unsigned int)frame + 1;
	}
	for (int level = 0; level < 3; level++) {
		format_numbers(t, level, numbers, sizeof(numbers));
		if (used + strlen(numbers) <= room)
			break;
	}
	if (used < room) {
		eb_buf_addf(b, "%.*s", (int)(room - used), numbers);
		used += (unsigned int)strnlen(numbers, room - used);
	}
	eb_buf_adds(b, "\n");
	state->widths[state->rows++] = used;
}

static void draw(struct ui *u)
{
	struct ui_tty_state *state = ui_tty(u);
	struct screen s = ask_size(u);
	EB_AUTOBUF(b, 256 * 1024);
	struct ui_task *tasks;
	size_t n = ui_tasks(u, &tasks), shown = n;
	uint64_t now = ui_now(u);

	if (shown > MAX_ROWS)
		shown = MAX_ROWS;
	if (s.rows > 2 && shown > s.rows - 2)
		shown = s.rows - 2;
	for (size_t i = 0; i < shown; i++) {
		int width = (int)strlen(tasks[i].name);

		s.name_width = width > s.name_width ? width : s.name_width;
	}
	if (s.name_width > MAX_NAME)
		s.name_width = MAX_NAME;
	add_erase(u, &b, s.columns);
	/* Below 20 columns there is nothing worth showing. */
	for (size_t i = 0; i < shown && s.columns >= 20; i++) {
		ui_sample(&tasks[i], now);
		add_task(u, &b, &s, &tasks[i]);
	}
	if (shown < n && s.columns >= 20) {
		eb_buf_addf(&b, "  ... and %zu more\n", n - shown);
		state->widths[state->rows++] = 20;
	}
	state->drawn_usec = now;
	ui_put(u, eb_buf_str(&b), b.len);
}

static void draw_if_due(struct ui *u)
{
	if (ui_now(u) - ui_tty(u)->drawn_usec >= DRAW_USEC)
		draw(u);
}

static void on_task(struct ui *u, struct ui_task *t)
{
	(void)t;
	draw_if_due(u);
}

static void on_finished(struct ui *u, struct ui_task *t)
{
	struct ui_task *left;

	(void)t;
	if (ui_tasks(u, &left) == 0)
		draw(u); /* the last one goes at once */
	else
		draw_if_due(u);
}

static void on_line(struct ui *u, enum ui_line kind, const char *text)
{
	static const char *const before[] = {
		[UI_NOTE] = "", [UI_WARNING] = "warning: ", [UI_DEBUG] = "debug: "
	};
	bool colour = ui_opts(u)->colour && kind != UI_NOTE;
	struct screen s = ask_size(u);
	EB_AUTOBUF(b, 256 * 1024);

	add_erase(u, &b, s.columns);
	if (colour)
		eb_buf_adds(&b, kind == UI_WARNING ? "\x1b[33m" : "\x1b[90m");
	eb_buf_addf(&b, "%s%s%s\n", before[kind], text, colour ? "\x1b[0m" : "");
	ui_put(u, eb_buf_str(&b), b.len);
	draw(u);
}

static void on_close(struct ui *u)
{
	struct screen s = ask_size(u);
	EB_AUTOBUF(b, 64);

	if (ui_tty(u)->rows == 0)
		return;
	add_erase(u, &b, s.columns);
	ui_put(u, eb_buf_str(&b), b.len);
}

const struct ui_renderer ui_renderer_tty = {
	.started = on_task,
	.advanced = on_task,
	.finished = on_finished,
	.line = on_line,
	.tick = draw_if_due,
	.close = on_close,
};
