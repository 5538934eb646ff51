#include "mirror/mirror_state.h"

#include <errno.h>
#include <sys/stat.h>

#include "testlib.h"

static struct oci_digest digest_of(const char *text)
{
	struct oci_digest d;

	oci_digest_of(text, strlen(text), &d);
	return d;
}

static void put(struct mir_state *s, const char *repo, const char *tag, const char *what)
{
	const struct oci_digest d = digest_of(what);
	autoerror struct eb_error *e = NULL;

	CHECK_OK(mir_state_put(s, "h:5000", repo, tag, &d, "docker.io/x", &e), e);
}

static const struct mir_record *find(const struct mir_state *s, const char *repo, const char *tag,
				     const char *what)
{
	const struct oci_digest d = digest_of(what);

	return mir_state_find(s, "h:5000", repo, tag, &d);
}

TEST(mirror_state, put_keeps_each_reference_once)
{
	EB_CLEANUP(mir_state_release_p) struct mir_state s = { .n = 0 };

	put(&s, "b", "1", "x");
	put(&s, "a", "2", "x");
	put(&s, "a", NULL, "x");
	put(&s, "a", NULL, "y");
	put(&s, "a", "2", "z");
	CHECK_INT(s.n, 4);
	CHECK(!s.records[0].tag && !s.records[1].tag);
	CHECK_STR(s.records[2].tag, "2");
	CHECK_STR(s.records[2].digest.text, digest_of("z").text);
	CHECK_STR(s.records[3].repo, "b");
	CHECK(find(&s, "a", "2", "whatever"));
	CHECK(find(&s, "a", NULL, "y"));
	CHECK(!find(&s, "a", NULL, "z"));
	CHECK(!find(&s, "c", "1", "x"));
	s.changed = false;
	put(&s, "b", "1", "x");
	CHECK(!s.changed);
}

TEST(mirror_state, save_and_load_give_the_same)
{
	EB_CLEANUP(mir_state_release_p) struct mir_state s = { .n = 0 };
	EB_CLEANUP(mir_state_release_p) struct mir_state back = { .n = 0 };
	const char *path = test_path("x.state");
	const bool drop[] = { true, false };
	autoerror struct eb_error *e = NULL;
	struct stat st;

	CHECK_OK(mir_state_load(path, &s, &e), e);
	CHECK_INT(s.n, 0);
	CHECK_OK(mir_state_save(&s, path, &e), e);
	CHECK_INT(stat(path, &st), -1);
	put(&s, "a", "1", "x");
	put(&s, "b", NULL, "y");
	CHECK_OK(mir_state_save(&s, path, &e), e);
	CHECK(!s.changed);
	CHECK_OK(mir_state_load(path, &back, &e), e);
	CHECK_INT(back.n, 2);
	CHECK(find(&back, "a", "1", "x"));
	CHECK(find(&back, "b", NULL, "y"));
	CHECK_STR(back.records[0].from, "docker.io/x");
	mir_state_drop(&back, drop);
	CHECK_INT(back.n, 1);
	CHECK(back.changed);
	CHECK_STR(back.records[0].repo, "b");
}

#define RECORD                                                                                     \
	"{\"host\":\"h\",\"repo\":\"a\",\"tag\":\"1\",\"from\":\"x\",\"digest\":\"sha256:"         \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}"

TEST(mirror_state, parse_refuses_what_it_did_not_write)
{
	static const struct {
		const char *text;
		int code;
		const char *part;
	} bad[] = {
		{ "", EB_E_FORMAT, "" },
		{ "{\"format\":2,\"put\":[]}", EB_E_UNSUPPORTED, "only 1 is known, found 2" },
		{ "{\"format\":1}", EB_E_FORMAT, "put: expected an array" },
		{ "{\"format\":1,\"put\":[{}]}", EB_E_FORMAT, "put[0].host: expected" },
		{ "{\"format\":1,\"put\":[{\"host\":\"h\",\"repo\":\"../x\",\"digest\":\"\","
		  "\"from\":\"\"}]}",
		  EB_E_FORMAT, "put[0].repo: it is no reference" },
		{ "{\"format\":1,\"put\":[" RECORD "," RECORD "]}", EB_E_FORMAT, "twice" },
	};
	EB_CLEANUP(mir_state_release_p) struct mir_state s = { .n = 0 };
	autoerror struct eb_error *e = NULL;

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++)
		CHECK_FAIL(mir_state_parse(bad[i].text, strlen(bad[i].text), &s, &e), bad[i].code,
			   bad[i].part, e);
}

/* What was there already may be somebody else's. */
TEST(mirror_state, note_takes_what_was_brought)
{
	EB_CLEANUP(mir_state_release_p) struct mir_state s = { .n = 0 };
	struct mir_image im = { .from = "docker.io/x" };
	struct mir_attached sig = { .tag = (char *)"sha256-0.sig" };
	struct mir_item list[3] = {
		{ .image = &im, .repo = (char *)"a", .to_tag = (char *)"1", .status = MIR_DONE },
		{ .image = &im, .repo = (char *)"a", .to_tag = (char *)"2", .status = MIR_THERE },
		{ .image = &im, .repo = (char *)"a", .to_tag = (char *)"3", .status = MIR_FAILED },
	};
	const struct mir_items items = { .items = list, .n = 3 };
	autoerror struct eb_error *e = NULL;

	list[0].attached = &sig;
	list[0].n_attached = 1;
	for (size_t i = 0; i < 3; i++)
		list[i].root.digest = digest_of("x");
	sig.desc.digest = digest_of("sig");
	CHECK_OK(mir_state_note(&s, "h:5000", &items, &e), e);
	CHECK_INT(s.n, 2);
	CHECK(find(&s, "a", "1", "x") && find(&s, "a", "sha256-0.sig", "sig"));
	put(&s, "a", "2", "old");
	CHECK_OK(mir_state_note(&s, "h:5000", &items, &e), e);
	CHECK_INT(s.n, 3);
	CHECK_STR(find(&s, "a", "2", "")->digest.text, digest_of("x").text);
}
