#include "cli/place.h"

#include <ctype.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

void place_release(struct place *p)
{
	free(p->path);
	free(p->name);
	free(p->namespace);
	oci_ref_release(&p->ref);
	*p = (struct place){ .path = NULL };
}

/* PATH[:NAME]; a name may itself hold colons, a path may not unless it exists that way. */
static void split(const char *rest, struct place *p)
{
	const char *colon = strchr(rest, ':');

	if (!colon || access(rest, F_OK) == 0) {
		p->path = eb_xstrdup(rest);
		return;
	}
	p->path = eb_xstrndup(rest, (size_t)(colon - rest));
	p->name = colon[1] ? eb_xstrdup(colon + 1) : NULL;
}

/* Can the first n bytes be a registry's host, rather than the first part of a path? */
static bool is_host(const char *s, size_t n)
{
	return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && memcmp(s, "localhost", n) == 0);
}

bool place_is_whole_name(const char *name)
{
	EB_CLEANUP(oci_ref_release_p) struct oci_ref ref = { .host = NULL };
	const char *slash = strchr(name, '/');

	return slash && is_host(name, (size_t)(slash - name)) &&
	       oci_ref_parse(name, &ref, NULL) >= 0 && (ref.tag || ref.digest.text[0]);
}

/* Letters and digits, parted by single '.', '_' or '-' (containerd, pkg/identifiers). */
static bool is_namespace(const char *s, size_t n)
{
	bool parted = true;

	for (size_t i = 0; i < n; i++) {
		bool sign = strchr("._-", s[i]) != NULL;

		if ((sign && parted) || (!sign && !isalnum((unsigned char)s[i])))
			return false;
		parted = sign;
	}
	return n > 0 && n <= 76 && !parted;
}

/* [NAMESPACE/][REF], where REF begins with a host: so a host after the first part makes that one
 * the namespace, and so does nothing after it. */
static int parse_containerd(const char *text, const char *rest, struct place *p,
			    struct eb_error **err)
{
	EB_CLEANUP(oci_ref_release_p) struct oci_ref ref = { .host = NULL };
	const char *slash = strchr(rest, '/'), *next = slash ? strchr(slash + 1, '/') : NULL;
	int r;

	if (slash && is_namespace(rest, (size_t)(slash - rest)) &&
	    (!slash[1] || (next && is_host(slash + 1, (size_t)(next - slash - 1))))) {
		p->namespace = eb_xstrndup(rest, (size_t)(slash - rest));
		rest = slash + 1;
		slash = next;
	}
	if (!*rest)
		return 0;
	if (!slash || !is_host(rest, (size_t)(slash - rest))) {
		r = eb_throw(err, EB_E_USAGE, "'%s': containerd knows images by their full names",
			     text);
		return eb_hint(err, r, "such as containerd:k8s.io/docker.io/library/redis:7");
	}
	r = oci_ref_parse(rest, &ref, err);
	if (r >= 0 && ref.digest.text[0] && ref.tag)
		r = eb_throw(err, EB_E_USAGE, "'%s': either a tag or a digest", text);
	if (r < 0)
		return r;
	p->name = ref.tag || ref.digest.text[0] ? oci_ref_text(&ref)
						: eb_xasprintf("%s:latest", rest);
	return 0;
}

int place_parse(const char *text, struct place *ret, struct eb_error **err)
{
	static const struct {
		const char *prefix;
		enum place_kind kind;
	} known[] = {
		{ "oci:", PLACE_FOLDER },
		{ "oci-archive:", PLACE_ARCHIVE },
		{ "docker-archive:", PLACE_DOCKER },
		{ "bundle:", PLACE_BUNDLE },
	};
	static const char *const others[] = { "docker-daemon:", "dir:", "containers-storage:" };
	struct place p = { .kind = PLACE_REGISTRY };
	int r;

	for (size_t i = 0; i < EB_ARRAY_LEN(known); i++)
		if (strncmp(text, known[i].prefix, strlen(known[i].prefix)) == 0) {
			p.kind = known[i].kind;
			split(text + strlen(known[i].prefix), &p);
			if (!*p.path) {
				place_release(&p);
				return eb_throw(err, EB_E_USAGE, "'%s' names no file", text);
			}
			*ret = p;
			return 0;
		}
	if (strncmp(text, "containerd:", 11) == 0) {
		p.kind = PLACE_CONTAINERD;
		r = parse_containerd(text, text + 11, &p, err);
		if (r < 0)
			place_release(&p);
		else
			*ret = p;
		return r;
	}
	for (size_t i = 0; i < EB_ARRAY_LEN(others); i++)
		if (strncmp(text, others[i], strlen(others[i])) == 0)
			return eb_throw(err, EB_E_UNSUPPORTED,
					"'%s' is not supported: expected "
					"oci:, oci-archive:, docker-archive:, bundle:, "
					"containerd: or a reference",
					others[i]);
	if (strncmp(text, "docker://", 9) == 0)
		text += 9;
	else if (access(text, F_OK) == 0) {
		p.kind = PLACE_BUNDLE;
		p.path = eb_xstrdup(text);
		*ret = p;
		return 0;
	}
	r = oci_ref_parse(text, &p.ref, err);
	if (r >= 0)
		*ret = p;
	return r;
}
