/* Included before anything else in every translation unit (-include): feature macros, attributes
 * and the functions nobody here may call. The system headers that declare the banned functions are
 * pulled in first, so that the bans cannot break their prototypes. */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#define _FILE_OFFSET_BITS 64

#include <libgen.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>
#include <time.h>

#define EB_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define EB_MUST_CHECK __attribute__((warn_unused_result))
#define EB_MALLOC __attribute__((malloc, returns_nonnull, warn_unused_result))
#define EB_NORETURN __attribute__((noreturn))
#define EB_UNUSED __attribute__((unused))

/* The one greppable way to drop the result of a fallible call. */
#define eb_ignore(x)                                                                               \
	do {                                                                                       \
		__typeof__(x) eb_ignored_ EB_UNUSED = (x);                                         \
	} while (0)

#define EB_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define EB_BANNED(f) eb_banned_##f##_see_HACKING
#undef strcpy
#define strcpy(...) EB_BANNED(strcpy)
#undef strcat
#define strcat(...) EB_BANNED(strcat)
#undef strncpy
#define strncpy(...) EB_BANNED(strncpy)
#undef strncat
#define strncat(...) EB_BANNED(strncat)
#undef sprintf
#define sprintf(...) EB_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) EB_BANNED(vsprintf)
#undef strtok
#define strtok(...) EB_BANNED(strtok)
#undef atoi
#define atoi(...) EB_BANNED(atoi)
#undef atol
#define atol(...) EB_BANNED(atol)
#undef atoll
#define atoll(...) EB_BANNED(atoll)
#undef strtol
#define strtol(...) EB_BANNED(strtol)
#undef strtoul
#define strtoul(...) EB_BANNED(strtoul)
#undef strtoll
#define strtoll(...) EB_BANNED(strtoll)
#undef strtoull
#define strtoull(...) EB_BANNED(strtoull)
#undef gmtime
#define gmtime(...) EB_BANNED(gmtime)
#undef localtime
#define localtime(...) EB_BANNED(localtime)
#undef basename
#define basename(...) EB_BANNED(basename)
#undef dirname
#define dirname(...) EB_BANNED(dirname)
#undef mktemp
#define mktemp(...) EB_BANNED(mktemp)
#undef rand
#define rand(...) EB_BANNED(rand)
#undef system
#define system(...) EB_BANNED(system)
#undef popen
#define popen(...) EB_BANNED(popen)
#ifndef EB_CLI
#undef exit
#define exit(...) EB_BANNED(exit)
#endif
