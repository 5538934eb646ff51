/* Scope-bound ownership. A variable marked with one of these is released when its scope ends;
 * EB_TAKE_PTR/EB_TAKE_FD hand the value over on the return line. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define EB_CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void eb_cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void eb_cleanup_fd_(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define autofree EB_CLEANUP(eb_cleanup_free_)
#define autofd EB_CLEANUP(eb_cleanup_fd_)

/* Move the value out of p and leave NULL (or -1) behind. */
#define EB_TAKE_PTR(p)                                                                             \
	({                                                                                         \
		__typeof__(p) eb_taken_ = (p);                                                     \
		(p) = NULL;                                                                        \
		eb_taken_;                                                                         \
	})
#define EB_TAKE_FD(fd)                                                                             \
	({                                                                                         \
		int eb_taken_ = (fd);                                                              \
		(fd) = -1;                                                                         \
		eb_taken_;                                                                         \
	})

/* EB_DEFINE_CLEANUP(struct x *, x_free) makes EB_CLEANUP(x_free_p) usable; x_free takes the pointer
 * and accepts NULL. EB_DEFINE_RELEASE(struct x, x_release) does it for embedded structs. */
#define EB_DEFINE_CLEANUP(type, fn)                                                                \
	static inline void fn##_p(type *p)                                                         \
	{                                                                                          \
		if (*p)                                                                            \
			fn(*p);                                                                    \
	}
#define EB_DEFINE_RELEASE(type, fn)                                                                \
	static inline void fn##_p(type *p)                                                         \
	{                                                                                          \
		fn(p);                                                                             \
	}
