/* One request each, on top of kube_api_run(). */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/url.h"
#include "kube/api.h"
#include "kube/api_internal.h"

enum { DEFAULT_PAGE = 250, DEFAULT_MAX_ITEMS = 100000, MAX_QUERY = 64 * 1024, MAX_RELISTS = 3 };

static int run_one(struct kube_api *a, struct kube_call *c, json_t **ret, struct eb_error **err)
{
	struct kube_call *const calls[] = { c };
	int r = kube_api_run(a, calls, 1, NULL, NULL, err);

	if (r >= 0 && ret)
		*ret = EB_TAKE_PTR(c->answer);
	return r;
}

int kube_api_get(struct kube_api *a, const char *path, const char *what, json_t **ret,
		 struct eb_error **err)
{
	EB_CLEANUP(kube_call_release_p) struct kube_call c = { .path = path, .what = what };

	return run_one(a, &c, ret, err);
}

int kube_api_find(struct kube_api *a, const char *path, const char *what, json_t **ret,
		  struct eb_error **err)
{
	autoerror struct eb_error *e = NULL;
	json_t *found = NULL;
	int r = kube_api_get(a, path, what, &found, &e);

	if (r < 0 && r != -EB_E_NOT_FOUND)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	*ret = found;
	return 0;
}

static void add_param(struct eb_buf *b, const char *name, const char *value)
{
	autofree char *escaped = eb_url_escape(value);

	eb_buf_addf(b, "%s%s=%s", b->len ? "&" : "", name, escaped);
}

char *kube_write_query(const struct kube_api *a, const char *method, unsigned int flags)
{
	EB_AUTOBUF(b, MAX_QUERY);

	add_param(&b, "fieldManager", kube_api_manager(a));
	if (flags & KUBE_FORCE && strcmp(method, "PATCH") == 0)
		add_param(&b, "force", "true");
	if (flags & KUBE_DRY_RUN)
		add_param(&b, "dryRun", "All");
	if (flags & KUBE_STRICT)
		add_param(&b, "fieldValidation", "Strict");
	return eb_buf_take(&b);
}

static int write_one(struct kube_api *a, struct kube_call *c, unsigned int flags, json_t **ret,
		     struct eb_error **err)
{
	autofree char *query = kube_write_query(a, c->method, flags);

	c->query = query;
	return run_one(a, c, ret, err);
}

int kube_api_create(struct kube_api *a, const char *path, const json_t *object, unsigned int flags,
		    const char *what, json_t **ret, struct eb_error **err)
{
	EB_CLEANUP(kube_call_release_p)
	struct kube_call c = { .method = "POST", .path = path, .body = object, .what = what };

	return write_one(a, &c, flags, ret, err);
}

int kube_api_replace(struct kube_api *a, const char *path, const json_t *object, unsigned int flags,
		     const char *what, json_t **ret, struct eb_error **err)
{
	EB_CLEANUP(kube_call_release_p)
	struct kube_call c = { .method = "PUT", .path = path, .body = object, .what = what };

	return write_one(a, &c, flags, ret, err);
}

static int patch(struct kube_api *a, const char *path, const char *type, const json_t *object,
		 unsigned int flags, const char *what, json_t **ret, struct eb_error **err)
{
	EB_CLEANUP(kube_call_release_p)
	struct kube_call c = {
		.method = "PATCH", .path = path, .body = object, .content_type = type, .what = what
	};

	return write_one(a, &c, flags, ret, err);
}

int kube_api_apply(struct kube_api *a, const char *path, const json_t *object, unsigned int flags,
		   const char *what, json_t **ret, struct eb_error **err)
{
	return patch(a, path, "application/apply-patch+yaml", object, flags, what, ret, err);
}

int kube_api_merge(struct kube_api *a, const char *path, const json_t *p, unsigned int flags,
		   const char *what, json_t **ret, struct eb_error **err)
{
	/* The server refuses force for this kind of patch. */
	return patch(a, path, "application/merge-patch+json", p, flags & ~(unsigned int)KUBE_FORCE,
		     what, ret, err);
}

