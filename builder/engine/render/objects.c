#include "render/objects.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"

/* Helm's InstallOrder; what is not in it comes last. */
static const char *const kinds[] = {
	"PriorityClass",
	"Namespace",
	"NetworkPolicy",
	"ResourceQuota",
	"LimitRange",
	"PodSecurityPolicy",
	"PodDisruptionBudget",
	"ServiceAccount",
	"Secret",
	"SecretList",
	"ConfigMap",
	"StorageClass",
	"PersistentVolume",
	"PersistentVolumeClaim",
	"CustomResourceDefinition",
	"ClusterRole",
	"ClusterRoleList",
	"ClusterRoleBinding",
	"ClusterRoleBindingList",
	"Role",
	"RoleList",
	"RoleBinding",
	"RoleBindingList",
	"Service",
	"DaemonSet",
	"Pod",
	"ReplicationController",
	"ReplicaSet",
	"Deployment",
	"HorizontalPodAutoscaler",
	"StatefulSet",
	"Job",
	"CronJob",
	"IngressClass",
	"Ingress",
	"APIService",
};

static bool is_cluster_wide(const char *kind)
{
	static const char *const all[] = { "Namespace",
					   "PriorityClass",
					   "StorageClass",
					   "PersistentVolume",
					   "CustomResourceDefinition",
					   "ClusterRole",
					   "ClusterRoleBinding",
					   "ClusterIssuer",
					   "IngressClass",
					   "APIService",
					   "PodSecurityPolicy",
					   "RuntimeClass",
					   "MutatingWebhookConfiguration",
					   "ValidatingWebhookConfiguration",
					   "Node" };

	for (size_t i = 0; i < EB_ARRAY_LEN(all); i++)
		if (strcmp(kind, all[i]) == 0)
			return true;
	return false;
}

static size_t kind_rank(const char *kind)
{
	size_t i = 0;

	while (i < EB_ARRAY_LEN(kinds) && strcmp(kind, kinds[i]) != 0)
		i++;
	return i;
}

const char *rnd_object_annotation(const struct rnd_object *o, const char *key)
{
	const json_t *meta = json_object_get(o->json, "metadata");

	return json_string_value(json_object_get(json_object_get(meta, "annotations"), key));
}

/* ---- checks ---- */

static int check_texts(const struct rnd_object *o, const char *field, struct eb_error **err)
{
	json_t *map = json_object_get(json_object_get(o->json, "metadata"), field), *v;
	const char *key;

	if (map && !json_is_object(map) && !json_is_null(map))
		return eb_throw(err, EB_E_FORMAT, "%s '%s': metadata.%s is %s, expected an object",
				o->kind, o->name, field, eb_json_type_name(map));
	json_object_foreach(map, key, v)
	{
		if (!json_is_string(v))
			return eb_throw(err, EB_E_FORMAT,
					"%s '%s': metadata.%s['%s'] is %s, expected text", o->kind,
					o->name, field, key, eb_json_type_name(v));
	}
	return 0;
}

static int parse_weight(struct rnd_object *o, struct eb_error **err)
{
	const char *text = rnd_object_annotation(o, "helm.sh/hook-weight");
	uint64_t n;

	if (!text)
		return 0;
	if (eb_parse_u64(eb_span_str(text + (*text == '-')), 1000000, &n, NULL) < 0)
		return eb_throw(err, EB_E_FORMAT,
				"%s '%s': helm.sh/hook-weight is '%s', expected a number", o->kind,
				o->name, text);
	o->weight = *text == '-' ? -(int)n : (int)n;
	return 0;
}

static int parse_hook(struct rnd_object *o, struct eb_error **err)
{
	static const struct {
		const char *event;
		enum rnd_phase phase;
	} events[] = {
		{ "pre-install", RND_BEFORE }, { "pre-upgrade", RND_BEFORE },
		{ "post-install", RND_AFTER }, { "post-upgrade", RND_AFTER },
		{ "pre-delete", RND_OTHER },   { "post-delete", RND_OTHER },
		{ "pre-rollback", RND_OTHER }, { "post-rollback", RND_OTHER },
		{ "test", RND_OTHER },
	};
	const char *text = rnd_object_annotation(o, "helm.sh/hook");
	struct eb_span rest = eb_span_str(text), one;

	o->phase = text ? RND_OTHER : RND_MAIN;
	while (eb_span_next(&rest, ',', &one)) {
		size_t i = 0;

		one = eb_span_trim(one);
		while (i < EB_ARRAY_LEN(events) && !eb_span_eq(one, events[i].event))
			i++;
		if (i == EB_ARRAY_LEN(events))
			return eb_throw(err, EB_E_FORMAT, "%s '%s': helm.sh/hook knows no '%.*s'",
					o->kind, o->name, (int)one.len, one.ptr);
		if (events[i].phase < o->phase)
			o->phase = events[i].phase;
	}
	return parse_weight(o, err);
}

/* ---- collecting ---- */

static int add(struct rnd_objects *list, const json_t *json, const char *namespace_,
	       struct eb_error **err)
{
	struct rnd_object o = { 0 };
	json_t *meta;
	int r = eb_grow(&list->items, &list->alloc, list->n + 1, sizeof(o), RND_OBJECTS_MAX,
			"objects", err);

