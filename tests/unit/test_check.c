#include "recipe/check.h"
#include "testlib.h"

static void check_all(rcp_check_fn fn, const char *const *good, const char *const *bad)
{
	for (; *good; good++)
		if (fn(*good))
			test_fail(__FILE__, __LINE__, "'%s' is refused: %s", *good, fn(*good));
	for (; *bad; bad++)
		if (!fn(*bad))
			test_fail(__FILE__, __LINE__, "'%s' is taken", *bad);
	test_pass();
}

#define CHECK_WORDS(fn, good, ...)                                                                 \
	do {                                                                                       \
		static const char *const bad_[] = { __VA_ARGS__, NULL };                           \
		check_all(fn, good, bad_);                                                         \
	} while (0)
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

TEST(check, package_names_follow_policy)
{
	CHECK_WORDS(rcp_check_package, WORDS("0ad", "g++", "libstdc++6", "python3.11-venv"), "",
		    "a", "A", "Foo", "-foo", "+x", "foo_bar", "foo:amd64", "foo ", "f\xc3\xb6o");
}

TEST(check, versions_follow_policy)
{
	CHECK_WORDS(rcp_check_version, WORDS("1", "1:2.41-12+deb13u1", "2025b~rc1-0.1", "v1"), "",
		    "-1", "1 2", "1_2", "1/2", "~1");
}

TEST(check, accounts_follow_useradd)
{
	CHECK_WORDS(rcp_check_account,
		    WORDS("redis", "_apt", "www-data", "a23456789012345678901234567890ab"), "",
		    "0redis", "-x", "Redis", "a:b", "a b", "a234567890123456789012345678901ab3");
}

TEST(check, repository_names_follow_distribution_spec)
{
	CHECK_WORDS(rcp_check_component, WORDS("a", "a.b", "a_b", "a__b", "a---b", "0"), "", "-a",
		    "a-", "a..b", "a___b", "a/b", "A", "a._b");
	CHECK_WORDS(rcp_check_repository, WORDS("a", "a/b", "element-hq/synapse/x.y"), "", "/a",
		    "a/", "a//b", "a/B");
	CHECK_WORDS(rcp_check_tag, WORDS("8.0", "_x", "v1.0-rc1", "latest"), "", ".x", "-x", "a:b",
		    "a+b", "a b");
}

TEST(check, hosts_have_no_scheme_or_path)
{
	CHECK_WORDS(rcp_check_host,
		    WORDS("localhost", "ess.internal", "registry.example.org:5000", "10.0.0.1:80"),
		    "", "http://x", "x/y", "x:", "x:123456", "-x", "x-", "x..y", ".x", "x:80:80");
}

TEST(check, env_names_are_identifiers)
{
	CHECK_WORDS(rcp_check_env_name, WORDS("A", "_x", "LC_ALL", "a1"), "", "1A", "A-B", "A=B",
		    "A.B");
}

TEST(check, digests_are_lower_case_and_whole)
{
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	CHECK_WORDS(rcp_check_sha256, WORDS(HEX), "", "0", HEX "0",
		    "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef");
	CHECK_WORDS(rcp_check_digest, WORDS("sha256:" HEX), HEX, "sha512:" HEX, "sha256:");
}

TEST(check, paths_are_clean)
{
	CHECK_WORDS(rcp_check_path, WORDS("/", "/a", "/a/.b", "/a/..b", "/a/b...", "/\xc3\xa4"), "",
		    "a", "//", "/a/", "/a//b", "/.", "/..", "/a/../b", "/a/./b", "/a\nb", "/a\x7f");
	CHECK_WORDS(rcp_check_path_below, WORDS("/a"), "/", "");
	CHECK_WORDS(rcp_check_relative, WORDS("a", "a/b", ".a", "a b"), "", "/a", "..", "../a",
		    "a/..", "a//b", "a/", "./a", "a\tb");
}

TEST(check, paths_have_a_limit)
{
	EB_AUTOBUF(b, 8192);

	eb_buf_addc(&b, '/');
	for (int i = 0; i < 255; i++)
		eb_buf_addc(&b, 'a');
	CHECK(!rcp_check_path(eb_buf_str(&b)));
	eb_buf_addc(&b, 'a');
	CHECK_HAS(rcp_check_path(eb_buf_str(&b)), "longer than 255 bytes");
	eb_buf_clear(&b);
	while (b.len < 4096)
		eb_buf_adds(&b, "/a");
	CHECK_HAS(rcp_check_path(eb_buf_str(&b)), "longer than 4095 bytes");
}

TEST(check, lines_and_keys_are_printable)
{
	CHECK_WORDS(rcp_check_line, WORDS("a b", "\xc3\xa4"), "", "a\nb", "a\x1b[0m");
	CHECK_WORDS(rcp_check_key, WORDS("org.example/a", "x"), "", "a b", "a\n", "\xc3\xa4");
	CHECK_WORDS(rcp_check_word, WORDS("ca-certificates", "a1"), "", "A", "1a", "a-", "a_b");
	CHECK_WORDS(rcp_check_file_name, WORDS("libz.so.1"), "", ".x", "a/b", "..");
}
