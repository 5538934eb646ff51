/* A directory in the making: filled under another name beside its own and renamed when it is whole,
 * so that its name never stands for half of it. */
#pragma once

#include "base/dir.h"

struct bnd_staging {
	struct eb_dir dir;	 /* what is being filled, mode 0700 */
	int parent_fd, spare_fd; /* spare: for removing it when no more can be opened */
	char *name;		 /* final base name */
	char *temp;		 /* base name so far; NULL once published */
};

/* path may be missing or an empty directory: EB_E_CONFLICT otherwise. Its parent must exist. */
int bnd_staging_open(const char *path, struct bnd_staging *ret,
		     struct eb_error **err) EB_MUST_CHECK;
/* Would opening it fail? Makes nothing. Errors as above. */
int bnd_staging_check(const char *path, struct eb_error **err) EB_MUST_CHECK;
/* Bring it to the disk and give it its name. */
int bnd_staging_publish(struct bnd_staging *s, struct eb_error **err) EB_MUST_CHECK;
void bnd_staging_release(struct bnd_staging *s); /* removes it unless published */
EB_DEFINE_RELEASE(struct bnd_staging, bnd_staging_release)
#define BND_AUTOSTAGING(name)                                                                      \
	EB_CLEANUP(bnd_staging_release_p)                                                          \
	struct bnd_staging name = { .dir = { .fd = -1 }, .parent_fd = -1, .spare_fd = -1 }
