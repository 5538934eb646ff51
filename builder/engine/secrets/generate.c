#include "secrets/generate.h"

#include <errno.h>
#include <sys/random.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/span.h"

enum { TOKEN_CHARS = 32, HEX_BYTES = 32, MAX_NAME = 253 };

void sec_specs_release(struct sec_specs *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].secret);
		free(s->list[i].key);
		free(s->list[i].arg);
	}
	free(s->list);
	*s = (struct sec_specs){ .n = 0 };
}

/* ---- the list ---- */

static int bad_entry(const char *entry, const char *want, struct eb_error **err)
{
	autofree char *shown = eb_printable(entry, 200);

	return eb_throw(err, EB_E_USAGE, "secret '%s': expected %s", shown, want);
}

static bool is_name(struct eb_span s, const char *more)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
		    !strchr(more, c))
			return false;
	}
	return s.len > 0 && s.len <= MAX_NAME;
}

static int parse_rsa(struct sec_spec *s, struct eb_span args, const char *entry,
		     struct eb_error **err)
{
	static const char want[] = "NAME:KEY:rsa:BITS:der or NAME:KEY:rsa:BITS:pem";
	struct eb_span bits;
	uint64_t n = 0;

	if (!eb_span_next(&args, ':', &bits) || eb_parse_u64(bits, SEC_RSA_MAX_BITS, &n, NULL) < 0)
		return bad_entry(entry, want, err);
	s->bits = (unsigned int)n;
	if (s->bits < SEC_RSA_MIN_BITS)
		return bad_entry(entry, "an RSA key of at least 2048 bits", err);
	if (!eb_span_eq(args, "der") && !eb_span_eq(args, "pem"))
		return bad_entry(entry, want, err);
	s->encoding = eb_span_eq(args, "der") ? SEC_DER : SEC_PEM;
	return 0;
}

static const struct {
	const char *name;
	enum sec_type type;
	enum sec_curve curve;
} types[] = {
	{ "rand32", SEC_RANDOM, 0 },
	{ "hex32", SEC_HEX, 0 },
	{ "signingkey", SEC_SIGNING_KEY, 0 },
	{ "extra", SEC_EXTRA, 0 },
	{ "rsa", SEC_RSA, 0 },
	{ "ecdsaprime256v1", SEC_EC, SEC_PRIME256V1 },
	{ "ecdsasecp256k1", SEC_EC, SEC_SECP256K1 },
	{ "ecdsasecp384r1", SEC_EC, SEC_SECP384R1 },
	{ "registration", SEC_REGISTRATION, 0 },
};

static int parse_type(struct sec_spec *s, struct eb_span type, struct eb_span args,
		      const char *entry, struct eb_error **err)
{
	size_t i = 0;

	while (i < EB_ARRAY_LEN(types) && !eb_span_eq(type, types[i].name))
		i++;
	if (i == EB_ARRAY_LEN(types))
		return bad_entry(
			entry,
			"a type of rand32, hex32, signingkey, extra, rsa, ecdsaprime256v1, "
			"ecdsasecp256k1, ecdsasecp384r1, registration",
			err);
	s->type = types[i].type;
	s->curve = types[i].curve;
	if (s->type == SEC_RSA)
		return parse_rsa(s, args, entry, err);
	if (s->type == SEC_REGISTRATION && args.len == 0)
		return bad_entry(entry, "NAME:KEY:registration:FILE", err);
	if (s->type == SEC_REGISTRATION || s->type == SEC_EXTRA)
		s->arg = args.len ? eb_span_dup(args) : NULL;
	else if (args.len)
		return bad_entry(entry, "nothing behind this type", err);
	return 0;
}

static int parse_entry(struct eb_span text, struct sec_spec *s, struct eb_error **err)
{
	autofree char *entry = eb_span_dup(text);
	struct eb_span name, key, type;

	if (!eb_span_next(&text, ':', &name) || !eb_span_next(&text, ':', &key) ||
	    !eb_span_next(&text, ':', &type) || !is_name(name, "-.") || !is_name(key, "-._"))
		return bad_entry(entry, "NAME:KEY:TYPE", err);
	s->secret = eb_span_dup(name);
	s->key = eb_span_dup(key);
	return parse_type(s, type, text, entry, err);
}

int sec_specs_parse(const char *text, struct sec_specs *ret, struct eb_error **err)
{
	EB_CLEANUP(sec_specs_release_p) struct sec_specs s = { .n = 0 };
	struct eb_span rest = eb_span_str(text), entry;

	s.list = eb_xcalloc(SEC_MAX_SPECS, sizeof(*s.list));
	while (eb_span_next(&rest, ',', &entry)) {
		int r;

		if (s.n == SEC_MAX_SPECS)
			return eb_throw(err, EB_E_LIMIT, "more than %d secrets", SEC_MAX_SPECS);
		r = parse_entry(eb_span_trim(entry), &s.list[s.n++], err);
		if (r < 0)
			return r;
		for (size_t i = 0; i + 1 < s.n; i++)
			if (strcmp(s.list[i].secret, s.list[s.n - 1].secret) == 0 &&
			    strcmp(s.list[i].key, s.list[s.n - 1].key) == 0)
				return eb_throw(err, EB_E_USAGE, "secret '%s:%s' is there twice",
						s.list[i].secret, s.list[i].key);
	}
	if (s.n == 0)
		return eb_throw(err, EB_E_USAGE, "no secret is named");
	*ret = s;
	s = (struct sec_specs){ .n = 0 };
	return 0;
}

/* ---- values ---- */

