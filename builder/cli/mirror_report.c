#include "cli/mirror_report.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"
#include "cli/ui.h"

size_t mirror_count(const struct mir_items *items, enum mir_status status)
{
	size_t n = 0;

	for (size_t i = 0; i < items->n; i++)
		n += items->items[i].status == status;
	return n;
}

static size_t count_fate(const struct mir_pruning *p, enum mir_fate fate)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->items[i].fate == fate;
	return n;
}

static const char *status_name(enum mir_status status)
{
	switch (status) {
	case MIR_MISSING:
		return "missing";
	case MIR_THERE:
		return "there";
	case MIR_DONE:
		return "mirrored";
	case MIR_FAILED:
		return "failed";
	}
	return "";
}

static const char *fate_name(enum mir_fate fate)
{
	switch (fate) {
	case MIR_PRUNE:
		return "prune";
	case MIR_PRUNED:
		return "pruned";
	case MIR_GONE:
		return "gone";
	case MIR_TAKEN:
		return "taken";
	case MIR_KEPT:
		return "kept";
	case MIR_NOT_PRUNED:
		return "failed";
	}
	return "";
}

/* ---- JSON ---- */

static json_t *item_json(const struct mir_item *it)
{
	json_t *j = eb_json_object();

	eb_json_set_str(j, "source", it->from);
	eb_json_set_str(j, "destination", it->to);
	if (it->root.digest.text[0])
		eb_json_set_str(j, "digest", it->root.digest.text);
	eb_json_set_str(j, "status", status_name(it->status));
	eb_json_set_u64(j, "attached", it->n_attached);
	eb_json_set_str(j, "warning", it->warning);
	if (it->error) {
		eb_json_set_str(j, "error", it->error->message);
		eb_json_set_str(j, "code", eb_code_name(it->error->code));
		eb_json_set_str(j, "hint", it->error->hint);
	}
	return j;
}

static json_t *pruned_json(const struct mir_pruned *d)
{
	json_t *j = eb_json_object();

	eb_json_set_str(j, "ref", d->ref);
	eb_json_set_str(j, "status", fate_name(d->fate));
	eb_json_set_str(j, "why", d->why);
	if (d->error)
		eb_json_set_str(j, "error", d->error->message);
	return j;
}

static void print_json(struct cmd_env *env, const struct mir_items *items,
		       const struct mir_pruning *p, const struct oci_push_result *sum, bool dry_run)
{
	json_t *j = eb_json_object(), *images = eb_json_array(), *pruned = eb_json_array();

	for (size_t i = 0; i < items->n; i++)
		eb_json_push(images, item_json(&items->items[i]));
	for (size_t i = 0; i < p->n; i++)
		eb_json_push(pruned, pruned_json(&p->items[i]));
	eb_json_set(j, "dry_run", json_boolean(dry_run));
	eb_json_set(j, "images", images);
	eb_json_set(j, "pruned", pruned);
	eb_json_set_u64(j, "failed", mirror_count(items, MIR_FAILED));
	eb_json_set_u64(j, "blobs_sent", sum->blobs_sent);
	eb_json_set_u64(j, "blobs_mounted", sum->blobs_mounted);
	eb_json_set_u64(j, "blobs_there", sum->blobs_there);
	eb_json_set_u64(j, "documents", sum->documents);
	eb_json_set_u64(j, "bytes_sent", sum->bytes_sent);
	env_print_json(env, j);
}

/* ---- text ---- */

void mirror_report_pruning(struct cmd_env *env, const struct mir_pruning *p, bool dry_run)
{
	for (size_t i = 0; i < p->n && !env->json; i++) {
		const struct mir_pruned *d = &p->items[i];

		if (d->fate == MIR_PRUNE)
			env_printf(env, "%-8s %s\n", dry_run ? "to prune" : "prune", d->ref);
		else if (d->fate == MIR_KEPT || d->fate == MIR_TAKEN)
			env_note(env, "not pruned: %s: %s", d->ref, d->why);
	}
}

/* What is as it was is not worth a line each night. */
static void print_items(struct cmd_env *env, const struct mir_items *items, bool dry_run)
{
	for (size_t i = 0; i < items->n; i++) {
		const struct mir_item *it = &items->items[i];

		if (it->status == MIR_THERE && !dry_run)
			continue;
		if (it->warning && it->status != MIR_FAILED && it->status != MIR_THERE)
			env_warn(env, "%s: %s", it->from, it->warning);
		if (it->error)
			env_warn(env, "%s: %s%s%s", it->from, it->error->message,
				 it->error->hint ? "; " : "",
				 it->error->hint ? it->error->hint : "");
		env_printf(env, "%-8s %s%s%s\n", status_name(it->status), it->from,
			   it->to ? " -> " : "", it->to ? it->to : "");
	}
}

static void print_sum(struct cmd_env *env, const struct mir_items *items,
		      const struct mir_pruning *p, const struct oci_push_result *sum, bool dry_run)
{
	size_t pruned = count_fate(p, dry_run ? MIR_PRUNE : MIR_PRUNED);
	char size[24], text[64] = "";

	ui_format_amount(EB_UNIT_BYTES, sum->bytes_sent, size);
	if (pruned)
		snprintf(text, sizeof(text), ", %zu %s", pruned, dry_run ? "to prune" : "pruned");
	env_note(env, "%zu images: %zu %s, %zu there, %zu failed%s; %s %zu blobs (%s), %s %zu",
		 items->n, mirror_count(items, dry_run ? MIR_MISSING : MIR_DONE),
		 dry_run ? "missing" : "mirrored", mirror_count(items, MIR_THERE),
		 mirror_count(items, MIR_FAILED), text, dry_run ? "to send:" : "sent",
		 sum->blobs_sent, size, dry_run ? "to mount:" : "mounted", sum->blobs_mounted);
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].fate == MIR_NOT_PRUNED)
			env_warn(env, "not pruned: %s: %s", p->items[i].ref,
				 p->items[i].error->message);
		else if (p->items[i].late)
			env_note(env, "not pruned: %s: %s", p->items[i].ref, p->items[i].why);
}

static const struct eb_error *first_error(const struct mir_items *items)
{
	for (size_t i = 0; i < items->n; i++)
		if (items->items[i].error)
			return items->items[i].error;
	return NULL;
}

int mirror_report(struct cmd_env *env, const struct mir_items *items, const struct mir_pruning *p,
		  const struct oci_push_result *sum, bool dry_run, struct eb_error **err)
{
	size_t failed = mirror_count(items, MIR_FAILED), late = count_fate(p, MIR_NOT_PRUNED);
	const struct eb_error *first = first_error(items);
	int code = first && failed == items->n ? first->code : EB_E_PARTIAL;

	if (env->json) {
		print_json(env, items, p, sum, dry_run);
		return failed || late ? eb_code_exit_status(code) : 0;
	}
	print_items(env, items, dry_run);
	print_sum(env, items, p, sum, dry_run);
	if (failed)
		return eb_throw(err, code, "%zu of %zu images were not mirrored", failed, items->n);
	if (late)
		return eb_throw(err, EB_E_PARTIAL, "%zu references were not pruned", late);
	return 0;
}
