#include "registry/metrics.h"

/* The last one stands for all others. */
static const unsigned int statuses[REG_STATUSES] = { 200, 206, 304, 400, 401, 403, 404,
						     405, 416, 429, 500, 503, 0 };

void reg_metrics_count(struct reg_metrics *m, enum reg_route_kind kind, unsigned int status)
{
	size_t i = 0;

	while (i < REG_STATUSES - 1 && statuses[i] != status)
		i++;
	atomic_fetch_add_explicit(&m->requests[kind][i], 1, memory_order_relaxed);
}

static void head(struct eb_buf *out, const char *name, const char *type, const char *help)
{
	eb_buf_addf(out, "# HELP ess_bundle_%s %s\n# TYPE ess_bundle_%s %s\n", name, help, name,
		    type);
}

static void one(struct eb_buf *out, const char *name, const char *type, const char *help,
		unsigned long long value)
{
	head(out, name, type, help);
	eb_buf_addf(out, "ess_bundle_%s %llu\n", name, value);
}

static void write_requests(struct reg_metrics *m, struct eb_buf *out)
{
	head(out, "http_requests_total", "counter", "Requests answered, by kind and status.");
	for (int kind = 0; kind < REG_ROUTE_KINDS; kind++)
		for (size_t i = 0; i < REG_STATUSES; i++) {
			unsigned long long n = atomic_load(&m->requests[kind][i]);
			char code[16] = "other";

			if (statuses[i])
				snprintf(code, sizeof(code), "%u", statuses[i]);
			if (n)
				eb_buf_addf(
					out,
					"ess_bundle_http_requests_total{kind=\"%s\",code=\"%s\"}"
					" %llu\n",
					reg_route_name((enum reg_route_kind)kind), code, n);
		}
}

void reg_metrics_write(struct reg_metrics *m, const struct reg_gauges *g, struct eb_buf *out)
{
	head(out, "build_info", "gauge", "The program's version.");
	eb_buf_adds(out, "ess_bundle_build_info{version=\"" EB_VERSION "\"} 1\n");
	write_requests(m, out);
	one(out, "http_response_bytes_total", "counter", "Body bytes of answers sent whole.",
	    atomic_load(&m->bytes));
	one(out, "http_interrupted_total", "counter", "Answers that were not sent whole.",
	    atomic_load(&m->interrupted));
	one(out, "http_timeouts_total", "counter", "Connections cut for being too slow.",
	    atomic_load(&m->timeouts));
	one(out, "http_refused_total", "counter", "Connections refused for being too many.",
	    atomic_load(&m->refused));
	one(out, "logins_failed_total", "counter", "Requests with a wrong user or password.",
	    atomic_load(&m->logins_failed));
	one(out, "reloads_total", "counter", "Files that were opened again.",
	    atomic_load(&m->reloads));
	one(out, "reload_failures_total", "counter", "Files that could not be opened again.",
	    atomic_load(&m->reload_failures));
	one(out, "http_connections", "gauge", "Connections open now.", g->connections);
	one(out, "http_busy", "gauge", "Answers under way now.", g->busy);
	one(out, "files", "gauge", "Files served.", g->files);
	one(out, "files_stale", "gauge", "Files not served until they are verified again.",
	    g->files_stale);
	one(out, "file_bytes", "gauge", "Size of the files served.", g->file_bytes);
	one(out, "repositories", "gauge", "Repositories served, by all their names.",
	    g->repositories);
	one(out, "uptime_seconds", "gauge", "Since the start.", g->uptime_sec);
}
