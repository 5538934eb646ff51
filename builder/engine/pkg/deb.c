/* Reading a Debian package once, from its first byte to its last:
 *
 *   debian-binary  "2.<minor>\n"
 *   _*             ignored, as deb(5) says
 *   control.tar    plain, .gz, .xz, .zst
 *   _*
 *   data.tar       plain, .gz, .xz, .zst, .bz2
 *   _*
 *
 * .lzma is refused: Debian dropped it in 2011. */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/stream.h"
#include "pkg/cache.h"
#include "pkg/control.h"
#include "pkg/deb_internal.h"

/* The largest control.tar of Debian is some 10 MiB (file lists of big data packages), the largest
 * data.tar some 4 GiB, the most files some 100000 with 12 MiB of names. */
enum { MAX_ENTRIES = 250000 };
const struct pkg_deb_limits pkg_deb_default_limits = {
	.control_bytes = 64 * 1024 * 1024,
	.data_bytes = (uint64_t)16 * 1024 * 1024 * 1024,
	.entries = MAX_ENTRIES,
	.index_bytes = (size_t)48 * 1024 * 1024,
};

/* ---- the archive ---- */

static int check_format(struct pkg_ar *ar, struct eb_error **err)
{
	struct pkg_ar_member m;
	char text[64] = "";
	int r = pkg_ar_next(ar, &m, err);

	if (r < 0)
		return r;
	if (r == 0 || strcmp(m.name, "debian-binary") != 0)
		return eb_throw(err, EB_E_FORMAT,
				"not a Debian package: expected debian-binary first, found %s",
				r ? m.name : "nothing");
	if (m.size == 0 || m.size >= sizeof(text))
		return eb_throw(err, EB_E_FORMAT, "debian-binary has %llu bytes",
				(unsigned long long)m.size);
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = pkg_ar_reader(ar);
	r = eb_read_full(in, text, (size_t)m.size, err);
	if (r < 0)
		return r;
	if (strncmp(text, "2.", 2) != 0 || !memchr(text, '\n', (size_t)m.size))
		return eb_throw(err, EB_E_UNSUPPORTED, "package format %.*s, expected 2.0",
				(int)strcspn(text, "\n"), text);
	return 0;
}

/* The next member that is not to be ignored. */
static int next_member(struct pkg_ar *ar, struct pkg_ar_member *ret, struct eb_error **err)
{
	int r;

	do
		r = pkg_ar_next(ar, ret, err);
	while (r > 0 && ret->name[0] == '_');
	return r;
}

static int find_filter(const char *name, const char *part, enum oci_tar_filter *ret,
		       struct eb_error **err)
{
	static const struct {
		const char *suffix;
		enum oci_tar_filter filter;
		bool data_only;
	} filters[] = {
		{ "", OCI_TAR_PLAIN, false },	 { ".gz", OCI_TAR_GZIP, false },
		{ ".xz", OCI_TAR_XZ, false },	 { ".zst", OCI_TAR_ZSTD, false },
		{ ".bz2", OCI_TAR_BZIP2, true },
	};
	size_t n = strlen(part);

	if (strncmp(name, part, n) != 0 || strncmp(name + n, ".tar", 4) != 0)
		return eb_throw(err, EB_E_FORMAT, "expected %s.tar, found member '%s'", part, name);
	for (size_t i = 0; i < EB_ARRAY_LEN(filters); i++)
		if (strcmp(name + n + 4, filters[i].suffix) == 0 &&
		    !(filters[i].data_only && strcmp(part, "control") == 0)) {
			*ret = filters[i].filter;
			return 0;
		}
	return eb_throw(err, EB_E_UNSUPPORTED,
			"member '%s': expected no compression, gz, xz or zst", name);
}

int pkg_deb_part_(struct pkg_ar *ar, const char *part, uint64_t max_bytes, uint64_t max_entries,
		  struct oci_tar_reader **ret, struct eb_error **err)
{
	struct oci_tar_limits lim = oci_tar_default_limits;
	enum oci_tar_filter filter = OCI_TAR_PLAIN;
	struct pkg_ar_member m;
	int r = strcmp(part, "control") == 0 ? check_format(ar, err) : 0;

	if (r >= 0)
		r = next_member(ar, &m, err);
	if (r < 0)
		return r;
	if (r == 0)
		return eb_throw(err, EB_E_FORMAT, "package ends without %s.tar", part);
	r = find_filter(m.name, part, &filter, err);
	if (r < 0)
		return r;
	lim.total_bytes = max_bytes;
	lim.entries = max_entries;
	r = oci_tar_open(pkg_ar_reader(ar), filter, &lim, ret, err);
	return r < 0 ? eb_prefix(err, r, "%s", m.name) : 0;
}

