/* How a deployment authenticates its users is written down in a ConfigMap, so that an upgrade or
 * downgrade that skips a step is stopped before it changes anything. */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "kube/api.h"
#include "kube/discovery.h"
#include "secrets/store.h"
#include "tools/tool.h"

enum { OPT_STEP, OPT_MARKERS, OPT_LABELS, MAX_MARKERS = 50, MAX_TRIES = 10 };

#define MANAGER "matrix-tools-deployment-markers"

struct marker {
	char *map, *key, *value, *allowed; /* "a;b" */
};

struct markers {
	struct marker list[MAX_MARKERS];
	size_t n;
};

static void markers_release(struct markers *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->list[i].map);
		free(m->list[i].key);
		free(m->list[i].value);
		free(m->list[i].allowed);
	}
}
EB_DEFINE_RELEASE(struct markers, markers_release)

static int parse_one(struct eb_span text, struct marker *m, struct eb_error **err)
{
	autofree char *entry = eb_span_dup(text);
	autofree char *shown = eb_printable(entry, 200);
	struct eb_span map, key, value;

	if (!eb_span_next(&text, ':', &map) || !eb_span_next(&text, ':', &key) ||
	    !eb_span_next(&text, ':', &value) || !map.len || !key.len || !value.len || !text.len ||
	    memchr(text.ptr, ':', text.len))
		return eb_throw(err, EB_E_USAGE,
				"marker '%s': expected NAME:KEY:NEW:ALLOWED[;ALLOWED...]", shown);
	m->map = eb_span_dup(map);
	m->key = eb_span_dup(key);
	m->value = eb_span_dup(value);
	m->allowed = eb_span_dup(text);
	return 0;
}

static int parse(const char *text, struct markers *m, struct eb_error **err)
{
	struct eb_span rest = eb_span_str(text), entry;
	int r = 0;

	while (r >= 0 && eb_span_next(&rest, ',', &entry)) {
		if (m->n == MAX_MARKERS)
			return eb_throw(err, EB_E_LIMIT, "more than %d markers", MAX_MARKERS);
		r = parse_one(eb_span_trim(entry), &m->list[m->n++], err);
	}
	return r < 0 ? r : m->n ? 0 : eb_throw(err, EB_E_USAGE, "no marker is named");
}

static bool is_allowed(const struct marker *m, const char *now)
{
	struct eb_span rest = eb_span_str(m->allowed), one;

	while (eb_span_next(&rest, ';', &one))
		if (eb_span_eq(eb_span_trim(one), now))
			return true;
	return false;
}

static int check(const struct tool_cluster *c, const struct marker *m, struct eb_error **err)
{
	autofree char *path = kube_core_path(c->namespace_, "configmaps", m->map);
	autofree char *what = eb_xasprintf("ConfigMap %s/%s", c->namespace_, m->map);
	autofree char *shown = NULL;
	autojson json_t *map = NULL;
	const char *now;
	int r = kube_api_find(c->api, path, what, &map, err);

	if (r < 0)
		return r;
	now = json_string_value(json_object_get(json_object_get(map, "data"), m->key));
	shown = eb_printable(now ? now : "", 100);
	if (!now || is_allowed(m, now)) {
		tool_say("%s: %s is %s%s%s, '%s' may follow", what, m->key, now ? "'" : "",
			 now ? shown : "not set", now ? "'" : "", m->value);
		return 0;
	}
	return eb_hint(err,
		       eb_throw(err, EB_E_CONFLICT, "%s: %s is '%s', and '%s' may follow only %s",
				what, m->key, shown, m->value, m->allowed),
		       "go back to the values of the last deployment, or take the step between");
}

static json_t *new_map(const struct tool_cluster *c, const struct marker *m, const json_t *labels)
{
	json_t *all = json_deep_copy(labels), *j, *meta = eb_json_object();

	eb_json_set_str(all, SEC_MANAGED_BY, MANAGER);
	eb_json_set_str(meta, "name", m->map);
	eb_json_set_str(meta, "namespace", c->namespace_);
	eb_json_set(meta, "labels", all);
	j = eb_json_object();
	eb_json_set_str(j, "apiVersion", "v1");
	eb_json_set_str(j, "kind", "ConfigMap");
	eb_json_set(j, "metadata", meta);
	return j;
}

