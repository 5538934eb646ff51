/* The move of users and sessions from Synapse's database into MAS's: no Synapse may run meanwhile.
 * How many replicas each StatefulSet had is kept in an annotation of it, so that a run that was
 * killed is made good by the next one. */
#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "kube/api.h"
#include "kube/discovery.h"
#include "tools/tool.h"

enum {
	OPT_MAS,
	OPT_SYNAPSE,
	OPT_PROGRAM,
	DEFAULT_WAIT = 60,
	MAX_WAIT = 24 * 3600,
	MAX_SETS = 500,
	MAX_TRIES = 20
};

#define SELECTOR "app.kubernetes.io/component=matrix-server"
#define ANNOTATION "ess-tools/replicas"
#define MAS_CLI "/tmp-mas-cli/mas-cli"

extern char **environ;

struct set {
	char *name, *path, *what;
	uint64_t replicas;
};

struct sets {
	struct set list[MAX_SETS];
	size_t n;
	char *pods_path;
};

static void sets_release(struct sets *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].name);
		free(s->list[i].path);
		free(s->list[i].what);
	}
	free(s->pods_path);
}
EB_DEFINE_RELEASE(struct sets, sets_release)

static const struct kube_list all_of_synapse = { .label_selector = SELECTOR };

static char *set_path(const struct tool_cluster *c, const char *name)
{
	const struct kube_resource r = { .api_version = (char *)(uintptr_t) "apps/v1",
					 .plural = (char *)(uintptr_t) "statefulsets",
					 .namespaced = true };

	return kube_path(&r, c->namespace_, name);
}

/* What it had before a run that was killed, else what it has now; Kubernetes' default is 1. */
static uint64_t replicas_of(const json_t *set)
{
	const json_t *notes = json_object_get(json_object_get(set, "metadata"), "annotations");
	const json_t *now = json_object_get(json_object_get(set, "spec"), "replicas");
	const char *kept = eb_json_text(notes, ANNOTATION);
	uint64_t v = 0;

	if (*kept && eb_parse_u64(eb_span_str(kept), 10000, &v, NULL) >= 0)
		return v;
	return json_is_integer(now) && json_integer_value(now) >= 0
		       ? (uint64_t)json_integer_value(now)
		       : 1;
}

static int find_sets(const struct tool_cluster *c, struct sets *s, struct eb_error **err)
{
	autofree char *path = set_path(c, NULL);
	autojson json_t *items = NULL;
	int r = kube_api_list(c->api, path, &all_of_synapse, "StatefulSets of Synapse", &items,
			      NULL, err);

	if (r < 0)
		return r;
	if (json_array_size(items) > MAX_SETS)
		return eb_throw(err, EB_E_LIMIT, "more than %d StatefulSets", MAX_SETS);
	if (json_array_size(items) == 0)
		return eb_throw(err, EB_E_NOT_FOUND, "no StatefulSet in %s is labelled %s",
				c->namespace_, SELECTOR);
	s->pods_path = kube_core_path(c->namespace_, "pods", NULL);
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *one = json_array_get(items, i);
		const char *name = eb_json_text(json_object_get(one, "metadata"), "name");
		struct set *to = &s->list[s->n++];

		to->name = eb_xstrdup(name);
		to->path = set_path(c, name);
		to->what = eb_xasprintf("StatefulSet %s/%s", c->namespace_, name);
		to->replicas = replicas_of(one);
	}
	return 0;
}

/* ---- scaling: get and update are all that the role allows ---- */

static void set_replicas(json_t *object, const struct set *s, bool down)
{
	json_t *meta = json_object_get(object, "metadata");
	json_t *notes = json_object_get(meta, "annotations");
	char kept[32];

	snprintf(kept, sizeof(kept), "%llu", (unsigned long long)s->replicas);
	if (!notes) {
		notes = eb_json_object();
		eb_json_set(meta, "annotations", notes);
	}
	if (down)
		eb_json_set_str(notes, ANNOTATION, kept);
	else
		json_object_del(notes, ANNOTATION);
	eb_json_set_u64(json_object_get(object, "spec"), "replicas", down ? 0 : s->replicas);
}

static int scale(const struct tool_cluster *c, const struct set *s, bool down,
		 struct eb_error **err)
{
	for (int i = 0; i < MAX_TRIES; i++) {
		autoerror struct eb_error *e = NULL;
		autojson json_t *object = NULL;
		int r = kube_api_get(c->api, s->path, s->what, &object, &e);

		if (r >= 0 && !json_is_object(json_object_get(object, "spec")))
			r = eb_throw(&e, EB_E_FORMAT, "%s has no spec", s->what);
		if (r >= 0) {
			set_replicas(object, s, down);
			r = kube_api_replace(c->api, s->path, object, 0, s->what, NULL, &e);
		}
		if (r >= 0) {
			tool_say("%s: %llu replicas", s->what,
				 down ? 0ull : (unsigned long long)s->replicas);
			return 0;
		}
		if (r != -EB_E_CONFLICT)
			return eb_error_forward(err, EB_TAKE_PTR(e));
	}
	return eb_throw(err, EB_E_CONFLICT, "%s: changed by others again and again", s->what);
}

