#include "base/progress.h"

#include "testlib.h"

struct recorder {
	struct eb_progress base;
	char log[512];
};

static void note(struct eb_progress *p, const char *what, unsigned long long v)
{
	struct recorder *r = (struct recorder *)p;
	size_t n = strlen(r->log);

	snprintf(r->log + n, sizeof(r->log) - n, "%s %llu;", what, v);
}

static unsigned int on_start(struct eb_progress *p, const char *name, enum eb_unit unit,
			     uint64_t total)
{
	note(p, name, total);
	return unit == EB_UNIT_ITEMS ? 7 : 8;
}

static void on_advance(struct eb_progress *p, unsigned int task, uint64_t by)
{
	note(p, task == 7 ? "advance" : "other", by);
}

static void on_finish(struct eb_progress *p, unsigned int task)
{
	note(p, "finish", task);
}

static void on_message(struct eb_progress *p, const char *line)
{
	note(p, line, 0);
}

TEST(progress, events_reach_the_ops)
{
	static const struct eb_progress_ops ops = { on_start, on_advance, on_finish, on_message };
	struct recorder r = { .base = { &ops } };
	unsigned int task = eb_progress_start(&r.base, "fetch", EB_UNIT_ITEMS, 10);

	CHECK_INT(task, 7);
	eb_progress_advance(&r.base, task, 3);
	eb_progress_advance(&r.base, task, 0); /* nothing to tell */
	eb_progress_finish(&r.base, task);
	eb_progress_message(&r.base, "got %d", 3);
	CHECK_STR(r.log, "fetch 10;advance 3;finish 7;got 3 0;");
}

TEST(progress, null_says_nothing)
{
	unsigned int task = eb_progress_start(NULL, "x", EB_UNIT_BYTES, 1);

	CHECK_INT(task, 0);
	eb_progress_advance(NULL, task, 1);
	eb_progress_finish(NULL, task);
	eb_progress_message(NULL, "%s", "x");
}
