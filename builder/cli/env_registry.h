/* Where this user keeps what registries want: credential files and certificates. */
#pragma once

#include "base/cleanup.h"

enum { ENV_MAX_AUTH_FILES = 8 };

struct env_auth_files {
	char *paths[ENV_MAX_AUTH_FILES];
	size_t n;
};
void env_auth_files_release(struct env_auth_files *f);
EB_DEFINE_RELEASE(struct env_auth_files, env_auth_files_release)

/* Credential files in the order in which they count; the first is where login writes:
 * REGISTRY_AUTH_FILE alone if it is set, else Podman's (XDG_RUNTIME_DIR/containers/auth.json,
 * XDG_CONFIG_HOME/containers/auth.json) and Docker's (DOCKER_CONFIG/config.json, ~/.docker). */
void env_auth_files(struct env_auth_files *ret);
/* Folders in the manner of certs.d. */
void env_cert_dirs(struct env_auth_files *ret);
/* CONTAINERD_ADDRESS and CONTAINERD_NAMESPACE, which ctr knows too; else where containerd listens
 * by default, and the namespace of Kubernetes. */
const char *env_containerd_address(void);
const char *env_containerd_namespace(void);
/* The environment for credential helpers. */
char *const *env_environ(void);