static int write_once(const struct tool_cluster *c, const struct marker *m, const json_t *labels,
		      bool *ret_again, struct eb_error **err)
{
	autofree char *path = kube_core_path(c->namespace_, "configmaps", m->map);
	autofree char *all = kube_core_path(c->namespace_, "configmaps", NULL);
	autofree char *what = eb_xasprintf("ConfigMap %s/%s", c->namespace_, m->map);
	autoerror struct eb_error *e = NULL;
	autojson json_t *map = NULL;
	json_t *data;
	bool is_new;
	int r = kube_api_find(c->api, path, what, &map, err);

	if (r < 0)
		return r;
	is_new = !map;
	if (is_new)
		map = new_map(c, m, labels);
	data = json_object_get(map, "data");
	if (!json_is_object(data)) {
		data = eb_json_object();
		eb_json_set(map, "data", data);
	}
	if (strcmp(eb_json_text(json_object_get(json_object_get(map, "metadata"), "labels"),
				SEC_MANAGED_BY),
		   MANAGER) != 0)
		return eb_throw(err, EB_E_CONFLICT,
				"%s is somebody else's: its label " SEC_MANAGED_BY
				" is not '" MANAGER "'",
				what);
	if (strcmp(eb_json_text(data, m->key), m->value) == 0)
		return 0;
	eb_json_set_str(data, m->key, m->value);
	r = is_new ? kube_api_create(c->api, all, map, 0, what, NULL, &e)
		   : kube_api_replace(c->api, path, map, 0, what, NULL, &e);
	*ret_again = r == -EB_E_CONFLICT;
	if (r >= 0)
		tool_say("%s: %s is '%s' now", what, m->key, m->value);
	return r < 0 && !*ret_again ? eb_error_forward(err, EB_TAKE_PTR(e)) : 0;
}

static int write_marker(const struct tool_cluster *c, const struct marker *m, const json_t *labels,
			struct eb_error **err)
{
	for (int i = 0; i < MAX_TRIES; i++) {
		bool again = false;
		int r = write_once(c, m, labels, &again, err);

		if (r < 0 || !again)
			return r;
	}
	return eb_throw(err, EB_E_CONFLICT, "ConfigMap %s/%s: changed by others again and again",
			c->namespace_, m->map);
}

static int run(const struct tool_args *a, struct eb_error **err)
{
	EB_CLEANUP(markers_release_p) struct markers m = { .n = 0 };
	EB_CLEANUP(tool_cluster_release_p) struct tool_cluster c = { .config = NULL };
	autojson json_t *labels = NULL;
	const char *step = a->values[OPT_STEP];
	bool post = strcmp(step, "post") == 0;
	int r;

	if (!post && strcmp(step, "pre") != 0)
		return eb_throw(err, EB_E_USAGE, "-step is pre or post");
	r = parse(a->values[OPT_MARKERS], &m, err);
	if (r >= 0)
		r = sec_labels_parse(a->values[OPT_LABELS] ? a->values[OPT_LABELS] : "", &labels,
				     err);
	if (r >= 0)
		r = tool_cluster_open(&c, err);
	for (size_t i = 0; i < m.n && r >= 0; i++)
		r = post ? write_marker(&c, &m.list[i], labels, err) : check(&c, &m.list[i], err);
	return r;
}

const struct tool tool_deployment_markers = {
	.name = "deployment-markers",
	.summary = "check before a deployment, and write down after it, how far it has come",
	.options = { [OPT_STEP] = { "step", "pre|post", "check, or write", true },
		     [OPT_MARKERS] = { "markers", "NAME:KEY:NEW:OLD;OLD,...",
				       "what is to be, and what it may follow", true },
		     [OPT_LABELS] = { "labels", "KEY=VALUE,...", "labels of the ConfigMap",
				      false } },
	.run = run,
};
