#include "kube/discovery.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/url.h"
#include "kube/api.h"

/* One group and version. */
struct group {
	char *api_version;
	bool known; /* the server has it */
	struct kube_resource *resources;
	size_t n;
};

struct kube_discovery {
	struct kube_api *api;
	struct group *groups;
	size_t n, alloc;
};

struct kube_discovery *kube_discovery_new(struct kube_api *a)
{
	struct kube_discovery *d = eb_xcalloc(1, sizeof(*d));

	d->api = a;
	return d;
}

static void group_release(struct group *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->resources[i].api_version);
		free(g->resources[i].kind);
		free(g->resources[i].plural);
	}
	free(g->resources);
	free(g->api_version);
}

struct kube_discovery *kube_discovery_free(struct kube_discovery *d)
{
	if (!d)
		return NULL;
	kube_discovery_forget(d, NULL);
	free(d->groups);
	free(d);
	return NULL;
}

void kube_discovery_forget(struct kube_discovery *d, const char *api_version)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (api_version && strcmp(d->groups[i].api_version, api_version) != 0)
			d->groups[kept++] = d->groups[i];
		else
			group_release(&d->groups[i]);
	}
	d->n = kept;
}

static struct group *find_group(struct kube_discovery *d, const char *api_version)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->groups[i].api_version, api_version) == 0)
			return &d->groups[i];
	return NULL;
}

/* ---- names ---- */

bool kube_is_api_version(const char *text)
{
	static const char part[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
	const char *slash = strchr(text, '/');
	const char *version = slash ? slash + 1 : text;

	if (strlen(text) > 300 || *version != 'v' || version[strspn(version, part)])
		return false;
	return !slash || (slash != text && strspn(text, part) == (size_t)(slash - text) &&
			  text[0] != '.' && text[0] != '-');
}

static char *group_path(const char *api_version)
{
	return eb_xasprintf("/%s/%s", strchr(api_version, '/') ? "apis" : "api", api_version);
}

char *kube_path(const struct kube_resource *r, const char *ns, const char *name)
{
	autofree char *root = group_path(r->api_version);
	autofree char *space = ns ? eb_url_escape(ns) : NULL;
	autofree char *last = name ? eb_url_escape(name) : NULL;
	bool in_space = r->namespaced && ns;

	return eb_xasprintf("%s%s%s/%s%s%s", root, in_space ? "/namespaces/" : "",
			    in_space ? space : "", r->plural, name ? "/" : "", name ? last : "");
}

char *kube_core_path(const char *ns, const char *plural, const char *name)
{
	const struct kube_resource r = { .api_version = (char *)(uintptr_t) "v1",
					 .plural = (char *)(uintptr_t)plural,
					 .namespaced = true };

	return kube_path(&r, ns, name);
}

/* ---- asking ---- */

static bool is_plural(const char *s)
{
	return *s && strlen(s) <= 253 &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0';
}

static bool has_verb(const json_t *resource, const char *verb)
{
	const json_t *verbs = json_object_get(resource, "verbs");

	for (size_t i = 0; i < json_array_size(verbs); i++) {
		const char *v = json_string_value(json_array_get(verbs, i));

		if (v && strcmp(v, verb) == 0)
			return true;
	}
	return false;
}

/* APIResourceList; subresources ("pods/log") are left out. */
static int take_list(const json_t *j, struct group *g, struct eb_error **err)
{
	json_t *list = NULL;
	int r = eb_json_get_array(j, "resources", &list, err);

	if (r < 0)
		return r;
	if (json_array_size(list) > KUBE_MAX_RESOURCES)
		return eb_throw(err, EB_E_LIMIT, "more than %d kinds", KUBE_MAX_RESOURCES);
	g->resources = eb_xcalloc(json_array_size(list) + 1, sizeof(*g->resources));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *name = eb_json_text(one, "name"), *kind = eb_json_text(one, "kind");
		struct kube_resource *to = &g->resources[g->n];

		if (strchr(name, '/'))
			continue;
		if (!is_plural(name) || !*kind)
			return eb_throw(err, EB_E_FORMAT, "resources[%zu] has no usable name", i);
		*to = (struct kube_resource){
			.api_version = eb_xstrdup(g->api_version),
			.kind = eb_xstrdup(kind),
			.plural = eb_xstrdup(name),
			.namespaced = json_is_true(json_object_get(one, "namespaced")),
			.can_patch = has_verb(one, "patch"),
			.can_list = has_verb(one, "list"),
			.can_delete = has_verb(one, "delete"),
		};
		g->n++;
	}
	g->known = true;
	return 0;
}

