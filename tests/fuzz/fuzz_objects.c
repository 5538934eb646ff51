/* What Jsonnet gave: collected, looked through for images, marked and written. */
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "render/images.h"
#include "render/output.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rnd_image own = { "a", "h.example", "a", "1", NULL };
	struct eb_buf out = { .cap = 16 * 1024 * 1024 };
	struct rnd_foreign_list list = { 0 };
	struct rnd_objects o = { 0 };
	json_t *j = NULL;

	if (eb_json_parse((const char *)data, size, 65536, &j, NULL) >= 0 &&
	    rnd_objects_collect(j, "ns", &o, NULL) >= 0) {
		eb_ignore(rnd_foreign_images(&o, &own, 1, j, &list, NULL));
		rnd_annotate_argocd(&o);
		eb_ignore(rnd_write_documents(&o, &out, NULL));
	}
	rnd_foreign_release(&list);
	rnd_objects_release(&o);
	eb_buf_release(&out);
	json_decref(j);
	return 0;
}
