#include "pkg/depends.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/span.h"
#include "pkg/stanza.h"

enum { QUALIFIER = '%' };

Id pkg_dep_version(Pool *pool, const char *s, size_t n)
{
	char text[PKG_NAME_MAX + 3];

	if (n > PKG_NAME_MAX)
		n = PKG_NAME_MAX;
	memcpy(text, s, n);
	if (!memrchr(s, '-', n)) {
		text[n++] = '-';
		text[n++] = '0';
	}
	return pool_strn2id(pool, text, (unsigned int)n, 1);
}

static int bad(struct eb_span group, const char *why, struct eb_error **err)
{
	autofree char *shown = pkg_text_show(group.ptr, group.len, 200);

	return eb_throw(err, EB_E_FORMAT, "dependency '%s': %s", shown, why);
}

/* "(>= 1.2)" without the parentheses. */
static int parse_relation(struct eb_span in, struct eb_span group, int *ret_flags,
			  struct eb_span *ret_version, struct eb_error **err)
{
	static const struct {
		const char *text;
		int flags;
	} ops[] = { /* longest first */
		    { ">=", REL_GT | REL_EQ }, { "<=", REL_LT | REL_EQ }, { ">>", REL_GT },
		    { "<<", REL_LT },	       { "=", REL_EQ },		  { ">", REL_GT | REL_EQ },
		    { "<", REL_LT | REL_EQ }
	};

	in = eb_span_trim(in);
	for (size_t i = 0; i < EB_ARRAY_LEN(ops); i++) {
		size_t n = strlen(ops[i].text);

		if (!eb_span_starts(in, ops[i].text))
			continue;
		*ret_version = eb_span_trim((struct eb_span){ in.ptr + n, in.len - n });
		*ret_flags = ops[i].flags;
		if (!pkg_version_is_valid(ret_version->ptr, ret_version->len))
			return bad(group, "expected a version after the operator", err);
		return 0;
	}
	return bad(group, "expected one of << <= = >= >> before the version", err);
}

/* The name with its qualifier folded in. */
static int name_id(Pool *pool, const char *arch, struct eb_span name, struct eb_span group, Id *ret,
		   struct eb_error **err)
{
	const char *colon = memchr(name.ptr, ':', name.len);
	size_t n = colon ? (size_t)(colon - name.ptr) : name.len;
	struct eb_span q = { name.ptr + n + 1, colon ? name.len - n - 1 : 0 };
	char text[2 * PKG_NAME_MAX + 2];

	if (!pkg_name_is_valid(name.ptr, n))
		return bad(group, "expected a package name", err);
	if (!colon || eb_span_eq(q, "native") || eb_span_eq(q, arch)) {
		*ret = pool_strn2id(pool, name.ptr, (unsigned int)n, 1);
		return 0;
	}
	if (!pkg_name_is_valid(q.ptr, q.len))
		return bad(group, "expected an architecture after ':'", err);
	memcpy(text, name.ptr, name.len);
	text[n] = QUALIFIER;
	*ret = pool_strn2id(pool, text, (unsigned int)name.len, 1);
	return 0;
}

/* One alternative: name[:qualifier] [(op version)]. */
static int parse_one(Pool *pool, const char *arch, struct eb_span in, struct eb_span group,
		     enum pkg_dep_kind kind, Id *ret, struct eb_error **err)
{
	struct eb_span name, version = { NULL, 0 };
	const char *open;
	int flags = 0, r;
	Id id = 0;

	in = eb_span_trim(in);
	open = in.len ? memchr(in.ptr, '(', in.len) : NULL;
	name = eb_span_trim((struct eb_span){ in.ptr, open ? (size_t)(open - in.ptr) : in.len });
	if (name.len == 0)
		return bad(group, "expected a package name", err);
	r = name_id(pool, arch, name, group, &id, err);
	if (r < 0)
		return r;
	if (open) {
		struct eb_span inner = { open + 1, in.len - (size_t)(open - in.ptr) - 1 };

		if (!eb_span_ends(inner, ")"))
			return bad(group, "expected ')' at its end", err);
		inner.len--;
		r = parse_relation(inner, group, &flags, &version, err);
		if (r < 0)
			return r;
		if (kind == PKG_DEP_PROVIDES && flags != REL_EQ)
			return bad(group, "only '=' makes sense in what a package provides", err);
		id = pool_rel2id(pool, id, pkg_dep_version(pool, version.ptr, version.len), flags,
				 1);
	}
	*ret = id;
	return 0;
}

