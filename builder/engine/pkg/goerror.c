/* What go says when it fails, as an error of ours. Its words carry the addresses of the machine's
 * module proxy, which are nobody else's business: they are taken out. */
#include <errno.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/gobuild_private.h"

enum { MAX_MESSAGE = 600, MAX_WORD = 512 };

static const char hidden[] = "(address)";

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* "192.0.2.1:443", "[2001:db8::1]:443", "192.0.2.1:5->192.0.2.2:443" */
static bool is_address(const char *w)
{
	size_t n = strspn(w, "0123456789abcdefABCDEF.:[]->%");

	return w[n] == '\0' && strchr(w, ':') && (strchr(w, '.') || strchr(w, '[')) &&
	       strspn(w, "0123456789[") > 0;
}

static bool is_hidden(const char *w, const char *before, const char *const *hosts, size_t n_hosts)
{
	if (strstr(w, "://") || is_address(w))
		return true;
	/* "dial tcp: lookup NAME on ADDRESS: no such host" */
	if (strcmp(before, "lookup") == 0 || strcmp(before, "on") == 0)
		return strchr(w, '.') != NULL;
	for (size_t i = 0; i < n_hosts; i++)
		if (strcasestr(w, hosts[i]))
			return true;
	return false;
}

static void add_word(struct eb_buf *b, const char *p, size_t n, char *before,
		     const char *const *hosts, size_t n_hosts)
{
	char word[MAX_WORD];
	size_t tail = n;

	if (n >= sizeof(word)) {
		eb_buf_adds(b, "...");
		return;
	}
	while (tail > 0 && strchr(":,;)", p[tail - 1]))
		tail--;
	memcpy(word, p, tail);
	word[tail] = '\0';
	if (is_hidden(word, before, hosts, n_hosts))
		eb_buf_addf(b, "%s%.*s", hidden, (int)(n - tail), p + tail);
	else
		eb_buf_add(b, p, n);
	memcpy(before, word, tail + 1);
}

static bool is_noise(struct eb_span line)
{
	return line.len == 0 || eb_span_starts(line, "go: downloading ") ||
	       eb_span_starts(line, "go: extracting ") || eb_span_starts(line, "go: finding ") ||
	       eb_span_starts(line, "# ");
}

char *go_clean(const char *const *hosts, size_t n_hosts, const char *text, size_t max)
{
	struct eb_span rest = eb_span_str(text), line;
	EB_AUTOBUF(b, GO_MAX_OUTPUT);
	char before[MAX_WORD] = "";

	while (eb_span_next(&rest, '\n', &line) && b.len <= max) {
		line = eb_span_trim(line);
		if (is_noise(line))
			continue;
		if (b.len)
			eb_buf_adds(&b, b.data[b.len - 1] == ':' ? " " : "; ");
		for (size_t i = 0; i < line.len;) {
			size_t end = i;

			while (end < line.len && !is_space(line.ptr[end]) && line.ptr[end] != '"')
				end++;
			if (end > i)
				add_word(&b, line.ptr + i, end - i, before, hosts, n_hosts);
			for (i = end; i < line.len && (is_space(line.ptr[i]) || line.ptr[i] == '"');
			     i++)
				eb_buf_addc(&b, line.ptr[i] == '"' ? '"' : ' ');
		}
	}
	return eb_printable(eb_buf_str(&b), max);
}

struct symptom {
	const char *text;
	int code;
};

/* In this order: the proxy's refusal of a module also speaks of it as not found. */
static const struct symptom symptoms[] = {
	{ "checksum mismatch", EB_E_DIGEST },
	{ "SECURITY ERROR", EB_E_DIGEST },
	{ "GOPROXY=off", EB_E_OFFLINE },
	{ "401 ", EB_E_AUTH },
	{ "403 ", EB_E_AUTH },
	{ "407 ", EB_E_AUTH },
	{ "404 Not Found", EB_E_NOT_FOUND },
	{ "410 Gone", EB_E_NOT_FOUND },
	{ "unknown revision", EB_E_NOT_FOUND },
	{ "invalid version", EB_E_NOT_FOUND },
	{ "no matching versions", EB_E_NOT_FOUND },
	{ "no such file or directory", EB_E_NOT_FOUND },
	{ "directory not found", EB_E_NOT_FOUND },
	{ "dial tcp", EB_E_NETWORK },
	{ "read tcp", EB_E_NETWORK },
	{ "connection refused", EB_E_NETWORK },
	{ "connection reset", EB_E_NETWORK },
	{ "no such host", EB_E_NETWORK },
	{ "timeout", EB_E_NETWORK },
	{ "tls: ", EB_E_NETWORK },
	{ "x509: ", EB_E_NETWORK },
	{ "unexpected EOF", EB_E_NETWORK },
	{ "500 ", EB_E_NETWORK },
	{ "502 ", EB_E_NETWORK },
	{ "503 ", EB_E_NETWORK },
	{ "504 ", EB_E_NETWORK },
	{ "no space left", ENOSPC },
};

static const char *what_to_do(int code)
{
	switch (code) {
	case EB_E_DIGEST:
		return "what the module proxy or the cache gives is not what was published: do not "
		       "use it; 'ess-bundle cache gc' removes all modules from the cache";
	case EB_E_OFFLINE:
		return "run the same command once without --offline, or give --sources DIR";
	case EB_E_NOT_FOUND:
		return "check module, version and package; 'go env GOPROXY' shows where this "
		       "machine looks for modules";
	case EB_E_AUTH:
		return "the module proxy of this machine does not give it out: see 'go env "
		       "GOPROXY' and GOAUTH, or give --sources DIR";
	case EB_E_NETWORK:
		return "run the same command again: what was fetched so far is kept";
	default:
		return NULL;
	}
}

int go_throw(const struct go *g, const char *text, const char *what, struct eb_error **err)
{
	autofree char *shown = go_clean(g->hosts, g->n_hosts, text, MAX_MESSAGE);
	int r, code = EB_E_PROGRAM;

	if (strstr(text, "requires go >= ")) {
		r = eb_throw(err, EB_E_PROGRAM, "%s: %s", what, shown);
		return eb_hint(err, r, "name a newer toolchain in the recipe");
	}
	for (size_t i = 0; i < EB_ARRAY_LEN(symptoms) && code == EB_E_PROGRAM; i++)
		if (strstr(text, symptoms[i].text))
			code = symptoms[i].code;
	r = eb_throw(err, code, "%s: %s", what, shown[0] ? shown : "go fails and does not say why");
	return what_to_do(code) ? eb_hint(err, r, "%s", what_to_do(code)) : r;
}
