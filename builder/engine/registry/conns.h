/* The connections that are open: who, since when, what is being sent. Watched once a second, so
 * that nobody can hold one without asking for something or without taking what he asked for,
 * however slowly he drips bytes; and found again when a file's bytes must not be sent any more. */
#pragma once

#include <stdatomic.h>
#include <sys/socket.h>

#include "base/cleanup.h"

struct reg_served;

struct reg_limits {
	unsigned int connections, per_address;
	unsigned int wait_sec;	  /* for a whole request, from connecting or the last answer */
	unsigned int window_sec;  /* in each of which ... */
	unsigned int min_per_sec; /* ... so many bytes a second have to get through */
};
extern const struct reg_limits reg_default_limits;

struct reg_conn {
	/* private to conns.c, under its lock */
	struct reg_conn *prev, *next;
	int fd;
	uint64_t since_usec; /* state below began */
	bool busy;	     /* an answer is under way; else a request is waited for */
	uint64_t window_usec, window_bytes;
	struct reg_served *sending; /* straight from its file, last; a reference */
	/* for whoever answers; one request at a time */
	char peer[64]; /* address without port */
	uint64_t asked_usec;
	unsigned int status;
	uint64_t bytes; /* of the body that was promised */
	int kind;
	char method[16], target[200]; /* printable */
	struct reg_catalog *catalog;  /* a reference while answering */
};

struct reg_conns;
struct reg_conns *reg_conns_new(const struct reg_limits *limits) EB_MALLOC;
struct reg_conns *reg_conns_free(struct reg_conns *c); /* none may be open */
/* May one more come in? Any thread, as all of these. */
bool reg_conns_admit(struct reg_conns *c, const struct sockaddr *addr);
struct reg_conn *reg_conns_open(struct reg_conns *c, int fd, const struct sockaddr *addr);
void reg_conns_close(struct reg_conns *c, struct reg_conn *conn); /* before fd is closed */
void reg_conns_begin(struct reg_conns *c, struct reg_conn *conn); /* a request has come in */
void reg_conns_send(struct reg_conns *c, struct reg_conn *conn, struct reg_served *source);
void reg_conns_end(struct reg_conns *c, struct reg_conn *conn); /* its answer went out, or failed */
/* Cut those that are over their time; how many. */
unsigned int reg_conns_reap(struct reg_conns *c);
/* Cut those that send from this source; how many. */
unsigned int reg_conns_cut(struct reg_conns *c, const struct reg_served *source);
unsigned int reg_conns_open_count(const struct reg_conns *c);
unsigned int reg_conns_busy_count(const struct reg_conns *c);
uint64_t reg_now_usec(void); /* monotonic, to about 4 ms */
