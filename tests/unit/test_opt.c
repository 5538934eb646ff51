#include "cli/opt.h"

#include "testlib.h"

static const char *const codecs[] = { "zstd", "gzip", NULL };

struct args {
	bool offline;
	unsigned int verbose, codec;
	const char *output;
	uint64_t jobs, limit;
	struct opt_list values, arch;
};

static const struct opt table[] = {
	{ "offline", .kind = OPT_FLAG, .offset = offsetof(struct args, offline) },
	{ "verbose", 'v', .kind = OPT_COUNT, .offset = offsetof(struct args, verbose) },
	{ "compress", .kind = OPT_ENUM, .arg = "CODEC", .choices = codecs,
	  .offset = offsetof(struct args, codec) },
	{ "output", 'o', .kind = OPT_STRING, .arg = "FILE", .required = true,
	  .offset = offsetof(struct args, output) },
	{ "jobs", 'j', .kind = OPT_U64, .arg = "N", .max = 256,
	  .offset = offsetof(struct args, jobs) },
	{ "limit", .kind = OPT_BYTES, .arg = "SIZE", .offset = offsetof(struct args, limit) },
	{ "values", .kind = OPT_LIST, .arg = "FILE", .offset = offsetof(struct args, values) },
	{ "arch", .kind = OPT_WORDS, .arg = "A,B", .offset = offsetof(struct args, arch) },
	OPT_END,
};

struct fixture {
	struct args args;
	struct opt_set sets[2];
	char *argv[16];
	int argc;
};

static void fixture_release(struct fixture *f)
{
	opt_release(f->sets);
}
EB_DEFINE_RELEASE(struct fixture, fixture_release)

static int parse(struct fixture *f, const char *const *words, struct eb_error **err)
{
	f->sets[0] = (struct opt_set){ table, &f->args };
	for (f->argc = 0; words[f->argc]; f->argc++)
		f->argv[f->argc] = (char *)(uintptr_t)words[f->argc];
	return opt_parse(f->sets, f->argc, f->argv, err);
}

#define FIXTURE(name) EB_CLEANUP(fixture_release_p) struct fixture name = { .argc = 0 }
#define PARSE(f, err, ...) parse(f, (const char *const[]){ __VA_ARGS__, NULL }, err)

TEST(opt, parse_long_and_short_values)
{
	autoerror struct eb_error *e = NULL;
	FIXTURE(f);

	CHECK_OK(PARSE(&f, &e, "--output=a", "-j4", "--limit", "2M", "--compress", "gzip"), e);
	CHECK_STR(f.args.output, "a");
	CHECK_INT(f.args.jobs, 4);
	CHECK_INT(f.args.limit, 2 << 20);
	CHECK_INT(f.args.codec, 1);
	CHECK_OK(PARSE(&f, &e, "-o", "-", "-j", "7"), e);
	CHECK_STR(f.args.output, "-");
	CHECK_INT(f.args.jobs, 7);
}

TEST(opt, parse_value_may_be_empty_or_hold_equals)
{
	autoerror struct eb_error *e = NULL;
	FIXTURE(f);

	CHECK_OK(PARSE(&f, &e, "--output="), e);
	CHECK_STR(f.args.output, "");
	CHECK_OK(PARSE(&f, &e, "--output=a=b"), e);
	CHECK_STR(f.args.output, "a=b");
}

TEST(opt, parse_cluster_of_short_flags_ends_with_value)
{
	autoerror struct eb_error *e = NULL;
	FIXTURE(f);

	CHECK_INT(PARSE(&f, &e, "-vvofile", "arg"), 1);
	CHECK_INT(f.args.verbose, 2);
	CHECK_STR(f.args.output, "file");
	CHECK_STR(f.argv[0], "arg");
}

TEST(opt, parse_keeps_arguments_in_order)
{
	autoerror struct eb_error *e = NULL;
	FIXTURE(f);

	CHECK_INT(PARSE(&f, &e, "one", "--offline", "-", "--", "--jobs", "-v"), 4);
	CHECK_STR(f.argv[0], "one");
	CHECK_STR(f.argv[1], "-");
	CHECK_STR(f.argv[2], "--jobs");
	CHECK_STR(f.argv[3], "-v");
	CHECK(f.args.offline);
	CHECK_INT(f.args.verbose, 0);
}

