#include "pkg/gobuild_private.h"
#include "testlib.h"

static const char *const hosts[] = { "proxy.example.org", "sum.example.org" };

static void cleaned(const char *text, const char *want)
{
	autofree char *got = go_clean(hosts, 2, text, 600);

	CHECK_STR(got, want);
}

TEST(goerror, addresses_are_taken_out)
{
	cleaned("go: m@v1: reading https://proxy.example.org/m/@v/v1.info: 404 Not Found",
		"go: m@v1: reading (address): 404 Not Found");
	cleaned("Get \"https://u:p@proxy.example.org/m\": dial tcp 192.0.2.1:443: connect: "
		"connection refused",
		"Get \"(address)\": dial tcp (address): connect: connection refused");
	cleaned("dial tcp: lookup other.example.org on 127.0.0.11:53: no such host",
		"dial tcp: lookup (address) on (address): no such host");
	cleaned("read tcp [2001:db8::1]:5->[2001:db8::2]:443: read: connection reset by peer",
		"read tcp (address): read: connection reset by peer");
	cleaned("verifying m@v1: Sum.Example.org: bad", "verifying m@v1: (address): bad");
}

TEST(goerror, modules_and_sums_stay)
{
	cleaned("verifying example.org/m@v1.0.0: checksum mismatch\n"
		"\tdownloaded: h1:AA+/=\n\tgo.sum:     h1:BB=\n",
		"verifying example.org/m@v1.0.0: checksum mismatch; downloaded: h1:AA+/=; go.sum:  "
		"   h1:BB=");
	cleaned("cmd/x/main.go:3:15: undefined: nowhere", "cmd/x/main.go:3:15: undefined: nowhere");
}

TEST(goerror, noise_is_left_out_and_length_limited)
{
	autofree char *cut = go_clean(NULL, 0, "aaaaaaaaaa bbbbbbbbbb", 8);

	cleaned("go: downloading example.org/m v1.0.0\n# example.org/m/cmd\nx.go:1: bad\n",
		"x.go:1: bad");
	cleaned("one\n\n\x1b[31mtwo\n", "one; ?[31mtwo");
	CHECK_STR(cut, "aaaaaaaa...");
}

static void thrown(const char *text, int code)
{
	autoerror struct eb_error *e = NULL;
	const struct go g = { .hosts = (const char **)(uintptr_t)hosts, .n_hosts = 2 };

	CHECK_INT(go_throw(&g, text, "thing", &e), -code);
	CHECK(strncmp(e->message, "thing: ", 7) == 0);
}

TEST(goerror, codes_follow_what_go_says)
{
	thrown("verifying m@v1: checksum mismatch", EB_E_DIGEST);
	thrown("m@v1: module lookup disabled by GOPROXY=off", EB_E_OFFLINE);
	thrown("reading https://proxy.example.org/m: 403 Forbidden", EB_E_AUTH);
	thrown("reading https://proxy.example.org/m: 404 Not Found", EB_E_NOT_FOUND);
	thrown("m@v9: invalid version: unknown revision v9", EB_E_NOT_FOUND);
	thrown("dial tcp 192.0.2.1:443: i/o timeout", EB_E_NETWORK);
	thrown("write /x: no space left on device", 28);
	thrown("x.go:1: syntax error", EB_E_PROGRAM);
	thrown("", EB_E_PROGRAM);
}

TEST(goerror, too_old_toolchain_says_what_to_change)
{
	autoerror struct eb_error *e = NULL;
	const struct go g = { 0 };

	CHECK_INT(go_throw(&g, "go: go.mod requires go >= 1.27 (running go 1.26.8)", "x", &e),
		  -EB_E_PROGRAM);
	CHECK_HAS(e->hint, "newer toolchain");
}
