/* The key of a recipe that is an image of somebody else's: image. */
#include "base/error.h"
#include "base/mem.h"
#include "recipe/recipe_parse.h"

/* The tag's colon, or NULL: a host may have one of its own. */
static const char *tag_of(const char *ref)
{
	const char *slash = strrchr(ref, '/');

	return slash ? strchr(slash, ':') : NULL;
}

/* In full, so that nobody's defaults decide where it comes from. */
static const char *check_ref(const char *s)
{
	static const char wrong[] =
		"the full name of an image such as 'registry.example.org/team/server:1.2'";
	const char *slash = strchr(s, '/'), *colon = tag_of(s);
	autofree char *host = NULL, *repo = NULL;

	if (strchr(s, '@'))
		return "the name of an image alone: its digest stands in 'digest'";
	if (!slash || strlen(s) > 500)
		return wrong;
	host = eb_xstrndup(s, (size_t)(slash - s));
	repo = colon ? eb_xstrndup(slash + 1, (size_t)(colon - slash - 1)) : eb_xstrdup(slash + 1);
	if ((!strpbrk(host, ".:") && strcmp(host, "localhost") != 0) || rcp_check_host(host))
		return wrong;
	if (rcp_check_repository(repo))
		return rcp_check_repository(repo);
	return colon ? rcp_check_tag(colon + 1) : NULL;
}

static int read_ref(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	return rcp_read_checked(rd, v, check_ref, to, err);
}

static int read_digest(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_digest, to, err);
}

int rcp_read_image(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "ref", read_ref, offsetof(struct rcp_upstream, ref), true },
		{ "digest", read_digest, offsetof(struct rcp_upstream, digest), true },
	};
	struct rcp_recipe *r = to;

	r->image.pos = rcp_pos_of(v);
	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), &r->image, err);
}

int rcp_check_image(const struct rcp_yaml *root, struct rcp_recipe *r, struct eb_error **err)
{
	static const char *const beside[] = { "name",	 "summary",	  "description",
					      "version", "architectures", "image" };
	const char *tag = r->image.ref ? tag_of(r->image.ref) : NULL;

	if (!r->image.ref)
		return 0;
	for (size_t i = 0; i < root->n; i++) {
		bool fits = false;

		for (size_t k = 0; k < EB_ARRAY_LEN(beside) && !fits; k++)
			fits = strcmp(root->keys[i]->text, beside[k]) == 0;
		if (!fits)
			return rcp_yaml_throw(root->keys[i], err,
					      "%s: cannot stand beside 'image', which is carried "
					      "as it is, byte for byte",
					      root->keys[i]->text);
	}
	if (r->version_package)
		return rcp_throw(&r->version_pos, err,
				 "version: an image that is carried has no packages known here");
	if (!r->version && tag)
		r->version = tag + 1;
	return 0;
}
