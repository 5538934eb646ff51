#include "registry/mirror_config.h"
#include "testlib.h"

static const char *const images[] = {
	"ess.internal/redis:8",
	"quay.io/a/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	"redis:7", "ess.internal/redis:9"
};

static int make(const struct reg_mirror_options *o, struct reg_mirror_files *ret,
		struct eb_error **err)
{
	return reg_mirror_config(o, images, EB_ARRAY_LEN(images), ret, err);
}

/* The only file, or the one of this path. */
static void check_text(const struct reg_mirror_options *o, const char *path, const char *want)
{
	EB_CLEANUP(reg_mirror_files_release_p) struct reg_mirror_files f = { 0 };
	autoerror struct eb_error *e = NULL;
	const char *got = NULL;

	CHECK_OK(make(o, &f, &e), e);
	for (size_t i = 0; i < f.n; i++)
		if (strcmp(f.items[i].path, path) == 0)
			got = f.items[i].text;
	CHECK_STR(got, want);
}

TEST(mirror_config, containerd_has_a_file_for_each_host)
{
	EB_CLEANUP(reg_mirror_files_release_p) struct reg_mirror_files f = { 0 };
	struct reg_mirror_options o = { .format = REG_MIRROR_CONTAINERD, .registry = "reg:5000" };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(make(&o, &f, &e), e);
	CHECK_INT(f.n, 3);
	CHECK_STR(f.items[0].path, "docker.io/hosts.toml");
	CHECK_STR(f.items[2].path, "quay.io/hosts.toml");
	check_text(&o, "docker.io/hosts.toml",
		   "server = \"https://registry-1.docker.io\"\n\n[host.\"https://reg:5000\"]\n"
		   "  capabilities = [\"pull\", \"resolve\"]\n");
	o.registry = "reg:5000/ess/mirror";
	o.plain_http = o.no_fallback = true;
	check_text(&o, "quay.io/hosts.toml",
		   "server = \"http://reg:5000/v2/ess/mirror\"\noverride_path = true\n\n"
		   "[host.\"http://reg:5000/v2/ess/mirror\"]\n"
		   "  capabilities = [\"pull\", \"resolve\"]\n  override_path = true\n");
	o = (struct reg_mirror_options){ .registry = "reg", .ca = "/etc/ca.pem" };
	check_text(&o, "quay.io/hosts.toml",
		   "server = \"https://quay.io\"\n\n[host.\"https://reg\"]\n"
		   "  capabilities = [\"pull\", \"resolve\"]\n  ca = \"/etc/ca.pem\"\n");
}

TEST(mirror_config, k3s_rewrites_paths)
{
	struct reg_mirror_options o = { .format = REG_MIRROR_K3S,
					.registry = "reg:5000/m",
					.ca = "/ca" };
	static const char *const only[] = { "ess.internal/redis:8" };
	EB_CLEANUP(reg_mirror_files_release_p) struct reg_mirror_files f = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(reg_mirror_config(&o, only, 1, &f, &e), e);
	CHECK_STR(f.items[0].path, "registries.yaml");
	CHECK_STR(f.items[0].text,
		  "mirrors:\n  \"ess.internal\":\n    endpoint:\n      - \"https://reg:5000\"\n"
		  "    rewrite:\n      \"^(.*)$\": \"m/$1\"\n"
		  "configs:\n  \"reg:5000\":\n    tls:\n      ca_file: \"/ca\"\n");
}

TEST(mirror_config, crio_falls_back_or_not)
{
	struct reg_mirror_options o = { .format = REG_MIRROR_CRIO, .registry = "reg:5000" };
	static const char *const only[] = { "ess.internal/redis:8", "ess.internal/a/b:1" };
	EB_CLEANUP(reg_mirror_files_release_p) struct reg_mirror_files f = { 0 };
	EB_CLEANUP(reg_mirror_files_release_p) struct reg_mirror_files strict = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_OK(reg_mirror_config(&o, only, 2, &f, &e), e);
	CHECK_STR(f.items[0].text, "[[registry]]\nprefix = \"ess.internal\"\n"
				   "location = \"ess.internal\"\n\n[[registry.mirror]]\n"
				   "location = \"reg:5000\"\n");
	o.no_fallback = o.plain_http = true;
	CHECK_OK(reg_mirror_config(&o, only, 2, &strict, &e), e);
	CHECK_STR(strict.items[0].text, "[[registry]]\nprefix = \"ess.internal\"\n"
					"location = \"reg:5000\"\ninsecure = true\n");
}

