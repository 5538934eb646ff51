#include "base/buf.h"
#include "base/error.h"
#include "kube/auth.h"
#include "kube/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EB_CLEANUP(kube_status_release_p) struct kube_status s = { .code = 0 };
	autoerror struct eb_error *err = NULL, *other = NULL;
	autofree char *token = NULL, *cert = NULL, *key = NULL;
	int64_t expires = 0;

	kube_status_read(409, (const char *)data, size, &s);
	if (kube_status_throw(&s, &err) >= 0 || !err->message[0])
		abort();
	for (const char *p = err->message; *p; p++)
		if ((unsigned char)*p < 0x20)
			abort();
	if (kube_exec_parse((const char *)data, size, "client.authentication.k8s.io/v1", &token,
			    &cert, &key, &expires, &other) >= 0 &&
	    !token && !cert)
		abort();
	return 0;
}
