/* Debug log. Libraries write nothing else: failures are returned. The sink is set once, before any
 * thread starts; logging is off until then. */
#pragma once

enum eb_log_level { EB_LOG_DEBUG, EB_LOG_TRACE };

/* Lines up to `max` go to `sink` (any thread, without a newline, valid during the call). */
void eb_log_set(enum eb_log_level max, void (*sink)(const char *line));
/* Switch all logging off or on again; any thread. */
void eb_log_enable(bool on);
/* Lines longer than 4095 bytes are cut. Cheap when the level is off. */
void eb_log(enum eb_log_level level, const char *fmt, ...) EB_PRINTF(2, 3);
