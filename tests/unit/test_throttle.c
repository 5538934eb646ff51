#include "registry/throttle.h"
#include "testlib.h"

TEST(throttle, allows_some_tries_and_forgets_after_a_while)
{
	static struct reg_throttle t;
	const uint64_t begin = 5000000, second = 1000000;

	reg_throttle_init(&t);
	for (int i = 0; i < REG_THROTTLE_TRIES; i++) {
		CHECK(reg_throttle_allows(&t, "192.0.2.1", begin));
		reg_throttle_failed(&t, "192.0.2.1", begin);
	}
	CHECK(!reg_throttle_allows(&t, "192.0.2.1", begin + second));
	CHECK(reg_throttle_allows(&t, "192.0.2.2", begin + second));
	CHECK(!reg_throttle_allows(&t, "192.0.2.1", begin + (REG_THROTTLE_SEC - 1) * second));
	CHECK(reg_throttle_allows(&t, "192.0.2.1", begin + (REG_THROTTLE_SEC + 1) * second));
	reg_throttle_release(&t);
}
