/* A schema and values, two JSON texts with a NUL between them: filled, checked, evaluated. */
#include "base/error.h"
#include "base/json.h"
#include "render/schema.h"
#include "render/values_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
	json_t *schema = NULL, *values = NULL;
	size_t n = cut ? (size_t)(cut - data) : size;

	if (cut && eb_json_parse((const char *)data, n, 65536, &schema, NULL) >= 0 &&
	    eb_json_parse((const char *)cut + 1, size - n - 1, 65536, &values, NULL) >= 0 &&
	    json_is_object(values) && rnd_schema_check(schema, NULL) >= 0) {
		rnd_schema_fill(schema, values);
		eb_ignore(rnd_schema_validate(schema, values, NULL, NULL));
		eb_ignore(rnd_template_values(schema, values, NULL, "r", "n", NULL));
		eb_ignore(rnd_schema_validate(schema, values, NULL, NULL));
	}
	json_decref(schema);
	json_decref(values);
	return 0;
}
