/* Synapse main and its key workers are ready when all of them answer /health in one round. */
#include "base/error.h"
#include "base/http.h"
#include "base/mem.h"
#include "tools/address.h"
#include "tools/tool.h"

enum { OPT_PATH, OPT_TIMEOUT, ANSWER_SEC = 5, MAX_ANSWER = 64 * 1024, MAX_ADDRESSES = 256 };

struct target {
	char *url;
	struct eb_http_get get;
	struct eb_http_call call;
	bool ready;
};

static int drop_body(void *ctx, uint64_t at, const void *p, size_t n, struct eb_error **err)
{
	(void)ctx;
	(void)at;
	(void)p;
	(void)n;
	(void)err;
	return 0;
}

static void reset(struct target *t)
{
	eb_error_clear(&t->get.error);
	eb_http_call_release(&t->call);
	t->call = (struct eb_http_call){ .method = "GET" };
	t->get = (struct eb_http_get){
		.url = t->url, .max_bytes = MAX_ANSWER, .body = drop_body, .call = &t->call
	};
}

/* How many are ready; says what the first of the others answered. */
static size_t round_of(struct eb_http *http, struct target *list, size_t n, char **ret_why)
{
	autofree struct eb_http_get **gets = eb_xcalloc(n, sizeof(struct eb_http_get *));
	autoerror struct eb_error *first = NULL;
	size_t ready = 0;

	for (size_t i = 0; i < n; i++) {
		reset(&list[i]);
		gets[i] = &list[i].get;
	}
	eb_ignore(eb_http_get_all(http, gets, n, NULL, NULL, &first));
	for (size_t i = 0; i < n; i++) {
		const struct eb_http_get *g = &list[i].get;

		if (g->result >= 0 && g->status == 200) {
			ready++;
		} else if (!*ret_why) {
			*ret_why = g->error ? eb_xstrdup(g->error->message)
					    : eb_xasprintf("%s: HTTP %ld", list[i].url, g->status);
		}
	}
	return ready;
}

static int set_up(struct target *list, const struct tool_args *a, struct eb_error **err)
{
	const char *path = a->values[OPT_PATH] ? a->values[OPT_PATH] : "/health";

	if (path[0] != '/')
		return eb_throw(err, EB_E_USAGE, "-path begins with '/'");
	for (size_t i = 0; i < a->n_operands; i++) {
		autofree char *host = NULL, *port = NULL;
		int r = tool_address_parse(a->operands[i], &host, &port, err);

		if (r < 0)
			return r;
		list[i].url = eb_xasprintf("http://%s%s", a->operands[i], path);
	}
	return 0;
}

static int wait_for(struct target *list, size_t n, uint64_t timeout, struct eb_error **err)
{
	const struct eb_http_options o = { .attempts = 1,
					   .connect_timeout_sec = ANSWER_SEC,
					   .stall_timeout_sec = ANSWER_SEC,
					   .parallel = 8 };
	EB_CLEANUP(eb_http_free_p) struct eb_http *http = NULL;
	uint64_t begin = tool_now_sec();
	int r = eb_http_new(&o, &http, err);

	while (r >= 0) {
		autofree char *why = NULL;
		size_t ready = round_of(http, list, n, &why);

		if (ready == n) {
			tool_say("all %zu are ready", n);
			return 0;
		}
		tool_say("%zu of %zu are ready; %s", ready, n, why);
		if (timeout && tool_now_sec() - begin >= timeout)
			return eb_throw(err, EB_E_NETWORK, "%zu of %zu are ready after %llu s: %s",
					ready, n, (unsigned long long)timeout, why);
		tool_sleep_sec(1);
	}
	return r;
}

static int run(const struct tool_args *a, struct eb_error **err)
{
	autofree struct target *list = NULL;
	uint64_t timeout = 0;
	int r;

	if (a->n_operands > MAX_ADDRESSES)
		return eb_throw(err, EB_E_LIMIT, "more than %d addresses", MAX_ADDRESSES);
	list = eb_xcalloc(a->n_operands, sizeof(*list));
	r = set_up(list, a, err);
	if (r >= 0)
		r = tool_seconds(a->values[OPT_TIMEOUT], "timeout", 0, &timeout, err);
	if (r >= 0)
		r = wait_for(list, a->n_operands, timeout, err);
	for (size_t i = 0; i < a->n_operands; i++) {
		eb_error_clear(&list[i].get.error);
		eb_http_call_release(&list[i].call);
		free(list[i].url);
	}
	return r;
}

const struct tool tool_synapse_wait = {
	.name = "synapse-wait",
	.summary = "wait until Synapse processes answer that they are healthy",
	.operands = "HOST:PORT...",
	.options = { [OPT_PATH] = { "path", "PATH", "what to ask for; default /health", false },
		     [OPT_TIMEOUT] = { "timeout", "SECONDS", "give up then; 0, the default: never",
				       false } },
	.min_operands = 1,
	.run = run,
};
