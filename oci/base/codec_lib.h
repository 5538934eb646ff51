/* A compression library that is loaded at run time, beside whatever version of it the program
 * itself is linked with. For codec.c only. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

struct eb_codec_lib {
	void *handle;
	int fd; /* keeps the name below /proc that the linker knows the library by; -1 = none */
};

/* The system's library of that name. */
int eb_codec_lib_system(const char *soname, struct eb_codec_lib *ret,
			struct eb_error **err) EB_MUST_CHECK;
/* The library in the n bytes at image. Its calls to its own functions stay within itself. */
int eb_codec_lib_image(const char *soname, const void *image, size_t n, struct eb_codec_lib *ret,
		       struct eb_error **err) EB_MUST_CHECK;
void eb_codec_lib_release(struct eb_codec_lib *l);
EB_DEFINE_RELEASE(struct eb_codec_lib, eb_codec_lib_release)

struct eb_codec_symbol {
	const char *name;
	size_t offset; /* of the function pointer in the table */
};
/* Fill the function pointers of `table`. EB_E_UNSUPPORTED names the first that is missing. */
int eb_codec_lib_symbols(const struct eb_codec_lib *l, const char *soname,
			 const struct eb_codec_symbol *symbols, size_t n, void *table,
			 struct eb_error **err) EB_MUST_CHECK;
