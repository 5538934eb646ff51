/* Unit tests on CUnit. TEST(suite, name) registers itself; the suite is the source file it tests,
 * the name says function_condition_result. Assertions print both values and end the test. */
#pragma once

#include <CUnit/CUnit.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"

struct test_case {
	const char *suite, *name, *file;
	int line;
	void (*run)(void);
	struct test_case *next;
};
void test_register(struct test_case *t);

#define TEST(suite_, name_)                                                                        \
	static void test_##suite_##_##name_(void);                                                 \
	__attribute__((constructor)) static void register_##suite_##_##name_(void)                 \
	{                                                                                          \
		static struct test_case t = {                                                      \
			#suite_, #name_, __FILE__, __LINE__, test_##suite_##_##name_, NULL         \
		};                                                                                 \
		test_register(&t);                                                                 \
	}                                                                                          \
	static void test_##suite_##_##name_(void)

void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void test_pass(void);

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			test_fail(__FILE__, __LINE__, "%s is false", #cond);                       \
		test_pass();                                                                       \
	} while (0)
#define CHECK_INT(got, want)                                                                       \
	do {                                                                                       \
		long long got_ = (long long)(got), want_ = (long long)(want);                      \
		if (got_ != want_)                                                                 \
			test_fail(__FILE__, __LINE__, "%s is %lld, expected %lld (%s)", #got,      \
				  got_, want_, #want);                                             \
		test_pass();                                                                       \
	} while (0)
#define CHECK_STR(got, want)                                                                       \
	do {                                                                                       \
		const char *got_ = (got), *want_ = (want);                                         \
		if (!got_ || !want_ ? got_ != want_ : strcmp(got_, want_) != 0)                    \
			test_fail(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", #got,       \
				  got_ ? got_ : "(null)", want_ ? want_ : "(null)");               \
		test_pass();                                                                       \
	} while (0)
#define CHECK_HAS(got, part)                                                                       \
	do {                                                                                       \
		const char *got_ = (got), *part_ = (part);                                         \
		if (!got_ || !strstr(got_, part_))                                                 \
			test_fail(__FILE__, __LINE__,                                              \
				  "%s is \"%s\", expected it to contain \"%s\"", #got,             \
				  got_ ? got_ : "(null)", part_);                                  \
		test_pass();                                                                       \
	} while (0)
/* A call that succeeds; `e` is the struct eb_error * it fills. */
#define CHECK_OK(call, e)                                                                          \
	do {                                                                                       \
		long long r_ = (long long)(call);                                                  \
		if (r_ < 0)                                                                        \
			test_fail(__FILE__, __LINE__, "%s failed (%lld): %s", #call, r_,           \
				  (e) ? (e)->message : "no message");                              \
		test_pass();                                                                       \
	} while (0)
/* A call that fails with -code and a message that contains `part`; clears e. */
#define CHECK_FAIL(call, want_code, part, e)                                                       \
	do {                                                                                       \
		long long r_ = (long long)(call);                                                  \
		if (r_ != -(long long)(want_code))                                                 \
			test_fail(__FILE__, __LINE__, "%s returned %lld, expected -%s: %s", #call, \
				  r_, #want_code, (e) ? (e)->message : "no message");              \
		if (!(e) || !strstr((e)->message, part))                                           \
			test_fail(__FILE__, __LINE__, "message \"%s\" lacks \"%s\"",               \
				  (e) ? (e)->message : "(none)", part);                            \
		eb_error_clear(&(e));                                                              \
		test_pass();                                                                       \
	} while (0)

/* An empty directory of this test's own, removed afterwards. */
const char *test_dir(void);
/* printf-style path below test_dir(); valid until the end of the test. */
const char *test_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The checkout's root, for committed test data. */
const char *test_source_root(void);
/* Counted, not hidden: ends the test. */
void test_skip(const char *why) __attribute__((noreturn));
