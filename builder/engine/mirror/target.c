#include "mirror/target.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "recipe/check.h"

enum { MAX_NAME_BYTES = 4096 };

struct parts {
	const char *host, *path, *name;
};

/* distribution-spec, <name>: letters and digits, single separators between them. */
static char *host_as_component(const char *host)
{
	EB_AUTOBUF(b, MAX_NAME_BYTES);

	for (; *host; host++) {
		char c = *host >= 'A' && *host <= 'Z' ? (char)(*host - 'A' + 'a') : *host;
		bool joined = b.len == 0 || b.data[b.len - 1] == '.' || b.data[b.len - 1] == '-';

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			eb_buf_addc(&b, c);
		else if (!joined)
			eb_buf_addc(&b, c == '.' ? '.' : '-');
	}
	while (b.len && (b.data[b.len - 1] == '.' || b.data[b.len - 1] == '-'))
		b.len--;
	return eb_xstrndup(b.len ? b.data : "", b.len);
}

/* False for a placeholder that there is none of. */
static bool expand(const char *template, const struct parts *p, struct eb_buf *out)
{
	const struct {
		const char *key, *value;
	} known[] = { { "{host}", p->host }, { "{path}", p->path }, { "{name}", p->name } };

	while (*template) {
		size_t i = 0;

		if (*template != '{') {
			eb_buf_addc(out, *template ++);
			continue;
		}
		while (i < EB_ARRAY_LEN(known) &&
		       strncmp(template, known[i].key, strlen(known[i].key)) != 0)
			i++;
		if (i == EB_ARRAY_LEN(known))
			return false;
		eb_buf_adds(out, known[i].value);
		template += strlen(known[i].key);
	}
	return true;
}

const char *mir_target_check(const char *s)
{
	static const struct parts sample = { "h", "d/n", "n" };
	static const char wrong[] =
		"a name such as 'cache/{path}' (with {host}, {path} and {name} for those of the "
		"source)";
	EB_AUTOBUF(b, MAX_NAME_BYTES);

	if (!expand(s, &sample, &b) || b.overflow || rcp_check_repository(eb_buf_str(&b)))
		return wrong;
	return NULL;
}

/* The rest of full behind `prefix` ("", or from a '/' on), or NULL. */
static const char *behind(const char *full, const char *prefix)
{
	size_t n = strlen(prefix);

	while (n && prefix[n - 1] == '/')
		n--;
	if (strncmp(full, prefix, n) != 0 || (full[n] && full[n] != '/'))
		return NULL;
	return full + n;
}

static bool by_rule(const struct mir_naming *naming, const char *full, struct eb_buf *out)
{
	for (size_t i = 0; i < naming->n_renames; i++) {
		const struct mir_rename *m = &naming->renames[i];
		const char *rest = behind(full, m->from);
		size_t n = strlen(m->to);

		if (!rest)
			continue;
		while (n && m->to[n - 1] == '/')
			n--;
		eb_buf_add(out, m->to, n);
		eb_buf_adds(out, n ? rest : rest + (*rest == '/'));
		return true;
	}
	return false;
}

/* In a layout, names may begin with a host that has a port. */
static const char *check_result(const struct mir_naming *naming, const struct parts *p,
				const char *name)
{
	const char *rest = naming->is_layout && *p->host ? behind(name, p->host) : NULL;

	return rcp_check_repository(rest && *rest ? rest + 1 : name);
}

int mir_target_repo(const struct mir_naming *naming, const char *image, const char *host,
		    const char *path, char **ret, struct eb_error **err)
{
	const char *slash = strrchr(path, '/'), *wrong;
	autofree char *component = host && !naming->is_layout ? host_as_component(host)
							      : eb_xstrdup(host ? host : "");
	autofree char *full = eb_xasprintf("%s%s%s", host ? host : "", host ? "/" : "", path);
	const struct parts p = { component, path, slash ? slash + 1 : path };
	const char *template = image		   ? image
			       : naming->path	   ? naming->path
			       : naming->is_layout ? "{host}/{path}"
						   : "{path}";
	EB_AUTOBUF(b, MAX_NAME_BYTES);
	const char *name;

	if (image || !by_rule(naming, full, &b))
		if (!expand(template, &p, &b))
			return eb_throw(err, EB_E_USAGE, "'%s' is no template", template);
	name = eb_buf_str(&b);
	if (!host && *name == '/') /* "{host}/{path}" */
		name++;
	wrong = check_result(naming, &p, name);
	if (wrong)
		return eb_throw(err, EB_E_USAGE, "%s would be called '%s', which is not %s", full,
				name, wrong);
	*ret = eb_xstrdup(name);
	return 0;
}
