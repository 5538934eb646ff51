/* The module list that a Go program carries (debug/buildinfo), as 'go version -m' prints it:
 *
 *   FILE: go1.26.8
 *   <tab>path<tab>example.org/m/cmd/x
 *   <tab>mod<tab>example.org/m<tab>(devel)<tab>
 *   <tab>dep<tab>example.org/a<tab>v1.0.0<tab>h1:...
 *   <tab>dep<tab>example.org/b<tab>v1.0.0
 *   <tab>=><tab>example.org/c<tab>v1.2.0<tab>h1:...      instead of the line before
 *   <tab>build<tab>GOARCH=amd64
 */
#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/gobuild_private.h"

enum { MAX_MODULES = 10000 };

struct info {
	struct pkg_go_result *r;
	size_t alloc;
};

static int check_toolchain(struct eb_span line, const char *toolchain, struct eb_error **err)
{
	const char *last = line.len ? memrchr(line.ptr, ':', line.len) : NULL;
	struct eb_span version = { NULL, 0 }, rest;

	if (last) {
		rest = (struct eb_span){ last + 1, (size_t)(line.ptr + line.len - last - 1) };
		eb_span_word(&rest, &version);
	}
	if (last && version.len && eb_span_eq(version, toolchain))
		return 0;
	return eb_throw(err, EB_E_PROGRAM, "expected a program made by %s, found '%.*s'", toolchain,
			(int)(version.len > 80 ? 80 : version.len), version.ptr ? version.ptr : "");
}

static int add(struct info *in, struct eb_span path, struct eb_span version, struct eb_span h1,
	       struct eb_error **err)
{
	struct pkg_go_result *r = in->r;
	struct pkg_go_module *m;
	int e = eb_grow(&r->modules, &in->alloc, r->n_modules + 1, sizeof(*r->modules), MAX_MODULES,
			"modules of a program", err);

	if (e < 0)
		return e;
	m = &r->modules[r->n_modules++];
	m->module = eb_arena_strndup(r->arena, path.ptr, path.len);
	m->version = eb_arena_strndup(r->arena, version.ptr, version.len);
	m->h1 = h1.len ? eb_arena_strndup(r->arena, h1.ptr, h1.len) : "";
	return 0;
}

static int parse_line(struct info *in, struct eb_span line, struct eb_error **err)
{
	struct eb_span kind, path, version, h1 = { NULL, 0 };

	eb_span_next(&line, '\t', &kind); /* before the first tab */
	if (!eb_span_next(&line, '\t', &kind))
		return 0;
	if (!eb_span_eq(kind, "dep") && !eb_span_eq(kind, "=>"))
		return 0;
	if (!eb_span_next(&line, '\t', &path) || path.len == 0 ||
	    !eb_span_next(&line, '\t', &version) || version.len == 0)
		return eb_throw(err, EB_E_FORMAT, "module list of a program: no module in '%.*s'",
				(int)kind.len, kind.ptr);
	eb_span_next(&line, '\t', &h1);
	if (eb_span_eq(kind, "=>")) {
		/* What counts is what was compiled. */
		if (in->r->n_modules < 2)
			return eb_throw(err, EB_E_FORMAT,
					"module list of a program: a replacement of nothing");
		in->r->n_modules--;
	}
	return add(in, path, version, h1, err);
}

static int by_name(const void *pa, const void *pb)
{
	const struct pkg_go_module *a = pa, *b = pb;
	int c = strcmp(a->module, b->module);

	return c ? c : strcmp(a->version, b->version);
}

void pkg_go_gosum(const struct pkg_go_module *m, size_t n, char out[static 65])
{
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = eb_hash_new(EB_SHA256);
	autofree struct pkg_go_module *sorted = eb_xcalloc(n + 1, sizeof(*sorted));
	char hex[EB_HASH_MAX_HEX + 1];

	for (size_t i = 0; i < n; i++)
		sorted[i] = m[i];
	if (n)
		qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < n; i++) {
		autofree char *line = eb_xasprintf("%s %s %s\n", sorted[i].module,
						   sorted[i].version, sorted[i].h1);

		eb_hash_update(h, line, strlen(line));
	}
	eb_hash_final_hex(h, hex);
	memcpy(out, hex, 65);
}

int go_info_parse(const char *text, size_t n, const char *main, const char *main_version,
		  const char *toolchain, struct pkg_go_result *ret, struct eb_error **err)
{
	EB_CLEANUP(pkg_go_result_release_p) struct pkg_go_result res = { .arena = eb_arena_new() };
	struct eb_span rest = { text, n }, line = { NULL, 0 };
	struct info in = { .r = &res };
	int r;

	eb_span_next(&rest, '\n', &line);
	r = check_toolchain(line, toolchain, err);
	if (r >= 0)
		r = add(&in, eb_span_str(main), eb_span_str(main_version), (struct eb_span){ 0 },
			err);
	while (r >= 0 && eb_span_next(&rest, '\n', &line))
		r = parse_line(&in, line, err);
	for (size_t i = 1; i < res.n_modules && r >= 0; i++)
		if (!pkg_gosum_is_valid(res.modules[i].h1))
			r = eb_throw(
				err, EB_E_UNSUPPORTED,
				"module %s %s has no sum: its go.mod replaces it by a directory",
				res.modules[i].module, res.modules[i].version);
	if (r < 0)
		return r;
	if (res.n_modules > 2)
		qsort(res.modules + 1, res.n_modules - 1, sizeof(*res.modules), by_name);
	*ret = res;
	res = (struct pkg_go_result){ 0 };
	return 0;
}
