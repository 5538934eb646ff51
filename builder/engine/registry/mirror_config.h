/* What the machines of a site have to be told so that they ask a mirror in place of the registries
 * that images are named after: containerd's hosts.toml (its docs/hosts.md), k3s and rke2's
 * registries.yaml, containers-registries.conf(5), OpenShift's mirror sets, Talos' machine
 * configuration, Docker's daemon.json. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

enum reg_mirror_format {
	REG_MIRROR_CONTAINERD,
	REG_MIRROR_K3S,
	REG_MIRROR_CRIO,
	REG_MIRROR_OPENSHIFT,
	REG_MIRROR_TALOS,
	REG_MIRROR_DOCKER,
};

struct reg_mirror_options {
	enum reg_mirror_format format;
	const char *registry; /* "HOST[:PORT][/PREFIX]" */
	const char *ca;	      /* path on the machines; NULL = the system's */
	bool plain_http;
	bool no_fallback; /* never ask the original registries */
};

struct reg_mirror_file {
	char *path; /* below the directory where such files are, "ess.internal/hosts.toml" */
	char *text;
};
struct reg_mirror_files {
	struct reg_mirror_file *items;
	size_t n;
	const char *where; /* that directory on the machines; static */
};
void reg_mirror_files_release(struct reg_mirror_files *f);
EB_DEFINE_RELEASE(struct reg_mirror_files, reg_mirror_files_release)

/* images: names as in a bundle; their order does not matter, and the result is sorted. Errors:
 * EB_E_USAGE (registry, ca), EB_E_FORMAT (an image's name), EB_E_UNSUPPORTED (what the format
 * cannot say), EB_E_LIMIT. */
int reg_mirror_config(const struct reg_mirror_options *o, const char *const *images, size_t n,
		      struct reg_mirror_files *ret, struct eb_error **err) EB_MUST_CHECK;