/* All of them, whatever becomes of one; the first failure counts. */
static int scale_up(const struct tool_cluster *c, const struct sets *s, struct eb_error **err)
{
	struct eb_error *first = NULL;

	for (size_t i = 0; i < s->n; i++) {
		autoerror struct eb_error *e = NULL;

		if (scale(c, &s->list[i], /* down */ false, &e) < 0 && !first)
			first = EB_TAKE_PTR(e);
	}
	return first ? eb_error_forward(err, first) : 0;
}

/* ---- waiting ---- */

static int n_available(const struct tool_cluster *c, const struct sets *s, uint64_t *ret,
		       struct eb_error **err)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		autojson json_t *object = NULL;
		int r = kube_api_get(c->api, s->list[i].path, s->list[i].what, &object, err);

		if (r < 0)
			return r;
		n += eb_json_number(json_object_get(object, "status"), "availableReplicas");
	}
	*ret = n;
	return 0;
}

static int n_pods(const struct tool_cluster *c, const struct sets *s, uint64_t *ret,
		  struct eb_error **err)
{
	autojson json_t *items = NULL;
	uint64_t n = 0;
	int r = kube_api_list(c->api, s->pods_path, &all_of_synapse, "Pods of Synapse", &items,
			      NULL, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *meta = json_object_get(json_array_get(items, i), "metadata");
		const json_t *owners = json_object_get(meta, "ownerReferences");

		/* A pod of a Job that has the same label does not count. */
		for (size_t k = 0; k < json_array_size(owners); k++)
			n += strcmp(eb_json_text(json_array_get(owners, k), "kind"),
				    "StatefulSet") == 0;
	}
	*ret = n;
	return 0;
}

static int wait_until_gone(const struct tool_cluster *c, const struct sets *s,
			   struct eb_error **err)
{
	const char *text = getenv("SYN2MAS_SCALE_DOWN_MAX_RETRIES");
	uint64_t tries = DEFAULT_WAIT, available = 0, pods = 0;
	int r = 0;

	if (text && *text)
		r = eb_parse_u64(eb_span_str(text), MAX_WAIT, &tries, err);
	if (r < 0)
		return eb_prefix(err, r, "SYN2MAS_SCALE_DOWN_MAX_RETRIES");
	for (uint64_t i = 0;; i++) {
		r = n_available(c, s, &available, err);
		if (r >= 0)
			r = n_pods(c, s, &pods, err);
		if (r < 0 || (available == 0 && pods == 0))
			return r;
		if (i >= tries)
			return eb_throw(err, EB_E_CONFLICT,
					"%llu pods of Synapse are still there after %llu s",
					(unsigned long long)pods, (unsigned long long)tries);
		tool_say("waiting for %llu pods of Synapse to end", (unsigned long long)pods);
		tool_sleep_sec(1);
	}
}

/* ---- the migration ---- */

static int migrate(const struct tool_args *a, struct eb_error **err)
{
	const char *program = a->values[OPT_PROGRAM] ? a->values[OPT_PROGRAM] : MAS_CLI;
	const char *const argv[] = { program,
				     "syn2mas",
				     "migrate",
				     "--config",
				     a->values[OPT_MAS],
				     "--synapse-config",
				     a->values[OPT_SYNAPSE],
				     NULL };
	int status, r;
	pid_t pid;

	r = posix_spawn(&pid, program, NULL, NULL, (char *const *)(uintptr_t)argv, environ);
	if (r != 0) {
		errno = r;
		return eb_throw_errno(err, "start '%s'", program);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return eb_throw_errno(err, "wait for '%s'", program);
	if (WIFSIGNALED(status))
		return eb_throw(err, EB_E_PROGRAM, "'%s' was ended by signal %d", program,
				WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int run(const struct tool_args *a, struct eb_error **err)
{
	EB_CLEANUP(tool_cluster_release_p) struct tool_cluster c = { .config = NULL };
	EB_CLEANUP(sets_release_p) struct sets s = { .n = 0 };
	autoerror struct eb_error *back = NULL;
	int r = tool_cluster_open(&c, err), up;

	if (r >= 0)
		r = find_sets(&c, &s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s.n && r >= 0; i++)
		r = scale(&c, &s.list[i], /* down */ true, err);
	if (r >= 0)
		r = wait_until_gone(&c, &s, err);
	if (r >= 0)
		r = migrate(a, err);
	up = scale_up(&c, &s, &back);
	if (up < 0 && r >= 0)
		return eb_error_forward(err, EB_TAKE_PTR(back));
	if (up < 0)
		tool_say("Synapse could not be scaled back: %s", back->message);
	return r;
}

const struct tool tool_syn2mas = {
	.name = "syn2mas",
	.summary = "move users from Synapse into MAS while Synapse is scaled down",
	.options = { [OPT_MAS] = { "config", "FILE", "configuration of MAS", true },
		     [OPT_SYNAPSE] = { "synapse-config", "FILE", "configuration of Synapse", true },
		     [OPT_PROGRAM] = { "mas-cli", "PATH", "the program; default " MAS_CLI,
				       false } },
	.run = run,
};
