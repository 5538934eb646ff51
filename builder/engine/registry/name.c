#include "registry/name.h"

#include "base/error.h"
#include "base/mem.h"
#include "image/digest.h"

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* [a-z0-9]+ ( ( . | _ | __ | -+ ) [a-z0-9]+ )* */
static bool part_is_valid(struct eb_span s)
{
	size_t i = 0;

	while (i < s.len) {
		size_t start = i, gap;

		while (i < s.len && is_alnum(s.ptr[i]))
			i++;
		if (i == start)
			return false;
		if (i == s.len)
			return true;
		gap = i;
		while (i < s.len && s.ptr[i] == s.ptr[gap] && strchr("._-", s.ptr[gap]))
			i++;
		if (i == gap || (s.ptr[gap] == '.' && i - gap > 1) ||
		    (s.ptr[gap] == '_' && i - gap > 2))
			return false;
	}
	return false;
}

bool reg_path_is_valid(struct eb_span path)
{
	struct eb_span part;

	if (path.len == 0 || path.len > REG_NAME_MAX || path.ptr[path.len - 1] == '/')
		return false;
	while (eb_span_next(&path, '/', &part))
		if (!part_is_valid(part))
			return false;
	return true;
}

bool reg_tag_is_valid(struct eb_span tag)
{
	if (tag.len == 0 || tag.len > REG_TAG_MAX || tag.ptr[0] == '.' || tag.ptr[0] == '-')
		return false;
	for (size_t i = 0; i < tag.len; i++) {
		char c = tag.ptr[i];

		if (!is_alnum(c) && !(c >= 'A' && c <= 'Z') && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

/* A DNS name, an IPv4 address or an IPv6 one in brackets, with or without a port. */
static bool host_is_valid(const char *host)
{
	size_t n = strlen(host);

	if (n == 0 || n > 255)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(host[i]) && !(host[i] >= 'A' && host[i] <= 'Z') &&
		    !strchr(".-:[]", host[i]))
			return false;
	return host[0] != '-' && host[0] != '.' && host[0] != ':';
}

const char *reg_host_canonical(const char *host)
{
	static const char *const docker[] = { "docker.io", "index.docker.io",
					      "registry-1.docker.io", "registry.hub.docker.com" };

	for (size_t i = 0; i < EB_ARRAY_LEN(docker); i++)
		if (strcasecmp(host, docker[i]) == 0)
			return docker[0];
	return host;
}

void reg_name_release(struct reg_name *n)
{
	free(n->host);
	free(n->path);
	free(n->tag);
	free(n->digest);
	*n = (struct reg_name){ 0 };
}

/* The first part is a host if nothing else could look like it. */
static bool begins_with_host(const char *image, size_t first)
{
	return image[first] == '/' && (memchr(image, '.', first) || memchr(image, ':', first) ||
				       (first == 9 && memcmp(image, "localhost", 9) == 0));
}

static void split(const char *image, struct reg_name *n)
{
	const char *at = strchr(image, '@'), *end = at ? at : image + strlen(image);
	size_t first = strcspn(image, "/");
	const char *path = image, *colon;

	if (at)
		n->digest = eb_xstrdup(at + 1);
	if (begins_with_host(image, first) && image + first < end) {
		autofree char *host = eb_xstrndup(image, first);

		n->host = eb_xstrdup(reg_host_canonical(host));
		path = image + first + 1;
	} else {
		n->host = eb_xstrdup("docker.io");
	}
	colon = memchr(path, ':', (size_t)(end - path));
	if (colon)
		n->tag = eb_xstrndup(colon + 1, (size_t)(end - colon - 1));
	else
		colon = end;
	if (strcmp(n->host, "docker.io") == 0 && !memchr(path, '/', (size_t)(colon - path)))
		n->path = eb_xasprintf("library/%.*s", (int)(colon - path), path);
	else
		n->path = eb_xstrndup(path, (size_t)(colon - path));
}

int reg_name_parse(const char *image, struct reg_name *ret, struct eb_error **err)
{
	EB_CLEANUP(reg_name_release_p) struct reg_name n = { 0 };
	struct oci_digest digest;
	const char *what = NULL;

	if (strlen(image) <= 1024)
		split(image, &n);
	if (!n.host)
		what = "it is longer than 1024 bytes";
	else if (!host_is_valid(n.host))
		what = "the host is malformed";
	else if (!reg_path_is_valid(eb_span_str(n.path)))
		what = "the path may have lower-case letters, digits and single separators";
	else if (n.tag && !reg_tag_is_valid(eb_span_str(n.tag)))
		what = "the tag is malformed";
	else if (n.digest && oci_digest_parse(n.digest, &digest, NULL) < 0)
		what = "the digest is malformed";
	if (what) {
		autofree char *shown = eb_printable(image, 200);

		return eb_throw(err, EB_E_FORMAT, "image name '%s': %s", shown, what);
	}
	*ret = n;
	n = (struct reg_name){ 0 };
	return 0;
}
