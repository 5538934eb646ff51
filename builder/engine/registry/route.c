#include "registry/route.h"

#include "image/digest.h"
#include "registry/name.h"

enum { REFERENCE_MAX = 160 };

const char *reg_route_name(enum reg_route_kind kind)
{
	static const char *const names[REG_ROUTE_KINDS] = {
		[REG_ROUTE_NONE] = "none",
		[REG_ROUTE_PAGE] = "page",
		[REG_ROUTE_HEALTH] = "health",
		[REG_ROUTE_METRICS] = "metrics",
		[REG_ROUTE_PING] = "ping",
		[REG_ROUTE_CATALOG] = "catalog",
		[REG_ROUTE_TAGS] = "tags",
		[REG_ROUTE_MANIFEST] = "manifest",
		[REG_ROUTE_BLOB] = "blob",
		[REG_ROUTE_REFERRERS] = "referrers",
		[REG_ROUTE_UPLOAD] = "upload",
		[REG_ROUTE_BAD_NAME] = "bad_name",
		[REG_ROUTE_BAD_DIGEST] = "bad_digest",
	};

	return names[kind];
}

/* Take the part behind the last slash off the end of *rest. */
static bool take_last(struct eb_span *rest, struct eb_span *ret)
{
	size_t i = rest->len;

	while (i > 0 && rest->ptr[i - 1] != '/')
		i--;
	if (i == 0)
		return false;
	*ret = (struct eb_span){ rest->ptr + i, rest->len - i };
	rest->len = i - 1;
	return true;
}

static bool is_digest(struct eb_span s)
{
	char text[REFERENCE_MAX + 1];
	struct oci_digest d;

	if (s.len > REFERENCE_MAX)
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	return oci_digest_parse(text, &d, NULL) >= 0;
}

/* "<verb>/<reference>" behind the repository's name. A name may have parts that look like verbs, so
 * it is read from the end. */
static enum reg_route_kind kind_of(struct eb_span verb, struct eb_span ref, bool by_digest)
{
	bool looks_like_digest = memchr(ref.ptr, ':', ref.len) != NULL;

	if (eb_span_eq(verb, "manifests")) {
		if (by_digest || reg_tag_is_valid(ref))
			return REG_ROUTE_MANIFEST;
		return looks_like_digest ? REG_ROUTE_BAD_DIGEST : REG_ROUTE_NONE;
	}
	if (eb_span_eq(verb, "blobs"))
		return by_digest		    ? REG_ROUTE_BLOB
		       : eb_span_eq(ref, "uploads") ? REG_ROUTE_UPLOAD
						    : REG_ROUTE_BAD_DIGEST;
	if (eb_span_eq(verb, "referrers"))
		return by_digest ? REG_ROUTE_REFERRERS : REG_ROUTE_BAD_DIGEST;
	if (eb_span_eq(verb, "tags") && eb_span_eq(ref, "list"))
		return REG_ROUTE_TAGS;
	if (eb_span_eq(verb, "uploads"))
		return REG_ROUTE_UPLOAD;
	return REG_ROUTE_NONE;
}

static void parse_repository(struct eb_span rest, struct reg_route *ret)
{
	struct eb_span verb, again;

	if (!take_last(&rest, &ret->reference) || !take_last(&rest, &verb))
		return;
	ret->by_digest = is_digest(ret->reference);
	ret->kind = kind_of(verb, ret->reference, ret->by_digest);
	/* "<name>/blobs/uploads/<session>" */
	if (eb_span_eq(verb, "uploads") &&
	    (!take_last(&rest, &again) || !eb_span_eq(again, "blobs")))
		ret->kind = REG_ROUTE_NONE;
	ret->name = rest;
	if (ret->kind != REG_ROUTE_NONE && !reg_path_is_valid(rest))
		ret->kind = REG_ROUTE_BAD_NAME;
}

void reg_route_parse(const char *path, struct reg_route *ret)
{
	static const struct {
		const char *path;
		enum reg_route_kind kind;
	} fixed[] = {
		{ "/", REG_ROUTE_PAGE },	   { "/healthz", REG_ROUTE_HEALTH },
		{ "/metrics", REG_ROUTE_METRICS }, { "/v2", REG_ROUTE_PING },
		{ "/v2/", REG_ROUTE_PING },	   { "/v2/_catalog", REG_ROUTE_CATALOG },
	};

	*ret = (struct reg_route){ .kind = REG_ROUTE_NONE };
	for (size_t i = 0; i < EB_ARRAY_LEN(fixed); i++)
		if (strcmp(path, fixed[i].path) == 0)
			ret->kind = fixed[i].kind;
	if (ret->kind == REG_ROUTE_NONE && strncmp(path, "/v2/", 4) == 0)
		parse_repository(eb_span_str(path + 4), ret);
}
