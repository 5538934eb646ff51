/* What 'mirror' prints. */
#pragma once

#include "cli/env.h"
#include "dist/push.h"
#include "mirror/prune.h"

size_t mirror_count(const struct mir_items *items, enum mir_status status);
/* What will be deleted (nothing with --json: it is in the report). */
void mirror_report_pruning(struct cmd_env *env, const struct mir_pruning *p, bool dry_run);
/* Lines for people, or all of it as JSON. The result is the command's: 0, EB_E_PARTIAL when some
 * failed, the first one's error when all of them did. */
int mirror_report(struct cmd_env *env, const struct mir_items *items, const struct mir_pruning *p,
		  const struct oci_push_result *sum, bool dry_run, struct eb_error **err);
