#include "cli/place.h"

#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

void place_release(struct place *p)
{
	free(p->path);
	free(p->name);
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
	static const char *const others[] = { "docker-daemon:", "dir:", "containers-storage:",
					      "containerd:" };
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
	for (size_t i = 0; i < EB_ARRAY_LEN(others); i++)
		if (strncmp(text, others[i], strlen(others[i])) == 0)
			return eb_throw(err, EB_E_UNSUPPORTED,
					"'%s' is not supported: expected "
					"oci:, oci-archive:, docker-archive:, bundle: or a "
					"reference",
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
