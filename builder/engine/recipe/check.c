#include "recipe/check.h"

#include "base/dir.h"
#include "base/hash.h"
#include "recipe/recipe.h"

const char *const rcp_architectures[] = { "amd64",   "arm64",	"armel",   "armhf", "i386",
					  "loong64", "ppc64el", "riscv64", "s390x", NULL };
const char *const rcp_codec_kinds[] = { "zstd", "gzip", NULL };

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

enum { MAX_NAME_BYTES = 128, MAX_LINE_BYTES = 4096, MAX_COMPONENT_BYTES = 255 };

bool rcp_is_one_of(const char *s, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(s, *names) == 0)
			return true;
	return false;
}

/* A first character of `first`, then only characters of `rest`, min to max bytes in all. */
static bool is_made_of(const char *s, const char *first, const char *rest, size_t min, size_t max)
{
	size_t n = strlen(s);

	return n >= min && n <= max && n > 0 && strchr(first, s[0]) && strspn(s + 1, rest) == n - 1;
}

const char *rcp_check_package(const char *s)
{
	if (is_made_of(s, LOWER DIGIT, LOWER DIGIT "+-.", 2, MAX_NAME_BYTES))
		return NULL;
	return "a Debian package name (at least two of a-z, 0-9, '+', '-', '.', the first a letter "
	       "or digit)";
}

const char *rcp_check_version(const char *s)
{
	if (is_made_of(s, LOWER UPPER DIGIT, LOWER UPPER DIGIT ".+~:-", 1, MAX_NAME_BYTES))
		return NULL;
	return "a version (letters, digits, '.', '+', '~', ':', '-', the first a letter or digit)";
}

const char *rcp_check_suite(const char *s)
{
	if (is_made_of(s, LOWER DIGIT, LOWER DIGIT "+-._", 1, MAX_NAME_BYTES))
		return NULL;
	return "a suite name such as 'trixie' (a-z, 0-9, '+', '-', '.', '_')";
}

const char *rcp_check_archive(const char *s)
{
	if (is_made_of(s, LOWER DIGIT, LOWER DIGIT "+-._", 1, MAX_NAME_BYTES))
		return NULL;
	return "the name of an archive such as 'debian' or 'debian-security' (no host, no slash)";
}

const char *rcp_check_account(const char *s)
{
	if (is_made_of(s, LOWER "_", LOWER DIGIT "_-", 1, 32))
		return NULL;
	return "a user or group name (a-z, 0-9, '_', '-', the first a letter or '_', at most 32)";
}

const char *rcp_check_env_name(const char *s)
{
	if (is_made_of(s, LOWER UPPER "_", LOWER UPPER DIGIT "_", 1, MAX_NAME_BYTES))
		return NULL;
	return "the name of an environment variable (letters, digits, '_', not a digit first)";
}

/* distribution-spec: [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* ; the end of the component, or NULL. */
static const char *component_end(const char *s)
{
	for (;;) {
		size_t n = strspn(s, LOWER DIGIT);

		if (n == 0)
			return NULL;
		s += n;
		if (*s == '-')
			s += strspn(s, "-");
		else if (strncmp(s, "__", 2) == 0)
			s += 2;
		else if (*s == '_' || *s == '.')
			s++;
		else
			return s;
	}
}

const char *rcp_check_component(const char *s)
{
	const char *end = component_end(s);

	if (end && !*end && strlen(s) <= MAX_NAME_BYTES)
		return NULL;
	return "an image name (a-z and 0-9, joined by '.', '_', '__' or '-', at most 128)";
}

const char *rcp_check_repository(const char *s)
{
	size_t n = strlen(s);
	const char *end = component_end(s);

	while (end && *end == '/')
		end = component_end(end + 1);
	if (end && !*end && n <= 255)
		return NULL;
	return "a repository name (parts of a-z and 0-9, joined by '.', '_', '__' or '-'; between "
	       "them '/')";
}

const char *rcp_check_tag(const char *s)
{
	if (is_made_of(s, LOWER UPPER DIGIT "_", LOWER UPPER DIGIT "._-", 1, 128))
		return NULL;
	return "a tag (letters, digits, '_', '.', '-', not '.' or '-' first, at most 128)";
}

const char *rcp_check_host(const char *s)
{
	static const char wrong[] = "a registry host such as 'registry.example.org:5000'";
	const char *p = s;
	size_t n;

	if (strlen(s) > 255)
		return wrong;
	for (;;) {
		n = strspn(p, LOWER UPPER DIGIT "-");
		if (n == 0 || n > 63 || p[0] == '-' || p[n - 1] == '-')
			return wrong;
		p += n;
		if (*p != '.')
			break;
		p++;
	}
	if (*p == ':') {
		n = strspn(p + 1, DIGIT);
		if (n == 0 || n > 5)
			return wrong;
		p += 1 + n;
	}
	return *p ? wrong : NULL;
}

const char *rcp_check_word(const char *s)
{
	if (is_made_of(s, LOWER, LOWER DIGIT "-", 1, 64) && s[strlen(s) - 1] != '-')
		return NULL;
	return "a name (a-z, 0-9 and '-', a letter first)";
}

