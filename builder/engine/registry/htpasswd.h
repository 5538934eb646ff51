/* Who may ask: users and hashed passwords, as the htpasswd program writes them. Hashes that can be
 * guessed by the billion (MD5, SHA-1, DES, none at all) are refused when the file is read. */
#pragma once

#include "base/cleanup.h"

struct eb_error;
struct reg_htpasswd;

enum { REG_HTPASSWD_MAX_BYTES = 1024 * 1024, REG_HTPASSWD_MAX_USERS = 10000 };

/* text of n bytes; `what` names the file in messages. Errors: EB_E_FORMAT with the line,
 * EB_E_LIMIT, EB_E_UNSUPPORTED (a kind of hash that is not taken). */
int reg_htpasswd_parse(const char *text, size_t n, const char *what, struct reg_htpasswd **ret,
		       struct eb_error **err) EB_MUST_CHECK;
struct reg_htpasswd *reg_htpasswd_free(struct reg_htpasswd *h);
EB_DEFINE_CLEANUP(struct reg_htpasswd *, reg_htpasswd_free)

/* Was this pair right a while ago? Quick; false says nothing. Any thread. */
bool reg_htpasswd_knows(struct reg_htpasswd *h, const char *user, const char *password);
/* Is it right? Slow by design, and as slow for a user who is not there. Any thread. */
bool reg_htpasswd_check(struct reg_htpasswd *h, const char *user, const char *password);
