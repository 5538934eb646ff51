/* What a request can say in words: its path becomes a route whose parts lie within it and keep to
 * their grammar; its name for an image is split or refused, and what was split parses again. */
#include <assert.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "registry/name.h"
#include "registry/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_route(const char *path)
{
	const char *end = path + strlen(path);
	struct reg_route r;

	reg_route_parse(path, &r);
	assert((unsigned int)r.kind < REG_ROUTE_KINDS);
	assert(!r.name.len || (r.name.ptr >= path && r.name.ptr + r.name.len <= end));
	assert(!r.reference.len ||
	       (r.reference.ptr >= path && r.reference.ptr + r.reference.len <= end));
	if (r.kind == REG_ROUTE_MANIFEST || r.kind == REG_ROUTE_BLOB ||
	    r.kind == REG_ROUTE_REFERRERS || r.kind == REG_ROUTE_TAGS)
		assert(reg_path_is_valid(r.name));
	if (r.kind == REG_ROUTE_BLOB || r.kind == REG_ROUTE_REFERRERS)
		assert(r.by_digest);
	if (r.kind == REG_ROUTE_MANIFEST && !r.by_digest)
		assert(reg_tag_is_valid(r.reference));
}

static void check_name(const char *text)
{
	EB_CLEANUP(reg_name_release_p) struct reg_name n = { 0 };
	EB_CLEANUP(reg_name_release_p) struct reg_name back = { 0 };
	autoerror struct eb_error *err = NULL;
	autofree char *again = NULL;
	int r = reg_name_parse(text, &n, &err);

	assert((r < 0) == (err != NULL));
	if (r < 0)
		return;
	again = eb_xasprintf("%s/%s%s%s%s%s", n.host, n.path, n.tag ? ":" : "", n.tag ? n.tag : "",
			     n.digest ? "@" : "", n.digest ? n.digest : "");
	if (strlen(again) > 1024)
		return;
	if (reg_name_parse(again, &back, NULL) < 0)
		abort();
	assert(strcmp(n.host, back.host) == 0 && strcmp(n.path, back.path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = eb_xstrndup((const char *)data, size);

	check_route(text);
	check_name(text);
	return 0;
}
