#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "dist/ref.h"
#include "dist/request.h"

enum { MAX_TAGS = 1000000, MAX_PAGES = 10000 };

struct tags {
	char **items;
	size_t n, alloc;
};

void oci_tags_free(char **tags, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(tags[i]);
	free(tags);
}

static void tags_release(struct tags *t)
{
	oci_tags_free(t->items, t->n);
}
EB_DEFINE_RELEASE(struct tags, tags_release)

static int add_page(const struct eb_buf *b, struct tags *t, struct eb_error **err)
{
	autojson json_t *doc = NULL;
	json_t *list = NULL, *one;
	size_t i;
	int r = eb_json_parse(b->data ? b->data : "", b->len, b->cap, &doc, err);

	if (r >= 0)
		r = eb_json_opt_array(doc, "tags", &list, err);
	if (r < 0)
		return r;
	json_array_foreach(list, i, one)
	{
		if (!json_is_string(one))
			return eb_throw(err, EB_E_FORMAT, "tags[%zu]: expected a string, found %s",
					i, eb_json_type_name(one));
		r = oci_tag_check(json_string_value(one), err);
		if (r >= 0)
			r = eb_grow(&t->items, &t->alloc, t->n + 1, sizeof(*t->items), MAX_TAGS,
				    "tags", err);
		if (r < 0)
			return r;
		t->items[t->n++] = eb_xstrdup(json_string_value(one));
	}
	return 0;
}

int oci_registry_tags(struct oci_registry *r, const char *repo, char ***ret, size_t *ret_n,
		      struct eb_error **err)
{
	EB_CLEANUP(tags_release_p) struct tags t = { .items = NULL };
	char *url = eb_xasprintf("%s%s/tags/list", r->base, repo);
	int e = 0;

	for (unsigned int page = 0; url && e >= 0; page++) {
		EB_CLEANUP(oci_request_release_p) struct oci_request q;
		EB_AUTOBUF(b, OCI_MANIFEST_MAX_BYTES);

		oci_request_init(&q, r, "GET", repo, url, "tags");
		url = NULL;
		q.ctx = &b;
		q.get.body = oci_request_to_buf;
		if (page == MAX_PAGES)
			return eb_throw(err, EB_E_LIMIT, "%s: more than %d pages", q.what,
					MAX_PAGES);
		e = oci_request_run(r, &q, err);
		if (e >= 0 && q.get.status != 200)
			e = oci_request_throw(&q, err);
		else if (e >= 0) {
			e = add_page(&b, &t, err);
			if (e < 0)
				eb_ignore(eb_prefix(err, e, "%s", q.what));
			url = oci_request_next_page(&q);
		}
		/* A page that leads to itself. */
		if (url && strcmp(url, q.url) == 0) {
			free(url);
			url = NULL;
		}
	}
	free(url);
	if (e < 0)
		return e;
	*ret = EB_TAKE_PTR(t.items);
	*ret_n = t.n;
	t.n = 0;
	return 0;
}
