/* Media types and annotation names, image-spec media-types.md and annotations.md, and our own. */
#pragma once

#define OCI_MT_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_MT_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MT_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_MT_EMPTY "application/vnd.oci.empty.v1+json"
#define OCI_MT_LAYER_TAR "application/vnd.oci.image.layer.v1.tar"
#define OCI_MT_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_MT_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define OCI_MT_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define OCI_MT_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define OCI_MT_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define OCI_MT_SIMPLE_SIGNING "application/vnd.dev.cosign.simplesigning.v1+json"

#define OCI_ANN_REF_NAME "org.opencontainers.image.ref.name"
#define OCI_ANN_CREATED "org.opencontainers.image.created"
#define OCI_ANN_TITLE "org.opencontainers.image.title"
#define OCI_ANN_VERSION "org.opencontainers.image.version"
#define OCI_ANN_DESCRIPTION "org.opencontainers.image.description"
#define OCI_ANN_BASE_NAME "org.opencontainers.image.base.name"
#define OCI_ANN_BASE_DIGEST "org.opencontainers.image.base.digest"
#define OCI_ANN_CONTAINERD_NAME "io.containerd.image.name"
#define OCI_ANN_CONTAINERS_ZSTD "io.github.containers.compression.zstd" /* "true", in an index */
/* What BuildKit writes on entries of an index that are no image */
#define OCI_ANN_DOCKER_REF_TYPE "vnd.docker.reference.type"
#define OCI_ANN_DOCKER_REF_DIGEST "vnd.docker.reference.digest"
#define OCI_ANN_COSIGN_SIGNATURE "dev.cosignproject.cosign/signature"

/* The bundle: artifactType of its manifest and of the root index, the types of its blobs, and the
 * annotations that mark entries of index.json and layers of the bundle manifest. */
#define BND_MT_BUNDLE "application/vnd.ess.bundle.v1+json"
#define BND_MT_DEFINITION "application/vnd.ess.bundle.definition.v1+json"
#define BND_MT_SOURCE "application/vnd.ess.bundle.source.v1.tar" /* recipes, locks, definition */
#define BND_MT_TOOL "application/vnd.ess.bundle.tool.v1"
/* Tar of "manifests/..." (the Jsonnet library), "values.schema.json", "profiles/NAME.yaml" */
#define BND_MT_LIBRARY "application/vnd.ess.bundle.library.v1.tar"
#define BND_MT_MANIFESTS                                                                           \
	"application/vnd.ess.bundle.manifests.v1+yaml"		  /* rendered at the build         \
								   */
#define BND_MT_VALUES "application/vnd.ess.bundle.values.v1+yaml" /* given to the build */
#define BND_ANN_ROOT "vnd.ess.bundle.root"   /* "true" on the root index in index.json */
#define BND_ANN_SIGNS "vnd.ess.bundle.signs" /* digest that a signature manifest signs */
/* how it hangs on that: "att", "sbom" = under cosign's tag of that end, "referrer" = by its subject
 * alone; none = "sig" */
#define BND_ANN_HANGS "vnd.ess.bundle.hangs"
#define BND_ANN_COSIGN_KIND "kind" /* what cosign calls an entry of a layout that it saved */
#define BND_ANN_FORMAT "vnd.ess.bundle.format" /* "1" on the root index */
#define BND_ANN_NAME "vnd.ess.bundle.name"
#define BND_ANN_LAYER_GROUP "vnd.ess.layer" /* which inputs a layer holds */
