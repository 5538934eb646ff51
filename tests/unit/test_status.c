#include "kube/status.h"
#include "testlib.h"

static const char conflict[] =
	"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"Apply "
	"failed "
	"with 1 conflict: conflict with \\\"kubectl\\\" using apps/v1: .spec.replicas\","
	"\"reason\":\"Conflict\",\"details\":{\"causes\":[{\"reason\":\"FieldManagerConflict\","
	"\"message\":\"conflict with \\\"kubectl\\\" using "
	"apps/v1\",\"field\":\".spec.replicas\"}]},"
	"\"code\":409}";

static int thrown(unsigned int http, const char *body, struct eb_error **err)
{
	EB_CLEANUP(kube_status_release_p) struct kube_status s = { .code = 0 };

	kube_status_read(http, body, strlen(body), &s);
	return kube_status_throw(&s, err);
}

TEST(status, throw_names_fields_and_their_owners)
{
	struct eb_error *e = NULL;

	CHECK_INT(thrown(409, conflict, &e), -EB_E_CONFLICT);
	CHECK_STR(e->message, ".spec.replicas belongs to 'kubectl' (Conflict)");
	CHECK_HAS(e->hint, "--force-conflicts");
	eb_error_clear(&e);
}

TEST(status, read_takes_details)
{
	EB_CLEANUP(kube_status_release_p) struct kube_status s = { .code = 0 };

	kube_status_read(409, conflict, strlen(conflict), &s);
	CHECK_INT(s.code, 409);
	CHECK_STR(s.reason, "Conflict");
	CHECK_INT(s.n_causes, 1);
	CHECK_STR(s.causes[0].owner, "kubectl");
	CHECK_STR(s.causes[0].field, ".spec.replicas");
	CHECK(kube_status_is_field_conflict(&s));
}

TEST(status, throw_gives_the_code_of_each_status)
{
	static const struct {
		unsigned int http;
		int code;
	} cases[] = { { 400, EB_E_FORMAT },    { 401, EB_E_AUTH },     { 403, EB_E_AUTH },
		      { 404, EB_E_NOT_FOUND }, { 409, EB_E_CONFLICT }, { 410, EB_E_EXPIRED },
		      { 422, EB_E_FORMAT },    { 429, EB_E_NETWORK },  { 500, EB_E_NETWORK } };

	for (size_t i = 0; i < EB_ARRAY_LEN(cases); i++) {
		struct eb_error *e = NULL;

		CHECK_FAIL(thrown(cases[i].http, "", &e), cases[i].code, "HTTP ", e);
	}
}

TEST(status, read_page_of_a_proxy_is_shown_short_and_printable)
{
	struct eb_error *e = NULL;
	EB_AUTOBUF(b, 5000);

	eb_buf_adds(&b, "<html>\n\x1b[31m");
	for (int i = 0; i < 3000; i++)
		eb_buf_addc(&b, 'x');
	CHECK_INT(thrown(502, eb_buf_str(&b), &e), -EB_E_NETWORK);
	CHECK_HAS(e->message, "<html>??[31mxxx");
	CHECK(strlen(e->message) < 250);
	eb_error_clear(&e);
}

TEST(status, read_of_odd_json_never_fails)
{
	static const char *const bodies[] = {
		"{}",
		"{\"kind\":\"Status\"}",
		"{\"kind\":\"Status\",\"code\":\"x\",\"details\":[]}",
		"{\"kind\":\"Status\",\"details\":{\"causes\":[1,null,{}]}}",
		"{\"kind\":\"Status\",\"details\":{\"retryAfterSeconds\":-4}}",
		"{\"kind\":\"Status\",\"code\":99999}",
		"{"
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(bodies); i++) {
		struct eb_error *e = NULL;

		CHECK_FAIL(thrown(404, bodies[i], &e), EB_E_NOT_FOUND, "", e);
	}
}

TEST(status, unknown_field_of_an_apply_is_malformed_input)
{
	EB_CLEANUP(kube_status_release_p) struct kube_status s = { .code = 0 };
	static const char body[] =
		"{\"kind\":\"Status\",\"code\":500,\"message\":\"failed to create typed patch "
		"object "
		"(default/x; apps/v1, Kind=Deployment): .spec.replicaz: field not declared in "
		"schema\"}";
	struct eb_error *e = NULL;

	kube_status_read(500, body, strlen(body), &s);
	CHECK(s.is_status);
	CHECK_FAIL(kube_status_throw(&s, &e), EB_E_FORMAT, ".spec.replicaz: field not declared", e);
	CHECK_FAIL(thrown(500, "some page", &e), EB_E_NETWORK, "some page", e);
}
