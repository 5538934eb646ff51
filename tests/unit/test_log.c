#include "base/log.h"

#include "testlib.h"

static char got[8192];
static unsigned int lines;

static void sink(const char *line)
{
	snprintf(got, sizeof(got), "%s", line);
	lines++;
}

TEST(log, only_levels_up_to_the_maximum_are_written)
{
	lines = 0;
	eb_log_set(EB_LOG_DEBUG, sink);
	eb_log(EB_LOG_TRACE, "trace");
	CHECK_INT(lines, 0);
	eb_log(EB_LOG_DEBUG, "debug %d", 1);
	CHECK_STR(got, "debug 1");
	eb_log_set(EB_LOG_TRACE, sink);
	eb_log(EB_LOG_TRACE, "trace %d", 2);
	CHECK_STR(got, "trace 2");
	eb_log_set(EB_LOG_DEBUG, NULL);
	eb_log(EB_LOG_DEBUG, "nobody listens");
	CHECK_INT(lines, 2);
}

TEST(log, enable_switches_off_and_on_again)
{
	lines = 0;
	eb_log_set(EB_LOG_DEBUG, sink);
	eb_log_enable(false);
	eb_log(EB_LOG_DEBUG, "off");
	CHECK_INT(lines, 0);
	eb_log_enable(true);
	eb_log(EB_LOG_DEBUG, "on");
	CHECK_INT(lines, 1);
	eb_log_set(EB_LOG_DEBUG, NULL);
}

TEST(log, long_line_is_cut)
{
	static char big[6000];

	memset(big, 'x', sizeof(big) - 1);
	eb_log_set(EB_LOG_DEBUG, sink);
	eb_log(EB_LOG_DEBUG, "%s", big);
	eb_log_set(EB_LOG_DEBUG, NULL);
	CHECK_INT(strlen(got), 4095);
}