static int parse_group(Pool *pool, const char *arch, struct eb_span group, enum pkg_dep_kind kind,
		       Id *ret, struct eb_error **err)
{
	Id ids[PKG_DEP_MAX_ALTERNATIVES];
	struct eb_span rest = group, at;
	size_t n = 0;
	Id id;

	while (eb_span_next(&rest, '|', &at)) {
		int r;

		if (n == EB_ARRAY_LEN(ids))
			return eb_throw(err, EB_E_LIMIT,
					"more than %u alternatives in one dependency",
					(unsigned int)PKG_DEP_MAX_ALTERNATIVES);
		r = parse_one(pool, arch, at, group, kind, &ids[n++], err);
		if (r < 0)
			return r;
	}
	if (n > 1 && kind != PKG_DEP_NEEDS)
		return bad(group, "'|' has no meaning here", err);
	for (id = ids[--n]; n > 0; n--)
		id = pool_rel2id(pool, ids[n - 1], id, REL_OR, 1);
	*ret = id;
	return 0;
}

int pkg_dep_parse(Pool *pool, const char *arch, const char *text, enum pkg_dep_kind kind,
		  Queue *out, struct eb_error **err)
{
	struct eb_span rest = eb_span_str(text), group;
	size_t n = 0;

	while (eb_span_next(&rest, ',', &group)) {
		Id id = 0;
		int r;

		group = eb_span_trim(group);
		if (group.len == 0)
			continue;
		if (++n > PKG_DEP_MAX_GROUPS)
			return eb_throw(err, EB_E_LIMIT, "more than %u dependencies in one field",
					(unsigned int)PKG_DEP_MAX_GROUPS);
		r = parse_group(pool, arch, group, kind, &id, err);
		if (r < 0)
			return r;
		queue_push(out, id);
	}
	return 0;
}

const Reldep *pkg_dep_relation(const Pool *pool, Id dep)
{
	/* ISRELDEP() and GETRELDEP(), without their changes of sign. */
	return dep < 0 ? &pool->rels[dep & INT32_MAX] : NULL;
}

Id pkg_dep_next(const Pool *pool, Id *rest)
{
	const Reldep *rd = pkg_dep_relation(pool, *rest);
	Id id = *rest;

	*rest = 0;
	if (rd && rd->flags == REL_OR) {
		*rest = rd->evr;
		id = rd->name;
	}
	return id;
}

Id pkg_dep_name(const Pool *pool, Id dep)
{
	const Reldep *rd;

	while ((rd = pkg_dep_relation(pool, dep)))
		dep = rd->name;
	return dep;
}

bool pkg_dep_has_version(const Pool *pool, Id dep)
{
	const Reldep *rd = pkg_dep_relation(pool, dep);

	return rd && rd->flags < 8;
}

static void add_name(Pool *pool, Id id, struct eb_buf *out)
{
	const char *s = pool_id2str(pool, id);
	const char *q = strchr(s, QUALIFIER);

	if (q) {
		eb_buf_add(out, s, (size_t)(q - s));
		eb_buf_addc(out, ':');
		s = q + 1;
	}
	eb_buf_adds(out, s);
}

void pkg_dep_text(Pool *pool, Id dep, struct eb_buf *out)
{
	static const char *const ops[] = { "", ">>", "=", ">=", "<<", "<>", "<=", "" };
	bool first = true;

	for (Id at; dep && (at = pkg_dep_next(pool, &dep)); first = false) {
		if (!first)
			eb_buf_adds(out, " | ");
		add_name(pool, pkg_dep_name(pool, at), out);
		if (pkg_dep_has_version(pool, at)) {
			const Reldep *rd = pkg_dep_relation(pool, at);
			const char *evr = pool_id2str(pool, rd->evr);
			size_t n = strlen(evr);

			if (n > 2 && strcmp(evr + n - 2, "-0") == 0)
				n -= 2;
			eb_buf_addf(out, " (%s ", ops[rd->flags & 7]);
			eb_buf_add(out, evr, n);
			eb_buf_addc(out, ')');
		}
	}
}