int pkg_deb_end_(struct pkg_ar *ar, struct eb_error **err)
{
	struct pkg_ar_member m;
	int r = next_member(ar, &m, err);

	if (r > 0)
		return eb_throw(err, EB_E_FORMAT, "member '%s' after the package's data", m.name);
	return r;
}

int pkg_deb_verdict_(struct pkg_ar *ar, int r, const char *what, struct eb_error **err)
{
	autoerror struct eb_error *e = NULL;

	if (r == -EB_E_DIGEST)
		return r;
	if (pkg_ar_drain(ar, &e) != -EB_E_DIGEST)
		return eb_prefix(err, r, "%s", what);
	eb_error_clear(err);
	return eb_error_forward(err, EB_TAKE_PTR(e));
}

/* ---- control.tar ---- */

static int read_text(struct oci_tar_reader *tar, const struct oci_tar_entry *m, struct eb_arena *a,
		     const char **ret, struct eb_error **err)
{
	EB_AUTOBUF(b, PKG_CONTROL_MAX_BYTES * (size_t)64);
	char part[8192];
	ssize_t got;
	int r;

	if (m->type != '0')
		return eb_throw(err, EB_E_FORMAT, "is no regular file");
	if (*ret)
		return eb_throw(err, EB_E_FORMAT, "is there twice");
	while ((got = oci_tar_data(tar, part, sizeof(part), err)) > 0) {
		eb_buf_add(&b, part, (size_t)got);
		r = eb_buf_check(&b, m->path, err);
		if (r < 0)
			return r;
	}
	if (got < 0)
		return (int)got;
	if (b.len && memchr(b.data, '\0', b.len))
		return eb_throw(err, EB_E_FORMAT, "has a NUL byte");
	*ret = eb_arena_strndup(a, eb_buf_str(&b), b.len);
	return 0;
}

/* Names of scripts in the order they are listed in. */
static const char *const script_names[] = { "config", "postinst", "postrm", "preinst", "prerm" };

static int control_entry(struct oci_tar_reader *tar, const struct oci_tar_entry *m,
			 struct pkg_deb_index *x, unsigned int *scripts, struct eb_error **err)
{
	const char **to = strcmp(m->path, "control") == 0     ? &x->control
			  : strcmp(m->path, "md5sums") == 0   ? &x->md5sums
			  : strcmp(m->path, "conffiles") == 0 ? &x->conffiles
							      : NULL;
	int r;

	for (unsigned int i = 0; i < EB_ARRAY_LEN(script_names); i++)
		if (strcmp(m->path, script_names[i]) == 0)
			*scripts |= 1u << i;
	if (!to)
		return 0;
	r = read_text(tar, m, x->files.arena, to, err);
	return r < 0 ? eb_prefix(err, r, "'%s'", m->path) : 0;
}

static int read_control(struct pkg_ar *ar, const struct pkg_deb_limits *lim,
			struct pkg_deb_index *x, struct eb_error **err)
{
	/* A control archive has a dozen members. */
	enum { MAX_CONTROL_MEMBERS = 256 };
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *tar = NULL;
	EB_AUTOBUF(scripts, 256);
	struct oci_tar_entry m;
	unsigned int which = 0;
	int r = pkg_deb_part_(ar, "control", lim->control_bytes, MAX_CONTROL_MEMBERS, &tar, err);

	if (r < 0)
		return r;
	while ((r = oci_tar_next(tar, &m, err)) > 0) {
		r = control_entry(tar, &m, x, &which, err);
		if (r < 0)
			break;
	}
	if (r < 0)
		return eb_prefix(err, r, "control.tar");
	if (!x->control)
		return eb_throw(err, EB_E_FORMAT, "control.tar: has no file 'control'");
	for (unsigned int i = 0; i < EB_ARRAY_LEN(script_names); i++)
		if (which & 1u << i)
			eb_buf_addf(&scripts, "%s%s", scripts.len ? " " : "", script_names[i]);
	x->scripts = eb_arena_strdup(x->files.arena, eb_buf_str(&scripts));
	return pkg_control_check(eb_span_str(x->control), err);
}

/* ---- data.tar ---- */

static int read_data(struct pkg_ar *ar, const struct pkg_deb_limits *lim, struct pkg_deb_index *x,
		     struct eb_error **err)
{
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *tar = NULL;
	struct oci_tar_entry m;
	int r = pkg_deb_part_(ar, "data", lim->data_bytes, lim->entries, &tar, err);

	if (r < 0)
		return r;
	while ((r = oci_tar_next(tar, &m, err)) > 0) {
		r = pkg_index_add(&x->files, &m, lim->entries, lim->index_bytes, err);
		if (r < 0)
			break;
	}
	return r < 0 ? eb_prefix(err, r, "data.tar") : 0;
}