static int add_group(struct kube_discovery *d, const char *api_version, const json_t *list,
		     struct eb_error **err)
{
	struct group g = { .api_version = eb_xstrdup(api_version) };
	int r = eb_grow(&d->groups, &d->alloc, d->n + 1, sizeof(*d->groups),
			KUBE_MAX_GROUP_VERSIONS, "API versions", err);

	if (r >= 0 && list)
		r = take_list(list, &g, err);
	if (r < 0) {
		group_release(&g);
		return eb_prefix(err, r, "kinds of %s", api_version);
	}
	d->groups[d->n++] = g;
	return 0;
}

/* The calls that are needed for those that are not known yet. */
struct asking {
	struct kube_call *calls;
	struct kube_call **pointers;
	char **texts;
	const char **versions;
	size_t n;
};

static void asking_release(struct asking *q)
{
	for (size_t i = 0; i < q->n; i++) {
		kube_call_release(&q->calls[i]);
		free(q->texts[2 * i]);
		free(q->texts[2 * i + 1]);
	}
	free(q->calls);
	free(q->pointers);
	free(q->texts);
	free(q->versions);
}
EB_DEFINE_RELEASE(struct asking, asking_release)

static bool asked_already(const struct asking *q, const char *version)
{
	for (size_t i = 0; i < q->n; i++)
		if (strcmp(q->versions[i], version) == 0)
			return true;
	return false;
}

static int collect(struct kube_discovery *d, const char *const *versions, struct asking *q,
		   struct eb_error **err)
{
	size_t n = 0;

	while (versions[n])
		n++;
	q->calls = eb_xcalloc(n + 1, sizeof(*q->calls));
	q->pointers = eb_xcalloc(n + 1, sizeof(*q->pointers));
	q->texts = eb_xcalloc(2 * n + 2, sizeof(*q->texts));
	q->versions = eb_xcalloc(n + 1, sizeof(*q->versions));
	for (size_t i = 0; i < n; i++) {
		if (!kube_is_api_version(versions[i])) {
			autofree char *shown = eb_printable(versions[i], 100);

			return eb_throw(err, EB_E_FORMAT, "apiVersion '%s' is none", shown);
		}
		if (find_group(d, versions[i]) || asked_already(q, versions[i]))
			continue;
		q->versions[q->n] = versions[i];
		q->texts[2 * q->n] = group_path(versions[i]);
		q->texts[2 * q->n + 1] = eb_xasprintf("kinds of %s", versions[i]);
		q->calls[q->n].path = q->texts[2 * q->n];
		q->calls[q->n].what = q->texts[2 * q->n + 1];
		q->pointers[q->n] = &q->calls[q->n];
		q->n++;
	}
	return 0;
}

int kube_discovery_fetch(struct kube_discovery *d, const char *const *api_versions,
			 struct eb_error **err)
{
	EB_CLEANUP(asking_release_p) struct asking q = { .n = 0 };
	autoerror struct eb_error *e = NULL;
	int r = collect(d, api_versions, &q, err);

	if (r < 0)
		return r;
	if (q.n == 0)
		return 0;
	r = kube_api_run(d->api, q.pointers, q.n, NULL, NULL, &e);
	/* Without a single answer it was not asked at all. */
	if (r < 0 && !q.calls[0].http_status && !q.calls[0].error)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	for (size_t i = 0; i < q.n; i++) {
		struct kube_call *c = &q.calls[i];

		if (c->result < 0 && c->result != -EB_E_NOT_FOUND)
			return eb_error_forward(err, EB_TAKE_PTR(c->error));
		r = add_group(d, q.versions[i], c->result < 0 ? NULL : c->answer, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct kube_resource *find_kind(const struct group *g, const char *kind)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->resources[i].kind, kind) == 0)
			return &g->resources[i];
	return NULL;
}

static int throw_unknown(const struct group *g, const char *kind, struct eb_error **err)
{
	autofree char *shown = eb_printable(kind, 100);
	autofree const char **kinds = eb_xcalloc(g->n + 1, sizeof(char *));
	const char *near;
	int r;

	if (!g->known)
		return eb_hint(err,
			       eb_throw(err, EB_E_NOT_FOUND,
					"the cluster does not have %s, of which %s is",
					g->api_version, shown),
			       "install what brings its CustomResourceDefinition, or turn off what "
			       "needs it");
	for (size_t i = 0; i < g->n; i++)
		kinds[i] = g->resources[i].kind;
	near = eb_nearest(kind, kinds);
	r = eb_throw(err, EB_E_NOT_FOUND, "%s has no kind '%s' in this cluster", g->api_version,
		     shown);
	return near ? eb_hint(err, r, "the nearest that it has is '%s'", near) : r;
}

