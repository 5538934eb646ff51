#include "dist/challenge.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"

enum { MAX_CHALLENGES = 16 };

void oci_challenge_release(struct oci_challenge *c)
{
	free(c->name);
	free(c->realm);
	free(c->service);
	free(c->scope);
	free(c->error);
	*c = (struct oci_challenge){ .name = NULL };
}

struct cursor {
	const char *start, *p;
};

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_blanks(struct cursor *c)
{
	c->p += strspn(c->p, " \t");
}

static void skip_commas(struct cursor *c)
{
	c->p += strspn(c->p, " \t,");
}

static int bad(const struct cursor *c, const char *expected, struct eb_error **err)
{
	return eb_throw(err, EB_E_FORMAT, "character %zu: expected %s",
			(size_t)(c->p - c->start) + 1, expected);
}

static struct eb_span take_token(struct cursor *c)
{
	struct eb_span t = { c->p, 0 };

	while (is_token_char(*c->p))
		c->p++;
	t.len = (size_t)(c->p - t.ptr);
	return t;
}

static int take_quoted(struct cursor *c, char **ret, struct eb_error **err)
{
	EB_AUTOBUF(b, OCI_CHALLENGE_MAX_BYTES);

	for (c->p++; *c->p != '"'; c->p++) {
		if (*c->p == '\\' && c->p[1])
			c->p++;
		if (*c->p == '\0')
			return bad(c, "the closing quote", err);
		if ((unsigned char)*c->p < ' ' || *c->p == 0x7f)
			return bad(c, "no control character", err);
		eb_buf_addc(&b, *c->p);
	}
	c->p++;
	*ret = eb_xstrdup(eb_buf_str(&b));
	return 0;
}

static int take_value(struct cursor *c, char **ret, struct eb_error **err)
{
	struct eb_span t;

	skip_blanks(c);
	if (*c->p == '"')
		return take_quoted(c, ret, err);
	t = take_token(c);
	/* Some servers leave the quotes away around URLs. */
	while (*c->p && !strchr(" \t,\"", *c->p) && (unsigned char)*c->p > ' ')
		c->p++;
	t.len = (size_t)(c->p - t.ptr);
	if (t.len == 0)
		return bad(c, "a value", err);
	*ret = eb_span_dup(t);
	return 0;
}

static void keep(struct oci_challenge *ch, struct eb_span name, char *value)
{
	const struct {
		const char *name;
		char **to;
	} known[] = { { "realm", &ch->realm },
		      { "service", &ch->service },
		      { "scope", &ch->scope },
		      { "error", &ch->error } };

	for (size_t i = 0; i < EB_ARRAY_LEN(known); i++) {
		if (name.len != strlen(known[i].name) ||
		    strncasecmp(name.ptr, known[i].name, name.len) != 0 || *known[i].to)
			continue;
		*known[i].to = value;
		return;
	}
	free(value);
}

/* Is there "name =" at the cursor, and not the next scheme? */
static bool at_parameter(const struct cursor *c)
{
	struct cursor look = *c;

	if (take_token(&look).len == 0)
		return false;
	skip_blanks(&look);
	return *look.p == '=' && look.p[1] != '=';
}

static int take_challenge(struct cursor *c, struct oci_challenge *ch, struct eb_error **err)
{
	struct eb_span scheme = take_token(c), name;
	char *value = NULL;
	int r;

	if (scheme.len == 0)
		return bad(c, "the name of a scheme", err);
	ch->name = eb_span_dup(scheme);
	if (strcasecmp(ch->name, "Basic") == 0)
		ch->scheme = OCI_CHALLENGE_BASIC;
	else if (strcasecmp(ch->name, "Bearer") == 0)
		ch->scheme = OCI_CHALLENGE_BEARER;
	skip_blanks(c);
	/* A token68 (Negotiate and its kin) instead of parameters. */
	if (*c->p && *c->p != ',' && !at_parameter(c)) {
		c->p += strcspn(c->p, " \t,");
		return 0;
	}
	for (skip_commas(c); at_parameter(c); skip_commas(c)) {
		name = take_token(c);
		skip_blanks(c);
		c->p++;
		r = take_value(c, &value, err);
		if (r < 0)
			return r;
		keep(ch, name, value);
	}
	return 0;
}

/* Is `a` rather what we answer than `b`? */
static bool is_better(const struct oci_challenge *a, const struct oci_challenge *b)
{
	if (a->scheme == OCI_CHALLENGE_BEARER && !a->realm)
		return false;
	return a->scheme > b->scheme;
}

int oci_challenge_parse(const char *value, struct oci_challenge *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_challenge_release_p) struct oci_challenge best = { .name = NULL };
	EB_AUTOBUF(names, OCI_CHALLENGE_MAX_BYTES);
	struct cursor c = { value, value };
	int r;

	if (strlen(value) > OCI_CHALLENGE_MAX_BYTES)
		return eb_throw(err, EB_E_LIMIT, "WWW-Authenticate of more than %d bytes",
				OCI_CHALLENGE_MAX_BYTES);
	skip_commas(&c);
	for (unsigned int i = 0; *c.p; i++) {
		EB_CLEANUP(oci_challenge_release_p) struct oci_challenge one = { .name = NULL };
		struct oci_challenge swap;

		if (i == MAX_CHALLENGES)
			return eb_throw(err, EB_E_LIMIT,
					"WWW-Authenticate: more than %d challenges",
					MAX_CHALLENGES);
		r = take_challenge(&c, &one, err);
		if (r < 0)
			return eb_prefix(err, r, "WWW-Authenticate");
		eb_buf_addf(&names, "%s%s", i ? ", " : "", one.name);
		if (is_better(&one, &best)) {
			swap = best;
			best = one;
			one = swap;
		}
		skip_commas(&c);
	}
	if (best.scheme == OCI_CHALLENGE_OTHER)
		return eb_throw(err, EB_E_UNSUPPORTED,
				"asks for authentication by '%.200s'; only Basic and Bearer are "
				"supported",
				eb_buf_str(&names));
	*ret = best;
	best = (struct oci_challenge){ .name = NULL };
	return 0;
}
