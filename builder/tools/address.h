/* Connecting to HOST:PORT. */
#pragma once

struct eb_error;

/* "host:port" or "[v6]:port"; both heap. Errors: EB_E_USAGE. */
int tool_address_parse(const char *text, char **ret_host, char **ret_port,
		       struct eb_error **err) EB_MUST_CHECK;
/* A TCP connection to any of its addresses, within that time for each. Returns the descriptor.
 * Errors: EB_E_NETWORK saying what the last one said. */
int tool_connect(const char *host, const char *port, unsigned int timeout_sec,
		 struct eb_error **err) EB_MUST_CHECK;
