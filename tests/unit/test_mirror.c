#include "pkg/mirror.h"

#include <sys/stat.h>

#include "testlib.h"

static void put(const char *rel, const char *text)
{
	autoerror struct eb_error *e = NULL;
	const char *path = test_path("%s", rel);

	CHECK_OK(eb_file_write(path, text, strlen(text), 0644, &e), e);
}

static void make_apt(void)
{
	CHECK_INT(mkdir(test_path("apt"), 0755), 0);
	CHECK_INT(mkdir(test_path("apt/sources.list.d"), 0755), 0);
}

static struct pkg_mirrors *load(const char *const *user, bool no_snapshot)
{
	autoerror struct eb_error *e = NULL;
	struct pkg_mirror_options o = { .apt_dir = test_path("apt"),
					.mirrors = user,
					.no_snapshot = no_snapshot };
	struct pkg_mirrors *m = NULL;

	CHECK_OK(pkg_mirrors_load(&o, &m, &e), e);
	return m;
}

/* The URLs of m, blank-separated. */
static const char *all(const struct pkg_mirrors *m)
{
	static char text[4096];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < m->n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? " " : "",
				       m->urls[i]);
	return text;
}

static const char *urls_of(const struct pkg_mirrors *m, const char *archive, const char *rel,
			   int64_t sec)
{
	static char text[4096];
	char **urls = pkg_mirrors_urls(m, archive, rel, sec);
	size_t at = 0;

	text[0] = '\0';
	for (char **p = urls; *p; p++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", at ? " " : "", *p);
	pkg_mirrors_urls_free(urls);
	return text;
}

TEST(mirror, load_without_apt_is_empty)
{
	EB_CLEANUP(pkg_mirrors_free_p) struct pkg_mirrors *m = load(NULL, false);

	CHECK_INT(m->n, 0);
}

TEST(mirror, load_one_line_form)
{
	EB_CLEANUP(pkg_mirrors_free_p) struct pkg_mirrors *m = NULL;

	make_apt();
	put("apt/sources.list",
	    "# deb http://commented.example.org/debian x main\n"
	    "deb http://a.example.org/debian/ trixie main # why not\n"
	    "deb-src http://src.example.org/debian trixie main\n"
	    "\tdeb [ arch=amd64  signed-by=/k.gpg ]\thttps://b.example.org/debian-security "
	    "trixie-security main\r\n"
	    "deb [arch=amd64] copy:/srv/c/debian trixie main\n"
	    "deb [arch=amd64 http://broken.example.org/debian trixie main\n"
	    "deb cdrom:[Debian GNU/Linux 13]/ trixie main\n"
	    "deb mirror+file:/etc/apt/mirrors.txt trixie main\n"
	    "deb\n"
	    "deb http://a.example.org/debian trixie-updates main");
	m = load(NULL, false);
	CHECK_STR(all(m), "http://a.example.org/debian https://b.example.org/debian-security "
			  "copy:/srv/c/debian");
}

TEST(mirror, load_deb822_form)
{
	EB_CLEANUP(pkg_mirrors_free_p) struct pkg_mirrors *m = NULL;

	make_apt();
	put("apt/sources.list.d/x.sources", "# comment\n"
					    "Types: deb-src deb\n"
					    "URIs: http://a.example.org/debian\n"
					    "# comment inside\n"
					    " file:///srv/b/debian/\n"
					    "Suites: trixie\n"
					    " http://not-a-uri.example.org/debian\n"
					    "\n"
					    "\n"
					    "types: deb\n"
					    "uris:\n"
					    " https://c.example.org/debian\n"
					    "Enabled: yes\n"
					    " \n"
					    "Types: deb\n"
					    "URIs: http://off.example.org/debian\n"
					    "Enabled: NO\n"
					    "\n"
					    "Types: deb-src\n"
					    "URIs: http://src.example.org/debian\n"
					    "\n"
					    "Types:\n"
					    " deb\n"
					    "URIs: http://d.example.org/debian");
	m = load(NULL, false);
	CHECK_STR(all(m), "http://a.example.org/debian file:///srv/b/debian "
			  "https://c.example.org/debian http://d.example.org/debian");
}

TEST(mirror, load_order_is_user_then_main_file_then_names)
{
	static const char *const user[] = { "http://user.example.org/", NULL };
	EB_CLEANUP(pkg_mirrors_free_p) struct pkg_mirrors *m = NULL;

	make_apt();
	put("apt/sources.list.d/b.list", "deb http://b.example.org/debian x main\n");
	put("apt/sources.list.d/a.sources", "Types: deb\nURIs: http://a.example.org/debian\n");
	put("apt/sources.list.d/B.list", "deb http://upper.example.org/debian x main\n");
	put("apt/sources.list.d/c.list.save", "deb http://save.example.org/debian x main\n");
	put("apt/sources.list.d/d e.list", "deb http://blank.example.org/debian x main\n");
	put("apt/sources.list", "deb http://main.example.org/debian x main\n");
	m = load(user, false);
	CHECK_STR(all(m), "http://user.example.org http://main.example.org/debian "
			  "http://upper.example.org/debian http://a.example.org/debian "
			  "http://b.example.org/debian");
	CHECK_INT(m->n_user, 1);
}

TEST(mirror, load_bad_user_url_fails)
{
	static const char *const bad[] = { "ftp://x.example.org/debian", "/srv/debian", "http://",
					   "" };

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		const char *const user[] = { bad[i], NULL };
		struct pkg_mirror_options o = { .apt_dir = "/nonexistent", .mirrors = user };
		autoerror struct eb_error *e = NULL;
		struct pkg_mirrors *m = NULL;

		CHECK_INT(pkg_mirrors_load(&o, &m, &e), -EB_E_USAGE);
		CHECK_HAS(e->message, bad[i]);
		CHECK_HAS(e->hint, "file:///DIR");
		CHECK(m == NULL);
	}
}

