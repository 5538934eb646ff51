/* Go modules for tests: a module proxy in a directory, as GOPROXY=file:// reads it. */
#pragma once

struct mkgomod_file {
	const char *path, *text;
};

/* Write <proxy>/<module>/@v/<version>.{info,mod,zip}; one of the files is go.mod. Ends the test on
 * failure. module has no capital letters. */
void mkgomod(const char *proxy, const char *module, const char *version,
	     const struct mkgomod_file *files, size_t n);
