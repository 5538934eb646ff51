/* Rendered objects as text and files. */
#pragma once

#include "render/objects.h"

struct eb_buf;
struct eb_dir;

enum { RND_OUTPUT_MAX_BYTES = 64 * 1024 * 1024 };

/* All of them as documents parted by "---". EB_E_LIMIT at out's cap. */
int rnd_write_documents(const struct rnd_objects *o, struct eb_buf *out,
			struct eb_error **err) EB_MUST_CHECK;
/* A file each into the directory `path` (made when missing): "0007-deployment-ess-redis.yaml", the
 * number being the place in the order; mode 0644, with a Secret 0600. EB_E_CONFLICT when such files
 * of another rendering are there that this one would not replace. */
int rnd_write_split(const struct rnd_objects *o, const char *path,
		    struct eb_error **err) EB_MUST_CHECK;
/* The same into an open directory; with `escape` so that Helm's template language gives back the
 * text as it is. */
int rnd_write_files(const struct rnd_objects *o, const struct eb_dir *dir, bool escape,
		    struct eb_error **err) EB_MUST_CHECK;
/* Say with Argo CD's annotations what Helm's hook annotations say: hooks become PreSync and
 * PostSync hooks, weights sync waves. */
void rnd_annotate_argocd(struct rnd_objects *o);
