/* Progress events. Engines emit, the program renders. Every call is thread-safe and cheap; a NULL
 * struct eb_progress is allowed everywhere and says nothing. */
#pragma once

#include "base/cleanup.h"

enum eb_unit { EB_UNIT_BYTES, EB_UNIT_ITEMS };

struct eb_progress;
struct eb_progress_ops {
	/* Returns a task id > 0. total 0 = unknown. */
	unsigned int (*start)(struct eb_progress *p, const char *name, enum eb_unit unit,
			      uint64_t total);
	void (*advance)(struct eb_progress *p, unsigned int task, uint64_t by);
	void (*finish)(struct eb_progress *p, unsigned int task);
	/* One line that stays, such as "fetched 31 packages (22 MiB)". */
	void (*message)(struct eb_progress *p, const char *line);
};
struct eb_progress {
	const struct eb_progress_ops *ops;
};

unsigned int eb_progress_start(struct eb_progress *p, const char *name, enum eb_unit unit,
			       uint64_t total);
void eb_progress_advance(struct eb_progress *p, unsigned int task, uint64_t by);
void eb_progress_finish(struct eb_progress *p, unsigned int task);
void eb_progress_message(struct eb_progress *p, const char *fmt, ...) EB_PRINTF(2, 3);
