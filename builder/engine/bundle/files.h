/* What an image looks like with all its layers applied, without writing it anywhere: a record per
 * path, in memory. Some 250 bytes per file and 8 per 4 KiB of content. */
#pragma once

#include "bundle/layers.h"
#include "bundle/paths.h"

/* Content is also known by its blocks, so that two versions of a large file can be compared by
 * reading one block of each again. */
enum { BND_FILE_BLOCK = 4096 };

struct bnd_file {
	struct bnd_path base;
	char type; /* as in struct oci_tar_entry; 0 = hidden by a later layer */
	unsigned int layer;
	uint32_t mode, uid, gid;
	int64_t mtime_sec;
	uint64_t size;
	const char *link;
	uint8_t content[32]; /* SHA-256 of a file */
	uint8_t xattrs[32];  /* SHA-256 of all names and values; zeros = none */
	const uint64_t *blocks;
	uint64_t n_blocks;
};

/* Read all layers, verified. *ret maps paths to struct bnd_file. Errors name the layer:
 * EB_E_DIGEST, EB_E_FORMAT, EB_E_LIMIT. */
int bnd_files_load(const struct bnd_layers *l, struct bnd_paths **ret,
		   struct eb_error **err) EB_MUST_CHECK;

enum bnd_file_change {
	BND_FILE_TYPE = 1u << 0,
	BND_FILE_CONTENT = 1u << 1,
	BND_FILE_MODE = 1u << 2,
	BND_FILE_OWNER = 1u << 3,
	BND_FILE_LINK = 1u << 4,
	BND_FILE_XATTRS = 1u << 5,
	BND_FILE_MTIME = 1u << 6,
};
/* In what two files differ. */
unsigned int bnd_file_changes(const struct bnd_file *a, const struct bnd_file *b);
