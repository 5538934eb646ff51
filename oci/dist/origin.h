/* Sources of images: a layout file or folder, a repository of a registry. */
#pragma once

#include "dist/graph.h"
#include "image/archive.h"
#include "image/docker_archive.h"

struct oci_registry;

/* Both borrow what they read from. */
struct oci_source oci_source_archive(const struct oci_archive *a);
/* Images have to be loaded (oci_docker_load()) to be found. */
struct oci_source oci_source_docker(const struct oci_docker_archive *a);

struct oci_repository {
	struct oci_registry *registry;
	const char *repo;
};
struct oci_source oci_source_repository(struct oci_repository *r);

/* The whole of a blob, verified when it ends. */
int oci_source_verified(const struct oci_source *src, const struct oci_descriptor *d,
			struct eb_reader **ret, struct eb_error **err) EB_MUST_CHECK;
/* The entry of a layout's index.json that `name` means: its org.opencontainers.image.ref.name or
 * io.containerd.image.name in full, the tag of one of them, or a digest; NULL = the only one there
 * is. Errors: EB_E_NOT_FOUND and EB_E_USAGE (which of them?) with the names there are. */
int oci_archive_resolve(const struct oci_archive *a, const char *name,
			const struct oci_descriptor **ret, struct eb_error **err) EB_MUST_CHECK;
/* The image of an archive of `docker save` that `name` means: a tag as it stands or in full, or
 * "@N" for the Nth one from 0; NULL = the only one. Errors: as above. */
int oci_docker_resolve(const struct oci_docker_archive *a, const char *name, size_t *ret,
		       struct eb_error **err) EB_MUST_CHECK;
/* "redis:7" in full, "docker.io/library/redis:7"; NULL for what is no reference (heap). */
char *oci_docker_full_name(const char *tag);
