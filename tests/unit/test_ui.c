#include "cli/ui.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>

#include "testlib.h"

static uint64_t clock_usec;

static uint64_t test_clock(void)
{
	return clock_usec;
}

/* A display that writes into a file of the test's directory. */
static struct ui *open_ui(enum ui_mode mode, unsigned int columns, int *ret_fd)
{
	struct ui_options o = { .mode = mode, .columns = columns, .now_usec = test_clock };

	*ret_fd = o.fd = open(test_path("screen"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (o.fd < 0)
		test_fail(__FILE__, __LINE__, "cannot make the screen file");
	clock_usec = 1000000;
	return ui_new(&o);
}

static const char *output(int fd)
{
	static char text[1 << 20];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

TEST(ui, plain_prints_start_every_ten_seconds_and_end)
{
	autofd int fd = -1;
	EB_CLEANUP(ui_free_p) struct ui *u = open_ui(UI_PLAIN, 0, &fd);
	struct eb_progress *p = ui_progress(u);
	unsigned int t = eb_progress_start(p, "fetch", EB_UNIT_BYTES, 4096);

	clock_usec += 5000000;
	eb_progress_advance(p, t, 1024);
	CHECK_STR(output(fd), "fetch: started, 4.0 KiB\n");
	clock_usec += 5000000;
	eb_progress_advance(p, t, 1024);
	CHECK_HAS(output(fd), "fetch: 50%, 2.0 KiB of 4.0 KiB, ");
	clock_usec += 2500000;
	eb_progress_finish(p, t);
	CHECK_HAS(output(fd), "fetch: done, 2.0 KiB in 12.5 s\n");
}

TEST(ui, plain_keeps_messages_and_disarms_control_characters)
{
	autofd int fd = -1;
	EB_CLEANUP(ui_free_p) struct ui *u = open_ui(UI_PLAIN, 0, &fd);

	eb_progress_message(ui_progress(u), "evil \x1b[2J name\nnext");
	CHECK_STR(output(fd), "evil ?[2J name?next\n");
}

TEST(ui, none_shows_warnings_only)
{
	autofd int fd = -1;
	EB_CLEANUP(ui_free_p) struct ui *u = open_ui(UI_NONE, 0, &fd);
	unsigned int t = eb_progress_start(ui_progress(u), "x", EB_UNIT_ITEMS, 1);

	eb_progress_message(ui_progress(u), "note");
	eb_progress_finish(ui_progress(u), t);
	CHECK_STR(output(fd), "");
	ui_line(u, UI_WARNING, "look out");
	CHECK_STR(output(fd), "warning: look out\n");
}

TEST(ui, json_lines_parse_and_tell_the_story)
{
	autofd int fd = -1;
	EB_CLEANUP(ui_free_p) struct ui *u = open_ui(UI_JSON, 0, &fd);
	struct eb_progress *p = ui_progress(u);
	unsigned int t = eb_progress_start(p, "a \"b\" \xff", EB_UNIT_BYTES, 10);
	char events[128] = "";
	const char *at;

	clock_usec += 100000;
	eb_progress_advance(p, t, 1); /* too early for a line */
	clock_usec += 200000;
	eb_progress_advance(p, t, 4);
	eb_progress_message(p, "half");
	eb_progress_finish(p, t);
	for (at = output(fd); *at; at = strchr(at, '\n') + 1) {
		json_t *j = json_loadb(at, strcspn(at, "\n"), 0, NULL);
		const char *event = json_string_value(json_object_get(j, "event"));

		CHECK(event != NULL);
		snprintf(events + strlen(events), sizeof(events) - strlen(events), "%s ", event);
		if (strcmp(event, "progress") == 0)
			CHECK_INT(json_integer_value(json_object_get(j, "done")), 5);
		json_decref(j);
	}
	CHECK_STR(events, "start progress message finish ");
}

/* Plays what the display writes onto a grid of characters, as a terminal would. */
struct screen {
	char cell[40][512];
	unsigned int row, col, columns;
};

static void play(struct screen *s, const char *p)
{
	for (; *p; p++) {
		if (*p == '\n') {
			s->row++;
			s->col = 0;
		} else if (*p == '\r') {
			s->col = 0;
		} else if (*p == '\x1b') {
			unsigned int n = 0;

			for (p += 2; *p >= '0' && *p <= '9'; p++)
				n = n * 10 + (unsigned int)(*p - '0');
			if (*p == 'A') {
				CHECK(n <= s->row);
				s->row -= n;
			} else if (*p == 'J') {
				memset(s->cell[s->row] + s->col, 0, sizeof(s->cell[0]) - s->col);
				for (size_t i = s->row + 1; i < EB_ARRAY_LEN(s->cell); i++)
					memset(s->cell[i], 0, sizeof(s->cell[i]));
			}
		} else {
			if (s->col == s->columns) {
				s->row++;
				s->col = 0;
			}
			CHECK(s->row < EB_ARRAY_LEN(s->cell));
			s->cell[s->row][s->col++] = *p;
		}
	}
}

TEST(ui, tty_draws_bars_in_place_and_clears_them)
{
	static struct screen s;
	autofd int fd = -1;
	struct ui *u = open_ui(UI_TTY, 100, &fd);
	struct eb_progress *p = ui_progress(u);
	unsigned int a = eb_progress_start(p, "alpha", EB_UNIT_BYTES, 8 << 20);
	unsigned int b = eb_progress_start(p, "beta", EB_UNIT_ITEMS, 4);

	for (int i = 0; i < 8; i++) {
		clock_usec += 1000000;
		eb_progress_advance(p, a, 512 << 10);
	}
	clock_usec += 1000000;
	eb_progress_advance(p, b, 1);
	memset(&s, 0, sizeof(s));
	s.columns = 100;
	play(&s, output(fd));
	CHECK_INT(s.row, 2);
	CHECK_HAS(s.cell[0], "  alpha  [###############...............]  50%  4.0 MiB/8.0 MiB");
	CHECK_HAS(s.cell[0], "KiB/s  eta 0:0");
	CHECK_HAS(s.cell[1], "  beta   [########......................]  25%  1/4");
	eb_progress_message(p, "it stays");
	memset(&s, 0, sizeof(s));
	s.columns = 100;
	play(&s, output(fd));
	CHECK_STR(s.cell[0], "it stays");
	CHECK_HAS(s.cell[1], "  alpha");
	ui_free(u);
	memset(&s, 0, sizeof(s));
	s.columns = 100;
	play(&s, output(fd));
	CHECK_STR(s.cell[0], "it stays");
	CHECK_STR(s.cell[1], "");
	CHECK_INT(s.row, 1);
}

TEST(ui, tty_redraws_at_most_ten_times_a_second)
{
	autofd int fd = -1;
	EB_CLEANUP(ui_free_p) struct ui *u = open_ui(UI_TTY, 80, &fd);
	unsigned int t = eb_progress_start(ui_progress(u), "x", EB_UNIT_BYTES, 100000);
	unsigned int drawings = 0;

	for (int i = 0; i < 10000; i++) {
		clock_usec += 100;
		eb_progress_advance(ui_progress(u), t, 1);
	}
	for (const char *at = output(fd); (at = strstr(at, "\x1b[J")); at++)
		drawings++;
	CHECK(drawings >= 8 && drawings <= 11);
}

TEST(ui, tty_lines_fit_any_width)
{
	for (unsigned int columns = 10; columns < 140; columns += 7) {
		static struct screen s;
		autofd int fd = -1;
		EB_CLEANUP(ui_free_p) struct ui *u = open_ui(UI_TTY, columns, &fd);
		struct eb_progress *p = ui_progress(u);
		unsigned int t = eb_progress_start(
			p, "a rather long name of a task that does not fit \xc3\xa4", EB_UNIT_BYTES,
			UINT64_MAX);

		clock_usec += 1000000;
		eb_progress_advance(p, t, UINT64_MAX / 3);
		clock_usec += 1000000;
		eb_progress_advance(p, t, 1);
		memset(&s, 0, sizeof(s));
		s.columns = columns;
		play(&s, output(fd)); /* a wrapped line would end two rows down */
		CHECK_INT(s.row, columns < 20 ? 0 : 1);
	}
}

TEST(ui, tty_shows_a_few_of_many_tasks)
{
	static struct screen s;
	autofd int fd = -1;
	EB_CLEANUP(ui_free_p) struct ui *u = open_ui(UI_TTY, 80, &fd);
	struct eb_progress *p = ui_progress(u);

	for (int i = 0; i < 30; i++)
		eb_progress_start(p, "task", EB_UNIT_ITEMS, 0);
	clock_usec += 1000000;
	eb_progress_advance(p, 1, 1);
	memset(&s, 0, sizeof(s));
	s.columns = 80;
	play(&s, output(fd));
	CHECK_INT(s.row, 9);
	CHECK_STR(s.cell[8], "  ... and 22 more");
}

static void *emit(void *arg)
{
	struct eb_progress *p = arg;

	for (int i = 0; i < 50; i++) {
		unsigned int t = eb_progress_start(p, "thread", EB_UNIT_ITEMS, 20);

		for (int k = 0; k < 20; k++)
			eb_progress_advance(p, t, 1);
		eb_progress_message(p, "one");
		eb_progress_finish(p, t);
	}
	return NULL;
}

TEST(ui, threads_do_not_mix_lines)
{
	autofd int fd = -1;
	EB_CLEANUP(ui_free_p) struct ui *u = open_ui(UI_PLAIN, 0, &fd);
	pthread_t threads[4];
	unsigned int ones = 0;

	for (size_t i = 0; i < 4; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, emit, ui_progress(u)), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (const char *at = output(fd); *at; at = strchr(at, '\n') + 1) {
		ones += strncmp(at, "one\n", 4) == 0;
		CHECK(strncmp(at, "one\n", 4) == 0 || strncmp(at, "thread: ", 8) == 0);
	}
	CHECK_INT(ones, 200);
}

TEST(ui, ticker_shows_a_stall)
{
	struct ui_options o = { .mode = UI_TTY, .columns = 80, .ticker = true };
	autofd int fd = o.fd = open(test_path("s"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EB_CLEANUP(ui_free_p) struct ui *u = ui_new(&o);
	size_t before;

	eb_progress_start(ui_progress(u), "x", EB_UNIT_BYTES, 10);
	before = strlen(output(fd));
	for (int i = 0; i < 40 && strlen(output(fd)) == before; i++)
		usleep(50000);
	CHECK(strlen(output(fd)) > before);
}

TEST(ui, clean_keeps_text_and_replaces_controls)
{
	char s[] = "gr\xc3\xbc\xc3\x9f \x1b[0m\x7f \xc2\x9b \xff\xc3";

	ui_clean(s, false);
	CHECK_STR(s, "gr\xc3\xbc\xc3\x9f ?[0m? ?? ??");
	ui_clean(s, true);
	CHECK_STR(s, "gr???? ?[0m? ?? ??");
}

TEST(ui, format_amounts_and_times)
{
	char s[24];

	ui_format_amount(EB_UNIT_ITEMS, 12345, s);
	CHECK_STR(s, "12345");
	ui_format_amount(EB_UNIT_BYTES, 1023, s);
	CHECK_STR(s, "1023 B");
	ui_format_amount(EB_UNIT_BYTES, 1024 * 1024 - 1, s);
	CHECK_STR(s, "1.0 MiB");
	ui_format_amount(EB_UNIT_BYTES, UINT64_MAX, s);
	CHECK_STR(s, "16.0 EiB");
	ui_format_eta(5, s);
	CHECK_STR(s, "0:05");
	ui_format_eta(3723, s);
	CHECK_STR(s, "1:02:03");
	ui_format_eta(UINT64_MAX, s);
	CHECK_STR(s, "long");
}
