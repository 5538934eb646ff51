#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/remote.h"
#include "dist/ref.h"

struct args {
	bool force, plan;
	struct remote_args remote;
};

/* How many tags mean that digest. */
static int count_tags(struct oci_registry *r, const char *repo, const struct oci_digest *digest,
		      size_t *ret, struct eb_error **err)
{
	char **tags = NULL;
	size_t n = 0, same = 0;
	int e = oci_registry_tags(r, repo, &tags, &n, err);

	for (size_t i = 0; i < n && e >= 0; i++) {
		EB_CLEANUP(oci_descriptor_release_p)
		struct oci_descriptor d = { .media_type = NULL };
		struct eb_error *gone = NULL;

		if (oci_registry_head(r, repo, tags[i], &d, &gone) >= 0)
			same += oci_digest_eq(&d.digest, digest);
		eb_error_free(gone);
	}
	oci_tags_free(tags, n);
	if (e >= 0)
		*ret = same;
	return e;
}

/* The last way to an image is not taken away by mistake. */
static int check(struct oci_registry *r, const struct oci_ref *ref, const struct args *a,
		 struct oci_digest *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_descriptor_release_p) struct oci_descriptor d = { .media_type = NULL };
	size_t tags = 0;
	int e = oci_registry_head(r, ref->repo, oci_ref_version(ref), &d, err);

	if (e < 0)
		return e;
	*ret = d.digest;
	if (a->force)
		return 0;
	e = count_tags(r, ref->repo, &d.digest, &tags, err);
	if (e < 0)
		return e;
	if (ref->digest.text[0] ? tags > 0 : tags <= 1) {
		e = ref->digest.text[0]
			    ? eb_throw(err, EB_E_CONFLICT, "%zu tags of %s mean %s", tags,
				       ref->repo, d.digest.text)
			    : eb_throw(err, EB_E_CONFLICT, "%s:%s is the last tag of %s", ref->repo,
				       ref->tag, d.digest.text);
		return eb_hint(err, e, "delete it all the same with --force");
	}
	return 0;
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(oci_ref_release_p) struct oci_ref ref = { .host = NULL };
	EB_CLEANUP(remote_release_p) struct remote remote = { .pool = NULL };
	EB_CLEANUP(oci_registry_free_p) struct oci_registry *registry = NULL;
	struct oci_digest digest;
	int r = oci_ref_parse(argv[0], &ref, err);

	(void)argc;
	if (r >= 0 && !ref.tag && !ref.digest.text[0])
		r = eb_throw(err, EB_E_USAGE, "'%s' has no tag and no digest", argv[0]);
	if (r >= 0)
		r = remote_init(&remote, &a->remote, err);
	if (r >= 0)
		r = remote_registry(&remote, ref.host, true, true, &registry, err);
	if (r >= 0)
		r = check(registry, &ref, a, &digest, err);
	if (r >= 0 && !a->plan)
		r = oci_registry_delete(registry, ref.repo, oci_ref_version(&ref), err);
	if (r < 0)
		return r;
	if (env->json) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "ref", argv[0]);
		eb_json_set_str(j, "digest", digest.text);
		eb_json_set(j, "deleted", json_boolean(!a->plan));
		env_print_json(env, j);
	} else {
		env_printf(env, "%s %s (%s)\n", a->plan ? "would delete" : "deleted", argv[0],
			   digest.text);
	}
	return 0;
}

static const struct opt options[] = {
	{ "force", .kind = OPT_FLAG, .help = "also when no tag is left for the image",
	  .offset = offsetof(struct args, force) },
	{ "plan", .kind = OPT_FLAG, .help = "say what would be deleted; delete nothing",
	  .offset = offsetof(struct args, plan) },
	REMOTE_OPTIONS(struct args),
	OPT_END,
};

const struct cmd cmd_delete = {
	.name = "delete",
	.group = CMD_REGISTRY,
	.summary = "delete a tag or an image from a registry",
	.synopsis = "[OPTION]... REF",
	.description =
		"With a tag, the tag goes; with a digest, the image and all its tags. The last tag "
		"of an image, and an image that still has tags, are deleted with --force only. "
		"The space is given free by the registry's own clean-up.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
