/* Progress on stderr: bars on a terminal, plain lines elsewhere, JSON lines for programs. A ui is a
 * struct eb_progress (ui_progress()) that engines emit events into from any thread; one lock guards
 * the task list and the output. */
#pragma once

#include "base/cleanup.h"
#include "base/progress.h"

enum ui_mode { UI_AUTO, UI_TTY, UI_PLAIN, UI_JSON, UI_NONE };
extern const char *const ui_mode_names[]; /* in that order, NULL at the end */

struct ui_options {
	enum ui_mode mode;
	int fd;			    /* where to write, not closed */
	bool colour, utf8;	    /* UI_TTY: may use them */
	unsigned int columns;	    /* UI_TTY: 0 = ask the terminal at each redraw */
	uint64_t (*now_usec)(void); /* monotonic; NULL = the system's */
	bool ticker;		    /* UI_TTY: redraw from a thread so that stalls show */
};

struct ui;
struct ui *ui_new(const struct ui_options *o) EB_MALLOC;
/* Clears the bars, then frees. No event may come any more. */
struct ui *ui_free(struct ui *u);
EB_DEFINE_CLEANUP(struct ui *, ui_free)
struct eb_progress *ui_progress(struct ui *u);

enum ui_line { UI_NOTE, UI_WARNING, UI_DEBUG };
/* One whole line that stays, above the bars. Control characters are replaced. */
void ui_line(struct ui *u, enum ui_line kind, const char *text);

/* Replaces control characters, C1 ones and bad UTF-8 starts included, by '?': text from outside
 * must not drive the terminal. With `ascii` everything above 0x7e too. */
void ui_clean(char *s, bool ascii);
/* "1.5 MiB" or "12" for items, into out. */
void ui_format_amount(enum eb_unit unit, uint64_t v, char out[static 24]);
/* "0:05", "12:31", "1:02:03". */
void ui_format_eta(uint64_t sec, char out[static 24]);

/* --- for the renderers --- */

struct ui_task {
	unsigned int id;
	char *name;
	enum eb_unit unit;
	uint64_t total, done;
	uint64_t start_usec;
	uint64_t shown_usec; /* last plain or JSON line */
	/* moving average of the rate, per second */
	uint64_t sample_usec, sample_done;
	double rate;
};

struct ui_renderer {
	/* All are called with the lock held. */
	void (*started)(struct ui *u, struct ui_task *t);
	void (*advanced)(struct ui *u, struct ui_task *t);
	void (*finished)(struct ui *u, struct ui_task *t);
	void (*line)(struct ui *u, enum ui_line kind, const char *text);
	void (*tick)(struct ui *u);  /* may be NULL */
	void (*close)(struct ui *u); /* may be NULL */
};
extern const struct ui_renderer ui_renderer_tty, ui_renderer_plain, ui_renderer_json,
	ui_renderer_none;

struct ui_tty_state {
	uint64_t drawn_usec;
	unsigned int rows;	 /* bar lines on the screen, cursor below them */
	unsigned int widths[16]; /* columns of each, to count wrapped ones after a resize */
};

const struct ui_options *ui_opts(const struct ui *u);
struct ui_tty_state *ui_tty(struct ui *u);
size_t ui_tasks(const struct ui *u, struct ui_task **ret); /* those under way, oldest first */
uint64_t ui_now(const struct ui *u);
void ui_put(struct ui *u, const char *p, size_t n); /* write all; a closed stderr is not our loss */
/* Takes a new sample of t's rate if the last is older than half a second. */
void ui_sample(struct ui_task *t, uint64_t now_usec);
