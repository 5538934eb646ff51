#include "base/stream.h"
#include "pkg/stanza.h"
#include "testlib.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define REST "Filename: pool/x.deb\nSize: 7\nSHA256: " HASH "\n"

struct parsed {
	struct eb_arena *keep, *scratch;
	struct pkg_stanza *v;
	size_t n;
};

static void parsed_release(struct parsed *p)
{
	eb_arena_free(p->keep);
	eb_arena_free(p->scratch);
}
EB_DEFINE_RELEASE(struct parsed, parsed_release)

static int parse_n(const char *text, size_t n, struct parsed *p, struct eb_error **err)
{
	parsed_release(p);
	*p = (struct parsed){ eb_arena_new(), eb_arena_new(), NULL, 99 };
	return pkg_stanzas_read(eb_reader_mem(text, n), "amd64", p->keep, p->scratch, &p->v, &p->n,
				err);
}

static int parse(const char *text, struct parsed *p, struct eb_error **err)
{
	return parse_n(text, strlen(text), p, err);
}

TEST(stanza, read_keeps_what_is_needed)
{
	EB_CLEANUP(parsed_release_p) struct parsed p = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(parse("\n\nPackage: zz\nVersion: 1:2-3\nArchitecture: all\nPriority: important\n"
		       "Installed-Size: 5\nsource: src (9)\nDepends: a,\n b (>= 1)\n"
		       "Description: x\n  Package: not this\nMulti-Arch: allowed\n" REST "\n\n\n"
		       "Package: aa\nVersion: 1\nArchitecture: amd64\n" REST,
		       &p, &e),
		 e);
	CHECK_INT(p.n, 2);
	CHECK_STR(p.v[0].name, "aa");
	CHECK_STR(p.v[0].source, "aa");
	CHECK_INT(p.v[0].line, 20);
	CHECK_INT(p.v[0].rank, 4);
	CHECK(!p.v[0].allowed && !p.v[0].depends);
	CHECK_STR(p.v[1].name, "zz");
	CHECK_STR(p.v[1].version, "1:2-3");
	CHECK_STR(p.v[1].source, "src");
	CHECK_STR(p.v[1].depends, "a,  b (>= 1)");
	CHECK_STR(p.v[1].sha256, HASH);
	CHECK_INT(p.v[1].line, 3);
	CHECK_INT(p.v[1].rank, 1);
	CHECK_INT(p.v[1].size, 7);
	CHECK_INT(p.v[1].installed_bytes, 5 * 1024);
	CHECK(p.v[1].allowed);
}

TEST(stanza, read_leaves_other_architectures_out)
{
	EB_CLEANUP(parsed_release_p) struct parsed p = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(parse("Package: a\nVersion: 1\nArchitecture: arm64\n" REST, &p, &e), e);
	CHECK_INT(p.n, 0);
	CHECK_OK(parse("", &p, &e), e);
	CHECK_INT(p.n, 0);
}

/* Stanzas that end anywhere in the 64 KiB pieces that are read at a time. */
TEST(stanza, read_across_pieces)
{
	EB_CLEANUP(parsed_release_p) struct parsed p = { 0 };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(text, 8 << 20);

	for (unsigned int i = 0; i < 2000; i++)
		eb_buf_addf(&text,
			    "Package: p%04u\nVersion: 1\nArchitecture: all\nX: %0*d\n" REST "\n", i,
			    (int)(i % 700 + 1), 0);
	CHECK_OK(parse_n(text.data, text.len, &p, &e), e);
	CHECK_INT(p.n, 2000);
	CHECK_STR(p.v[1999].name, "p1999");
	CHECK_INT(p.v[1999].line, 1999 * 8 + 1);
}

TEST(stanza, read_limits)
{
	EB_CLEANUP(parsed_release_p) struct parsed p = { 0 };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(text, 16 << 20);

	eb_buf_adds(&text, "Package: a\nX: ");
	while (text.len < 5 << 20)
		eb_buf_adds(&text, "0123456789012345678901234567890123456789");
	CHECK_FAIL(parse_n(text.data, text.len, &p, &e), EB_E_LIMIT,
		   "line 1: stanza is larger than 4194304 bytes", e);
	CHECK_FAIL(parse_n("Package: a\0b\n", 13, &p, &e), EB_E_FORMAT, "NUL byte near line 1", e);
	CHECK_FAIL(parse(" a\n", &p, &e), EB_E_FORMAT, "line 1: continuation of nothing", e);
	CHECK_FAIL(parse("Package: \xff\n", &p, &e), EB_E_FORMAT, "'?' is not a package name", e);
}

TEST(stanza, names_and_versions)
{
	CHECK(pkg_name_is_valid("libstdc++6", 10));
	CHECK(!pkg_name_is_valid("", 0));
	CHECK(!pkg_name_is_valid("-x", 2));
	CHECK(!pkg_name_is_valid("a b", 3));
	CHECK(!pkg_name_is_valid("a%b", 3));
	CHECK(!pkg_name_is_valid("a:b", 3));
	CHECK(pkg_version_is_valid("1:2.0~rc1+dfsg-1_x", 18));
	CHECK(!pkg_version_is_valid("1/2", 3));
	CHECK(!pkg_version_is_valid("", 0));
}

TEST(stanza, text_show)
{
	autofree char *cut = pkg_text_show("abcdef", 6, 3);
	autofree char *odd = pkg_text_show("a\n\xc3\xa9\x7f", 5, 10);

	CHECK_STR(cut, "abc...");
	CHECK_STR(odd, "a????");
}
