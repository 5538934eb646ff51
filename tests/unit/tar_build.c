#include "tar_build.h"

void tb_zeros(struct eb_buf *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		eb_buf_addc(b, '\0');
}

void tb_data(struct eb_buf *b, const void *p, size_t n)
{
	eb_buf_add(b, p, n);
	tb_zeros(b, (size_t)oci_tar_padding(n));
}

void tb_member(struct eb_buf *b, const struct oci_tar_entry *e, const void *data)
{
	oci_tar_header(e, b);
	if (e->type == '0')
		tb_data(b, data, (size_t)e->size);
}

void tb_file(struct eb_buf *b, const char *path, const char *data)
{
	struct oci_tar_entry e = {
		.path = path, .type = '0', .mode = 0644, .size = strlen(data), .mtime_sec = 1
	};

	tb_member(b, &e, data);
}

void tb_patch(struct eb_buf *b, size_t at, size_t offset, const void *p, size_t n)
{
	unsigned char *h = (unsigned char *)b->data + at;
	unsigned int sum = 0;

	memcpy(h + offset, p, n);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
}

void tb_header(struct eb_buf *b, const char *name, char type, const char *link, uint64_t size)
{
	size_t at = b->len;
	char text[16];

	tb_zeros(b, 512);
	memcpy(b->data + at, name, strnlen(name, 100));
	memcpy(b->data + at + 100,
	       "0000644\0"
	       "0000000\0"
	       "0000000",
	       24);
	snprintf(text, sizeof(text), "%011llo", (unsigned long long)size);
	memcpy(b->data + at + 124, text, 12);
	memcpy(b->data + at + 136, "00000000001", 12);
	b->data[at + 156] = type;
	memcpy(b->data + at + 157, link, strnlen(link, 100));
	tb_patch(b, at, 257,
		 "ustar\0"
		 "00",
		 8);
}

void tb_extended(struct eb_buf *b, char type, const char *text)
{
	/* GNU long names count their NUL. */
	size_t n = strlen(text) + (type == 'L' || type == 'K' ? 1 : 0);

	tb_header(b, "ext", type, "", n);
	tb_data(b, text, n);
}
