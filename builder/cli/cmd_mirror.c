#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/mirror_report.h"
#include "cli/remote.h"
#include "mirror/prune.h"
#include "mirror/send.h"

struct args {
	const char *file, *to, *state;
	bool dry_run, prune, fail_fast;
	struct remote_args remote;
};

struct run {
	const struct args *a;
	struct cmd_env *env;
	struct mir_list *list;
	struct remote remote;
	struct mir_net net;
	struct mir_hosts hosts;
	struct mir_items items;
	struct oci_registry *registry; /* the destination; NULL = a layout */
	char *state_path;
	struct mir_state state;
	struct mir_pruning pruning;
	struct oci_push_result sum;
	int lock_fd;
};

static void run_release(struct run *m)
{
	mir_pruning_release(&m->pruning);
	mir_state_release(&m->state);
	mir_items_release(&m->items);
	mir_hosts_release(&m->hosts);
	oci_registry_free(m->registry);
	remote_release(&m->remote);
	mir_list_free(m->list);
	free(m->state_path);
	if (m->lock_fd >= 0)
		close(m->lock_fd);
}
EB_DEFINE_RELEASE(struct run, run_release)

static int open_registry(void *ctx, const char *host, bool push, bool delete_,
			 struct oci_registry **ret, struct eb_error **err)
{
	struct run *m = ctx;
	struct remote r = m->remote;

	r.plain_http |= mir_list_is_plain_http(m->list, host);
	return remote_registry(&r, host, push, delete_, ret, err);
}

/* A timer that fires while the last run is still at it. */
static int lock(struct run *m, struct eb_error **err)
{
	int fd = open(m->a->file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return eb_throw_errno(err, "open '%s'", m->a->file);
	m->lock_fd = fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return eb_throw(err, EB_E_CONFLICT, "another run mirrors '%s' right now",
				m->a->file);
	return 0;
}

static int load(struct run *m, struct eb_error **err)
{
	int r = mir_list_load(m->a->file, &m->list, err);

	if (r >= 0 && m->a->to)
		r = mir_list_set_to(m->list, "", m->a->to, err);
	if (r < 0)
		return r;
	if (!m->list->to.text) {
		r = eb_throw(err, EB_E_USAGE, "where to? '%s' has no 'to'", m->a->file);
		return eb_hint(err, r, "give --to, or write one into the list");
	}
	if (m->a->prune && m->list->to.kind == MIR_TO_FOLDER)
		return eb_throw(err, EB_E_UNSUPPORTED,
				"--prune is for registries: a folder keeps what is in it");
	return m->a->dry_run ? 0 : lock(m, err);
}

/* That it cannot be written is better known before anything is sent. */
static int load_state(struct run *m, struct eb_error **err)
{
	EB_AUTOTMP(tmp);
	int r;

	m->state_path = m->a->state ? eb_xstrdup(m->a->state)
				    : eb_xasprintf("%s.state", m->a->file);
	r = mir_state_load(m->state_path, &m->state, err);
	if (r < 0 || m->a->dry_run)
		return r;
	r = eb_tmpfile_open(NULL, m->state_path, 0644, &tmp, err);
	return r < 0 ? eb_hint(err, r, "--state names another place for it") : 0;
}

static int save_state(void *ctx, struct eb_error **err)
{
	struct run *m = ctx;
	int r = mir_state_note(&m->state, m->list->to.ref.host, &m->items, err);

	return r < 0 ? r : mir_state_save(&m->state, m->state_path, err);
}

static int prune(struct run *m, struct eb_error **err)
{
	int r;

	/* What takes the place of what goes must be there. */
	if (!m->a->dry_run && mirror_count(&m->items, MIR_MISSING)) {
		env_note(m->env, "not all was sent, so nothing is pruned");
		return 0;
	}
	mir_prune_plan(m->list, &m->net, m->registry, &m->items, &m->state, &m->pruning);
	mirror_report_pruning(m->env, &m->pruning, m->a->dry_run);
	if (m->a->dry_run)
		return 0;
	/* Whoever looks can stop it; whoever finds something gone can read why. */
	r = env_flush(m->env, err);
	if (r < 0)
		return r;
	mir_prune(&m->net, m->registry, &m->pruning, &m->state);
	return mir_state_save(&m->state, m->state_path, err);
}

static int mirror(struct run *m, struct eb_error **err)
{
	const bool is_registry = m->list->to.kind == MIR_TO_REGISTRY;
	const struct mir_send_options o = { .plan = m->a->dry_run,
					    .fail_fast = m->a->fail_fast,
					    .done = is_registry ? save_state : NULL,
					    .ctx = m };
	int r = remote_init(&m->remote, &m->a->remote, err);

	if (r >= 0 && is_registry)
		r = load_state(m, err);
	m->net = (struct mir_net){ .ctx = m,
				   .open = open_registry,
				   .pool = m->remote.pool,
				   .progress = m->env->progress };
	if (r >= 0 && is_registry)
		r = open_registry(m, m->list->to.ref.host, true, m->a->prune, &m->registry, err);
	if (r >= 0)
		r = mir_gather(m->list, &m->net, &m->hosts, &m->items, err);
	if (r >= 0 && !(m->a->fail_fast && mirror_count(&m->items, MIR_FAILED)))
		r = mir_send(m->list, &m->net, m->registry, &m->items, &o, &m->sum, err);
	if (r >= 0 && m->a->prune && is_registry)
		r = prune(m, err);
	return r;
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	EB_CLEANUP(run_release_p) struct run m = { .a = argp, .env = env, .lock_fd = -1 };
	int r = load(&m, err);

	(void)argc;
	(void)argv;
	if (r >= 0)
		r = mirror(&m, err);
	if (r < 0)
		return r;
	return mirror_report(env, &m.items, &m.pruning, &m.sum, m.a->dry_run, err);
}

static const struct opt options[] = {
	{ "file", 'f', .required = true, .kind = OPT_STRING, .arg = "FILE",
	  .help = "the list: what to mirror, and where to", .offset = offsetof(struct args, file) },
	{ "to", .kind = OPT_STRING, .arg = "PLACE",
	  .help = "HOST[/PREFIX], oci:DIR or oci-archive:FILE instead of the list's",
	  .offset = offsetof(struct args, to) },
	{ "dry-run", 'n', .kind = OPT_FLAG,
	  .help = "say what goes where and what is missing; change nothing",
	  .offset = offsetof(struct args, dry_run) },
	{ "prune", .kind = OPT_FLAG, .help = "delete what this list brought and no longer asks for",
	  .offset = offsetof(struct args, prune) },
	{ "state", .kind = OPT_STRING, .arg = "FILE",
	  .help = "where it is kept what was brought, by default LIST.state",
	  .offset = offsetof(struct args, state) },
	{ "fail-fast", .kind = OPT_FLAG, .help = "stop at the first image that fails",
	  .offset = offsetof(struct args, fail_fast) },
	REMOTE_TRANSFER_OPTIONS(struct args),
	OPT_END,
};

const struct cmd cmd_mirror = {
	.name = "mirror",
	.group = CMD_REGISTRY,
	.summary = "keep copies of many images, as a list says",
	.synopsis = "[OPTION]... -f FILE",
	.description =
		"FILE is a list of images by tags, patterns, ranges of versions or digests, from "
		"registries, layouts and bundles; ess-bundle-mirror(5) says how it is written. "
		"They go into a registry, a layout folder or one file. What is there is not sent "
		"again: a run that has nothing to do asks each side once per image.\n\n"
		"An image that fails does not hinder the others; the exit status is 8 then, and "
		"the next run goes on where this one stopped.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON,
	.run = run,
};
