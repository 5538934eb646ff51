/* A configuration from several files: each may name variables as ${NAME}, whose values are
 * templates (template.h); the files are YAML and are merged in their order. The environment, files
 * and names of the machine come through callbacks. */
#pragma once

#include "base/cleanup.h"

struct eb_buf;
struct eb_error;

enum { TPL_CONFIG_MAX_BYTES = 16 * 1024 * 1024, TPL_READFILE_MAX_BYTES = 1024 * 1024 };

struct tpl_config {
	const char *const *files; /* NULL-terminated names */
	/* Top-level keys whose list is replaced instead of added to; NULL-terminated or NULL. */
	const char *const *overwrite;
	void *ctx;
	/* Value of a variable; NULL = it is not set. */
	const char *(*env)(void *ctx, const char *name);
	/* A whole file, for the files above and for readfile. */
	int (*read)(void *ctx, const char *path, struct eb_buf *out, struct eb_error **err);
	const char *hostname;
};

/* Appends the merged document. Maps are merged key by key, lists are added to, anything else is
 * replaced by what comes later; an empty file adds nothing. \${NAME} stands for ${NAME} itself.
 * Values go in as they are, whatever they contain: what a value brings is not looked at again.
 * Functions: readfile PATH, hostname, replace OLD NEW TEXT, quote TEXT, indent N TEXT, urlencode
 * TEXT. Errors: EB_E_NOT_FOUND for a variable that is not set, EB_E_FORMAT, EB_E_LIMIT, those of
 * read; they name file and line and never hold a value. */
int tpl_render_config(const struct tpl_config *c, struct eb_buf *out,
		      struct eb_error **err) EB_MUST_CHECK;
