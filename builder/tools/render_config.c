#include <unistd.h>

#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/span.h"
#include "template/confrender.h"
#include "tools/tool.h"

enum { OPT_OUTPUT, OPT_OVERWRITE, MAX_KEYS = 100 };

static const char *on_env(void *ctx, const char *name)
{
	(void)ctx;
	return getenv(name);
}

static int on_read(void *ctx, const char *path, struct eb_buf *out, struct eb_error **err)
{
	(void)ctx;
	return eb_file_read(path, out, err);
}

static int split_keys(const char *text, char *keys[static MAX_KEYS + 1], struct eb_error **err)
{
	struct eb_span rest = eb_span_str(text), one;
	size_t n = 0;

	while (eb_span_next(&rest, ',', &one)) {
		if (n == MAX_KEYS)
			return eb_throw(err, EB_E_LIMIT, "more than %d keys", MAX_KEYS);
		if (eb_span_trim(one).len > 0)
			keys[n++] = eb_span_dup(eb_span_trim(one));
	}
	return 0;
}

static int run(const struct tool_args *a, struct eb_error **err)
{
	EB_CLEANUP(eb_buf_wipe_p) struct eb_buf out = { .cap = TPL_CONFIG_MAX_BYTES };
	char *keys[MAX_KEYS + 1] = { NULL };
	char host[256] = "";
	struct tpl_config c = { .files = a->operands,
				.overwrite = (const char *const *)keys,
				.env = on_env,
				.read = on_read,
				.hostname = host };
	const char *show = getenv("DEBUG_RENDERING");
	int r = split_keys(a->values[OPT_OVERWRITE], keys, err);

	if (gethostname(host, sizeof(host) - 1) < 0)
		r = eb_throw_errno(err, "name of this host");
	if (r >= 0)
		r = tpl_render_config(&c, &out, err);
	for (size_t i = 0; keys[i]; i++)
		free(keys[i]);
	if (r >= 0)
		r = eb_file_write(a->values[OPT_OUTPUT], eb_buf_str(&out), out.len, 0440, err);
	if (r < 0)
		return r;
	if (show && strcmp(show, "1") == 0)
		tool_say("%s", eb_buf_str(&out));
	return 0;
}

const struct tool tool_render_config = {
	.name = "render-config",
	.summary = "merge configuration files, with variables filled in",
	.operands = "FILE...",
	.options = { [OPT_OUTPUT] = { "output", "FILE", "the result, mode 0440; replaced", true },
		     [OPT_OVERWRITE] = { "array-overwrite-keys", "KEY,...",
					 "top-level lists that a later file replaces", false } },
	.min_operands = 1,
	.run = run,
};
