#include "bundle/batch.h"

#include <sys/stat.h>
#include <unistd.h>

#include "testlib.h"

static bool is_there(const char *name)
{
	struct stat st;

	return stat(test_path("%s", name), &st) == 0;
}

static void add(struct bnd_batch *b, const char *name, uint64_t bytes)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOTMP(t);

	CHECK_OK(eb_tmpfile_open(NULL, test_path("%s", name), 0600, &t, &e), e);
	CHECK_INT(write(t.fd, name, strlen(name)), strlen(name));
	CHECK_OK(bnd_batch_add(b, &t, bytes, &e), e);
	CHECK_INT(t.fd, -1);
}

TEST(batch, names_appear_at_the_end)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(bnd_batch_release_p) struct bnd_batch b;

	bnd_batch_init(&b);
	add(&b, "one", 3);
	add(&b, "two", 3);
	CHECK(!is_there("one"));
	CHECK_OK(bnd_batch_finish(&b, &e), e);
	CHECK(is_there("one"));
	CHECK(is_there("two"));
	/* Over what is there, too. */
	add(&b, "one", 3);
	CHECK_OK(bnd_batch_finish(&b, &e), e);
	CHECK_OK(bnd_batch_finish(&b, &e), e);
}

TEST(batch, many_or_large_ones_do_not_wait)
{
	EB_CLEANUP(bnd_batch_release_p) struct bnd_batch b;
	char name[16];

	bnd_batch_init(&b);
	for (int i = 0; i < BND_BATCH_FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		CHECK(!is_there("f0"));
		add(&b, name, 1);
	}
	CHECK(is_there("f0"));
	add(&b, "large", BND_BATCH_BYTES);
	CHECK(is_there("large"));
}

TEST(batch, given_up_leaves_nothing)
{
	{
		EB_CLEANUP(bnd_batch_release_p) struct bnd_batch b;

		bnd_batch_init(&b);
		add(&b, "one", 3);
	}
	CHECK(!is_there("one"));
}
