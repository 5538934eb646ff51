#include "mirror/target.h"

#include "testlib.h"

static const struct mir_rename rules[] = {
	{ "docker.io/library", "hub" },
	{ "localhost:5000/", "" },
	{ "quay.io/a/b", "x/" },
};

static void check(const struct mir_naming *n, const char *image, const char *host, const char *path,
		  const char *want)
{
	autoerror struct eb_error *e = NULL;
	autofree char *repo = NULL;

	CHECK_OK(mir_target_repo(n, image, host, path, &repo, &e), e);
	CHECK_STR(repo, want);
}

TEST(target, repo_keeps_the_path_by_default)
{
	const struct mir_naming registry = { .path = NULL }, layout = { .is_layout = true };

	check(&registry, NULL, "docker.io", "library/redis", "library/redis");
	check(&registry, NULL, NULL, "redis", "redis");
	check(&layout, NULL, "docker.io", "library/redis", "docker.io/library/redis");
	check(&layout, NULL, "localhost:5000", "a/b", "localhost:5000/a/b");
	check(&layout, NULL, NULL, "redis", "redis");
}

TEST(target, repo_follows_templates)
{
	const struct mir_naming n = { .path = "{host}/{path}" };

	check(&n, NULL, "docker.io", "library/redis", "docker.io/library/redis");
	check(&n, NULL, "localhost:5000", "a", "localhost-5000/a");
	check(&n, NULL, "[::1]:5000", "a", "1-5000/a");
	check(&n, NULL, "Example.ORG", "a", "example.org/a");
	check(&n, NULL, NULL, "a/b", "a/b");
	check(&n, "cache/{name}", "docker.io", "library/redis", "cache/redis");
	check(&n, "all", "docker.io", "library/redis", "all");
	check(&n, "m-{name}-x", "docker.io", "redis", "m-redis-x");
}

TEST(target, repo_takes_the_first_rule_that_fits)
{
	const struct mir_naming n = { .path = "other/{path}",
				      .renames = rules,
				      .n_renames = EB_ARRAY_LEN(rules) };

	check(&n, NULL, "docker.io", "library/redis", "hub/redis");
	check(&n, NULL, "docker.io", "library", "hub");
	check(&n, NULL, "docker.io", "library2/redis", "other/library2/redis");
	check(&n, NULL, "localhost:5000", "a/b", "a/b");
	check(&n, NULL, "quay.io", "a/b/c", "x/c");
	check(&n, NULL, "quay.io", "a/bc", "other/a/bc");
	check(&n, "mine", "docker.io", "library/redis", "mine");
}

TEST(target, repo_refuses_what_is_no_name)
{
	const struct mir_naming n = { .renames = rules, .n_renames = EB_ARRAY_LEN(rules) };
	autoerror struct eb_error *e = NULL;
	autofree char *repo = NULL;

	CHECK_FAIL(mir_target_repo(&n, NULL, NULL, "UPPER", &repo, &e), EB_E_USAGE,
		   "UPPER would be called 'UPPER', which is not a repository name", e);
	CHECK(!repo);
}

TEST(target, check_says_what_a_template_is)
{
	CHECK(!mir_target_check("{path}"));
	CHECK(!mir_target_check("a/{host}/b-{name}"));
	CHECK_HAS(mir_target_check("{tag}"), "{host}, {path} and {name}");
	CHECK_HAS(mir_target_check("{pa"), "{path}");
	CHECK_HAS(mir_target_check(""), "{path}");
	CHECK_HAS(mir_target_check("UPPER/{path}"), "{path}");
	CHECK_HAS(mir_target_check("/{path}"), "{path}");
}
