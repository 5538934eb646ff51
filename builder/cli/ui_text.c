/* Text of the displays: amounts, times, and making foreign text harmless. */
#include <stdio.h>

#include "cli/ui.h"

/* Length of the well-formed UTF-8 character at s, 0 for a bad one. */
static size_t utf8_length(const unsigned char *s)
{
	size_t n = s[0] < 0x80			 ? 1
		   : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		   : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		   : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						 : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void ui_clean(char *s, bool ascii)
{
	unsigned char *p = (unsigned char *)s;

	while (*p) {
		size_t n = utf8_length(p);
		bool control = *p < 0x20 || *p == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);

		if (n == 0 || control || (ascii && n > 1))
			for (size_t i = 0; i < (n ? n : 1); i++)
				p[i] = '?';
		p += n ? n : 1;
	}
}

void ui_format_amount(enum eb_unit unit, uint64_t v, char out[static 24])
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double d = (double)v;
	size_t i = 0;

	if (unit == EB_UNIT_ITEMS) {
		snprintf(out, 24, "%llu", (unsigned long long)v);
		return;
	}
	if (v < 1024) {
		snprintf(out, 24, "%llu B", (unsigned long long)v);
		return;
	}
	for (d /= 1024; d >= 1023.95 && i + 1 < EB_ARRAY_LEN(names); i++)
		d /= 1024;
	snprintf(out, 24, "%.1f %s", d, names[i]);
}

void ui_format_eta(uint64_t sec, char out[static 24])
{
	unsigned int s = (unsigned int)(sec % 60), m = (unsigned int)(sec / 60 % 60);
	unsigned long long h = sec / 3600;

	if (h > 99)
		snprintf(out, 24, "long");
	else if (h)
		snprintf(out, 24, "%llu:%02u:%02u", h, m, s);
	else
		snprintf(out, 24, "%u:%02u", m, s);
}
