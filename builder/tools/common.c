#include <stdarg.h>
#include <time.h>

#include "base/error.h"
#include "kube/api.h"
#include "kube/config.h"
#include "tools/tool.h"

void tool_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

void tool_sleep_sec(unsigned int sec)
{
	nanosleep(&(struct timespec){ .tv_sec = sec }, NULL);
}

uint64_t tool_now_sec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec;
}

static int load_config(struct kube_config **ret, struct eb_error **err)
{
	const char *file = getenv("KUBECONFIG");
	const char *const files[] = { file, NULL };
	const struct kube_config_options o = { .files = files };

	if (file && *file)
		return kube_config_load(&o, ret, err);
	return kube_config_in_cluster(KUBE_POD_DIR, getenv("KUBERNETES_SERVICE_HOST"),
				      getenv("KUBERNETES_SERVICE_PORT"), ret, err);
}

int tool_cluster_open(struct tool_cluster *ret, struct eb_error **err)
{
	EB_CLEANUP(tool_cluster_release_p) struct tool_cluster c = { .config = NULL };
	const struct kube_api_options o = { .user_agent = "ess-tools/" EB_VERSION,
					    .field_manager = "ess-tools" };
	int r;

	c.namespace_ = getenv("NAMESPACE");
	if (!c.namespace_ || !*c.namespace_)
		return eb_hint(err,
			       eb_throw(err, EB_E_USAGE, "NAMESPACE is not set in the environment"),
			       "set it from metadata.namespace in the pod's env");
	r = load_config(&c.config, err);
	if (r >= 0)
		r = kube_api_new(c.config, &o, &c.api, err);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct tool_cluster){ .config = NULL };
	return 0;
}

void tool_cluster_release(struct tool_cluster *c)
{
	kube_api_free(c->api);
	kube_config_free(c->config);
}
