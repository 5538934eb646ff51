/* libmicrohttpd, loaded at the first call: see base/lazy.h. */
#include <microhttpd.h>
#include <stdarg.h>

#include "base/lazy.h"

#if EB_LAZY
/* clang-format off */
#define FUNCTIONS(X) \
	X(MHD_add_response_header) X(MHD_basic_auth_get_username_password) \
	X(MHD_create_response_from_buffer) X(MHD_create_response_from_callback) \
	X(MHD_create_response_from_fd_at_offset64) X(MHD_destroy_response) X(MHD_free) \
	X(MHD_get_connection_info) X(MHD_lookup_connection_value) X(MHD_queue_response) \
	X(MHD_quiesce_daemon) X(MHD_start_daemon) X(MHD_stop_daemon)
/* clang-format on */

EB_LAZY_LIBRARY("libmicrohttpd.so.12")

/* Without the library no daemon starts, so the others are never called then. */
EB_LAZY_FORWARD_VOID(MHD_stop_daemon, (struct MHD_Daemon * d), (d))
EB_LAZY_FORWARD(MHD_socket, MHD_quiesce_daemon, (struct MHD_Daemon * d), (d), MHD_INVALID_SOCKET)
EB_LAZY_FORWARD(const char *, MHD_lookup_connection_value,
		(struct MHD_Connection * c, enum MHD_ValueKind kind, const char *key),
		(c, kind, key), NULL)
EB_LAZY_FORWARD(enum MHD_Result, MHD_queue_response,
		(struct MHD_Connection * c, unsigned int status, struct MHD_Response *r),
		(c, status, r), MHD_NO)
EB_LAZY_FORWARD(struct MHD_Response *, MHD_create_response_from_callback,
		(uint64_t size, size_t block, MHD_ContentReaderCallback read, void *ctx,
		 MHD_ContentReaderFreeCallback end),
		(size, block, read, ctx, end), NULL)
EB_LAZY_FORWARD(struct MHD_Response *, MHD_create_response_from_buffer,
		(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode), (size, buffer, mode),
		NULL)
EB_LAZY_FORWARD(struct MHD_Response *, MHD_create_response_from_fd_at_offset64,
		(uint64_t size, int fd, uint64_t offset), (size, fd, offset), NULL)
EB_LAZY_FORWARD_VOID(MHD_destroy_response, (struct MHD_Response * r), (r))
EB_LAZY_FORWARD(enum MHD_Result, MHD_add_response_header,
		(struct MHD_Response * r, const char *name, const char *value), (r, name, value),
		MHD_NO)
EB_LAZY_FORWARD_VOID(MHD_free, (void *p), (p))
EB_LAZY_FORWARD(char *, MHD_basic_auth_get_username_password,
		(struct MHD_Connection * c, char **password), (c, password), NULL)

/* What follows the type is for types that are not asked for here. */
const union MHD_ConnectionInfo *MHD_get_connection_info(struct MHD_Connection *c,
							enum MHD_ConnectionInfoType type, ...)
{
	return ready() ? real.MHD_get_connection_info_(c, type) : NULL;
}

/* All options have to come in one MHD_OPTION_ARRAY, as other arguments cannot be passed on. */
struct MHD_Daemon *MHD_start_daemon(unsigned int flags, uint16_t port,
				    MHD_AcceptPolicyCallback accept, void *accept_ctx,
				    MHD_AccessHandlerCallback handler, void *handler_ctx, ...)
{
	struct MHD_Daemon *d = NULL;
	va_list ap;

	va_start(ap, handler_ctx);
	if (ready() && va_arg(ap, int) == MHD_OPTION_ARRAY)
		d = real.MHD_start_daemon_(flags, port, accept, accept_ctx, handler, handler_ctx,
					   MHD_OPTION_ARRAY, va_arg(ap, struct MHD_OptionItem *),
					   MHD_OPTION_END);
	va_end(ap);
	return d;
}
#endif
