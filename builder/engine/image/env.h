/* What building needs from the program: where sources are, on which threads, how much is said. */
#pragma once

#include "base/codec.h"
#include "pkg/fetch.h"

struct eb_pool;
struct eb_progress;
struct pkg_go_options;
struct img_shared;
struct img_upstream;

struct img_env {
	const struct pkg_cache *cache;
	const struct pkg_fetch_options *fetch;
	const struct pkg_go_options *go;     /* builds Go programs; NULL = there are none */
	const struct img_upstream *upstream; /* registries; NULL = none may be asked */
	struct img_shared *shared;	     /* caches in registries; NULL = there are none */
	struct eb_pool *pool;
	struct eb_progress *progress;
	const char *host_arch;		/* "amd64": whose codec library can be loaded here */
	enum eb_codec_kind compression; /* of the layers */
	int64_t epoch_sec; /* >= 0 overrides the locks' (SOURCE_DATE_EPOCH); -1 = theirs */
};
