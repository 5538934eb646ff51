#include "pkg/gpgv.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/program.h"

enum { MAX_KEYRINGS = 16, MAX_STATUS_BYTES = 1024 * 1024 };

/* Its exit status. What it said of the text stays in the buffers of p. */
static int run_gpgv(struct pkg_program *p, const char *const *keyrings, struct eb_error **err)
{
	/* Nothing of the user's own settings. */
	static const char *const env[] = { "LC_ALL=C", "HOME=/nonexistent",
					   "GNUPGHOME=/nonexistent", NULL };
	const char *argv[8 + 2 * MAX_KEYRINGS] = { "gpgv", "--status-fd", "3", "--output", "-" };
	size_t n = 5;
	int r;

	for (size_t i = 0; keyrings[i]; i++) {
		if (i == MAX_KEYRINGS)
			return eb_throw(err, EB_E_LIMIT, "more than %u keyrings",
					(unsigned int)MAX_KEYRINGS);
		argv[n++] = "--keyring";
		argv[n++] = keyrings[i];
	}
	argv[n++] = "-";
	p->argv = argv;
	p->env = env;
	p->install = "apt-get install gpgv";
	r = pkg_program_run(p, err);
	p->argv = NULL;
	return r;
}

struct verdict {
	unsigned int good, weak, bad, other, texts;
};

/* VALIDSIG fingerprint date timestamp expires version reserved key-algorithm hash-algorithm ...:
 * SHA-256, SHA-384 and SHA-512 are 8, 9 and 10 (RFC 4880 9.4). */
static bool is_strong(struct eb_span rest)
{
	struct eb_span w = { NULL, 0 };

	for (unsigned int i = 0; i < 8; i++)
		if (!eb_span_word(&rest, &w))
			return false;
	return eb_span_eq(w, "8") || eb_span_eq(w, "9") || eb_span_eq(w, "10");
}

/* Each signature gives one line that says what it is worth; for one of a known key VALIDSIG follows
 * with the details, also if the key is expired or revoked. */
static struct verdict judge(struct eb_span status)
{
	struct verdict v = { 0 };
	struct eb_span line;
	bool good = false;

	while (eb_span_next(&status, '\n', &line)) {
		struct eb_span w;

		if (!eb_span_word(&line, &w) || !eb_span_eq(w, "[GNUPG:]") ||
		    !eb_span_word(&line, &w))
			continue;
		if (eb_span_eq(w, "VALIDSIG") && good) {
			*(is_strong(line) ? &v.good : &v.weak) += 1;
		} else if (eb_span_eq(w, "BADSIG")) {
			v.bad++;
		} else if (eb_span_eq(w, "ERRSIG") || eb_span_eq(w, "EXPSIG") ||
			   eb_span_eq(w, "EXPKEYSIG") || eb_span_eq(w, "REVKEYSIG")) {
			v.other++;
		} else if (eb_span_eq(w, "PLAINTEXT")) {
			v.texts++;
		}
		good = eb_span_eq(w, "GOODSIG");
	}
	return v;
}

static int check(const struct verdict *v, int exit_status, struct eb_span messages,
		 struct eb_error **err)
{
	struct eb_span line = { NULL, 0 };

	if (v->bad)
		return eb_throw(err, EB_E_SIGNATURE, "the signature does not fit the text");
	if (v->good && v->texts <= 1 && (exit_status == 0 || v->other))
		return 0;
	if (v->weak)
		return eb_throw(err, EB_E_SIGNATURE, "signed with a weak hash only");
	if (v->other)
		return eb_throw(err, EB_E_SIGNATURE,
				"signed by unknown, expired or revoked keys only");
	eb_span_next(&messages, '\n', &line);
	return eb_throw(err, EB_E_SIGNATURE, "no good signature; gpgv says: %.*s",
			(int)(line.len > 200 ? 200 : line.len), line.ptr ? line.ptr : "");
}

static int throw_unsigned(const char *text, size_t n, const char *begin, const char *what,
			  struct eb_error **err)
{
	const char *end = n ? memchr(text, '\n', n) : NULL;
	autofree char *line = eb_xstrndup(text, end ? (size_t)(end - text) : n);
	autofree char *shown = eb_printable(line, 60);
	int r;

	if (eb_span_starts((struct eb_span){ text, n }, begin)) {
		r = eb_throw(err, EB_E_SIGNATURE, "%s: holds more than one signed text", what);
	} else {
		r = eb_throw(err, EB_E_SIGNATURE,
			     "%s is not signed: expected '%s' at its beginning, found '%s'", what,
			     begin, shown);
	}
	return eb_hint(err, r,
		       "the mirror is damaged, or something on the way puts a page of its "
		       "own in its place; use another one with --mirror URL");
}

int pkg_gpgv(const char *const *keyrings, const char *text, size_t n, const char *what,
	     struct eb_buf *signed_text, struct eb_error **err)
{
	static const char begin[] = "-----BEGIN PGP SIGNED MESSAGE-----";
	EB_AUTOBUF(status, MAX_STATUS_BYTES);
	EB_AUTOBUF(messages, MAX_STATUS_BYTES);
	/* What is signed is not longer than the text with its signature. */
	EB_AUTOBUF(out, n);
	struct pkg_program gpgv = {
		.in = text, .n_in = n, .out = &out, .messages = &messages, .status = &status
	};
	struct verdict v;
	int r;

	if (!eb_span_starts((struct eb_span){ text, n }, begin) ||
	    memmem(text + 1, n - 1, begin, sizeof(begin) - 1))
		return throw_unsigned(text, n, begin, what, err);
	r = run_gpgv(&gpgv, keyrings, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", what);
	v = judge((struct eb_span){ eb_buf_str(&status), status.len });
	r = check(&v, r, (struct eb_span){ eb_buf_str(&messages), messages.len }, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", what);
	eb_buf_add(signed_text, eb_buf_str(&out), out.len);
	return eb_buf_check(signed_text, what, err);
}
