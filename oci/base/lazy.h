/* Libraries that most runs of the program do not need, loaded at the first call: libcurl with all
 * it is linked with costs more than half of the time that a run with nothing else to do takes, and
 * libarchive (through libxml2 and ICU) half of the rest.
 *
 * A source file like curl_lazy.c defines functions of the library by their own names, which load
 * and forward. The library's header and the callers stay as they are. A function without such a
 * definition links the program with the library as usual: nothing breaks, the program only starts
 * as slowly as before, and tests/lint/check-startup.sh says so. EB_LAZY=0 leaves the definitions
 * out, for where libraries are not found by name at run time. */
#pragma once

#include <pthread.h>
#include <stddef.h>

#include "base/codec_lib.h"

struct eb_lazy {
	const char *soname;
	const struct eb_codec_symbol *symbols;
	size_t n;
	void *table;	     /* of the functions, see eb_codec_lib_symbols() */
	const char *problem; /* NULL = loaded; else why not, for people */
};

/* Load it and fill the table. Call once, by pthread_once(). It is never unloaded. */
void eb_lazy_load(struct eb_lazy *l);

/* For the tables of the files that define the functions. */
#define EB_LAZY_FIELD(name) __typeof__(name) *name##_;
#define EB_LAZY_SYMBOL(name) { #name, offsetof(struct functions, name##_) },
/* The library itself, whose functions the file lists in FUNCTIONS(X): `real` holds them once
 * ready() has loaded it, which says whether they are there. */
#define EB_LAZY_LIBRARY(soname)                                                                    \
	struct functions {                                                                         \
		FUNCTIONS(EB_LAZY_FIELD)                                                           \
	};                                                                                         \
	static const struct eb_codec_symbol symbols[] = { FUNCTIONS(EB_LAZY_SYMBOL) };             \
	static struct functions real;                                                              \
	static struct eb_lazy lazy = { soname, symbols, EB_ARRAY_LEN(symbols), &real, NULL };      \
                                                                                                   \
	static void load(void)                                                                     \
	{                                                                                          \
		eb_lazy_load(&lazy);                                                               \
	}                                                                                          \
                                                                                                   \
	static bool ready(void)                                                                    \
	{                                                                                          \
		static pthread_once_t once = PTHREAD_ONCE_INIT;                                    \
                                                                                                   \
		pthread_once(&once, load);                                                         \
		return !lazy.problem;                                                              \
	}
/* The function `name`: `without` is its value when there is no library. */
#define EB_LAZY_FORWARD(type, name, params, args, without)                                         \
	type name params                                                                           \
	{                                                                                          \
		return ready() ? real.name##_ args : (without);                                    \
	}
#define EB_LAZY_FORWARD_VOID(name, params, args)                                                   \
	void name params                                                                           \
	{                                                                                          \
		if (ready())                                                                       \
			real.name##_ args;                                                         \
	}