const char *rcp_check_file_name(const char *s)
{
	if (is_made_of(s, LOWER UPPER DIGIT "_", LOWER UPPER DIGIT "+-._", 1, MAX_COMPONENT_BYTES))
		return NULL;
	return "the file name of a library such as 'libzstd.so.1' (no directory)";
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

const char *rcp_check_line(const char *s)
{
	if (!*s)
		return "allowed: it must not be empty";
	if (has_control(s))
		return "one line: it has a line break or another control character";
	if (strlen(s) > MAX_LINE_BYTES)
		return "short enough: at most 4096 bytes";
	return NULL;
}

const char *rcp_check_key(const char *s)
{
	const char *wrong = "a name (printable characters without blanks, at most 256)";
	size_t n = strlen(s);

	if (n == 0 || n > 256)
		return wrong;
	for (; *s; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return wrong;
	return NULL;
}

const char *rcp_check_sha256(const char *s)
{
	if (strlen(s) == EB_SHA256_HEX && eb_is_hex(s, EB_SHA256_HEX))
		return NULL;
	return "a SHA-256 (64 lower-case hex digits)";
}

const char *rcp_check_digest(const char *s)
{
	if (strncmp(s, "sha256:", 7) == 0 && !rcp_check_sha256(s + 7))
		return NULL;
	return "a digest ('sha256:' and 64 lower-case hex digits)";
}

const char *rcp_check_commit(const char *s)
{
	if ((strlen(s) == 40 && eb_is_hex(s, 40)) || !rcp_check_sha256(s))
		return NULL;
	return "a commit (all 40 lower-case hex digits; no branch or tag, which may move)";
}

/* RFC 3986 without userinfo, which would be a secret in a file that everybody reads. */
bool rcp_is_own(const char *url)
{
	return url && strncmp(url, RCP_OWN_URL, strlen(RCP_OWN_URL)) == 0;
}

const char *rcp_check_url(const char *s)
{
	static const char wrong[] = "a URL such as 'https://example.org/x-1.2.tar.gz'";
	const char *rest = strstr(s, "://");
	size_t scheme = rest ? (size_t)(rest - s) : 0, host;

	if (!rest || strlen(s) > MAX_LINE_BYTES ||
	    !((scheme == 5 && strncmp(s, "https", 5) == 0) ||
	      (scheme == 4 && (strncmp(s, "http", 4) == 0 || strncmp(s, "file", 4) == 0))))
		return wrong;
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f ||
		    strchr("\"<>\\^`{|}", *p))
			return "a URL: it has a character that must be percent-encoded";
	rest += 3;
	host = strcspn(rest, "/?#");
	if (memchr(rest, '@', host))
		return "fit for a recipe: a URL with a user or password; keep those in the "
		       "client's "
		       "configuration (netrc)";
	if (strchr(rest, '#'))
		return "a URL of a file: it has a fragment ('#')";
	if ((host == 0) != (s[0] == 'f') || !rest[host] || !rest[host + 1])
		return wrong;
	return NULL;
}

const char *rcp_check_input_name(const char *s)
{
	if (is_made_of(s, LOWER UPPER DIGIT, LOWER UPPER DIGIT "+-._", 1, MAX_NAME_BYTES))
		return NULL;
	return "a name (letters, digits, '+', '-', '.', '_', the first a letter or digit)";
}

const char *rcp_check_distribution(const char *s)
{
	size_t n = strlen(s);

	if (is_made_of(s, LOWER DIGIT, LOWER DIGIT "-", 1, MAX_NAME_BYTES) && s[n - 1] != '-' &&
	    !strstr(s, "--"))
		return NULL;
	return "a distribution's normalised name (a-z, 0-9 and single '-' between them)";
}

const char *rcp_check_wheel(const char *s)
{
	size_t n = strlen(s);

	if (is_made_of(s, LOWER UPPER DIGIT, LOWER UPPER DIGIT "+-._!", 1, MAX_COMPONENT_BYTES) &&
	    n > 4 && strcmp(s + n - 4, ".whl") == 0)
		return NULL;
	return "a wheel's file name such as 'name-1.2-py3-none-any.whl'";
}

/* What is wrong with the components of a path (after its first slash, if any), or NULL. */
static const char *check_components(const char *p, const char *empty)
{
	for (;;) {
		size_t n = strcspn(p, "/");

		if (n == 0)
			return p[0] ? empty : "a clean path: it ends with '/'";
		if (n == 1 && p[0] == '.')
			return "a clean path: it has a '.' component";
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return "a clean path: it has a '..' component";
		if (n > MAX_COMPONENT_BYTES)
			return "a path: a component is longer than 255 bytes";
		if (!p[n])
			return NULL;
		p += n + 1;
	}
}

const char *rcp_check_path(const char *s)
{
	if (s[0] != '/')
		return "an absolute path: it must start with '/'";
	if (strlen(s) > 4095)
		return "a path: it is longer than 4095 bytes";
	if (has_control(s))
		return "a path: it has a control character";
	if (!s[1])
		return NULL;
	return check_components(s + 1, "a clean path: it has '//'");
}

const char *rcp_check_path_below(const char *s)
{
	if (strcmp(s, "/") == 0)
		return "a path below the root";
	return rcp_check_path(s);
}

const char *rcp_check_relative(const char *s)
{
	if (!*s)
		return "a path: it is empty";
	if (s[0] == '/')
		return "a relative path: it must not start with '/'";
	if (strlen(s) > 4095)
		return "a path: it is longer than 4095 bytes";
	if (has_control(s))
		return "a path: it has a control character";
	return check_components(s, "a clean path: it has '//'");
}