TEST(mirror_config, openshift_and_talos_name_sources)
{
	struct reg_mirror_options o = { .format = REG_MIRROR_OPENSHIFT, .registry = "reg/m" };
	EB_CLEANUP(reg_mirror_files_release_p) struct reg_mirror_files f = { 0 };
	EB_CLEANUP(reg_mirror_files_release_p) struct reg_mirror_files talos = { 0 };
	autoerror struct eb_error *e = NULL;

	o.no_fallback = true;
	CHECK_OK(make(&o, &f, &e), e);
	CHECK_HAS(f.items[0].text, "kind: ImageDigestMirrorSet\n");
	CHECK_HAS(f.items[0].text, "\n---\napiVersion: config.openshift.io/v1\n"
				   "kind: ImageTagMirrorSet\n");
	CHECK_HAS(f.items[0].text, "    - source: \"docker.io/library/redis\"\n      mirrors:\n"
				   "        - \"reg/m/library/redis\"\n      mirrorSourcePolicy: "
				   "NeverContactSource\n");
	o.format = REG_MIRROR_TALOS;
	CHECK_OK(make(&o, &talos, &e), e);
	CHECK_HAS(talos.items[0].text,
		  "      \"quay.io\":\n        endpoints:\n          - \"https://reg/v2/m\"\n"
		  "        overridePath: true\n        skipFallback: true\n");
}

TEST(mirror_config, docker_mirrors_one_registry_only)
{
	struct reg_mirror_options o = { .format = REG_MIRROR_DOCKER, .registry = "reg:5000" };
	static const char *const only[] = { "redis:7", "docker.io/a/b:1" };
	EB_CLEANUP(reg_mirror_files_release_p) struct reg_mirror_files f = { 0 };
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(make(&o, &f, &e), EB_E_UNSUPPORTED, "images of ess.internal", e);
	o.plain_http = true;
	CHECK_OK(reg_mirror_config(&o, only, 2, &f, &e), e);
	CHECK_STR(f.items[0].text, "{\n  \"registry-mirrors\": [\"http://reg:5000\"],\n"
				   "  \"insecure-registries\": [\"reg:5000\"]\n}\n");
	o.registry = "reg/prefix";
	CHECK_FAIL(reg_mirror_config(&o, only, 2, &f, &e), EB_E_UNSUPPORTED,
		   "no mirror with a path", e);
}

TEST(mirror_config, config_refuses_what_it_cannot_write)
{
	static const char *const bad[] = { "",	      "/a",    "reg/A",	   "reg/a:1",
					   "reg/a b", "re\"g", "reg/a//b", "http://reg" };
	EB_CLEANUP(reg_mirror_files_release_p) struct reg_mirror_files f = { 0 };
	autoerror struct eb_error *e = NULL;
	static const char *const odd[] = { "Not A Name" };
	struct reg_mirror_options o = { .format = REG_MIRROR_K3S };

	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++) {
		o.registry = bad[i];
		CHECK_FAIL(make(&o, &f, &e), EB_E_USAGE, "registry '", e);
	}
	o.registry = "reg";
	o.ca = "/a\"\nb";
	CHECK_FAIL(make(&o, &f, &e), EB_E_USAGE, "quotes", e);
	o.ca = NULL;
	CHECK_FAIL(reg_mirror_config(&o, odd, 1, &f, &e), EB_E_FORMAT, "Not A Name", e);
	CHECK_FAIL(reg_mirror_config(&o, odd, 0, &f, &e), EB_E_NOT_FOUND, "no images", e);
}
