#include "secrets/store.h"

#include <time.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/http.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/span.h"
#include "kube/api.h"
#include "kube/discovery.h"

enum {
	MAX_TRIES = 60,
	MAX_LABELS = 100,
	BACKOFF_MSEC = 20,
	BACKOFF_STEPS = 5,
	MAX_NOTES = 256 * 1024
};

/* One Secret and the specs that are for it. */
struct job {
	struct kube_api *api;
	const struct sec_ensure *e;
	const struct sec_spec **specs;
	struct eb_buf *values; /* made already, kept for another try */
	size_t n;
	const char *name;
	char *path, *what;
	struct eb_buf notes; /* what this try does, a line each */
};

static void job_release(struct job *j)
{
	for (size_t i = 0; i < j->n; i++)
		eb_buf_wipe(&j->values[i]);
	eb_buf_release(&j->notes);
	free(j->values);
	free(j->specs);
	free(j->path);
	free(j->what);
}
EB_DEFINE_RELEASE(struct job, job_release)

static void note(struct job *j, const char *verb, const char *key)
{
	eb_buf_addf(&j->notes, "%s: %s %s\n", j->what, verb, key);
}

/* Once it is written. */
static void say_notes(const struct job *j)
{
	struct eb_span rest = { j->notes.data, j->notes.len }, line;

	while (j->e->say && eb_span_next(&rest, '\n', &line)) {
		autofree char *text = eb_span_dup(line);

		j->e->say(j->e->ctx, text);
	}
}

static int value_of(const struct job *j, size_t i, struct eb_error **err)
{
	const struct sec_spec *s = j->specs[i];
	autofree char *template = NULL;
	int r = 0;

	if (j->values[i].len > 0)
		return 0;
	j->values[i].cap = SEC_MAX_VALUE;
	if (!eb_buf_reserve(&j->values[i], SEC_KEY_MAX_BYTES))
		abort();
	if (s->type == SEC_REGISTRATION)
		r = j->e->read_template(j->e->ctx, s->arg, &template, err);
	if (r >= 0)
		r = sec_generate(s, template, &j->values[i], err);
	if (r < 0 && s->type == SEC_REGISTRATION)
		return eb_prefix(err, r, "template '%s'", s->arg);
	return r;
}

static void set_value(json_t *data, const char *key, const struct eb_buf *value)
{
	EB_SECRETBUF(text, SEC_MAX_VALUE * 2);

	eb_base64_encode(value->data, value->len, &text);
	eb_json_set_str(data, key, eb_buf_str(&text));
}

/* The value of a key as it is in the cluster; false when it is not there or no base64. */
static bool get_value(const json_t *data, const char *key, struct eb_buf *out)
{
	const char *text = json_string_value(json_object_get(data, key));

	return text && *text && eb_base64_decode(text, strlen(text), out, NULL) >= 0;
}

static bool is_compromised(const json_t *data, const char *key)
{
	EB_SECRETBUF(value, SEC_MAX_VALUE);

	return get_value(data, key, &value) &&
	       sec_signing_key_is_compromised(eb_buf_str(&value), value.len);
}

/* The signing key that an extra belongs to: the one it names, or the only one. */
static const char *signing_key_of(const struct job *j, const struct sec_spec *extra)
{
	if (extra->arg)
		return extra->arg;
	for (size_t i = 0; i < j->n; i++)
		if (j->specs[i]->type == SEC_SIGNING_KEY)
			return j->specs[i]->key;
	return "SYNAPSE_SIGNING_KEY";
}

static int retire(struct job *j, const struct sec_spec *extra, json_t *data, bool *changed,
		  struct eb_error **err)
{
	EB_SECRETBUF(old, SEC_MAX_VALUE);
	EB_SECRETBUF(next, SEC_MAX_VALUE);
	bool there = get_value(data, extra->key, &old);
	int r = sec_extra_for_rotation(there ? eb_buf_str(&old) : NULL, j->e->now_msec, &next, err);