static int get_group(struct kube_discovery *d, const char *api_version, const struct group **ret,
		     struct eb_error **err)
{
	const char *const versions[] = { api_version, NULL };
	int r = kube_discovery_fetch(d, versions, err);

	if (r >= 0)
		*ret = find_group(d, api_version);
	return r;
}

int kube_discovery_find(struct kube_discovery *d, const char *api_version, const char *kind,
			const struct kube_resource **ret, struct eb_error **err)
{
	const struct kube_resource *found;
	const struct group *g = NULL;
	int r = get_group(d, api_version, &g, err);

	if (r < 0)
		return r;
	found = find_kind(g, kind);
	if (!found)
		return throw_unknown(g, kind, err);
	*ret = found;
	return 0;
}

int kube_discovery_has(struct kube_discovery *d, const char *api_version, const char *kind,
		       bool *ret, struct eb_error **err)
{
	const struct group *g = NULL;
	int r = get_group(d, api_version, &g, err);

	if (r >= 0)
		*ret = g->known && (!kind || find_kind(g, kind));
	return r;
}

int kube_discovery_path(struct kube_discovery *d, const json_t *object, const char *ns,
			bool collection, char **ret_path, char **ret_what, struct eb_error **err)
{
	const json_t *meta = json_object_get(object, "metadata");
	const char *version = eb_json_text(object, "apiVersion");
	const char *kind = eb_json_text(object, "kind"), *name = eb_json_text(meta, "name");
	const char *space = eb_json_text(meta, "namespace");
	const struct kube_resource *res = NULL;
	autofree char *shown = eb_printable(name, 253);
	int r;

	if (!*version || !*kind || !*name)
		return eb_throw(err, EB_E_FORMAT, "an object without apiVersion, kind or name");
	r = kube_discovery_find(d, version, kind, &res, err);
	if (r < 0)
		return eb_prefix(err, r, "%s %s", kind, shown);
	space = !res->namespaced ? NULL : *space ? space : ns;
	if (res->namespaced && !space)
		return eb_throw(err, EB_E_FORMAT, "%s %s: no namespace", kind, shown);
	*ret_path = kube_path(res, space, collection ? NULL : name);
	*ret_what = eb_xasprintf("%s %s%s%s", kind, space ? space : "", space ? "/" : "", shown);
	return 0;
}

/* ---- all of it ---- */

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* APIGroupList */
static size_t take_groups(const json_t *groups, const char **out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(groups); i++) {
		const json_t *versions = json_object_get(json_array_get(groups, i), "versions");

		for (size_t k = 0; k < json_array_size(versions) && n < max; k++) {
			const char *v = eb_json_text(json_array_get(versions, k), "groupVersion");

			if (kube_is_api_version(v))
				out[n++] = v;
		}
	}
	return n;
}

int kube_discovery_versions(struct kube_discovery *d, json_t **ret, struct eb_error **err)
{
	autofree const char **texts = eb_xcalloc(KUBE_MAX_GROUP_VERSIONS + 1, sizeof(char *));
	struct kube_call core = { .path = "/api", .what = "API versions" };
	struct kube_call rest = { .path = "/apis", .what = "API groups" };
	struct kube_call *const calls[] = { &core, &rest };
	int r = kube_api_run(d->api, calls, EB_ARRAY_LEN(calls), NULL, NULL, err);
	const json_t *versions = json_object_get(core.answer, "versions");
	size_t n = 0;

	if (r >= 0) {
		for (size_t i = 0; i < json_array_size(versions) && n < 10; i++) {
			const char *v = json_string_value(json_array_get(versions, i));

			if (v && kube_is_api_version(v))
				texts[n++] = v;
		}
		n += take_groups(json_object_get(rest.answer, "groups"), texts + n,
				 KUBE_MAX_GROUP_VERSIONS - n);
		qsort(texts, n, sizeof(*texts), by_text);
		*ret = eb_json_array();
		for (size_t i = 0; i < n; i++)
			eb_json_push(*ret, eb_json_str(texts[i]));
	}
	kube_call_release(&core);
	kube_call_release(&rest);
	return r;
}
