/* A fuzzer cannot guess checksums: copy its bytes, and make the checksum of every block right that
 * has tar's magic, unless its checksum field begins with '!'. */
#pragma once

#include <stdint.h>

#include "base/mem.h"

static inline unsigned char *tar_fix(const uint8_t *data, size_t size)
{
	unsigned char *copy = eb_xmemdup(data, size);

	for (size_t at = 0; at + 512 <= size; at += 512) {
		unsigned char *h = copy + at;
		unsigned int sum = 0;

		if (memcmp(h + 257, "ustar", 5) != 0 || h[148] == '!')
			continue;
		memset(h + 148, ' ', 8);
		for (size_t i = 0; i < 512; i++)
			sum += h[i];
		snprintf((char *)h + 148, 8, "%06o", sum);
	}
	return copy;
}