	if (r < 0)
		return r;
	o.json = json_deep_copy(json);
	list->items[list->n++] = o;
	r = eb_json_get_str(o.json, "kind", &o.kind, err);
	if (r < 0)
		return r;
	meta = json_object_get(o.json, "metadata");
	o.name = json_string_value(json_object_get(meta, "name"));
	o.api_version = json_string_value(json_object_get(o.json, "apiVersion"));
	if (!o.name || !*o.name || strlen(o.name) > 253)
		return eb_throw(err, EB_E_FORMAT,
				"an object of kind '%.60s' has no metadata.name of 1 to 253 "
				"characters",
				o.kind);
	if (!o.api_version)
		return eb_throw(err, EB_E_FORMAT, "%s '%s' has no apiVersion", o.kind, o.name);
	if (is_cluster_wide(o.kind))
		json_object_del(meta, "namespace");
	else if (!json_is_string(json_object_get(meta, "namespace")))
		eb_json_set_str(meta, "namespace", namespace_);
	o.namespace_ = json_string_value(json_object_get(meta, "namespace"));
	r = check_texts(&o, "labels", err);
	if (r >= 0)
		r = check_texts(&o, "annotations", err);
	if (r >= 0)
		r = parse_hook(&o, err);
	list->items[list->n - 1] = o;
	return r;
}

static int collect(struct rnd_objects *list, const json_t *j, const char *namespace_,
		   struct eb_error **err)
{
	const char *key;
	json_t *v;
	size_t i;
	int r = 0;

	if (json_is_object(j) && json_object_get(j, "kind")) {
		const char *kind = json_string_value(json_object_get(j, "kind"));

		if (kind && strcmp(kind, "List") == 0)
			return collect(list, json_object_get(j, "items"), namespace_, err);
		return add(list, j, namespace_, err);
	}
	if (json_is_object(j)) {
		json_object_foreach((json_t *)(uintptr_t)j, key, v)
		{
			r = collect(list, v, namespace_, err);
			if (r < 0)
				return eb_is_failure(r);
		}
		return 0;
	}
	json_array_foreach(j, i, v)
	{
		r = collect(list, v, namespace_, err);
		if (r < 0)
			return eb_is_failure(r);
	}
	if (j && !json_is_array(j) && !json_is_null(j))
		return eb_throw(err, EB_E_FORMAT,
				"the Jsonnet program gave %s where objects were expected",
				eb_json_type_name(j));
	return 0;
}

static int compare_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int by_kind(const struct rnd_object *a, const struct rnd_object *b)
{
	size_t x = kind_rank(a->kind), y = kind_rank(b->kind);

	return x != y ? (x < y ? -1 : 1) : strcmp(a->kind, b->kind);
}

/* Helm sorts hooks by weight, then name, and only then by kind. */
static int by_order(const void *pa, const void *pb)
{
	const struct rnd_object *a = pa, *b = pb;
	int kind = by_kind(a, b), d;

	if (a->phase != b->phase)
		return a->phase < b->phase ? -1 : 1;
	if (a->weight != b->weight)
		return a->weight < b->weight ? -1 : 1;
	if (a->phase == RND_MAIN && kind)
		return kind;
	d = strcmp(a->name, b->name);
	if (!d)
		d = kind;
	if (!d)
		d = compare_texts(a->namespace_, b->namespace_);
	return d ? d : strcmp(a->api_version, b->api_version);
}

/* "apps/v1" and "apps/v1beta1" name the same object: what counts is the group. */
static size_t group_length(const char *api_version)
{
	const char *slash = strchr(api_version, '/');

	return slash ? (size_t)(slash - api_version) : 0;
}

static int by_identity(const void *pa, const void *pb)
{
	const struct rnd_object *a = *(const struct rnd_object *const *)pa;
	const struct rnd_object *b = *(const struct rnd_object *const *)pb;
	size_t x = group_length(a->api_version), y = group_length(b->api_version);
	int d = strcmp(a->kind, b->kind);

	if (!d)
		d = strcmp(a->name, b->name);
	if (!d)
		d = compare_texts(a->namespace_, b->namespace_);
	if (!d && x != y)
		d = x < y ? -1 : 1;
	return d ? d : memcmp(a->api_version, b->api_version, x);
}

static int refuse_doubles(const struct rnd_objects *list, struct eb_error **err)
{
	autofree const struct rnd_object **all = eb_xcalloc(list->n + 1, sizeof(*all));

	for (size_t i = 0; i < list->n; i++)
		all[i] = &list->items[i];
	if (list->n)
		qsort(all, list->n, sizeof(*all), by_identity);
	for (size_t i = 1; i < list->n; i++)
		if (by_identity(&all[i - 1], &all[i]) == 0)
			return eb_throw(err, EB_E_CONFLICT, "%s '%s' is there twice", all[i]->kind,
					all[i]->name);
	return 0;
}

int rnd_objects_collect(const json_t *result, const char *namespace_, struct rnd_objects *ret,
			struct eb_error **err)
{
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects list = { 0 };
	int r = collect(&list, result, namespace_, err);

	if (r >= 0)
		r = refuse_doubles(&list, err);
	if (r < 0)
		return r;
	if (list.n)
		qsort(list.items, list.n, sizeof(*list.items), by_order);
	*ret = list;
	list = (struct rnd_objects){ 0 };
	return 0;
}

void rnd_objects_release(struct rnd_objects *o)
{
	for (size_t i = 0; i < o->n; i++)
		json_decref(o->items[i].json);
	free(o->items);
	*o = (struct rnd_objects){ 0 };
}
