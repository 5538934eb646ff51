/* A loopback stand-in for an API server: any path is an object or a collection, resourceVersions
 * count up and are checked, refusals are Status objects. Discovery knows a handful of kinds.
 * Whatever else a test wants is said by httpd_reply() for that path. */
#pragma once

#include <jansson.h>

#include "httpd.h"

struct fakekube;
struct fakekube *fakekube_start(void);
struct fakekube *fakekube_stop(struct fakekube *k);
EB_DEFINE_CLEANUP(struct fakekube *, fakekube_stop)
struct httpd *fakekube_httpd(struct fakekube *k);
/* A kubeconfig for it as text, heap; token NULL = none. */
char *fakekube_config(struct fakekube *k, const char *token);
/* Requests must come with this token from now on, or get 401; NULL = any. */
void fakekube_want_token(struct fakekube *k, const char *token);
/* The object at path (new reference, NULL = none), and putting one there. */
json_t *fakekube_object(struct fakekube *k, const char *path);
void fakekube_put(struct fakekube *k, const char *path, json_t *object);
/* The next requests get this; retry_after NULL = no such header. */
void fakekube_refuse(struct fakekube *k, unsigned int times, int status, const char *retry_after);
/* Run before each write is looked at, without locks: to change things behind the client's back. */
void fakekube_before_write(struct fakekube *k, void (*hook)(void *ctx, const char *method),
			   void *ctx);