TEST(opt, parse_lists_collect_and_split)
{
	autoerror struct eb_error *e = NULL;
	FIXTURE(f);

	CHECK_OK(PARSE(&f, &e, "--values", "a,b", "--values=c", "--arch", "amd64,arm64"), e);
	CHECK_INT(f.args.values.n, 2);
	CHECK_STR(f.args.values.items[0], "a,b");
	CHECK_STR(f.args.values.items[1], "c");
	CHECK(f.args.values.items[2] == NULL);
	CHECK_INT(f.args.arch.n, 2);
	CHECK_STR(f.args.arch.items[1], "arm64");
}

TEST(opt, parse_last_single_value_wins)
{
	autoerror struct eb_error *e = NULL;
	FIXTURE(f);

	CHECK_OK(PARSE(&f, &e, "-o", "a", "--output", "b"), e);
	CHECK_STR(f.args.output, "b");
}

TEST(opt, parse_unknown_option_names_nearest)
{
	autoerror struct eb_error *e = NULL;
	FIXTURE(f);

	CHECK_FAIL(PARSE(&f, &e, "--ouput", "x"), EB_E_USAGE,
		   "unknown option '--ouput' (did you mean '--output'?)", e);
	CHECK_FAIL(PARSE(&f, &e, "--zzzzzzzz=1"), EB_E_USAGE, "unknown option '--zzzzzzzz'", e);
	CHECK_FAIL(PARSE(&f, &e, "-vx"), EB_E_USAGE, "unknown option '-x'", e);
	CHECK_FAIL(PARSE(&f, &e,
			 "--"
			 "=x"),
		   EB_E_USAGE, "unknown option '--'", e);
}

TEST(opt, parse_does_not_abbreviate)
{
	autoerror struct eb_error *e = NULL;
	FIXTURE(f);

	CHECK_FAIL(PARSE(&f, &e, "--off"), EB_E_USAGE, "unknown option '--off'", e);
}

TEST(opt, parse_missing_or_superfluous_value_fails)
{
	autoerror struct eb_error *e = NULL;
	FIXTURE(f);

	CHECK_FAIL(PARSE(&f, &e, "--output"), EB_E_USAGE, "'--output' needs a value (FILE)", e);
	CHECK_FAIL(PARSE(&f, &e, "-vj"), EB_E_USAGE, "'--jobs' needs a value (N)", e);
	CHECK_FAIL(PARSE(&f, &e, "--offline=yes"), EB_E_USAGE, "takes no value, found 'yes'", e);
}

TEST(opt, parse_bad_values_fail_as_usage)
{
	autoerror struct eb_error *e = NULL;
	FIXTURE(f);

	CHECK_FAIL(PARSE(&f, &e, "-j", "x4"), EB_E_USAGE, "option '--jobs': 'x4' is not", e);
	CHECK_FAIL(PARSE(&f, &e, "-j", "257"), EB_E_USAGE, "larger than 256", e);
	CHECK_FAIL(PARSE(&f, &e, "-j", "-1"), EB_E_USAGE, "'-1' is not a number", e);
	CHECK_FAIL(PARSE(&f, &e, "--limit", "5X"), EB_E_USAGE, "option '--limit'", e);
	CHECK_FAIL(PARSE(&f, &e, "--compress", "gzp"), EB_E_USAGE,
		   "'gzp' is not one of zstd, gzip (did you mean 'gzip'?)", e);
	CHECK_FAIL(PARSE(&f, &e, "--arch", "amd64,,arm64"), EB_E_USAGE, "empty word", e);
	CHECK_FAIL(PARSE(&f, &e, "--arch", "amd64,"), EB_E_USAGE, "empty word", e);
	CHECK_FAIL(PARSE(&f, &e, "--arch="), EB_E_USAGE, "empty word", e);
}

TEST(opt, check_required_names_the_missing_one)
{
	autoerror struct eb_error *e = NULL;
	FIXTURE(f);

	CHECK_OK(PARSE(&f, &e, "--offline"), e);
	CHECK_FAIL(opt_check_required(f.sets, &e), EB_E_USAGE, "option '--output FILE' is required",
		   e);
	CHECK_OK(PARSE(&f, &e, "-o", "x"), e);
	CHECK_OK(opt_check_required(f.sets, &e), e);
}
