#include "pkg/bytecode.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "image/tar_write.h"
#include "pkg/input.h"
#include "pkg/program.h"
#include "pkg/workdir.h"

enum {
	MAX_PATH_BYTES = 1024,
	MAX_LINE = MAX_PATH_BYTES + 32,
	MAX_MESSAGES = 16 * 1024 * 1024,
	MAX_PYC = 64 * 1024 * 1024,
	COPY_BYTES = 64 * 1024,
};

/* From standard input to standard output: "<bytes> <path>\n" and as many bytes, again and again. */
static const char compiler[] =
	"import sys, marshal\n"
	"from importlib.util import MAGIC_NUMBER, source_hash\n"
	"source, result = sys.stdin.buffer, sys.stdout.buffer\n"
	"head = MAGIC_NUMBER + (1).to_bytes(4, 'little')\n"
	"while line := source.readline():\n"
	"    size, path = line[:-1].split(b' ', 1)\n"
	"    text = source.read(int(size))\n"
	"    try:\n"
	"        code = compile(text, '/' + path.decode(), 'exec', dont_inherit=True, optimize=0)\n"
	"    except (SyntaxError, ValueError):\n"
	"        continue\n"
	"    pyc = head + source_hash(text) + marshal.dumps(code)\n"
	"    result.write(b'%d %s\\n' % (len(pyc), path))\n"
	"    result.write(pyc)\n"
	"result.flush()\n";

struct pkg_bytecode {
	const struct pkg_cache *cache;
	struct pkg_workdir work;
	struct eb_writer *sources;
	char *interpreter, *tag; /* "python3.13", "cpython-313" */
	const struct host *host;
};

static const struct host {
	const char *arch, *triplet, *linker;
} hosts[] = {
	{ "amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2" },
	{ "arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1" },
};

bool pkg_bytecode_needs(const char *interpreter, const char *package)
{
	static const char *const libraries[] = { "libc6", "zlib1g", "libexpat1" };
	autofree char *minimal = eb_xasprintf("%s-minimal", interpreter);

	for (size_t i = 0; i < EB_ARRAY_LEN(libraries); i++)
		if (strcmp(package, libraries[i]) == 0)
			return true;
	return strcmp(package, minimal) == 0 ||
	       (strncmp(package, "lib", 3) == 0 && strcmp(package + 3, minimal) == 0);
}

/* ---- unpacking ---- */

/* Where a member goes in the directory (heap), or NULL for what is not needed. */
static char *place(const char *path)
{
	if (strncmp(path, "lib/", 4) == 0)
		return eb_xasprintf("usr/%s", path);
	if (strncmp(path, "usr/lib/", 8) == 0 || strncmp(path, "usr/bin/", 8) == 0)
		return eb_xstrdup(path);
	return NULL;
}

static int make_parent(const struct pkg_workdir *w, const char *path, struct eb_dir *ret,
		       const char **ret_name, struct eb_error **err)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir = eb_xstrndup(path, (size_t)(slash - path));

	*ret_name = slash + 1;
	return eb_dir_sub(&w->dir, dir, true, 0700, ret, err);
}

static int write_member(struct pkg_data *d, const struct eb_dir *dir, const char *name,
			uint32_t mode, struct eb_error **err)
{
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *w = NULL;
	char part[COPY_BYTES];
	ssize_t n;
	int fd = eb_dir_open_file(dir, name, O_WRONLY | O_CREAT | O_EXCL, mode & 0100 ? 0700 : 0600,
				  err);
	int r = 0;

	if (fd < 0)
		return fd;
	w = eb_writer_fd(fd, true);
	while ((n = pkg_data_read(d, part, sizeof(part), err)) > 0) {
		r = eb_write(w, part, (size_t)n, err);
		if (r < 0)
			return r;
	}
	return n < 0 ? (int)n : 0;
}

/* Links among libraries are plain names; those that lead elsewhere are not needed. */
static int unpack_member(const struct pkg_workdir *w, struct pkg_data *d,
			 const struct oci_tar_entry *e, struct eb_error **err)
{
	autofree char *path = place(e->path);
	const char *name;
	EB_AUTODIR(dir);
	int r;

	if (!path || (e->type != '0' && e->type != '2') || (e->type == '2' && strchr(e->link, '/')))
		return 0;
	r = make_parent(w, path, &dir, &name, err);
	if (r >= 0 && e->type == '0')
		return write_member(d, &dir, name, e->mode, err);
	if (r >= 0 && symlinkat(e->link, dir.fd, name) < 0)
		return eb_throw_errno(err, "link '%s'", path);
	return r;
}

