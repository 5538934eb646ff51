#include <time.h>

#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "secrets/store.h"
#include "tools/tool.h"

enum { OPT_SECRETS, OPT_LABELS };

static int on_template(void *ctx, const char *path, char **ret, struct eb_error **err)
{
	EB_AUTOBUF(b, SEC_MAX_TEMPLATE);
	int r = eb_file_read(path, &b, err);

	(void)ctx;
	if (r < 0)
		return r;
	if (b.len > 0 && memchr(b.data, '\0', b.len))
		return eb_throw(err, EB_E_FORMAT, "it is no text");
	eb_ignore(eb_buf_str(&b));
	*ret = eb_buf_take(&b);
	return 0;
}

static void on_say(void *ctx, const char *text)
{
	(void)ctx;
	tool_say("%s", text);
}

static int run(const struct tool_args *a, struct eb_error **err)
{
	EB_CLEANUP(sec_specs_release_p) struct sec_specs specs = { .n = 0 };
	EB_CLEANUP(tool_cluster_release_p) struct tool_cluster c = { .config = NULL };
	struct sec_ensure e = { .read_template = on_template, .say = on_say };
	autojson json_t *labels = NULL;
	struct timespec ts;
	int r = sec_specs_parse(a->values[OPT_SECRETS], &specs, err);

	if (r >= 0)
		r = sec_labels_parse(a->values[OPT_LABELS] ? a->values[OPT_LABELS] : "", &labels,
				     err);
	if (r >= 0)
		r = tool_cluster_open(&c, err);
	if (r < 0)
		return r;
	clock_gettime(CLOCK_REALTIME, &ts);
	e.namespace_ = c.namespace_;
	e.labels = labels;
	e.now_msec = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	r = sec_ensure_all(c.api, &specs, &e, err);
	if (r >= 0)
		tool_say("all %zu values are there", specs.n);
	return r < 0 ? r : 0;
}

const struct tool tool_generate_secrets = {
	.name = "generate-secrets",
	.summary = "make the secrets that are missing, in one Secret of the cluster",
	.options = { [OPT_SECRETS] = { "secrets", "NAME:KEY:TYPE[:ARGS],...", "what is to be there",
				       true },
		     [OPT_LABELS] = { "labels", "KEY=VALUE,...", "labels of the Secret", false } },
	.run = run,
};
