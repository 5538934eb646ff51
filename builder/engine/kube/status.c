#include "kube/status.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"

enum { MAX_STATUS_BYTES = 1024 * 1024, MAX_PLAIN = 200, SHOWN_CAUSES = 8 };

void kube_status_release(struct kube_status *s)
{
	for (size_t i = 0; i < s->n_causes; i++) {
		free(s->causes[i].reason);
		free(s->causes[i].message);
		free(s->causes[i].field);
		free(s->causes[i].owner);
	}
	free(s->causes);
	free(s->reason);
	free(s->message);
	free(s->kind);
	free(s->name);
	*s = (struct kube_status){ .code = 0 };
}

static char *text_of(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return eb_printable(text ? text : "", KUBE_STATUS_MAX_TEXT);
}

/* conflict with "OWNER" using apps/v1 at 2026-... */
static char *owner_of(const struct kube_cause *c)
{
	static const char before[] = "conflict with \"";
	const char *start, *end;

	if (strcmp(c->reason, "FieldManagerConflict") != 0)
		return eb_xstrdup("");
	start = strstr(c->message, before);
	if (!start)
		return eb_xstrdup("");
	start += strlen(before);
	end = strchr(start, '"');
	return end ? eb_xstrndup(start, (size_t)(end - start)) : eb_xstrdup("");
}

static void read_details(const json_t *details, struct kube_status *s)
{
	const json_t *causes = json_object_get(details, "causes");
	const json_t *after = json_object_get(details, "retryAfterSeconds");
	size_t n = json_array_size(causes);

	s->kind = text_of(details, "kind");
	s->name = text_of(details, "name");
	if (json_is_integer(after) && json_integer_value(after) > 0 &&
	    json_integer_value(after) < 3600)
		s->retry_after_usec = (uint64_t)json_integer_value(after) * 1000000;
	if (n > KUBE_STATUS_MAX_CAUSES)
		n = KUBE_STATUS_MAX_CAUSES;
	s->causes = eb_xcalloc(n + 1, sizeof(*s->causes));
	for (; s->n_causes < n; s->n_causes++) {
		const json_t *j = json_array_get(causes, s->n_causes);
		struct kube_cause *c = &s->causes[s->n_causes];

		c->reason = text_of(j, "reason");
		c->message = text_of(j, "message");
		c->field = text_of(j, "field");
		c->owner = owner_of(c);
	}
}

void kube_status_from(unsigned int http_status, const json_t *j, struct kube_status *ret)
{
	const json_t *code = json_object_get(j, "code");

	*ret = (struct kube_status){ .code = http_status, .is_status = true };
	if (json_is_integer(code) && json_integer_value(code) >= 400 &&
	    json_integer_value(code) < 600)
		ret->code = (unsigned int)json_integer_value(code);
	ret->reason = text_of(j, "reason");
	ret->message = text_of(j, "message");
	read_details(json_object_get(j, "details"), ret);
}

void kube_status_read(unsigned int http_status, const char *body, size_t n, struct kube_status *ret)
{
	autojson json_t *j = NULL;

	if (n > 0 && body[0] == '{' && eb_json_parse(body, n, MAX_STATUS_BYTES, &j, NULL) >= 0 &&
	    strcmp(eb_json_text(j, "kind"), "Status") == 0) {
		kube_status_from(http_status, j, ret);
		return;
	}
	*ret = (struct kube_status){ .code = http_status };
	ret->reason = eb_xstrdup("");
	ret->kind = eb_xstrdup("");
	ret->name = eb_xstrdup("");
	if (n > 0) {
		autofree char *text = eb_xstrndup(body, n);

		ret->message = eb_printable(text, MAX_PLAIN);
	} else {
		ret->message = eb_xstrdup("");
	}
}

bool kube_status_is_field_conflict(const struct kube_status *s)
{
	for (size_t i = 0; i < s->n_causes; i++)
		if (strcmp(s->causes[i].reason, "FieldManagerConflict") == 0)
			return true;
	return false;
}

static int code_of(const struct kube_status *s)
{
	/* Unknown fields of an apply are answered by 500 without a reason (1.35). */
	if (s->code == 500 && strstr(s->message, "typed patch object"))
		return EB_E_FORMAT;
	switch (s->code) {
	case 400:
	case 406:
	case 415:
	case 422:
		return EB_E_FORMAT;
	case 401:
	case 403:
		return EB_E_AUTH;
	case 404:
		return EB_E_NOT_FOUND;
	case 409:
		return EB_E_CONFLICT;
	case 410:
		return EB_E_EXPIRED;
	default:
		return EB_E_NETWORK;
	}
}

/* ".spec.replicas belongs to 'kubectl'" */
static void add_conflicts(const struct kube_status *s, struct eb_buf *b)
{
	size_t shown = 0, n = 0;

	for (size_t i = 0; i < s->n_causes; i++) {
		const struct kube_cause *c = &s->causes[i];

		if (strcmp(c->reason, "FieldManagerConflict") != 0)
			continue;
		if (n++ >= SHOWN_CAUSES)
			continue;
		eb_buf_addf(b, "%s%s belongs to '%s'", shown++ ? ", " : "", c->field, c->owner);
	}
	if (n > shown)
		eb_buf_addf(b, " and %zu more", n - shown);
}

static const char *hint_of(const struct kube_status *s)
{
	if (kube_status_is_field_conflict(s))
		return "take the fields over with --force-conflicts, or leave them out of the "
		       "values";
	if (s->code == 401)
		return "the credentials of the kubeconfig have expired or are not known there";
	if (strcmp(s->reason, "AlreadyExists") == 0)
		return NULL;
	if (s->code == 409)
		return "somebody else changed it at the same time: run again";
	return NULL;
}

int(kube_status_throw)(const struct kube_status *s, struct eb_error **err)
{
	const char *hint = hint_of(s);
	EB_AUTOBUF(b, 16 * 1024);
	int r;

	if (kube_status_is_field_conflict(s))
		add_conflicts(s, &b);
	else if (s->message[0])
		eb_buf_adds(&b, s->message);
	else
		eb_buf_addf(&b, "HTTP %u", s->code);
	if (s->reason[0] && !strstr(eb_buf_str(&b), s->reason))
		eb_buf_addf(&b, " (%s)", s->reason);
	r = eb_throw(err, code_of(s), "%s", eb_buf_str(&b));
	return hint ? eb_hint(err, r, "%s", hint) : r;
}
