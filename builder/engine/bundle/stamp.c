#include "bundle/stamp.h"

#include <limits.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "pkg/cache.h"

#define KIND "stamp-1"

enum { STAMP_MAX_BYTES = 1024 };

/* One stamp for each output of each key. */
static char *stamp_key(const char *key, const char *path)
{
	autofree char *full = realpath(path, NULL);
	autofree char *text = eb_xasprintf("%s\n%s", key, full ? full : path);
	char hex[EB_SHA256_HEX + 1];

	eb_sha256_hex(text, strlen(text), hex);
	return eb_xstrdup(hex);
}

static char *describe(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return NULL;
	return eb_xasprintf("%llu %llu %llu %lld.%09ld %lld.%09ld", (unsigned long long)st.st_dev,
			    (unsigned long long)st.st_ino, (unsigned long long)st.st_size,
			    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
			    (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

int bnd_stamp_check(const struct pkg_cache *c, const char *key, const char *path,
		    struct oci_digest *ret_root, struct eb_error **err)
{
	autofree char *name = stamp_key(key, path), *now = describe(path);
	EB_AUTOBUF(b, STAMP_MAX_BYTES);
	const char *text, *line;
	autofree char *root = NULL;
	int r;

	if (!now)
		return eb_throw(err, EB_E_NOT_FOUND, "'%s' does not exist", path);
	r = pkg_cache_derived_get(c, KIND, name, &b, err);
	if (r < 0)
		return r;
	text = eb_buf_str(&b);
	line = strchr(text, '\n');
	if (!line)
		return eb_throw(err, EB_E_NOT_FOUND, "the stamp of '%s' is damaged", path);
	if (strcmp(line + 1, now) != 0)
		return eb_throw(err, EB_E_NOT_FOUND, "'%s' was changed", path);
	root = eb_xstrndup(text, (size_t)(line - text));
	return oci_digest_parse(root, ret_root, NULL) >= 0
		       ? 0
		       : eb_throw(err, EB_E_NOT_FOUND, "the stamp of '%s' is damaged", path);
}

void bnd_stamp_note(const struct pkg_cache *c, const char *key, const char *path,
		    const struct oci_digest *root)
{
	autofree char *name = stamp_key(key, path), *now = describe(path);
	autofree char *text = NULL;

	if (!now)
		return;
	text = eb_xasprintf("%s\n%s", root->text, now);
	eb_ignore(pkg_cache_derived_put(c, KIND, name, text, strlen(text), NULL));
}
