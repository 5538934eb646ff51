/* ess-tools: small commands that run inside the cluster, chosen by the first argument. Options and
 * results are those of matrix-tools, so that charts written for it work: "-name value",
 * "-name=value" and the same with two dashes, then files. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct kube_api;
struct kube_config;

enum { TOOL_MAX_OPTIONS = 8 };

struct tool_option {
	const char *name, *arg, *help;
	bool required;
};

struct tool_args {
	const char *values[TOOL_MAX_OPTIONS]; /* by the order of the options, NULL = not given */
	const char *const *operands;	      /* NULL-terminated */
	size_t n_operands;
};

struct tool {
	const char *name, *summary;
	const char *operands; /* "FILE...", NULL = none */
	struct tool_option options[TOOL_MAX_OPTIONS];
	size_t min_operands;
	/* 0, an exit status of its own, or a negative code. */
	int (*run)(const struct tool_args *a, struct eb_error **err);
};

extern const struct tool tool_concat, tool_deployment_markers, tool_generate_secrets,
	tool_render_config, tool_syn2mas, tool_synapse_wait, tool_tcpwait;

/* argv without program and command. Errors: EB_E_USAGE naming the word, with the nearest option. */
int tool_args_parse(const struct tool *t, const char *const *argv, struct tool_args *ret,
		    struct eb_error **err) EB_MUST_CHECK;
/* Options and what they do, as for -h; heap. */
char *tool_usage(const struct tool *t);

/* A line on standard output, at once. */
void tool_say(const char *fmt, ...) EB_PRINTF(1, 2);
void tool_sleep_sec(unsigned int sec);
/* Seconds, for options; NULL text gives `otherwise`. */
int tool_seconds(const char *text, const char *option, uint64_t otherwise, uint64_t *ret,
		 struct eb_error **err) EB_MUST_CHECK;
/* Seconds of a clock that only goes on. */
uint64_t tool_now_sec(void);

/* The API of the cluster that this runs in, or of $KUBECONFIG where that is set. *ret_namespace
 * (borrowed from the environment) is $NAMESPACE. */
struct tool_cluster {
	struct kube_config *config;
	struct kube_api *api;
	const char *namespace_;
};
int tool_cluster_open(struct tool_cluster *ret, struct eb_error **err) EB_MUST_CHECK;
void tool_cluster_release(struct tool_cluster *c);
EB_DEFINE_RELEASE(struct tool_cluster, tool_cluster_release)
