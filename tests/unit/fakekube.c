#include "fakekube.h"

#include <pthread.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "testlib.h"

struct fakekube {
	struct httpd *httpd;
	struct httpd_handler handler;
	pthread_mutex_t lock;
	json_t *objects; /* by path */
	char *token;
	uint64_t version;
	unsigned int refusals;
	int refusal_status;
	const char *refusal_after;
	void (*hook)(void *ctx, const char *method);
	void *hook_ctx;
};

static void refuse(struct fakekube *k, struct httpd_reply *reply, int code, const char *reason,
		   const char *message)
{
	autojson json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:s,s:i}", "apiVersion", "v1", "kind",
				       "Status", "status", "Failure", "reason", reason, "message",
				       message, "code", code);
	autofree char *text = eb_json_canonical(j, NULL);
	char *body = eb_arena_strdup(httpd_arena(k->httpd), text);

	reply->mode = HTTPD_STATUS;
	reply->status = code;
	reply->body = body;
	reply->size = strlen(body);
}

static void answer(struct fakekube *k, struct httpd_reply *reply, const json_t *j)
{
	autofree char *text = eb_json_canonical(j, NULL);
	char *body = eb_arena_strdup(httpd_arena(k->httpd), text);

	reply->mode = HTTPD_NO_RANGE;
	reply->body = body;
	reply->size = strlen(body);
}

static bool discovery(const struct httpd_request *q, struct httpd_reply *reply)
{
	static const char core[] =
		"{\"kind\":\"APIResourceList\",\"groupVersion\":\"v1\",\"resources\":["
		"{\"name\":\"secrets\",\"namespaced\":true,\"kind\":\"Secret\",\"verbs\":[\"get\","
		"\"patch\",\"list\",\"delete\"]},"
		"{\"name\":\"configmaps\",\"namespaced\":true,\"kind\":\"ConfigMap\",\"verbs\":"
		"[\"get\",\"patch\"]},"
		"{\"name\":\"pods/log\",\"namespaced\":true,\"kind\":\"Pod\",\"verbs\":[\"get\"]},"
		"{\"name\":\"namespaces\",\"namespaced\":false,\"kind\":\"Namespace\",\"verbs\":"
		"[\"get\",\"patch\",\"list\",\"delete\"]}]}";
	static const char apps[] =
		"{\"kind\":\"APIResourceList\",\"groupVersion\":\"apps/v1\",\"resources\":["
		"{\"name\":\"deployments\",\"namespaced\":true,\"kind\":\"Deployment\",\"verbs\":"
		"[\"get\",\"patch\"]},{\"name\":\"statefulsets\",\"namespaced\":true,\"kind\":"
		"\"StatefulSet\",\"verbs\":[\"get\"]}]}";
	static const char groups[] =
		"{\"kind\":\"APIGroupList\",\"groups\":[{\"name\":\"apps\",\"versions\":["
		"{\"groupVersion\":\"apps/v1\",\"version\":\"v1\"}]}]}";
	static const struct {
		const char *path, *body;
	} known[] = { { "/api/v1", core },
		      { "/apis/apps/v1", apps },
		      { "/api", "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}" },
		      { "/apis", groups } };

	for (size_t i = 0; i < EB_ARRAY_LEN(known); i++) {
		if (strcmp(q->path, known[i].path) != 0)
			continue;
		reply->mode = HTTPD_NO_RANGE;
		reply->body = known[i].body;
		reply->size = strlen(known[i].body);
		return true;
	}
	return false;
}

static bool authorised(const struct fakekube *k, const struct httpd_request *q)
{
	autofree char *want = NULL;

	if (!k->token)
		return true;
	want = eb_xasprintf("Authorization: Bearer %s\r\n", k->token);
	return strstr(q->headers, want) != NULL;
}

static const char *version_of(const json_t *object)
{
	return eb_json_text(json_object_get(object, "metadata"), "resourceVersion");
}

static void stamp(struct fakekube *k, json_t *object)
{
	json_t *meta = json_object_get(object, "metadata");
	char version[32];

	snprintf(version, sizeof(version), "%llu", (unsigned long long)++k->version);
	if (!meta) {
		meta = eb_json_object();
		eb_json_set(object, "metadata", meta);
	}
	eb_json_set_str(meta, "resourceVersion", version);
}

