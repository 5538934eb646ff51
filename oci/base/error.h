/* The error idiom. A fallible function returns an int: >= 0 is success, a negative code is failure;
 * its last parameter is `struct eb_error **err`. Codes below 1024 are errno values, the others are
 * listed here. Callers branch on codes; people read messages. `err` may be NULL (code only). A
 * failing function sets *err exactly once; success leaves it untouched. */
#pragma once

#include "base/cleanup.h"

/* name, number, text, exit status of the program */
#define EB_ERROR_LIST(X)                                                                           \
	X(USAGE, 1024, "wrong usage", 2)                                                           \
	X(FORMAT, 1025, "malformed input", 1)                                                      \
	X(LIMIT, 1026, "limit exceeded", 7)                                                        \
	X(DIGEST, 1027, "digest mismatch", 3)                                                      \
	X(SIGNATURE, 1028, "signature verification failed", 3)                                     \
	X(POLICY, 1029, "refused by policy", 3)                                                    \
	X(NOT_FOUND, 1030, "not found", 4)                                                         \
	X(AUTH, 1031, "not authorised", 5)                                                         \
	X(NETWORK, 1032, "network or registry failure", 6)                                         \
	X(PARTIAL, 1033, "partly done", 8)                                                         \
	X(CONFLICT, 1034, "conflict", 9)                                                           \
	X(UNSUPPORTED, 1035, "not supported", 1)                                                   \
	X(RECIPE, 1036, "invalid recipe", 1)                                                       \
	X(UNSOLVABLE, 1037, "dependencies cannot be satisfied", 1)                                 \
	X(OFFLINE, 1038, "not in the cache and --offline forbids the network", 4)                  \
	X(PROGRAM, 1039, "a helper program failed", 1)                                             \
	X(EXPIRED, 1040, "expired or rolled back", 3)                                              \
	X(INTERRUPTED, 1041, "interrupted", 8)

enum eb_code {
#define EB_X(name, number, text, status) EB_E_##name = number,
	EB_ERROR_LIST(EB_X)
#undef EB_X
};

struct eb_error {
	int code;      /* positive: errno or enum eb_code */
	char *message; /* one line, no newline at its end */
	char *hint;    /* the next command to run or thing to do; NULL if there is none */
};

/* Set *err and return -code. Asserts that *err is not set yet. */
int eb_throw(struct eb_error **err, int code, const char *fmt, ...) EB_PRINTF(3, 4);

/* The same for errno: the message gets ": <strerror>" appended. ENOSPC, EDQUOT and friends keep
 * their errno code; eb_error_exit_status() maps them. */
int eb_throw_errno(struct eb_error **err, const char *fmt, ...) EB_PRINTF(2, 3);

/* Put "<fmt>: " before the message of *err; returns code unchanged, for `return eb_prefix(...)`. */
int eb_prefix(struct eb_error **err, int code, const char *fmt, ...) EB_PRINTF(3, 4);

/* Attach what to do next, unless a hint is there already; returns code unchanged. */
int eb_hint(struct eb_error **err, int code, const char *fmt, ...) EB_PRINTF(3, 4);

/* What these return, where compilers and analyzers can see it: without this they follow
 * paths on which a failing function left its result unset and yet returned success. */
static inline int eb_is_failure(int r)
{
	if (r >= 0)
		__builtin_unreachable(); /* eb_throw() asserts it */
	return r;
}
#define eb_throw(...) eb_is_failure(eb_throw(__VA_ARGS__))
#define eb_throw_errno(...) eb_is_failure(eb_throw_errno(__VA_ARGS__))
#define EB_UNCHANGED(fn, err, code, ...)                                                           \
	({                                                                                         \
		int eb_code_ = (code);                                                             \
		(void)(fn)((err), eb_code_, __VA_ARGS__);                                          \
		eb_code_;                                                                          \
	})
#define eb_prefix(err, code, ...) EB_UNCHANGED(eb_prefix, err, code, __VA_ARGS__)
#define eb_hint(err, code, ...) EB_UNCHANGED(eb_hint, err, code, __VA_ARGS__)

/* Text of a (positive or negative) code; static storage. */
const char *eb_code_text(int code);

/* Name of a (positive or negative) code for programs: "DIGEST", "NOT_FOUND", "ENOSPC"; static. */
const char *eb_code_name(int code);

/* Exit status of the program for a (positive or negative) code: design section 3. */
int eb_code_exit_status(int code);

/* Free and forget; for trying something else after a failure. */
void eb_error_clear(struct eb_error **err);
struct eb_error *eb_error_free(struct eb_error *err);
EB_DEFINE_CLEANUP(struct eb_error *, eb_error_free)
#define autoerror EB_CLEANUP(eb_error_free_p)

/* Give a set error to the caller: *err takes ownership of e (freed when err is NULL). Returns the
 * negative code of e. Used to bring a worker's error home. */
int eb_error_forward(struct eb_error **err, struct eb_error *e);
