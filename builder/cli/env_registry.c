#include "cli/env_registry.h"

#include <unistd.h>

#include "base/mem.h"

void env_auth_files_release(struct env_auth_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->paths[i]);
	f->n = 0;
}

/* base/rest, if base is set. */
static void add(struct env_auth_files *f, const char *base, const char *rest)
{
	if (base && *base && f->n < ENV_MAX_AUTH_FILES)
		f->paths[f->n++] = eb_xasprintf("%s%s", base, rest);
}

void env_auth_files(struct env_auth_files *ret)
{
	const char *file = getenv("REGISTRY_AUTH_FILE"), *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME"), *docker = getenv("DOCKER_CONFIG");

	ret->n = 0;
	if (file && *file) {
		add(ret, file, "");
		return;
	}
	add(ret, getenv("XDG_RUNTIME_DIR"), "/containers/auth.json");
	if (config && *config)
		add(ret, config, "/containers/auth.json");
	else
		add(ret, home, "/.config/containers/auth.json");
	if (docker && *docker)
		add(ret, docker, "/config.json");
	else
		add(ret, home, "/.docker/config.json");
}

void env_cert_dirs(struct env_auth_files *ret)
{
	ret->n = 0;
	add(ret, getenv("HOME"), "/.config/containers/certs.d");
	add(ret, "/etc/containers/certs.d", "");
	add(ret, "/etc/docker/certs.d", "");
}

char *const *env_environ(void)
{
	return environ;
}

static const char *or_default(const char *name, const char *otherwise)
{
	const char *v = getenv(name);

	return v && *v ? v : otherwise;
}

const char *env_containerd_address(void)
{
	return or_default("CONTAINERD_ADDRESS", "/run/containerd/containerd.sock");
}

const char *env_containerd_namespace(void)
{
	return or_default("CONTAINERD_NAMESPACE", "k8s.io");
}
