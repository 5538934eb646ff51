#include "dist/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/url.h"

enum {
	MAX_BYTES = 16 * 1024,
	MAX_URL_BYTES = 8 * 1024,
	MAX_SEEN = 10000,
	OLD_SEC = 7 * 24 * 3600, /* registries forget sessions after about as long */
};

#define FIRST_LINE "ess-bundle upload 1"

struct oci_session {
	struct eb_dir dir;
	char name[EB_SHA256_HEX + 1];
	char *key;
	int fd;
	bool kept;
};

/* What another push left and nobody took up. `now` is the time of a file that was just made. */
static void sweep(const struct eb_dir *d, int64_t now_sec)
{
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (int i = 0; i < MAX_SEEN && (e = readdir(dir)); i++)
		if (eb_is_hex(e->d_name, EB_SHA256_HEX) &&
		    fstatat(d->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    now_sec - (int64_t)st.st_mtim.tv_sec > OLD_SEC)
			eb_ignore(unlinkat(d->fd, e->d_name, 0));
	closedir(dir);
}

static bool open_note(struct oci_session *s, const char *folder)
{
	autoerror struct eb_error *e = NULL;
	struct stat st;

	if (eb_dir_open(folder, true, &s->dir, &e) < 0)
		return false;
	s->fd = eb_dir_open_file(&s->dir, s->name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, &e);
	if (s->fd < 0 || flock(s->fd, LOCK_EX | LOCK_NB) < 0 || fstat(s->fd, &st) < 0)
		return false;
	if (st.st_size == 0)
		sweep(&s->dir, (int64_t)st.st_mtim.tv_sec);
	return fchmod(s->fd, 0600) == 0;
}

struct oci_session *oci_session_open(const char *folder, const char *host, const char *repo,
				     const struct oci_digest *digest)
{
	struct oci_session *s = eb_xcalloc(1, sizeof(*s));

	s->dir.fd = s->fd = -1;
	s->key = eb_xasprintf("%s/%s@%s", host, repo, digest->text);
	eb_sha256_hex(s->key, strlen(s->key), s->name);
	if (!open_note(s, folder)) {
		eb_log(EB_LOG_DEBUG, "no note of the upload of %s in '%s'", s->key, folder);
		s->kept = true; /* whatever is there is not ours to remove */
		return oci_session_free(s);
	}
	return s;
}

struct oci_session *oci_session_free(struct oci_session *s)
{
	if (!s)
		return NULL;
	if (!s->kept)
		oci_session_forget(s);
	if (s->fd >= 0)
		close(s->fd);
	eb_dir_release(&s->dir);
	free(s->key);
	free(s);
	return NULL;
}

static bool may_keep(const char *base, const char *url)
{
	const char *host = strstr(url, "://");

	return host && strlen(url) <= MAX_URL_BYTES && eb_url_same_origin(url, base) &&
	       !memchr(host + 3, '@', strcspn(host + 3, "/?#"));
}

char *oci_session_url(struct oci_session *s, const char *base)
{
	char text[MAX_BYTES + 1], hex[EB_SHA256_HEX + 1];
	struct eb_span rest, sum, first, key, url;
	autofree char *copy = NULL;
	ssize_t n = s ? pread(s->fd, text, MAX_BYTES, 0) : 0;

	if (n <= 0)
		return NULL;
	rest = (struct eb_span){ text, (size_t)n };
	if (!eb_span_next(&rest, '\n', &sum))
		return NULL;
	eb_sha256_hex(rest.ptr, rest.len, hex);
	if (!eb_span_eq(sum, hex) || !eb_span_next(&rest, '\n', &first) ||
	    !eb_span_eq(first, FIRST_LINE) || !eb_span_next(&rest, '\n', &key) ||
	    !eb_span_eq(key, s->key) || !eb_span_next(&rest, '\n', &url) || rest.len > 0 ||
	    memchr(url.ptr, '\0', url.len))
		return NULL;
	copy = eb_span_dup(url);
	s->kept = may_keep(base, copy);
	return s->kept ? EB_TAKE_PTR(copy) : NULL;
}

/* In place: what is written halfway does not fit its sum. */
void oci_session_save(struct oci_session *s, const char *base, const char *url)
{
	autofree char *body = NULL, *all = NULL;
	char hex[EB_SHA256_HEX + 1];
	size_t n;

	if (!s)
		return;
	if (!may_keep(base, url)) {
		oci_session_forget(s);
		return;
	}
	body = eb_xasprintf("%s\n%s\n%s\n", FIRST_LINE, s->key, url);
	eb_sha256_hex(body, strlen(body), hex);
	all = eb_xasprintf("%s\n%s", hex, body);
	n = strlen(all);
	s->kept = n <= MAX_BYTES && pwrite(s->fd, all, n, 0) == (ssize_t)n &&
		  ftruncate(s->fd, (off_t)n) == 0;
}

bool oci_session_is_kept(const struct oci_session *s)
{
	return s && s->kept;
}

void oci_session_forget(struct oci_session *s)
{
	if (!s)
		return;
	s->kept = false;
	if (s->fd >= 0) {
		eb_ignore(ftruncate(s->fd, 0));
		eb_ignore(unlinkat(s->dir.fd, s->name, 0));
	}
}
