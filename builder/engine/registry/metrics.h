/* Counters, and the text that Prometheus reads (exposition format 0.0.4). */
#pragma once

#include <stdatomic.h>

#include "base/buf.h"
#include "registry/route.h"

enum { REG_STATUSES = 13 };

struct reg_metrics {
	atomic_ullong requests[REG_ROUTE_KINDS][REG_STATUSES];
	atomic_ullong bytes;	   /* of bodies that went out whole */
	atomic_ullong refused;	   /* connections over a limit */
	atomic_ullong timeouts;	   /* connections that were cut for being slow */
	atomic_ullong interrupted; /* answers that did not go out whole */
	atomic_ullong logins_failed;
	atomic_ullong reloads, reload_failures;
};

/* What is not counted but is as it is now. */
struct reg_gauges {
	unsigned int connections, busy;
	size_t files, files_stale, repositories;
	uint64_t file_bytes, uptime_sec;
};

void reg_metrics_count(struct reg_metrics *m, enum reg_route_kind kind, unsigned int status);
void reg_metrics_write(struct reg_metrics *m, const struct reg_gauges *g, struct eb_buf *out);
