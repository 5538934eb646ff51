#include "testlib.h"

TEST(mem, grow_doubles_up_to_the_limit)
{
	autoerror struct eb_error *e = NULL;
	autofree int *items = NULL;
	size_t alloc = 0;

	CHECK_OK(eb_grow(&items, &alloc, 1, sizeof(*items), 100, "items", &e), e);
	CHECK(alloc >= 1 && alloc <= 100);
	CHECK_OK(eb_grow(&items, &alloc, 100, sizeof(*items), 100, "items", &e), e);
	CHECK_INT(alloc, 100);
	items[99] = 1;
	CHECK_FAIL(eb_grow(&items, &alloc, 101, sizeof(*items), 100, "items", &e), EB_E_LIMIT,
		   "more than 100 items", e);
	CHECK_INT(items[99], 1); /* untouched on failure */
	CHECK_INT(alloc, 100);
}

TEST(mem, grow_refuses_what_overflows)
{
	autoerror struct eb_error *e = NULL;
	autofree char *items = NULL;
	size_t alloc = 0;

	CHECK_FAIL(eb_grow(&items, &alloc, SIZE_MAX / 2, 16, SIZE_MAX, "items", &e), EB_E_LIMIT,
		   "do not fit in memory", e);
	CHECK(items == NULL);
}

TEST(mem, arena_gives_zeroed_aligned_memory_of_any_size)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	const size_t sizes[] = { 1, 7, 4096, 65536, 1000000, 0 };

	for (size_t i = 0; i < EB_ARRAY_LEN(sizes); i++) {
		char *p = eb_arena_alloc(a, sizes[i]);

		CHECK_INT((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < sizes[i]; k++)
			if (p[k])
				CHECK_INT(p[k], 0);
		if (sizes[i])
			memset(p, 0xff, sizes[i]);
	}
	CHECK(eb_arena_used(a) >= 1 + 7 + 4096 + 65536 + 1000000);
	CHECK_STR(eb_arena_strdup(a, "text"), "text");
	CHECK_STR(eb_arena_strndup(a, "text", 2), "te");
	CHECK_STR(eb_arena_printf(a, "%d-%s", 1, "x"), "1-x");
}

TEST(mem, checked_arithmetic_leaves_result_alone_on_overflow)
{
	uint64_t v = 1;
	size_t s = 1;

	CHECK(eb_add_u64(UINT64_MAX - 1, 1, &v) && v == UINT64_MAX);
	CHECK(!eb_add_u64(UINT64_MAX, 1, &v) && v == UINT64_MAX);
	CHECK(!eb_mul_u64(UINT64_MAX, 2, &v) && v == UINT64_MAX);
	CHECK(eb_mul_size(3, 4, &s) && s == 12);
	CHECK(!eb_mul_size(SIZE_MAX, 2, &s) && s == 12);
}

TEST(mem, take_leaves_nothing_behind)
{
	char *p = eb_xmemdup("ab", 3), *q = EB_TAKE_PTR(p);
	int fd = 7, taken = EB_TAKE_FD(fd);

	CHECK(p == NULL);
	CHECK_STR(q, "ab");
	CHECK_INT(fd, -1);
	CHECK_INT(taken, 7);
	free(q);
}
