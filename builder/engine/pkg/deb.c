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
const struct pkg_deb_limits pkg_deb_default_limits = {
	.control_bytes = 64 * 1024 * 1024,
	.data_bytes = (uint64_t)16 * 1024 * 1024 * 1024,
	.entries = 250000,
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
		return eb_prefix(err, r, "package '%s'", what);
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
	r = read_text(tar, m, x->arena, to, err);
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
	x->scripts = eb_arena_strdup(x->arena, eb_buf_str(&scripts));
	return pkg_control_check(eb_span_str(x->control), err);
}

/* ---- data.tar ---- */

static const struct oci_xattr *copy_xattrs(struct eb_arena *a, const struct oci_xattr *x, size_t n)
{
	struct oci_xattr *copy = n ? eb_arena_alloc(a, n * sizeof(*copy)) : NULL;

	for (size_t i = 0; i < n; i++) {
		void *value = eb_arena_alloc(a, x[i].size + 1);

		if (x[i].size)
			memcpy(value, x[i].value, x[i].size);
		copy[i] = (struct oci_xattr){ eb_arena_strdup(a, x[i].name), value, x[i].size };
	}
	return copy;
}

static int data_entry(struct pkg_deb_index *x, const struct oci_tar_entry *m, size_t *alloc,
		      const struct pkg_deb_limits *lim, struct eb_error **err)
{
	struct pkg_deb_entry *e;
	int r;

	if (!strchr("0125", m->type))
		return eb_hint(err,
			       eb_throw(err, EB_E_UNSUPPORTED,
					"'%s': member of type '%c', expected a file, directory or "
					"link",
					m->path, m->type),
			       "exclude the package: images hold files, directories and links");
	r = eb_grow(&x->entries, alloc, x->n_entries + 1, sizeof(*x->entries), (size_t)lim->entries,
		    "members", err);
	if (r < 0)
		return r;
	e = &x->entries[x->n_entries++];
	*e = (struct pkg_deb_entry){ .path = eb_arena_strdup(x->arena, m->path),
				     .type = m->type,
				     .mode = m->mode & 07777,
				     .uid = m->uid,
				     .gid = m->gid,
				     .mtime_sec = m->mtime_sec,
				     .size = m->type == '0' ? m->size : 0,
				     .xattrs = copy_xattrs(x->arena, m->xattrs, m->n_xattrs),
				     .n_xattrs = m->n_xattrs };
	if (m->type == '1' || m->type == '2')
		e->link = eb_arena_strdup(x->arena, m->link);
	if (eb_arena_used(x->arena) > lim->index_bytes) {
		autofree char *shown = eb_printable(m->path, 200);

		return eb_throw(err, EB_E_LIMIT,
				"'%s': with it the list of members takes more than %zu bytes "
				"(limit 'index_bytes')",
				shown, lim->index_bytes);
	}
	return 0;
}

static int read_data(struct pkg_ar *ar, const struct pkg_deb_limits *lim, struct pkg_deb_index *x,
		     struct eb_error **err)
{
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *tar = NULL;
	struct oci_tar_entry m;
	size_t alloc = 0;
	int r = pkg_deb_part_(ar, "data", lim->data_bytes, lim->entries, &tar, err);

	if (r < 0)
		return r;
	while ((r = oci_tar_next(tar, &m, err)) > 0) {
		r = data_entry(x, &m, &alloc, lim, err);
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
	EB_CLEANUP(pkg_deb_index_free_p) struct pkg_deb_index *x = eb_xcalloc(1, sizeof(*x));
	int r;

	x->arena = eb_arena_new();
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
	if (!x)
		return NULL;
	free(x->entries);
	eb_arena_free(x->arena);
	free(x);
	return NULL;
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
