/* Decompressing .xz streams of others (https://tukaani.org/xz/xz-file-format.txt) with a limit on
 * memory: the dictionary's size stands in the stream, and whoever made it may ask for 4 GiB. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct eb_reader;

/* What is inside `in`: one .xz stream or several one after the other, nothing behind them. Takes
 * ownership of in, always.
 * ratio  most bytes of output per byte of input, asked above the first MiB of output; 0 = any.
 * Errors, here or while reading: EB_E_LIMIT (ratio; a dictionary over 64 MiB), EB_E_FORMAT (not xz,
 * damaged, truncated, bytes after the end), those of in. */
int eb_xz_reader(struct eb_reader *in, unsigned int ratio, struct eb_reader **ret,
		 struct eb_error **err) EB_MUST_CHECK;
