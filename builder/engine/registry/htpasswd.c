#include "registry/htpasswd.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sys/random.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"

enum { SALT_BYTES = 16, CACHED = 64, BCRYPT_MAX_COST = 12, PASSWORD_MAX_BYTES = 512 };

struct user {
	char *name, *hash;
};

struct reg_htpasswd {
	struct user *users;
	size_t n, alloc;
	uint8_t salt[SALT_BYTES];
	pthread_mutex_t lock;
	uint8_t right[CACHED][EB_SHA256_BYTES]; /* salted hashes of what was right */
	size_t next, n_right;
};

struct reg_htpasswd *reg_htpasswd_free(struct reg_htpasswd *h)
{
	if (!h)
		return NULL;
	for (size_t i = 0; i < h->n; i++) {
		free(h->users[i].name);
		free(h->users[i].hash);
	}
	free(h->users);
	pthread_mutex_destroy(&h->lock);
	free(h);
	return NULL;
}

/* bcrypt, SHA-256 and SHA-512 crypt, yescrypt. */
static int check_hash(struct eb_span hash, struct eb_error **err)
{
	uint64_t cost;

	if (eb_span_starts(hash, "$5$") || eb_span_starts(hash, "$6$") ||
	    eb_span_starts(hash, "$y$"))
		return 0;
	if (eb_span_starts(hash, "$2y$") || eb_span_starts(hash, "$2b$") ||
	    eb_span_starts(hash, "$2a$")) {
		if (hash.len != 60 ||
		    eb_parse_u64((struct eb_span){ hash.ptr + 4, 2 }, 99, &cost, NULL) < 0)
			return eb_throw(err, EB_E_FORMAT, "malformed bcrypt hash");
		if (cost > BCRYPT_MAX_COST)
			return eb_throw(
				err, EB_E_LIMIT,
				"bcrypt cost %llu; at most %d, as it is paid for each login",
				(unsigned long long)cost, BCRYPT_MAX_COST);
		return 0;
	}
	return eb_hint(err,
		       eb_throw(err, EB_E_UNSUPPORTED,
				"not a bcrypt, SHA-crypt or yescrypt hash; others are too weak"),
		       "make it with 'htpasswd -nB USER'");
}

static int add_line(struct reg_htpasswd *h, struct eb_span line, struct eb_error **err)
{
	const char *colon = memchr(line.ptr, ':', line.len);
	size_t n = colon ? (size_t)(colon - line.ptr) : 0;
	struct eb_span hash;
	int r;

	if (n == 0 || n > 255)
		return eb_throw(err, EB_E_FORMAT, "expected USER:HASH");
	hash = (struct eb_span){ colon + 1, line.len - n - 1 };
	if (memchr(line.ptr, '\0', line.len) || memchr(hash.ptr, ':', hash.len))
		return eb_throw(err, EB_E_FORMAT, "expected USER:HASH and nothing else");
	r = check_hash(hash, err);
	if (r >= 0)
		r = eb_grow(&h->users, &h->alloc, h->n + 1, sizeof(*h->users),
			    REG_HTPASSWD_MAX_USERS, "users", err);
	if (r < 0)
		return r;
	h->users[h->n++] = (struct user){ eb_xstrndup(line.ptr, n), eb_span_dup(hash) };
	return 0;
}

int reg_htpasswd_parse(const char *text, size_t n, const char *what, struct reg_htpasswd **ret,
		       struct eb_error **err)
{
	EB_CLEANUP(reg_htpasswd_free_p) struct reg_htpasswd *h = eb_xcalloc(1, sizeof(*h));
	struct eb_span rest = { text, n }, line;

	pthread_mutex_init(&h->lock, NULL);
	if (getrandom(h->salt, sizeof(h->salt), 0) != (ssize_t)sizeof(h->salt))
		return eb_throw_errno(err, "random numbers");
	for (unsigned int no = 1; eb_span_next(&rest, '\n', &line); no++) {
		int r;

		line = eb_span_trim(line);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		r = add_line(h, line, err);
		if (r < 0)
			return eb_prefix(err, r, "%s:%u", what, no);
	}
	if (h->n == 0)
		return eb_throw(err, EB_E_FORMAT, "%s: no users in it, so nobody could log in",
				what);
	*ret = EB_TAKE_PTR(h);
	return 0;
}

/* What stands for a pair in the cache: of no use to anybody without the salt of this process. */
static void fingerprint(const struct reg_htpasswd *h, const char *user, const char *password,
			uint8_t out[static EB_SHA256_BYTES])
{
	uint8_t both[SALT_BYTES + 2 * EB_SHA256_BYTES];

	memcpy(both, h->salt, SALT_BYTES);
	eb_sha256(user, strlen(user), both + SALT_BYTES);
	eb_sha256(password, strlen(password), both + SALT_BYTES + EB_SHA256_BYTES);
	eb_sha256(both, sizeof(both), out);
	explicit_bzero(both, sizeof(both));
}

static bool was_right(struct reg_htpasswd *h, const uint8_t mark[static EB_SHA256_BYTES])
{
	int found = 0;

	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < h->n_right; i++)
		found |= CRYPTO_memcmp(h->right[i], mark, EB_SHA256_BYTES) == 0;
	pthread_mutex_unlock(&h->lock);
	return found != 0;
}

static void remember(struct reg_htpasswd *h, const uint8_t mark[static EB_SHA256_BYTES])
{
	pthread_mutex_lock(&h->lock);
	memcpy(h->right[h->next], mark, EB_SHA256_BYTES);
	h->next = (h->next + 1) % CACHED;
	h->n_right += h->n_right < CACHED ? 1 : 0;
	pthread_mutex_unlock(&h->lock);
}

static bool hash_matches(const char *hash, const char *password)
{
	struct crypt_data *data = eb_xcalloc(1, sizeof(*data));
	/* Not crypt_r(), which the sanitizers take over and lose. */
	const char *got = crypt_rn(password, hash, data, (int)sizeof(*data));
	bool same = got && strlen(got) == strlen(hash) &&
		    CRYPTO_memcmp(got, hash, strlen(hash)) == 0;

	explicit_bzero(data, sizeof(*data));
	free(data);
	return same;
}

bool reg_htpasswd_knows(struct reg_htpasswd *h, const char *user, const char *password)
{
	uint8_t mark[EB_SHA256_BYTES];

	fingerprint(h, user, password, mark);
	return was_right(h, mark);
}

bool reg_htpasswd_check(struct reg_htpasswd *h, const char *user, const char *password)
{
	uint8_t mark[EB_SHA256_BYTES];
	const struct user *found = NULL;

	if (strlen(password) > PASSWORD_MAX_BYTES)
		return false;
	for (size_t i = 0; i < h->n && !found; i++)
		if (strcmp(h->users[i].name, user) == 0)
			found = &h->users[i];
	if (!hash_matches(found ? found->hash : h->users[0].hash, password) || !found)
		return false;
	fingerprint(h, user, password, mark);
	remember(h, mark);
	return true;
}
