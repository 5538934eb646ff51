/* What the files of the server share. */
#pragma once

#include <microhttpd.h>
#include <pthread.h>

#include "registry/metrics.h"
#include "registry/server.h"
#include "registry/throttle.h"

struct reg_server {
	struct MHD_Daemon *daemon;
	struct reg_conns *conns;
	struct reg_metrics metrics;
	struct reg_throttle throttle;
	char *tls_cert, *tls_key;
	bool metrics_on, log_requests, tls;
	int lease_signal;
	uint64_t started_usec;
	/* replaced while running; under the lock */
	pthread_mutex_t lock;
	struct reg_catalog *catalog;
	/* NULL from the start to the end, or never */
	pthread_rwlock_t users_lock;
	struct reg_htpasswd *users;
	/* the thread that looks after things */
	pthread_t keeper;
	bool has_keeper;
	int wake_fd;
	atomic_bool stopping;
};

/* One request while it is answered. */
struct reg_request {
	struct reg_server *server;
	struct reg_conn *conn;
	struct MHD_Connection *mhd;
	const struct reg_catalog *catalog; /* borrowed from conn */
	const char *method;
	bool is_head;
	const char *ns; /* ?ns=, NULL = none */
};

/* reply.c: answers. Each returns what MHD wants to hear. */
/* Takes ownership of resp. */
enum MHD_Result reg_reply(struct reg_request *q, unsigned int status, struct MHD_Response *resp,
			  uint64_t bytes);
enum MHD_Result reg_reply_error(struct reg_request *q, unsigned int status, const char *code,
				const char *message);
/* Takes ownership of text (heap). etag NULL = none. */
enum MHD_Result reg_reply_text(struct reg_request *q, const char *type, char *text, size_t n);
enum MHD_Result reg_reply_json_page(struct reg_request *q, char *text, size_t n, const char *link);
enum MHD_Result reg_reply_manifest(struct reg_request *q, const struct reg_manifest *m,
				   struct reg_served *s);
enum MHD_Result reg_reply_blob(struct reg_request *q, const struct oci_digest *d,
			       const struct oci_member *m, struct reg_served *s);
/* Make the answers that are the same each time; before the source is served. */
void reg_reply_prepare(struct reg_served *s);
const char *reg_request_header(const struct reg_request *q, const char *name);

/* answer.c: what MHD calls with a request whose header is complete. */
enum MHD_Result reg_answer(void *cls, struct MHD_Connection *mhd, const char *url,
			   const char *method, const char *version, const char *upload,
			   size_t *upload_bytes, void **state);
