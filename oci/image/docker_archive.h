/* Archives of `docker save` (format v1.2: manifest.json names configurations, tags and layers), as
 * docker, podman, skopeo, containerd and kaniko write them. They hold no image manifests, so each
 * image gets one here: of OCI's types, with the configuration and the layers as they lie in the
 * archive, compressed or not. The digests of layers that are not compressed are the diffIDs of the
 * configuration; compressed ones are read once, their diffIDs are checked then. (Docker image
 * specification v1.2, "Combined Image JSON + Filesystem Changeset Format".) */
#pragma once

#include "image/manifest.h"

struct eb_reader;

enum {
	OCI_DOCKER_MAX_IMAGES = 4096,
	OCI_DOCKER_MAX_TAGS = 1024, /* of one image */
};

struct oci_docker_archive;

struct oci_docker_image {
	char **tags; /* as they stand: "redis:7", "r.example.org/redis:7" */
	size_t n_tags;
};

/* Reads the members' names and manifest.json. Errors, with path and place: EB_E_FORMAT,
 * EB_E_LIMIT, EB_E_UNSUPPORTED, errno. */
int oci_docker_open(const char *path, struct oci_docker_archive **ret,
		    struct eb_error **err) EB_MUST_CHECK;
struct oci_docker_archive *oci_docker_free(struct oci_docker_archive *a);
EB_DEFINE_CLEANUP(struct oci_docker_archive *, oci_docker_free)
const char *oci_docker_path(const struct oci_docker_archive *a);
size_t oci_docker_count(const struct oci_docker_archive *a);
const struct oci_docker_image *oci_docker_image(const struct oci_docker_archive *a, size_t i);

/* Make image i readable by the functions below and describe its manifest. Errors: those above,
 * EB_E_DIGEST when a compressed layer is not what its diffID says. One thread. */
int oci_docker_load(struct oci_docker_archive *a, size_t i, struct oci_descriptor *ret,
		    struct eb_error **err) EB_MUST_CHECK;
/* Of images that were loaded; any number of threads. The manifest (heap), and the bytes of a
 * configuration or layer from `offset` on, not verified. EB_E_NOT_FOUND. */
int oci_docker_text(const struct oci_docker_archive *a, const struct oci_descriptor *d, char **ret,
		    struct eb_error **err) EB_MUST_CHECK;
int oci_docker_blob(const struct oci_docker_archive *a, const struct oci_descriptor *d,
		    uint64_t offset, struct eb_reader **ret, struct eb_error **err) EB_MUST_CHECK;