static int random_bytes(void *p, size_t n, struct eb_error **err)
{
	/* 256 bytes and less come whole, whatever signals do. */
	if (getrandom(p, n, 0) != (ssize_t)n)
		return eb_throw_errno(err, "random numbers");
	return 0;
}

/* Bytes above the last multiple of 62 are thrown away, so that all characters are as likely. */
static int add_token(struct eb_buf *out, struct eb_error **err)
{
	static const char chars[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	enum { N = sizeof(chars) - 1, LAST = 256 / N * N };
	unsigned char raw[128];
	size_t made = 0;
	int r = 0;

	while (made < TOKEN_CHARS && r >= 0) {
		r = random_bytes(raw, sizeof(raw), err);
		for (size_t i = 0; i < sizeof(raw) && made < TOKEN_CHARS && r >= 0; i++)
			if (raw[i] < LAST) {
				eb_buf_addc(out, chars[raw[i] % N]);
				made++;
			}
	}
	eb_wipe(raw, sizeof(raw));
	return r;
}

static int add_hex(struct eb_buf *out, struct eb_error **err)
{
	unsigned char raw[HEX_BYTES];
	char text[2 * HEX_BYTES + 1];
	int r = random_bytes(raw, sizeof(raw), err);

	if (r < 0)
		return r;
	eb_hex(raw, sizeof(raw), text);
	eb_buf_adds(out, text);
	eb_wipe(raw, sizeof(raw));
	eb_wipe(text, sizeof(text));
	return 0;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* Length of "${NAME}" or the word NAME at p; 0 = something else is there. */
static size_t placeholder_at(const char *text, const char *p, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(p, "${", 2) == 0 && strncmp(p + 2, name, n) == 0 && p[2 + n] == '}')
		return n + 3;
	if (strncmp(p, name, n) != 0 || is_word_char(p[n]) || (p > text && is_word_char(p[-1])))
		return 0;
	return n;
}

static int add_registration(const char *template, struct eb_buf *out, struct eb_error **err)
{
	EB_SECRETBUF(as, TOKEN_CHARS + 1);
	EB_SECRETBUF(hs, TOKEN_CHARS + 1);
	bool seen_as = false, seen_hs = false;
	int r = add_token(&as, err);

	if (r >= 0)
		r = add_token(&hs, err);
	if (r < 0)
		return r;
	for (const char *p = template; *p;) {
		size_t n_as = placeholder_at(template, p, "AS_TOKEN");
		size_t n_hs = placeholder_at(template, p, "HS_TOKEN");

		if (n_as)
			eb_buf_add(out, as.data, as.len);
		else if (n_hs)
			eb_buf_add(out, hs.data, hs.len);
		else
			eb_buf_addc(out, *p);
		seen_as = seen_as || n_as;
		seen_hs = seen_hs || n_hs;
		p += n_as ? n_as : n_hs ? n_hs : 1;
	}
	if (!seen_as || !seen_hs)
		return eb_throw(err, EB_E_FORMAT, "it has no %s",
				seen_as ? "HS_TOKEN" : "AS_TOKEN");
	return 0;
}

static int add_value(const struct sec_spec *s, const char *template, struct eb_buf *out,
		     struct eb_error **err)
{
	switch (s->type) {
	case SEC_RANDOM:
		return add_token(out, err);
	case SEC_HEX:
		return add_hex(out, err);
	case SEC_SIGNING_KEY:
		return sec_key_signing("1", out, err);
	case SEC_EXTRA:
		eb_buf_adds(out, "{}\n");
		return 0;
	case SEC_RSA:
		return sec_key_rsa(s->bits, s->encoding, out, err);
	case SEC_EC:
		return sec_key_ec(s->curve, out, err);
	case SEC_REGISTRATION:
		return add_registration(template ? template : "", out, err);
	}
	return 0;
}

int sec_generate(const struct sec_spec *s, const char *template, struct eb_buf *out,
		 struct eb_error **err)
{
	int r = add_value(s, template, out, err);

	if (r >= 0)
		r = eb_buf_check(out, "value", err);
	return r < 0 ? eb_prefix(err, r, "%s:%s", s->secret, s->key) : 0;
}

/* ---- the signing key that could be guessed ---- */

bool sec_signing_key_is_compromised(const char *text, size_t n)
{
	static const char bad[] = "ed25519 0 ";

	return n >= strlen(bad) && memcmp(text, bad, strlen(bad)) == 0;
}

static bool is_empty_map(const char *text)
{
	struct eb_span s = eb_span_trim(eb_span_str(text));

	return s.len == 0 || eb_span_eq(s, "{}") || eb_span_eq(s, "null");
}

int sec_extra_for_rotation(const char *old, int64_t now_msec, struct eb_buf *out,
			   struct eb_error **err)
{
	bool empty = !old || is_empty_map(old);
	int r;

	if (!empty && strstr(old, "ed25519:0")) {
		eb_buf_adds(out, old);
		return 0;
	}
	if (!empty && strstr(old, "old_signing_keys"))
		return eb_throw(err, EB_E_CONFLICT,
				"old_signing_keys is there without the key ed25519:0: add it by "
				"hand");
	if (!empty) {
		eb_buf_adds(out, old);
		if (out->data[out->len - 1] != '\n')
			eb_buf_addc(out, '\n');
	}
	eb_buf_adds(out, "old_signing_keys:\n  \"ed25519:0\":\n    key: \"");
	r = sec_key_throwaway_public(out, err);
	eb_buf_addf(out, "\"\n    expired_ts: %lld\n", (long long)now_msec);
	return r < 0 ? r : eb_buf_check(out, "value", err);
}