static int unpack(const struct pkg_bytecode_options *o, const struct pkg_workdir *w, size_t i,
		  struct eb_error **err)
{
	EB_CLEANUP(pkg_data_free_p) struct pkg_data *d = NULL;
	struct oci_tar_entry e;
	uint32_t member;
	int r = pkg_data_open(o->cache, &o->tools[i], &d, err);

	while (r >= 0 && (r = pkg_data_next(d, &e, &member, err)) > 0)
		r = unpack_member(w, d, &e, err);
	return r;
}

/* ---- what goes in ---- */

static const struct host *find_host(const char *arch)
{
	for (size_t i = 0; i < EB_ARRAY_LEN(hosts); i++)
		if (strcmp(hosts[i].arch, arch) == 0)
			return &hosts[i];
	return NULL;
}

int pkg_bytecode_new(const struct pkg_bytecode_options *o, struct pkg_bytecode **ret,
		     struct eb_error **err)
{
	EB_CLEANUP(pkg_bytecode_free_p) struct pkg_bytecode *b = eb_xcalloc(1, sizeof(*b));
	int fd, r;

	b->work.dir.fd = -1;
	b->cache = o->cache;
	b->host = find_host(o->host_arch);
	if (!b->host)
		return eb_throw(err, EB_E_UNSUPPORTED, "bytecode cannot be made on %s",
				o->host_arch);
	b->interpreter = eb_xstrdup(o->interpreter);
	/* "python3.13" -> "cpython-313" */
	b->tag = eb_xasprintf("cpython-3%s", o->interpreter + strlen("python3."));
	r = pkg_workdir_make(o->temp_dir, "python", &b->work, err);
	for (size_t i = 0; r >= 0 && i < o->n_tools; i++)
		r = unpack(o, &b->work, i, err);
	if (r < 0)
		return r;
	fd = eb_dir_open_file(&b->work.dir, "sources", O_WRONLY | O_CREAT | O_EXCL, 0600, err);
	if (fd < 0)
		return fd;
	b->sources = eb_writer_fd(fd, true);
	*ret = EB_TAKE_PTR(b);
	return 0;
}

struct pkg_bytecode *pkg_bytecode_free(struct pkg_bytecode *b)
{
	if (!b)
		return NULL;
	eb_writer_free(b->sources);
	pkg_workdir_release(&b->work);
	free(b->interpreter);
	free(b->tag);
	free(b);
	return NULL;
}

int pkg_bytecode_add(struct pkg_bytecode *b, const char *path, const void *p, size_t n,
		     struct eb_error **err)
{
	autofree char *line = eb_xasprintf("%zu %s\n", n, path);
	int r;

	if (strlen(path) > MAX_PATH_BYTES || strchr(path, '\n'))
		return eb_throw(err, EB_E_LIMIT, "'%s': a path that is too long or has two lines",
				path);
	r = eb_write(b->sources, line, strlen(line), err);
	return r < 0 ? r : eb_write(b->sources, p, n, err);
}

/* ---- the run ---- */

static int run(const struct pkg_bytecode *b, struct eb_error **err)
{
	const char *top = b->work.path;
	autofree char *linker = eb_xasprintf("%s/usr/lib/%s/%s", top, b->host->triplet,
					     b->host->linker);
	autofree char *libraries = eb_xasprintf("%s/usr/lib/%s", top, b->host->triplet);
	autofree char *python = eb_xasprintf("%s/usr/bin/%s", top, b->interpreter);
	autofree char *in = eb_xasprintf("%s/sources", top), *out = eb_xasprintf("%s/result", top);
	/* -I would be more, but then the seed below would not count; there is nothing else in
	 * the environment. */
	const char *const argv[] = {
		linker, "--library-path", libraries, python,   "-P", "-s", "-S", "-B",
		"-W",	"ignore",	  "-c",	     compiler, NULL
	};
	static const char *const env[] = { "PYTHONHASHSEED=0", "LC_ALL=C.UTF-8", NULL };
	EB_AUTOBUF(messages, MAX_MESSAGES);
	const struct pkg_program p = { .argv = argv,
				       .env = env,
				       .dir = top,
				       .in_file = in,
				       .out_file = out,
				       .messages = &messages };
	autofree char *said = NULL;
	int r = pkg_program_run(&p, err);

	if (r == 0)
		return 0;
	if (r < 0)
		return eb_prefix(err, r, "%s from the source cache", b->interpreter);
	said = eb_printable(eb_buf_str(&messages), 300);
	return eb_throw(err, EB_E_PROGRAM, "%s from the source cache ended with %d: %s",
			b->interpreter, r, said);
}