	if (r < 0)
		return eb_prefix(err, r, "%s: %s", j->what, extra->key);
	if (there && old.len == next.len && memcmp(old.data, next.data, old.len) == 0)
		return 0;
	set_value(data, extra->key, &next);
	note(j, "retired the signing key ed25519:0 in", extra->key);
	*changed = true;
	return 0;
}

/* What belongs to a signing key first, while the old one can still be looked at. */
static int fill_extras(struct job *j, json_t *data, bool *changed, struct eb_error **err)
{
	for (size_t i = 0; i < j->n; i++) {
		const struct sec_spec *s = j->specs[i];
		int r = 0;

		if (s->type != SEC_EXTRA)
			continue;
		if (is_compromised(data, signing_key_of(j, s)))
			r = retire(j, s, data, changed, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Put into data what is missing. */
static int fill(struct job *j, json_t *data, bool *changed, struct eb_error **err)
{
	int r = fill_extras(j, data, changed, err);

	for (size_t i = 0; i < j->n && r >= 0; i++) {
		const struct sec_spec *s = j->specs[i];
		bool there = json_object_get(data, s->key) != NULL;
		bool bad = s->type == SEC_SIGNING_KEY && is_compromised(data, s->key);

		if (there && !bad)
			continue;
		r = value_of(j, i, err);
		if (r < 0)
			break;
		set_value(data, s->key, &j->values[i]);
		note(j, bad ? "replaced" : "made", s->key);
		*changed = true;
	}
	return r;
}

static json_t *new_secret(const struct job *j)
{
	json_t *object = eb_json_object(), *meta = eb_json_object();
	json_t *labels = j->e->labels ? json_deep_copy(j->e->labels) : eb_json_object();

	eb_json_set_str(labels, SEC_MANAGED_BY, SEC_MANAGER);
	eb_json_set_str(meta, "name", j->name);
	eb_json_set_str(meta, "namespace", j->e->namespace_);
	eb_json_set(meta, "labels", labels);
	eb_json_set_str(object, "apiVersion", "v1");
	eb_json_set_str(object, "kind", "Secret");
	eb_json_set(object, "metadata", meta);
	eb_json_set(object, "data", eb_json_object());
	return object;
}

/* Labels that are asked for and missing; ours to decide as the label above says whose it is. */
static void fill_labels(const struct job *j, json_t *labels, bool *changed)
{
	const char *key;
	json_t *value;

	if (!j->e->labels)
		return;
	json_object_foreach((json_t *)(uintptr_t)j->e->labels, key, value)
	{
		if (strcmp(key, SEC_MANAGED_BY) == 0 ||
		    json_equal(json_object_get(labels, key), value))
			continue;
		eb_json_set(labels, key, json_incref(value));
		*changed = true;
	}
}

static int check_ours(const struct job *j, const json_t *labels, struct eb_error **err)
{
	const char *whose = json_string_value(json_object_get(labels, SEC_MANAGED_BY));
	autofree char *shown = eb_printable(whose ? whose : "", 100);

	if (whose && strcmp(whose, SEC_MANAGER) == 0)
		return 0;
	return eb_hint(err,
		       eb_throw(err, EB_E_CONFLICT,
				"%s is somebody else's: its label " SEC_MANAGED_BY " is '%s', "
				"expected '" SEC_MANAGER "'",
				j->what, shown),
		       "rename it, or label it so if its content may be added to");
}

/* One look and one write. *ret_again when somebody else was faster. */
static int try_once(struct job *j, bool *ret_again, struct eb_error **err)
{
	autojson json_t *object = NULL;
	autofree char *all = kube_core_path(j->e->namespace_, "secrets", NULL);
	autoerror struct eb_error *e = NULL;
	bool changed = false, is_new;
	json_t *data, *labels;
	int r = kube_api_find(j->api, j->path, j->what, &object, err);

	eb_buf_clear(&j->notes);
	if (r < 0)
		return r;
	is_new = !object;
	if (is_new)
		object = new_secret(j);
	labels = json_object_get(json_object_get(object, "metadata"), "labels");
	if (!is_new)
		r = check_ours(j, labels, err);
	if (r < 0)
		return r;
	data = json_object_get(object, "data");
	if (!json_is_object(data)) {
		data = eb_json_object();
		eb_json_set(object, "data", data);
	}
	r = fill(j, data, &changed, err);
	if (r < 0)
		return r;
	fill_labels(j, labels, &changed);
	if (!changed && !is_new)
		return 0;
	r = is_new ? kube_api_create(j->api, all, object, 0, j->what, NULL, &e)
		   : kube_api_replace(j->api, j->path, object, 0, j->what, NULL, &e);
	if (r == -EB_E_CONFLICT) {
		*ret_again = true;
		return 0;
	}
	if (r < 0)
		return eb_error_forward(err, EB_TAKE_PTR(e));
	say_notes(j);
	return 0;
}

static int run_job(struct job *j, struct eb_error **err)
{
	for (unsigned int i = 1; i <= MAX_TRIES; i++) {
		bool again = false;
		uint64_t wait;
		int r = try_once(j, &again, err);

		if (r < 0 || !again)
			return r;
		wait = eb_http_backoff_usec(BACKOFF_MSEC, i < BACKOFF_STEPS ? i : BACKOFF_STEPS);
		nanosleep(&(struct timespec){ .tv_sec = (time_t)(wait / 1000000),
					      .tv_nsec = (long)(wait % 1000000) * 1000 },
			  NULL);
	}
	return eb_throw(err, EB_E_CONFLICT, "%s: changed by others %d times in a row", j->what,
			MAX_TRIES);
}

int sec_ensure_all(struct kube_api *api, const struct sec_specs *specs, const struct sec_ensure *e,
		   struct eb_error **err)
{
	autofree bool *done = eb_xcalloc(specs->n + 1, sizeof(*done));

	for (size_t i = 0; i < specs->n; i++) {
		EB_CLEANUP(job_release_p)
		struct job j = { .api = api, .e = e, .name = specs->list[i].secret };
		int r;

		if (done[i])
			continue;
		j.specs = eb_xcalloc(specs->n, sizeof(*j.specs));
		j.values = eb_xcalloc(specs->n, sizeof(*j.values));
		eb_buf_init(&j.notes, MAX_NOTES);
		j.path = kube_core_path(e->namespace_, "secrets", j.name);
		j.what = eb_xasprintf("Secret %s/%s", e->namespace_, j.name);
		for (size_t k = i; k < specs->n; k++)
			if (strcmp(specs->list[k].secret, j.name) == 0) {
				j.specs[j.n++] = &specs->list[k];
				done[k] = true;
			}
		r = run_job(&j, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int sec_labels_parse(const char *text, json_t **ret, struct eb_error **err)
{
	autojson json_t *labels = eb_json_object();
	struct eb_span rest = eb_span_str(text), entry;

	while (eb_span_next(&rest, ',', &entry)) {
		struct eb_span key, value = eb_span_trim(entry);
		autofree char *k = NULL, *v = NULL, *shown = NULL;

		if (memchr(value.ptr, '=', value.len) && eb_span_next(&value, '=', &key)) {
			k = eb_span_dup(key);
			v = eb_span_dup(value);
		}
		if (k && *k && !strchr(v, '=') && json_object_size(labels) < MAX_LABELS) {
			eb_json_set_str(labels, k, v);
			continue;
		}
		k = k ? k : eb_span_dup(entry);
		shown = eb_printable(k, 100);
		return eb_throw(err, EB_E_USAGE, "label '%s': expected KEY=VALUE, at most %d",
				shown, MAX_LABELS);
	}
	*ret = EB_TAKE_PTR(labels);
	return 0;
}
