/* What a list has brought into registries, so that pruning touches nothing else: a small JSON file
 * of references with the digests they had then,
 *
 *   {"format": 1, "put": [{"host": "...", "repo": "a/b", "tag": "1.0", "digest": "sha256:...",
 *                          "from": "docker.io/a/b"}]}
 *
 * sorted, without a tag for what was put by its digest alone. */
#pragma once

#include "image/digest.h"
#include "mirror/items.h"

enum { MIR_STATE_MAX_BYTES = 64 * 1024 * 1024, MIR_STATE_MAX_RECORDS = 500000 };

struct mir_record {
	char *host, *repo;
	char *tag; /* NULL = by its digest */
	struct oci_digest digest;
	char *from; /* the entry of the list that it belongs to */
};

struct mir_state {
	struct mir_record *records; /* sorted by host, repository, tag, digest; each once */
	size_t n, alloc;
	bool changed; /* since it was read */
};
void mir_state_release(struct mir_state *s);
EB_DEFINE_RELEASE(struct mir_state, mir_state_release)

/* A file that is not there is an empty state. Errors: EB_E_FORMAT naming file and member,
 * EB_E_LIMIT, EB_E_UNSUPPORTED (a newer format), -errno. */
int mir_state_load(const char *path, struct mir_state *ret, struct eb_error **err) EB_MUST_CHECK;
int mir_state_parse(const char *text, size_t n, struct mir_state *ret,
		    struct eb_error **err) EB_MUST_CHECK;
/* Replaces the file; nothing if nothing changed. */
int mir_state_save(struct mir_state *s, const char *path, struct eb_error **err) EB_MUST_CHECK;
/* NULL = it is not known. tag NULL: by its digest. */
const struct mir_record *mir_state_find(const struct mir_state *s, const char *host,
					const char *repo, const char *tag,
					const struct oci_digest *digest);
/* Write down that it was put there, or that its digest is another now. EB_E_LIMIT. */
int mir_state_put(struct mir_state *s, const char *host, const char *repo, const char *tag,
		  const struct oci_digest *digest, const char *from,
		  struct eb_error **err) EB_MUST_CHECK;
/* Forget those that are marked, drop[i] for records[i]. */
void mir_state_drop(struct mir_state *s, const bool *drop);
/* What `items` say was brought: those that are MIR_DONE; those that were there before only if they
 * are known already. */
int mir_state_note(struct mir_state *s, const char *host, const struct mir_items *items,
		   struct eb_error **err) EB_MUST_CHECK;