/* "a/b.py" -> "a/__pycache__/b.cpython-313.pyc" */
static char *pyc_path(const struct pkg_bytecode *b, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t n = strlen(name);

	n -= n > 3 ? 3 : n;
	return eb_xasprintf("%.*s__pycache__/%.*s.%s.pyc", (int)(name - path), path, (int)n, name,
			    b->tag);
}

static int throw_odd(struct eb_error **err)
{
	return eb_throw(err, EB_E_PROGRAM, "the compiler's result is damaged");
}

/* The line in front of a result; 0 at the end. */
static int read_line(struct eb_reader *in, char line[static MAX_LINE], uint64_t *ret_size,
		     const char **ret_path, struct eb_error **err)
{
	struct eb_span size, rest;
	size_t n = 0;

	for (; n + 1 < MAX_LINE; n++) {
		ssize_t got = eb_read(in, line + n, 1, err);

		if (got < 0)
			return (int)got;
		if (got == 0)
			return n ? throw_odd(err) : 0;
		if (line[n] == '\n')
			break;
	}
	line[n] = '\0';
	rest = eb_span_str(line);
	if (!eb_span_next(&rest, ' ', &size) || !rest.len ||
	    eb_parse_u64(size, MAX_PYC, ret_size, NULL) < 0)
		return throw_odd(err);
	*ret_path = rest.ptr;
	return 1;
}

static int copy_member(const struct pkg_bytecode *b, struct eb_reader *in, const char *path,
		       uint64_t size, struct eb_writer *out, struct eb_error **err)
{
	static const char zeros[512];
	autofree char *pyc = pyc_path(b, path);
	/* No time: nothing looks at it, and the bytes depend on the sources alone. */
	const struct oci_tar_entry e = { .path = pyc, .type = '0', .mode = 0644, .size = size };
	autofree char *data = eb_xmalloc((size_t)size + 1);
	EB_AUTOBUF(header, 1 << 20);
	int r = eb_read_full(in, data, (size_t)size, err);

	oci_tar_header(&e, &header);
	if (r >= 0)
		r = eb_write(out, header.data, header.len, err);
	if (r >= 0)
		r = eb_write(out, data, (size_t)size, err);
	if (r >= 0 && oci_tar_padding(size))
		r = eb_write(out, zeros, (size_t)oci_tar_padding(size), err);
	return r;
}

static int write_tar(const struct pkg_bytecode *b, struct eb_reader *in, struct eb_writer *out,
		     struct eb_error **err)
{
	static const char end[OCI_TAR_END_BYTES];
	char line[MAX_LINE];
	const char *path = NULL;
	uint64_t size = 0;
	int r;

	while ((r = read_line(in, line, &size, &path, err)) > 0) {
		r = copy_member(b, in, path, size, out, err);
		if (r < 0)
			return r;
	}
	if (r >= 0)
		r = eb_write(out, end, sizeof(end), err);
	return r < 0 ? r : eb_writer_finish(out, err);
}

static int open_result(const struct pkg_bytecode *b, const char *name, struct eb_reader **ret,
		       struct eb_error **err)
{
	int fd = eb_dir_open_file(&b->work.dir, name, O_RDONLY, 0, err);

	if (fd < 0)
		return fd;
	*ret = eb_reader_fd(fd, true);
	return 0;
}

int pkg_bytecode_make(struct pkg_bytecode *b, char ret_sha256[static 65], uint64_t *ret_size,
		      struct eb_error **err)
{
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	EB_CLEANUP(eb_writer_free_p) struct eb_writer *tar = NULL, *hash = NULL;
	struct eb_reader *again = NULL;
	int fd, r = eb_writer_finish(b->sources, err);

	if (r >= 0)
		r = run(b, err);
	if (r >= 0)
		r = open_result(b, "result", &in, err);
	if (r < 0)
		return r;
	fd = eb_dir_open_file(&b->work.dir, "tar", O_WRONLY | O_CREAT | O_EXCL, 0600, err);
	if (fd < 0)
		return fd;
	tar = eb_writer_fd(fd, true);
	hash = eb_writer_hash(tar);
	r = write_tar(b, in, hash, err);
	if (r >= 0)
		r = open_result(b, "tar", &again, err);
	if (r < 0)
		return r;
	eb_writer_hash_hex(hash, ret_sha256);
	*ret_size = eb_writer_hash_size(hash);
	return pkg_cache_store(b->cache, ret_sha256, *ret_size, again, "bytecode", err);
}
