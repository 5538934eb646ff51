#include "registry/page.h"

#include "base/mem.h"
#include "image/mediatype.h"

static const char head[] =
	"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n<title>Images</title>\n<style>\n"
	":root{--ink:#1b1d22;--dim:#5c6370;--line:#d9dce3;--back:#fff;--box:#f4f5f8}\n"
	"@media(prefers-color-scheme:dark){:root{--ink:#e6e8ec;--dim:#9aa2b1;--line:#33373f;"
	"--back:#16181d;--box:#20232a}}\n"
	"body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);"
	"max-width:62rem;margin:2rem auto;padding:0 1rem}\n"
	"h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.2rem}\n"
	"table{border-collapse:collapse;width:100%}"
	"th,td{text-align:left;vertical-align:top;padding:.5rem .6rem .5rem 0;"
	"border-top:1px solid var(--line)}\n"
	"td.n{white-space:nowrap;text-align:right}.d{color:var(--dim);font-size:.85rem;"
	"overflow-wrap:anywhere}\n"
	"code{font:.85rem ui-monospace,monospace;background:var(--box);padding:.1rem .35rem;"
	"border-radius:.25rem;overflow-wrap:anywhere;-webkit-user-select:all;user-select:all}\n"
	"</style>\n</head>\n<body>\n";

void reg_escape(const char *text, struct eb_buf *out)
{
	for (; *text; text++)
		switch (*text) {
		case '&':
			eb_buf_adds(out, "&amp;");
			break;
		case '<':
			eb_buf_adds(out, "&lt;");
			break;
		case '>':
			eb_buf_adds(out, "&gt;");
			break;
		case '"':
			eb_buf_adds(out, "&quot;");
			break;
		case '\'':
			eb_buf_adds(out, "&#39;");
			break;
		default:
			eb_buf_addc(out, *text);
		}
}

static void add_size(uint64_t bytes, struct eb_buf *out)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 1024 && i < EB_ARRAY_LEN(units) - 1) {
		v /= 1024;
		i++;
	}
	eb_buf_addf(out, i ? "%.1f&nbsp;%s" : "%.0f&nbsp;%s", v, units[i]);
}

/* What a browser sends as Host is a name with a port, or it is not repeated. */
static bool host_is_plain(const char *host)
{
	size_t n = host ? strlen(host) : 0;

	for (size_t i = 0; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]",
			    host[i]))
			return false;
	return n > 0 && n < 256;
}

static void add_command(const char *before, const char *host, const struct reg_entry *e,
			struct eb_buf *out)
{
	eb_buf_addf(out, "<br><code>%s%s/", before, host);
	reg_escape(e->path, out);
	eb_buf_adds(out, e->tag ? ":" : "@");
	reg_escape(e->tag ? e->tag : e->manifest->digest.text, out);
	eb_buf_adds(out, "</code>");
}

static void add_image(const struct reg_entry *e, const char *host, bool tls, struct eb_buf *out)
{
	eb_buf_adds(out, "<tr><td><b>");
	reg_escape(e->path, out);
	eb_buf_adds(out, "</b>");
	if (e->tag) {
		eb_buf_adds(out, " ");
		reg_escape(e->tag, out);
	}
	if (e->host) {
		eb_buf_adds(out, "<div class=\"d\">from ");
		reg_escape(e->host, out);
		eb_buf_adds(out, "</div>");
	}
	eb_buf_addf(out, "<div class=\"d\">%s</div>", e->manifest->digest.text);
	add_command(tls ? "podman pull " : "podman pull --tls-verify=false ", host, e, out);
	add_command(tls ? "ctr images pull " : "ctr images pull --plain-http ", host, e, out);
	eb_buf_adds(out, "</td><td>");
	for (size_t i = 0; i < e->n_platforms; i++) {
		eb_buf_adds(out, i ? "<br>" : "");
		reg_escape(e->platforms[i].name, out);
	}
	eb_buf_adds(out, "</td><td class=\"n\">");
	for (size_t i = 0; i < e->n_platforms; i++) {
		eb_buf_adds(out, i ? "<br>" : "");
		add_size(e->platforms[i].bytes, out);
	}
	eb_buf_adds(out, "</td></tr>\n");
}

static void add_source(const struct reg_served *s, const char *host, bool tls, struct eb_buf *out)
{
	eb_buf_adds(out, "<h2>");
	reg_escape(s->title, out);
	eb_buf_adds(out, "</h2>\n<p class=\"d\">");
	add_size(oci_archive_file_size(s->archive), out);
	if (s->root.text[0])
		eb_buf_addf(out, ", %zu signature%s, root %s", s->n_signatures,
			    s->n_signatures == 1 ? "" : "s", s->root.text);
	eb_buf_adds(out, "</p>\n<table>\n<tr><th>image</th><th>platform</th>"
			 "<th>size</th></tr>\n");
	for (size_t i = 0; i < s->n_entries; i++)
		if (s->entries[i].is_image)
			add_image(&s->entries[i], host, tls, out);
	eb_buf_adds(out, "</table>\n");
}

void reg_page_write(const struct reg_catalog *c, const char *host, bool tls, struct eb_buf *out)
{
	if (!host_is_plain(host))
		host = "HOST:PORT";
	eb_buf_adds(out, head);
	eb_buf_addf(out, "<h1>Images served by %s</h1>\n", host);
	eb_buf_adds(out, "<p>Read-only. Each name also works with the host it came from, and as a "
			 "mirror of that host.</p>\n");
	for (size_t i = 0; i < c->n_sources; i++)
		add_source(c->sources[i], host, tls, out);
	eb_buf_adds(out, "<p class=\"d\">ess-bundle " EB_VERSION "</p>\n</body>\n</html>\n");
}