static void store(struct fakekube *k, const char *path, json_t *object, struct httpd_reply *reply)
{
	stamp(k, object);
	answer(k, reply, object);
	eb_json_set(k->objects, path, json_incref(object));
}

static void post(struct fakekube *k, const struct httpd_request *q, json_t *body,
		 struct httpd_reply *reply)
{
	const char *name = eb_json_text(json_object_get(body, "metadata"), "name");
	autofree char *path = eb_xasprintf("%s/%s", q->path, name);

	if (json_object_get(k->objects, path))
		refuse(k, reply, 409, "AlreadyExists", "it already exists");
	else
		store(k, path, body, reply);
}

/* RFC 7396 */
static void merge(json_t *target, const json_t *patch)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)patch, key, value)
	{
		json_t *there = json_object_get(target, key);

		if (json_is_null(value))
			json_object_del(target, key);
		else if (json_is_object(value) && json_is_object(there))
			merge(there, value);
		else
			eb_json_set(target, key, json_deep_copy(value));
	}
}

static void change(struct fakekube *k, const struct httpd_request *q, json_t *body,
		   struct httpd_reply *reply)
{
	json_t *there = json_object_get(k->objects, q->path);
	bool apply = strstr(q->headers, "apply-patch") != NULL;
	const char *version = version_of(body);
	autojson json_t *copy = NULL;

	if (!there && !apply) {
		refuse(k, reply, 404, "NotFound", "there is no such object");
		return;
	}
	if (*version && (!there || strcmp(version, version_of(there)) != 0)) {
		refuse(k, reply, 409, "Conflict", "the object has been modified");
		return;
	}
	if (strcmp(q->method, "PUT") == 0 || !there) {
		store(k, q->path, body, reply);
		return;
	}
	copy = json_deep_copy(there);
	merge(copy, body);
	store(k, q->path, copy, reply);
}

static void erase(struct fakekube *k, const struct httpd_request *q, const json_t *body,
		  struct httpd_reply *reply)
{
	json_t *there = json_object_get(k->objects, q->path);
	const char *uid = eb_json_text(json_object_get(body, "preconditions"), "uid");

	if (!there)
		refuse(k, reply, 404, "NotFound", "there is no such object");
	else if (*uid && strcmp(uid, eb_json_text(json_object_get(there, "metadata"), "uid")) != 0)
		refuse(k, reply, 409, "Conflict", "the UID in the precondition differs");
	else {
		answer(k, reply, there);
		json_object_del(k->objects, q->path);
	}
}

static unsigned long param(const struct httpd_request *q, const char *name)
{
	const char *at = strstr(q->query, name);
	uint64_t v = 0;

	if (at) {
		at += strlen(name);
		eb_ignore(eb_parse_u64((struct eb_span){ at, strspn(at, "0123456789") }, 1000000,
				       &v, NULL));
	}
	return v;
}

static void list(struct fakekube *k, const struct httpd_request *q, struct httpd_reply *reply)
{
	unsigned long limit = param(q, "limit="), from = param(q, "continue="), at = 0;
	autojson json_t *out = json_pack("{s:s,s:{s:s},s:[]}", "kind", "List", "metadata",
					 "resourceVersion", "77", "items");
	size_t n = strlen(q->path);
	const char *path;
	json_t *one;

	json_object_foreach(k->objects, path, one)
	{
		if (strncmp(path, q->path, n) != 0 || path[n] != '/' || strchr(path + n + 1, '/'))
			continue;
		if (at >= from && limit &&
		    json_array_size(json_object_get(out, "items")) == limit) {
			char next[32];

			snprintf(next, sizeof(next), "%lu", at);
			eb_json_set_str(json_object_get(out, "metadata"), "continue", next);
			break;
		}
		if (at++ >= from)
			eb_json_push(json_object_get(out, "items"), json_incref(one));
	}
	answer(k, reply, out);
}