TEST(mirror, load_oversized_file_fails)
{
	struct pkg_mirror_options o = { 0 };
	autoerror struct eb_error *e = NULL;
	autofree char *big = eb_xmalloc(1200000);
	struct pkg_mirrors *m = NULL;

	make_apt();
	memset(big, '\n', 1199999);
	big[1199999] = '\0';
	put("apt/sources.list", big);
	o.apt_dir = test_path("apt");
	CHECK_FAIL(pkg_mirrors_load(&o, &m, &e), EB_E_LIMIT, "sources.list", e);
}

TEST(mirror, urls_match_by_last_element)
{
	static const char *names[] = { "http://a.example.org/debian",
				       "http://b.example.org/debian-security",
				       "http://c.example.org/mirror/debian",
				       "file:/srv/debian",
				       "http://debian",
				       "http://d.example.org/archive/debian/20250520T000000Z" };
	struct pkg_mirrors m = { .urls = names, .n = EB_ARRAY_LEN(names) };

	CHECK_STR(urls_of(&m, "debian", "pool/x y%3a1+b~1.deb", 0),
		  "http://a.example.org/debian/pool/x%20y%253a1+b~1.deb "
		  "http://c.example.org/mirror/debian/pool/x%20y%253a1+b~1.deb "
		  "file:/srv/debian/pool/x y%3a1+b~1.deb "
		  "http://d.example.org/archive/debian/20250520T000000Z/"
		  "pool/x%20y%253a1+b~1.deb");
	CHECK_STR(urls_of(&m, "debian-security", "p", 0), "http://b.example.org/debian-security/p");
	CHECK_STR(urls_of(&m, "ubuntu", "p", 0), "");
}

TEST(mirror, urls_below_a_user_mirror)
{
	static const char *names[] = { "http://127.0.0.1:8080", "http://e.example.org/debian",
				       "http://a.example.org/other" };
	struct pkg_mirrors m = { .urls = names, .n = 3, .n_user = 2 };

	CHECK_STR(urls_of(&m, "debian", "p", 0),
		  "http://127.0.0.1:8080/debian/p http://e.example.org/debian/p");
	CHECK_STR(urls_of(&m, "debian-security", "p", 0),
		  "http://127.0.0.1:8080/debian-security/p "
		  "http://e.example.org/debian/debian-security/p");
}

TEST(mirror, urls_snapshot_is_last)
{
	static const char *names[] = { "http://a.example.org/debian" };
	struct pkg_mirrors m = { .urls = names, .n = 1 };

	CHECK_STR(urls_of(&m, "debian", "pool/x", 1763773844),
		  "http://a.example.org/debian/pool/x "
		  "https://snapshot.debian.org/archive/debian/20251122T011044Z/pool/x");
	CHECK_STR(urls_of(NULL, "debian", "pool/x", 1763773844),
		  "https://snapshot.debian.org/archive/debian/20251122T011044Z/pool/x");
	m.no_snapshot = true;
	CHECK_STR(urls_of(&m, "debian", "pool/x", 1763773844),
		  "http://a.example.org/debian/pool/x");
}
