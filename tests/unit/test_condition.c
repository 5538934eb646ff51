#include "registry/condition.h"
#include "testlib.h"

TEST(condition, range_parse_finds_the_part)
{
	static const struct {
		const char *header;
		uint64_t size, first, bytes;
	} cases[] = {
		{ "bytes=0-0", 10, 0, 1 },
		{ "bytes=0-9", 10, 0, 10 },
		{ "bytes=5-", 10, 5, 5 },
		{ "bytes=9-", 10, 9, 1 },
		{ "bytes=-3", 10, 7, 3 },
		{ "bytes=-30", 10, 0, 10 },
		{ "bytes=5-99", 10, 5, 5 },
		{ "Bytes= 5 - 6 ", 10, 5, 2 },
		{ "bytes=0-99999999999999999999999", 10, 0, 10 },
		{ "bytes=18446744073709551613-", UINT64_MAX, UINT64_MAX - 2, 2 },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		uint64_t first = 77, bytes = 77;

		CHECK_INT(reg_range_parse(cases[i].header, cases[i].size, &first, &bytes),
			  REG_RANGE_PART);
		CHECK_INT(first, cases[i].first);
		CHECK_INT(bytes, cases[i].bytes);
	}
}

static void check_range(const char *header, uint64_t size, enum reg_range want)
{
	uint64_t first = 77, bytes = 77;
	enum reg_range got = reg_range_parse(header, size, &first, &bytes);

	if (got != want)
		test_fail(__FILE__, __LINE__, "%s of %llu is %d, expected %d", header,
			  (unsigned long long)size, (int)got, (int)want);
	CHECK_INT(first, 77);
	CHECK_INT(bytes, 77);
}

TEST(condition, range_parse_ignores_what_it_does_not_understand)
{
	static const char *const other[] = { "bytes=",	  "bytes=a-b",	"bytes=1-x",
					     "bytes",	  "items=0-1",	"bytes=0-1,3-4",
					     "bytes=--1", "bytes=1--2", "bytes=-",
					     "0-1",	  "bytes=+1-2", "bytes=0x1-2" };

	for (size_t i = 0; i < EB_ARRAY_LEN(other); i++)
		check_range(other[i], 10, REG_RANGE_ALL);
	check_range(NULL, 10, REG_RANGE_ALL);
}

TEST(condition, range_parse_says_when_nothing_is_there)
{
	check_range("bytes=10-", 10, REG_RANGE_UNSATISFIABLE);
	check_range("bytes=10-20", 10, REG_RANGE_UNSATISFIABLE);
	check_range("bytes=99999999999999999999999-", 10, REG_RANGE_UNSATISFIABLE);
	check_range("bytes=5-0", 10, REG_RANGE_UNSATISFIABLE);
	check_range("bytes=-0", 10, REG_RANGE_UNSATISFIABLE);
	check_range("bytes=0-", 0, REG_RANGE_UNSATISFIABLE);
	check_range("bytes=-5", 0, REG_RANGE_UNSATISFIABLE);
}

TEST(condition, etag_matches_any_of_a_list)
{
	CHECK(reg_etag_matches("\"a\"", "\"a\""));
	CHECK(reg_etag_matches("\"b\" , W/\"a\"", "\"a\""));
	CHECK(reg_etag_matches("*", "\"a\""));
	CHECK(!reg_etag_matches("\"b\", \"c\"", "\"a\""));
	CHECK(!reg_etag_matches("", "\"a\"") && !reg_etag_matches("a", "\"a\""));
}
