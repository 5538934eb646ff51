/* Starting pip, and finding in what it wrote why it failed. */
#include <stdarg.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/pip_internal.h"
#include "pkg/program.h"

enum { MAX_LOG = 16 * 1024 * 1024, MAX_SAID = 1500, NO_PIP = 97 };

/* The directory it runs in is no place to import from. */
static const char starter[] = "import sys\n"
			      "sys.path[:] = [p for p in sys.path if p]\n"
			      "import json\n"
			      "try:\n"
			      "    import pip\n"
			      "except ImportError:\n"
			      "    sys.exit(97)\n"
			      "env = json.loads(sys.argv[1])\n"
			      "if env:\n"
			      "    from pip._vendor.packaging import markers\n"
			      "    markers.default_environment = lambda: dict(env)\n"
			      "sys.argv[0:2] = ['pip']\n"
			      "from pip._internal.cli.main import main\n"
			      "sys.exit(main())\n";

void pkg_pip_arg_(struct pkg_pip_args *a, const char *arg)
{
	if (a->n < PKG_PIP_MAX_ARGS)
		a->v[a->n++] = eb_arena_strdup(a->arena, arg);
}

void pkg_pip_argf_(struct pkg_pip_args *a, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	eb_ignore(vsnprintf(text, sizeof(text), fmt, ap));
	va_end(ap);
	pkg_pip_arg_(a, text);
}

const char *pkg_pip_machine_(const char *arch)
{
	if (strcmp(arch, "amd64") == 0)
		return "x86_64";
	return strcmp(arch, "arm64") == 0 ? "aarch64" : NULL;
}

int pkg_pip_run_(const struct pkg_pip *p, const struct pkg_pip_args *a, const char *env,
		 const char *dir, struct eb_buf *log, struct eb_error **err)
{
	const char *argv[PKG_PIP_MAX_ARGS + 8] = { "python3", "-c", starter, env };
	EB_AUTOBUF(out, MAX_LOG);
	const struct pkg_program program = {
		.argv = argv,
		.env = p->env,
		.dir = dir,
		.install = "apt-get install python3-pip",
		.out = &out,
		.messages = log,
	};
	size_t n = 4;
	int r;

	if (a->n == PKG_PIP_MAX_ARGS)
		return eb_throw(err, EB_E_LIMIT, "more than %u arguments for pip",
				(unsigned int)PKG_PIP_MAX_ARGS);
	for (size_t i = 0; i < a->n; i++)
		argv[n++] = a->v[i];
	argv[n++] = "--no-input";
	argv[n++] = "--disable-pip-version-check";
	argv[n++] = "--no-color";
	r = pkg_program_run(&program, err);
	if (r < 0)
		return r;
	eb_buf_add(log, out.data, out.len);
	if (r == NO_PIP)
		return eb_hint(
			err,
			eb_throw(err, EB_E_NOT_FOUND, "the python3 of this machine has no pip"),
			"apt-get install python3-pip");
	return r == 0 ? 0 : 1;
}

/* ---- why ---- */

static bool has(struct eb_buf *log, const char *word)
{
	return strstr(eb_buf_str(log), word) != NULL;
}

/* Words that hold an address are nobody's business who reads the message. */
static void add_scrubbed(struct eb_buf *b, struct eb_span line)
{
	struct eb_span word;

	for (bool first = true; eb_span_word(&line, &word); first = false) {
		if (!first)
			eb_buf_addc(b, ' ');
		if (memmem(word.ptr, word.len, "://", 3) || memmem(word.ptr, word.len, "host=", 5))
			eb_buf_adds(b, "<address>");
		else
			eb_buf_add(b, word.ptr, word.len);
	}
}

static int throw_said(struct eb_error **err, int code, struct eb_buf *b, const char *otherwise)
{
	autofree char *shown = eb_printable(eb_buf_str(b), MAX_SAID);

	return eb_throw(err, code, "%s", *shown ? shown : otherwise);
}

/* The lines after "The conflict is caused by:" up to an empty one. */
static int throw_conflict(struct eb_buf *log, struct eb_error **err)
{
	static const char head[] = "The conflict is caused by:";
	const char *at = strstr(eb_buf_str(log), head);
	struct eb_span rest = eb_span_str(at ? at + sizeof(head) : ""), line;
	EB_AUTOBUF(b, MAX_LOG);

	while (eb_span_next(&rest, '\n', &line)) {
		line = eb_span_trim(line);
		if (!line.len)
			break;
		eb_buf_adds(&b, b.len ? "; " : "");
		add_scrubbed(&b, line);
	}
	return throw_said(err, EB_E_UNSOLVABLE, &b, "requirements that contradict each other");
}

/* What pip calls an error, the first of them. */
static int throw_error(struct eb_buf *log, struct eb_error **err)
{
	struct eb_span rest = eb_span_str(eb_buf_str(log)), line, last = { NULL, 0 };
	EB_AUTOBUF(b, MAX_LOG);

	while (eb_span_next(&rest, '\n', &line)) {
		line = eb_span_trim(line);
		if (line.len)
			last = line;
		if (eb_span_starts(line, "ERROR: ")) {
			last = (struct eb_span){ line.ptr + 7, line.len - 7 };
			break;
		}
	}
	add_scrubbed(&b, last);
	return throw_said(err, EB_E_PROGRAM, &b, "pip failed and says nothing");
}

int pkg_pip_explain_(struct eb_buf *log, struct eb_error **err)
{
	if (has(log, "HTTP error 401") || has(log, "HTTP error 403") || has(log, "401 Error") ||
	    has(log, "403 Error"))
		return eb_throw(err, EB_E_AUTH,
				"the package index that pip is configured for refuses access");
	if (has(log, "Retrying (") || has(log, "Max retries exceeded") || has(log, "HTTP error 5"))
		return eb_hint(err,
			       eb_throw(err, EB_E_NETWORK,
					"pip cannot reach the package index that it is "
					"configured for"),
			       "python3 -m pip config list");
	if (has(log, "ResolutionImpossible"))
		return throw_conflict(log, err);
	if (has(log, "DO NOT MATCH THE HASHES"))
		return eb_throw(err, EB_E_DIGEST,
				"the package index has another file than the lock names");
	return throw_error(log, err);
}
