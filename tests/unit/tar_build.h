/* Making tars for tests, good ones and bad ones, block by block. */
#pragma once

#include "base/buf.h"
#include "image/tar_write.h"

/* A member of ours with its data and padding. */
void tb_member(struct eb_buf *b, const struct oci_tar_entry *e, const void *data);
/* A plain file of ours. */
void tb_file(struct eb_buf *b, const char *path, const char *data);
/* Any header: ustar magic, size as given; data is not added. */
void tb_header(struct eb_buf *b, const char *name, char type, const char *link, uint64_t size);
/* Data and its padding. */
void tb_data(struct eb_buf *b, const void *p, size_t n);
/* A pax header ('x' or 'g') that holds the text, or a GNU long name ('L', 'K'). */
void tb_extended(struct eb_buf *b, char type, const char *text);
/* Overwrite bytes of the header at `at` and make its checksum right again. */
void tb_patch(struct eb_buf *b, size_t at, size_t offset, const void *p, size_t n);
void tb_zeros(struct eb_buf *b, size_t n);
static inline void tb_end(struct eb_buf *b)
{
	tb_zeros(b, OCI_TAR_END_BYTES);
}
