/* Debug log. Libraries write nothing else: failures are returned. The sink is set once, before any
 * thread starts. */
#pragma once

enum eb_log_level { EB_LOG_DEBUG, EB_LOG_TRACE };

void eb_log_set(enum eb_log_level max, void (*sink)(const char *line));
void eb_log_enable(bool on);
void eb_log(enum eb_log_level level, const char *fmt, ...) EB_PRINTF(2, 3);