static void get(struct fakekube *k, const struct httpd_request *q, struct httpd_reply *reply)
{
	const json_t *there = json_object_get(k->objects, q->path);

	if (there)
		answer(k, reply, there);
	else if (strstr(q->query, "limit="))
		list(k, q, reply);
	else
		refuse(k, reply, 404, "NotFound", "there is no such object");
}

static void on_request(void *ctx, const struct httpd_request *q, struct httpd_reply *reply)
{
	struct fakekube *k = ctx;
	autojson json_t *body = q->body_size ? json_loadb(q->body, q->body_size, 0, NULL) : NULL;
	bool read = strcmp(q->method, "GET") == 0;

	if (!read && k->hook)
		k->hook(k->hook_ctx, q->method);
	pthread_mutex_lock(&k->lock);
	if (k->refusals > 0) {
		k->refusals--;
		refuse(k, reply, k->refusal_status, "Injected", "not now");
		reply->retry_after = k->refusal_after;
	} else if (!authorised(k, q))
		refuse(k, reply, 401, "Unauthorized", "Unauthorized");
	else if (read && discovery(q, reply))
		;
	else if (read)
		get(k, q, reply);
	else if (strcmp(q->method, "DELETE") == 0)
		erase(k, q, body, reply);
	else if (!body)
		refuse(k, reply, 400, "BadRequest", "the body is no JSON");
	else if (strcmp(q->method, "POST") == 0)
		post(k, q, body, reply);
	else
		change(k, q, body, reply);
	pthread_mutex_unlock(&k->lock);
}

static size_t all_of_it(void *ctx, const struct httpd_request *q)
{
	(void)ctx;
	(void)q;
	return SIZE_MAX;
}

struct fakekube *fakekube_start(void)
{
	struct fakekube *k = eb_xcalloc(1, sizeof(*k));

	pthread_mutex_init(&k->lock, NULL);
	k->objects = eb_json_object();
	k->handler = (struct httpd_handler){ .ctx = k, .room = all_of_it, .reply = on_request };
	k->httpd = httpd_start();
	httpd_handle(k->httpd, &k->handler);
	return k;
}

struct fakekube *fakekube_stop(struct fakekube *k)
{
	if (!k)
		return NULL;
	httpd_stop(k->httpd);
	pthread_mutex_destroy(&k->lock);
	json_decref(k->objects);
	free(k->token);
	free(k);
	return NULL;
}

struct httpd *fakekube_httpd(struct fakekube *k)
{
	return k->httpd;
}

char *fakekube_config(struct fakekube *k, const char *token)
{
	return eb_xasprintf(
		"apiVersion: v1\nkind: Config\ncurrent-context: c\n"
		"contexts:\n- name: c\n  context: {cluster: k, user: u, namespace: ess}\n"
		"clusters:\n- name: k\n  cluster: {server: \"%s\"}\n"
		"users:\n- name: u\n  user: {%s%s}\n",
		httpd_url(k->httpd, ""), token ? "token: " : "", token ? token : "");
}

void fakekube_want_token(struct fakekube *k, const char *token)
{
	pthread_mutex_lock(&k->lock);
	free(k->token);
	k->token = token ? eb_xstrdup(token) : NULL;
	pthread_mutex_unlock(&k->lock);
}

json_t *fakekube_object(struct fakekube *k, const char *path)
{
	json_t *j;

	pthread_mutex_lock(&k->lock);
	j = json_deep_copy(json_object_get(k->objects, path));
	pthread_mutex_unlock(&k->lock);
	return j;
}

void fakekube_put(struct fakekube *k, const char *path, json_t *object)
{
	pthread_mutex_lock(&k->lock);
	stamp(k, object);
	eb_json_set(k->objects, path, object);
	pthread_mutex_unlock(&k->lock);
}

void fakekube_refuse(struct fakekube *k, unsigned int times, int status, const char *retry_after)
{
	pthread_mutex_lock(&k->lock);
	k->refusals = times;
	k->refusal_status = status;
	k->refusal_after = retry_after;
	pthread_mutex_unlock(&k->lock);
}

void fakekube_before_write(struct fakekube *k, void (*hook)(void *ctx, const char *method),
			   void *ctx)
{
	k->hook = hook;
	k->hook_ctx = ctx;
}
