#include "pkg/gitarchive.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/remove.h"
#include "base/span.h"
#include "base/stream.h"
#include "pkg/cache.h"
#include "pkg/program.h"

enum { MESSAGES_MAX_BYTES = 64 * 1024, SHOWN_BYTES = 300 };

struct git {
	const char *what;
	const char *where, *dir; /* the repository as named; and where git works */
	const char *commit;
};

/* Configuration of user and machine could change the bytes (tar.umask, attributes), hooks could run
 * something; nothing may ask for a password. */
static const char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/nonexistent",
	"LC_ALL=C",
	"TZ=UTC",
	"GIT_CONFIG_NOSYSTEM=1",
	"GIT_CONFIG_GLOBAL=/dev/null",
	"GIT_ATTR_NOSYSTEM=1",
	"GIT_TERMINAL_PROMPT=0",
	"GIT_OPTIONAL_LOCKS=0",
	NULL,
};

static int run_git(const struct git *g, const char *const *argv, struct eb_error **err)
{
	EB_AUTOBUF(messages, MESSAGES_MAX_BYTES);
	const struct pkg_program p = { .argv = argv,
				       .env = environment,
				       .messages = &messages,
				       .install = "install git (Debian: apt-get install git)" };
	autofree char *shown = NULL;
	int r = pkg_program_run(&p, err);

	if (r <= 0)
		return r < 0 ? eb_prefix(err, r, "%s", g->what) : 0;
	shown = eb_printable(eb_buf_str(&messages), SHOWN_BYTES);
	return eb_throw(err, EB_E_PROGRAM, "%s: git could not make it of '%s': %s", g->what,
			g->where, *shown ? shown : "no details");
}

/* A bundle becomes a repository for the time being. */
static int unbundle(const struct git *g, const char *to, struct eb_error **err)
{
	const char *const init[] = { "git", "init", "--quiet", "--bare", "--template=", to, NULL };
	const char *const unpack[] = { "git", "-C", to, "bundle", "unbundle", g->where, NULL };
	int r = run_git(g, init, err);

	return r < 0 ? r : run_git(g, unpack, err);
}

static int write_tar(const struct git *g, const char *to, struct eb_error **err)
{
	autofree char *output = eb_xasprintf("--output=%s", to);
	autofree char *tree = eb_xasprintf("%s^{commit}", g->commit);
	const char *const argv[] = { "git",	"-C",		g->dir, "-c", "tar.umask=0022",
				     "archive", "--format=tar", output, tree, NULL };

	return run_git(g, argv, err);
}

static int keep(const struct pkg_cache *c, const struct git *g, const char *path,
		char ret_sha256[static 65], uint64_t *ret_size, struct eb_error **err)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *hash = eb_writer_hash(NULL);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	char hex[EB_SHA256_HEX + 1];
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return eb_throw_errno(err, "%s: open '%s'", g->what, path);
	in = eb_reader_region(fd, 0, (uint64_t)st.st_size);
	r = eb_copy(in, hash, NULL, err);
	if (r < 0)
		return r;
	eb_writer_hash_hex(hash, hex);
	r = pkg_cache_store(c, hex, (uint64_t)st.st_size,
			    eb_reader_region(fd, 0, (uint64_t)st.st_size), g->what, err);
	if (r < 0)
		return r;
	memcpy(ret_sha256, hex, sizeof(hex));
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

static int make(const struct pkg_cache *c, struct git *g, const char *work,
		char ret_sha256[static 65], uint64_t *ret_size, struct eb_error **err)
{
	autofree char *repository = eb_xasprintf("%s/repository", work);
	autofree char *tar = eb_xasprintf("%s/tar", work);
	struct stat st;
	int r = 0;

	if (stat(g->where, &st) < 0)
		return eb_throw(err, EB_E_NOT_FOUND, "%s: there is no '%s': %s", g->what, g->where,
				eb_code_text(errno));
	g->dir = g->where;
	if (!S_ISDIR(st.st_mode)) {
		g->dir = repository;
		r = unbundle(g, repository, err);
	}
	if (r >= 0)
		r = write_tar(g, tar, err);
	return r < 0 ? r : keep(c, g, tar, ret_sha256, ret_size, err);
}

int pkg_git_archive(const struct pkg_cache *c, const char *where, const char *commit,
		    const char *what, char ret_sha256[static 65], uint64_t *ret_size,
		    struct eb_error **err)
{
	autofree char *real = realpath(where, NULL);
	struct git g = { .what = what, .where = real ? real : where, .commit = commit };
	autofree char *cache = realpath(c->dir.path, NULL);
	autofree char *work = NULL;
	int r;

	if (!cache)
		return eb_throw_errno(err, "cache '%s'", c->dir.path);
	work = eb_xasprintf("%s/.git-XXXXXX", cache);
	if (!mkdtemp(work))
		return eb_throw_errno(err, "make a directory in '%s'", c->dir.path);
	r = make(c, &g, work, ret_sha256, ret_size, err);
	eb_ignore(eb_remove_tree(AT_FDCWD, work, NULL));
	return r;
}