static json_t *delete_options(const struct kube_delete *d)
{
	json_t *j = eb_json_object(), *only = eb_json_object();

	eb_json_set_str(j, "apiVersion", "v1");
	eb_json_set_str(j, "kind", "DeleteOptions");
	eb_json_set_str(j, "propagationPolicy", d->propagation);
	eb_json_set_str(only, "uid", d->uid);
	eb_json_set_str(only, "resourceVersion", d->resource_version);
	if (json_object_size(only) > 0)
		eb_json_set(j, "preconditions", json_incref(only));
	json_decref(only);
	if (d->grace_sec >= 0)
		eb_json_set_u64(j, "gracePeriodSeconds", (uint64_t)d->grace_sec);
	if (d->dry_run)
		eb_json_set(j, "dryRun", json_pack("[s]", "All"));
	return j;
}

int kube_api_delete(struct kube_api *a, const char *path, const struct kube_delete *d,
		    const char *what, struct eb_error **err)
{
	static const struct kube_delete plain = { .grace_sec = -1 };
	autojson json_t *options = delete_options(d ? d : &plain);
	EB_CLEANUP(kube_call_release_p)
	struct kube_call c = { .method = "DELETE", .path = path, .body = options, .what = what };

	return run_one(a, &c, NULL, err);
}

/* ---- lists ---- */

static char *list_query(const struct kube_list *l, const char *next)
{
	EB_AUTOBUF(b, MAX_QUERY);
	char limit[16];

	snprintf(limit, sizeof(limit), "%u", l->page ? l->page : DEFAULT_PAGE);
	add_param(&b, "limit", limit);
	if (l->label_selector)
		add_param(&b, "labelSelector", l->label_selector);
	if (l->field_selector)
		add_param(&b, "fieldSelector", l->field_selector);
	if (next)
		add_param(&b, "continue", next);
	return eb_buf_take(&b);
}

static int take_page(const struct kube_list *l, json_t *page, json_t *items, struct eb_error **err)
{
	size_t max = l->max_items ? l->max_items : DEFAULT_MAX_ITEMS;
	json_t *list = NULL;
	int r = eb_json_opt_array(page, "items", &list, err);

	if (r < 0)
		return r;
	if (json_array_size(items) + json_array_size(list) > max)
		return eb_throw(err, EB_E_LIMIT, "more than %zu objects", max);
	if (list && json_array_extend(items, list) < 0)
		abort();
	return 0;
}

/* One pass over the pages. */
static int list_pass(struct kube_api *a, const char *path, const struct kube_list *l,
		     const char *what, json_t *items, char **ret_version, struct eb_error **err)
{
	autofree char *next = NULL;

	for (;;) {
		autofree char *query = list_query(l, next);
		autojson json_t *page = NULL;
		EB_CLEANUP(kube_call_release_p)
		struct kube_call c = { .path = path, .query = query, .what = what };
		const char *version = NULL, *more = NULL;
		json_t *meta = NULL;
		int r = run_one(a, &c, &page, err);

		if (r >= 0 && !page)
			r = eb_throw(err, EB_E_FORMAT, "%s: an empty answer", what);
		if (r < 0)
			return r;
		r = take_page(l, page, items, err);
		if (r >= 0)
			r = eb_json_get_object(page, "metadata", &meta, err);
		if (r >= 0)
			r = eb_json_opt_str(meta, "continue", &more, err);
		if (r >= 0)
			r = eb_json_opt_str(meta, "resourceVersion", &version, err);
		if (r < 0)
			return eb_prefix(err, r, "%s", what);
		free(next);
		next = more && *more ? eb_xstrdup(more) : NULL;
		if (next)
			continue;
		if (ret_version)
			*ret_version = eb_xstrdup(version ? version : "");
		return 0;
	}
}

int kube_api_list(struct kube_api *a, const char *path, const struct kube_list *l, const char *what,
		  json_t **ret_items, char **ret_version, struct eb_error **err)
{
	static const struct kube_list all = { .page = 0 };

	for (unsigned int i = 1;; i++) {
		autojson json_t *items = eb_json_array();
		autoerror struct eb_error *e = NULL;
		int r = list_pass(a, path, l ? l : &all, what, items, ret_version, &e);

		if (r >= 0) {
			*ret_items = EB_TAKE_PTR(items);
			return 0;
		}
		if (r != -EB_E_EXPIRED || i == MAX_RELISTS)
			return eb_error_forward(err, EB_TAKE_PTR(e));
	}
}
