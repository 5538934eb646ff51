#include "render/chart.h"

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "render/output.h"
#include "render/yaml_write.h"

enum { TEXT_MAX_BYTES = 16384 };

/* Digits without a zero before others; returns their number, 0 when that is no such number. */
static size_t number(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 1 && *s == '0' ? 0 : n;
}

char *rnd_chart_version(const char *version)
{
	const char *s = version + (*version == 'v');
	size_t parts = 0;
	char *odd;

	while (number(s)) {
		s += number(s);
		parts++;
		if (parts == 3 || *s != '.')
			break;
		s++;
	}
	if (parts == 3 && (*s == '\0' || *s == '-'))
		return eb_xstrdup(version + (*version == 'v'));
	if (parts > 0 && parts < 3 && *s == '\0' && s[-1] != '.')
		return eb_xasprintf("%s%s", version + (*version == 'v'),
				    parts == 2 ? ".0" : ".0.0");
	odd = eb_xasprintf("0.0.0-v%s", version);
	for (char *p = odd + 7; *p; p++)
		if (*p == '_' || *p == '+' || *p == '.')
			*p = '-';
	return odd;
}

static int write_text(const struct eb_dir *dir, const char *name, struct eb_buf *text,
		      struct eb_error **err)
{
	int r = eb_buf_check(text, name, err);

	return r < 0 ? r : eb_dir_write(dir, name, eb_buf_str(text), text->len, 0644, err);
}

static int write_description(const struct rnd_chart *c, const struct eb_dir *dir,
			     struct eb_error **err)
{
	autojson json_t *j = eb_json_object();
	autofree char *version = rnd_chart_version(c->version);
	autofree char *text = eb_xasprintf("Manifests of the bundle %s %s, rendered for release "
					   "%s in namespace %s",
					   c->name, c->version, c->release, c->namespace_);
	EB_AUTOBUF(out, TEXT_MAX_BYTES);

	eb_json_set_str(j, "apiVersion", "v2");
	eb_json_set_str(j, "name", c->name);
	eb_json_set_str(j, "version", version);
	eb_json_set_str(j, "appVersion", c->version);
	eb_json_set_str(j, "type", "application");
	eb_json_set_str(j, "description", text);
	rnd_yaml_write(j, &out);
	return write_text(dir, "Chart.yaml", &out, err);
}

static int write_values(const struct eb_dir *dir, struct eb_error **err)
{
	EB_AUTOBUF(out, TEXT_MAX_BYTES);

	eb_buf_adds(&out,
		    "# The manifests of this chart were rendered beforehand; no value changes "
		    "them. Render the bundle anew.\n{}\n");
	return write_text(dir, "values.yaml", &out, err);
}

static int write_guard(const struct rnd_chart *c, const struct eb_dir *dir, struct eb_error **err)
{
	EB_AUTOBUF(out, TEXT_MAX_BYTES);

	eb_buf_addf(&out,
		    "{{- if ne .Release.Name \"%s\" }}\n"
		    "{{- fail \"these manifests were rendered for a release called %s\" }}\n"
		    "{{- end }}\n"
		    "{{- if ne .Release.Namespace \"%s\" }}\n"
		    "{{- fail \"these manifests were rendered for the namespace %s\" }}\n"
		    "{{- end }}\n",
		    c->release, c->release, c->namespace_, c->namespace_);
	return write_text(dir, "guard.yaml", &out, err);
}

int rnd_write_chart(const struct rnd_chart *c, const struct rnd_objects *o, const char *path,
		    struct eb_error **err)
{
	EB_AUTODIR(dir);
	EB_AUTODIR(templates);
	int r = eb_dir_open(path, true, &dir, err);

	if (r >= 0)
		r = eb_dir_sub(&dir, "templates", true, 0755, &templates, err);
	if (r >= 0)
		r = rnd_write_files(o, &templates, true, err);
	if (r >= 0)
		r = write_guard(c, &templates, err);
	if (r >= 0)
		r = write_values(&dir, err);
	return r < 0 ? r : write_description(c, &dir, err);
}
