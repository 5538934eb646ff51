/* A values file, then a setting: whatever they are, what comes out can be written and read back. */
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "render/values.h"
#include "render/yaml_read.h"
#include "render/yaml_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(const json_t *tree)
{
	struct eb_buf out = { .cap = 64 * 1024 * 1024 };
	json_t *back = NULL;
	struct eb_error *e = NULL;

	rnd_yaml_write(tree, &out);
	/* Long keys and texts that were set may be over the reader's limits. */
	if (!out.overflow &&
	    rnd_yaml_read("out", eb_buf_str(&out), out.len, NULL, &back, &e) >= 0 &&
	    !json_equal(tree, back))
		abort();
	if (e && e->code != EB_E_LIMIT)
		abort();
	json_decref(back);
	eb_error_free(e);
	eb_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
	size_t n = cut ? (size_t)(cut - data) : size;
	struct rnd_values v;

	rnd_values_init(&v);
	eb_ignore(rnd_values_add(&v, "fuzz", (const char *)data, n, NULL));
	if (cut) {
		char *text = eb_xstrndup((const char *)cut + 1, size - n - 1);

		eb_ignore(rnd_values_set(&v, text, RND_SET_TYPED, NULL));
		free(text);
	}
	write_and_read(v.tree);
	rnd_values_release(&v);
	return 0;
}
