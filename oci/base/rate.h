/* How fast and how many at once: a limit on bytes per second that threads share, and a gate that
 * lets as many through as the other side bears. */
#pragma once

#include "base/cleanup.h"

struct eb_rate; /* shared by threads */

/* NULL for 0, which is no limit. */
struct eb_rate *eb_rate_new(uint64_t bytes_per_sec);
struct eb_rate *eb_rate_free(struct eb_rate *r);
EB_DEFINE_CLEANUP(struct eb_rate *, eb_rate_free)
/* Wait until n more bytes keep the rate. Short bursts after a pause are let through: a tenth of a
 * second's worth. NULL never waits. */
void eb_rate_take(struct eb_rate *r, uint64_t n);
/* So much at a time keeps the flow even: 4 KiB to 256 KiB. */
size_t eb_rate_piece(const struct eb_rate *r);

/* Begins with a few, takes one more for each success until the first trouble, later one for each
 * round of successes; each trouble (too many requests, a server that fails or is silent) halves
 * the number, at most once a second. */
struct eb_gate; /* shared by threads */

struct eb_gate *eb_gate_new(void);
struct eb_gate *eb_gate_free(struct eb_gate *g); /* nobody inside */
EB_DEFINE_CLEANUP(struct eb_gate *, eb_gate_free)
/* Wait for a place. Not to be entered twice by one thread. */
void eb_gate_enter(struct eb_gate *g);
void eb_gate_leave(struct eb_gate *g, bool success);
void eb_gate_trouble(struct eb_gate *g);
unsigned int eb_gate_width(struct eb_gate *g);
