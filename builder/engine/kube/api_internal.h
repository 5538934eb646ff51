/* Inside kube/api. */
#pragma once

struct eb_error;
struct eb_http;
struct kube_api;

const char *kube_api_manager(const struct kube_api *a);
const char *kube_api_base(const struct kube_api *a); /* in front of paths */
/* A client for one long answer, and who we are (heap, a secret; NULL = nobody). */
int kube_api_stream_client(struct kube_api *a, struct eb_http **ret, char **ret_who,
			   struct eb_error **err) __attribute__((warn_unused_result));
