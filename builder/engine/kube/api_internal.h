/* Inside kube/api. */
#pragma once

struct kube_api;

const char *kube_api_manager(const struct kube_api *a);
