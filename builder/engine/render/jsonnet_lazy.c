/* libjsonnet, loaded at the first call: see base/lazy.h. */
#include <libjsonnet.h>

#include "base/lazy.h"

#if EB_LAZY
/* clang-format off */
#define FUNCTIONS(X) \
	X(jsonnet_destroy) X(jsonnet_evaluate_snippet) X(jsonnet_gc_growth_trigger) \
	X(jsonnet_gc_min_objects) X(jsonnet_import_callback) X(jsonnet_json_extract_string) \
	X(jsonnet_json_make_string) X(jsonnet_make) X(jsonnet_max_stack) X(jsonnet_max_trace) \
	X(jsonnet_native_callback) X(jsonnet_realloc) X(jsonnet_tla_code) X(jsonnet_version)
/* clang-format on */

EB_LAZY_LIBRARY("libjsonnet.so.0")

EB_LAZY_FORWARD(const char *, jsonnet_version, (void), (), "")
/* Without the library there is no machine, so the others are never called then. */
EB_LAZY_FORWARD(struct JsonnetVm *, jsonnet_make, (void), (), NULL)
EB_LAZY_FORWARD_VOID(jsonnet_destroy, (struct JsonnetVm * vm), (vm))
EB_LAZY_FORWARD_VOID(jsonnet_max_stack, (struct JsonnetVm * vm, unsigned int v), (vm, v))
EB_LAZY_FORWARD_VOID(jsonnet_max_trace, (struct JsonnetVm * vm, unsigned int v), (vm, v))
EB_LAZY_FORWARD_VOID(jsonnet_gc_min_objects, (struct JsonnetVm * vm, unsigned int v), (vm, v))
EB_LAZY_FORWARD_VOID(jsonnet_gc_growth_trigger, (struct JsonnetVm * vm, double v), (vm, v))
EB_LAZY_FORWARD_VOID(jsonnet_import_callback,
		     (struct JsonnetVm * vm, JsonnetImportCallback *cb, void *ctx), (vm, cb, ctx))
EB_LAZY_FORWARD_VOID(jsonnet_native_callback,
		     (struct JsonnetVm * vm, const char *name, JsonnetNativeCallback *cb, void *ctx,
		      const char *const *params),
		     (vm, name, cb, ctx, params))
EB_LAZY_FORWARD_VOID(jsonnet_tla_code, (struct JsonnetVm * vm, const char *key, const char *val),
		     (vm, key, val))
EB_LAZY_FORWARD(char *, jsonnet_evaluate_snippet,
		(struct JsonnetVm * vm, const char *file, const char *text, int *error),
		(vm, file, text, error), NULL)
EB_LAZY_FORWARD(char *, jsonnet_realloc, (struct JsonnetVm * vm, char *buf, size_t n), (vm, buf, n),
		NULL)
EB_LAZY_FORWARD(const char *, jsonnet_json_extract_string,
		(struct JsonnetVm * vm, const struct JsonnetJsonValue *v), (vm, v), NULL)
EB_LAZY_FORWARD(struct JsonnetJsonValue *, jsonnet_json_make_string,
		(struct JsonnetVm * vm, const char *v), (vm, v), NULL)
#endif
