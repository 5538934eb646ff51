#include "base/buf.h"
#include "base/mem.h"
#include "template/template.h"
#include "yaml/node.h"

static const char doc[] = "name: ess\nport: 8008\nlist: [a, b, c]\nmap: {z: 1, a: {b: c}}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	autofree char *text = eb_xstrndup((const char *)data, size);
	autoerror struct eb_error *err = NULL, *e = NULL;
	struct tpl_options o = { .name = "T", .max_output = 64 * 1024 };
	struct yml_node *root = NULL;
	EB_AUTOBUF(out, 8 * 1024 * 1024);

	if (yml_parse("doc", doc, sizeof(doc) - 1, NULL, a, &root, &e) < 0)
		abort();
	o.dot = root;
	if (tpl_run(text, &o, &out, &err) < 0 && !err->message[0])
		abort();
	return 0;
}
