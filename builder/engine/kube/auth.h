/* Who we are, request by request: the Authorization header and the client certificate of a
 * kube_config, read anew when tokens get old. */
#pragma once

#include "base/cleanup.h"

struct eb_buf;
struct eb_error;
struct kube_config;
struct kube_exec;

/* Runs a credential plugin: its standard output goes into out. `info` is the value for
 * KUBERNETES_EXEC_INFO. The program that has an environment provides this; exec->env comes on top
 * of that. Errors: EB_E_NOT_FOUND, EB_E_PROGRAM with what it said. */
typedef int (*kube_exec_fn)(void *ctx, const struct kube_exec *exec, const char *info,
			    struct eb_buf *out, struct eb_error **err);

struct kube_auth;

/* c is borrowed for its life; run may be NULL (plugins are then refused). */
struct kube_auth *kube_auth_new(const struct kube_config *c, kube_exec_fn run, void *ctx) EB_MALLOC;
struct kube_auth *kube_auth_free(struct kube_auth *a);
EB_DEFINE_CLEANUP(struct kube_auth *, kube_auth_free)

/* Have what is needed at hand: runs the plugin the first time, when what it gave has expired, and
 * when `anew` (the server said 401). *ret_changed_cert says that the client certificate is another
 * than before. Errors: EB_E_AUTH, EB_E_PROGRAM, EB_E_FORMAT, -errno of a token file. */
int kube_auth_prepare(struct kube_auth *a, bool anew, bool *ret_changed_cert,
		      struct eb_error **err) EB_MUST_CHECK;
/* Is there any sense in asking for something new after a 401? */
bool kube_auth_can_renew(const struct kube_auth *a);
/* Value of the Authorization header, NULL = none. Borrowed until the next kube_auth_prepare(). */
const char *kube_auth_header(const struct kube_auth *a);
/* PEM, NULL = none. Borrowed likewise. */
const char *kube_auth_cert(const struct kube_auth *a);
const char *kube_auth_key(const struct kube_auth *a);

/* An ExecCredential as plugins print it: *ret_token, *ret_cert, *ret_key (heap) stay NULL where it
 * has none; *ret_expires is seconds since the epoch, 0 = never. For tests and fuzzing. */
int kube_exec_parse(const char *text, size_t n, const char *api_version, char **ret_token,
		    char **ret_cert, char **ret_key, int64_t *ret_expires,
		    struct eb_error **err) EB_MUST_CHECK;
/* RFC 3339 to seconds since the epoch; false for anything else. */
bool kube_parse_time(const char *text, int64_t *ret);
