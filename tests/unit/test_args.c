#include "testlib.h"
#include "tools/address.h"
#include "tools/tool.h"

static const struct tool tool = {
	.name = "t",
	.summary = "a tool",
	.operands = "FILE...",
	.options = { { "output", "FILE", "where to", true }, { "keys", "K", "which", false } },
	.min_operands = 1,
};

static int parse(const char *const *argv, struct tool_args *a, struct eb_error **err)
{
	return tool_args_parse(&tool, argv, a, err);
}
#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

TEST(args, parse_takes_one_dash_or_two_and_equals_or_blank)
{
	/* The results point into these. */
	static const char *const both[] = { "-output", "o", "--keys=a,b", "f", "-output", NULL };
	static const char *const odd[] = { "--output", "-", "--", "-f", NULL };
	static const char *const equals[] = { "-output=a=b", "-", NULL };
	struct tool_args a;
	struct eb_error *e = NULL;

	CHECK_OK(parse(both, &a, &e), e);
	CHECK_STR(a.values[0], "o");
	CHECK_STR(a.values[1], "a,b");
	CHECK_INT(a.n_operands, 2);
	CHECK_STR(a.operands[1], "-output");
	CHECK_OK(parse(odd, &a, &e), e);
	CHECK_STR(a.values[0], "-");
	CHECK(!a.values[1]);
	CHECK_STR(a.operands[0], "-f");
	CHECK_OK(parse(equals, &a, &e), e);
	CHECK_STR(a.values[0], "a=b");
	CHECK_STR(a.operands[0], "-");
}

TEST(args, parse_refuses)
{
	struct tool_args a;
	struct eb_error *e = NULL;

	CHECK_FAIL(parse(ARGV("f"), &a, &e), EB_E_USAGE, "-output FILE is missing", e);
	CHECK_FAIL(parse(ARGV("-output=", "f"), &a, &e), EB_E_USAGE, "-output FILE is missing", e);
	CHECK_FAIL(parse(ARGV("-output"), &a, &e), EB_E_USAGE, "-output wants FILE", e);
	CHECK_FAIL(parse(ARGV("-output", "o"), &a, &e), EB_E_USAGE, "FILE... is missing", e);
	CHECK_FAIL(parse(ARGV("-outptu", "o"), &a, &e), EB_E_USAGE, "no option -outptu", e);
	CHECK_FAIL(parse(ARGV("-=x", "o"), &a, &e), EB_E_USAGE, "no option -", e);
}

TEST(args, usage_names_every_option)
{
	autofree char *text = tool_usage(&tool);

	CHECK_HAS(text, "usage: ess-tools t -output FILE [-keys K] FILE...\n");
	CHECK_HAS(text, "  -keys K                        which\n");
}

TEST(args, address_parse_wants_host_and_port)
{
	static const char *const good[][3] = { { "db:5432", "db", "5432" },
					       { "[::1]:80", "::1", "80" },
					       { "a.b.svc.cluster.local.:8008",
						 "a.b.svc.cluster.local.", "8008" } };
	static const char *const bad[] = { "",	   "db",       ":80",	 "db:",
					   "db:x", "db:65536", "::1:80", "db:0" };

	for (size_t i = 0; i < EB_ARRAY_LEN(good); i++) {
		autofree char *host = NULL, *port = NULL;
		struct eb_error *e = NULL;

		CHECK_OK(tool_address_parse(good[i][0], &host, &port, &e), e);
		CHECK_STR(host, good[i][1]);
		CHECK_STR(port, good[i][2]);
	}
	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		char *host = NULL, *port = NULL;
		struct eb_error *e = NULL;

		CHECK_FAIL(tool_address_parse(bad[i], &host, &port, &e), EB_E_USAGE,
			   "expected HOST:PORT", e);
	}
}