/* ---- the index ---- */

int pkg_deb_index_read(struct eb_reader *in, const char *what, const struct pkg_deb_limits *lim,
		       struct pkg_deb_index **ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_ar_free_p) struct pkg_ar *ar = pkg_ar_new(in);
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = pkg_index_new(sizeof(*x));
	int r;

	r = read_control(ar, lim, x, err);
	if (r >= 0)
		r = read_data(ar, lim, x, err);
	if (r >= 0)
		r = pkg_deb_end_(ar, err);
	if (r < 0)
		return pkg_deb_verdict_(ar, r, what, err);
	*ret = EB_TAKE_PTR(x);
	return 0;
}

struct pkg_deb_index *pkg_deb_index_free(struct pkg_deb_index *x)
{
	if (x)
		pkg_index_free(&x->files);
	return NULL;
}

static int check_index(const struct pkg_index *x, struct eb_error **err)
{
	const struct pkg_deb_index *d = (const struct pkg_deb_index *)x;
	int r = pkg_control_check(eb_span_str(d->control), err);

	return r < 0 ? eb_prefix(err, r, "stored index") : 0;
}

static const struct pkg_index_text texts[] = {
	{ "scripts", offsetof(struct pkg_deb_index, scripts), true },
	{ "control", offsetof(struct pkg_deb_index, control), true },
	{ "md5sums", offsetof(struct pkg_deb_index, md5sums), false },
	{ "conffiles", offsetof(struct pkg_deb_index, conffiles), false },
};

static const struct pkg_index_format format = {
	.magic = "ess-deb-index 1",
	.size = sizeof(struct pkg_deb_index),
	.texts = texts,
	.n_texts = EB_ARRAY_LEN(texts),
	.max_entries = MAX_ENTRIES,
};

void pkg_deb_index_write(const struct pkg_deb_index *x, struct eb_buf *out)
{
	pkg_index_write(&format, &x->files, out);
}

int pkg_deb_index_parse(const char *text, size_t n, struct pkg_deb_index **ret,
			struct eb_error **err)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	int r = pkg_index_parse(&format, text, n, &x, err);

	if (r >= 0)
		r = check_index(x, err);
	if (r < 0)
		return r;
	*ret = (struct pkg_deb_index *)EB_TAKE_PTR(x);
	return 0;
}

char *pkg_deb_field(const struct pkg_deb_index *x, const char *name)
{
	struct eb_span v = pkg_control_field(eb_span_str(x->control), name);
	char *s, *to;

	if (!v.ptr)
		return NULL;
	s = to = eb_span_dup(v);
	for (const char *p = s; *p; p++) {
		/* A line's end and the blanks that begin the next one are one blank. */
		if (*p == '\n') {
			p += strspn(p, "\n \t") - 1;
			*to++ = ' ';
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
	return s;
}

/* ---- as an input ---- */

static int read_index(const struct pkg_cache *c, const struct pkg_input *in, struct pkg_index **ret,
		      struct eb_error **err)
{
	struct pkg_deb_index *x = NULL;
	struct eb_reader *reader = NULL;
	int r = pkg_cache_read(c, in->sha256, in->size, in->what, &reader, err);

	if (r >= 0)
		r = pkg_deb_index_read(reader, in->what, &pkg_deb_default_limits, &x, err);
	if (r < 0)
		return r;
	*ret = &x->files;
	return 0;
}

const struct pkg_input_ops pkg_deb_ops = {
	.noun = "package",
	.index_kind = "debindex-1",
	.format = &format,
	.index = read_index,
	.check = check_index,
	.open = pkg_deb_data_open_,
	.next = pkg_deb_data_next_,
	.read = pkg_deb_data_read_,
	.drain = pkg_deb_data_drain_,
	.free = pkg_deb_data_free_,
};

int pkg_deb_check_identity(const struct pkg_deb_index *x, const char *version, const char *arch,
			   struct eb_error **err)
{
	autofree char *mine = pkg_deb_field(x, "Version");
	autofree char *for_arch = pkg_deb_field(x, "Architecture");

	if (!mine || strcmp(mine, version) != 0)
		return eb_throw(err, EB_E_FORMAT,
				"its control file says version '%s', its archive's list '%s'",
				mine ? mine : "", version);
	if (!for_arch || (strcmp(for_arch, "all") != 0 && strcmp(for_arch, arch) != 0))
		return eb_throw(err, EB_E_FORMAT,
				"its control file says architecture '%s', expected '%s' or 'all'",
				for_arch ? for_arch : "", arch);
	return 0;
}
