#include "pkg/pip.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/pip_internal.h"
#include "pkg/pip_report.h"
#include "pkg/wheel_file.h"
#include "pkg/workdir.h"
#include "pkg/zip_write.h"

enum {
	MAX_LOG = 16 * 1024 * 1024,
	MAX_STAND_IN = 16 * 1024,
	MAX_REQUIREMENT = 300,
	MAX_REQUIREMENTS = 1000
};
#define MAX_REPORT ((size_t)64 << 20)
/* Above the build number of any wheel there is. */
#define BUILD "999999"

/* ---- the target ---- */

static char *short_version(const char *python)
{
	const char *dot = strchr(python, '.');
	size_t n = dot ? (size_t)(dot + 1 - python) + strspn(dot + 1, "0123456789") : 0;

	return eb_xstrndup(python, n ? n : strlen(python));
}

/* "cp313" */
static char *abi_of(const char *python)
{
	autofree char *s = short_version(python);
	char *dot = strchr(s, '.');

	if (dot)
		*dot = '\0';
	return eb_xasprintf("cp%s%s", s, dot ? dot + 1 : "");
}

/* PEP 508 names them. What only a running kernel knows is empty. */
static json_t *environment(const struct pkg_pip_target *t)
{
	autofree char *version = short_version(t->python);
	json_t *j = eb_json_object();

	eb_json_set_str(j, "implementation_name", "cpython");
	eb_json_set_str(j, "implementation_version", t->python);
	eb_json_set_str(j, "os_name", "posix");
	eb_json_set_str(j, "platform_machine", pkg_pip_machine_(t->arch));
	eb_json_set_str(j, "platform_python_implementation", "CPython");
	eb_json_set_str(j, "platform_release", "");
	eb_json_set_str(j, "platform_system", "Linux");
	eb_json_set_str(j, "platform_version", "");
	eb_json_set_str(j, "python_full_version", t->python);
	eb_json_set_str(j, "python_version", version);
	eb_json_set_str(j, "sys_platform", "linux");
	return j;
}

/* Newest first, as pip prefers them; each has to be named, since pip derives none from another
 * (PEP 600, and the older names of PEP 513, 571 and 599). */
static void add_platforms(struct pkg_pip_args *a, const char *machine, unsigned int glibc_minor)
{
	static const struct {
		unsigned int minor;
		const char *name;
	} old[] = { { 17, "manylinux2014" }, { 12, "manylinux2010" }, { 5, "manylinux1" } };
	unsigned int least = strcmp(machine, "x86_64") == 0 ? 5 : 17;

	for (unsigned int i = glibc_minor; i >= least; i--) {
		pkg_pip_argf_(a, "--platform=manylinux_2_%u_%s", i, machine);
		for (size_t k = 0; k < EB_ARRAY_LEN(old); k++)
			if (old[k].minor == i)
				pkg_pip_argf_(a, "--platform=%s_%s", old[k].name, machine);
	}
	pkg_pip_argf_(a, "--platform=linux_%s", machine);
}

static void add_target(struct pkg_pip_args *a, const struct pkg_pip_target *t)
{
	autofree char *abi = abi_of(t->python);

	pkg_pip_arg_(a, "--only-binary=:all:");
	pkg_pip_arg_(a, "--implementation=cp");
	pkg_pip_argf_(a, "--python-version=%s", t->python);
	/* abi3 and none are pip's own additions. */
	pkg_pip_argf_(a, "--abi=%s", abi);
	add_platforms(a, pkg_pip_machine_(t->arch), t->glibc_minor);
}

/* ---- words of a recipe ---- */

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-_.", c));
}

int pkg_pip_check_requirement(const char *text, struct eb_error **err)
{
	size_t n = 0;
	autofree char *shown = eb_printable(text, 80);
	bool good;

	while (is_name_char(text[n]))
		n++;
	good = n > 0 && is_name_char(text[0]) && !strchr("-_.", text[0]) &&
	       !strchr("-_.", text[n - 1]) && strlen(text) <= MAX_REQUIREMENT;
	if (good && text[n] == '[') {
		n += 1 + strcspn(text + n + 1, "]");
		good = text[n] == ']';
		n += good;
	}
	for (const char *c = text; good && *c; c++)
		good = is_name_char(*c) || strchr("[],<>=!~+* ", *c);
	good = good && (!text[n] || strchr("<>=!~ ", text[n]));
	if (!good)
		return eb_throw(err, EB_E_FORMAT,
				"'%s': expected a distribution with its version, as in "
				"'name[extra]==1.2.3'",
				shown);
	return 0;
}

/* ---- stand-ins ---- */

static int make_stand_in(const struct pkg_workdir *w, const struct pkg_pip_target *t,
			 const struct pkg_pip_provided *p, struct eb_error **err)
{
	autofree char *name = pkg_wheel_name(p->name), *abi = abi_of(t->python), *tag = NULL,
		      *file = NULL, *text = NULL;
	struct pkg_zip_writer zip;
	EB_AUTOBUF(path, 1024);
	EB_AUTOBUF(b, MAX_STAND_IN);

	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : *c;
	/* The best tag there is, so that no wheel of the index is preferred to it. */
	tag = eb_xasprintf("%s-%s-manylinux_2_%u_%s", abi, abi, t->glibc_minor,
			   pkg_pip_machine_(t->arch));
	file = eb_xasprintf("links/%s-%s-" BUILD "-%s.whl", name, p->version, tag);
	pkg_zip_writer_init(&zip, &b);
	text = eb_xasprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", p->name, p->version);
	eb_buf_addf(&path, "%s-%s.dist-info/METADATA", name, p->version);
	pkg_zip_writer_add(&zip, eb_buf_str(&path), text, strlen(text));
	free(text);
	text = eb_xasprintf(
		"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nBuild: " BUILD "\nTag: %s\n", tag);
	eb_buf_clear(&path);
	eb_buf_addf(&path, "%s-%s.dist-info/WHEEL", name, p->version);
	pkg_zip_writer_add(&zip, eb_buf_str(&path), text, strlen(text));
	eb_buf_clear(&path);
	eb_buf_addf(&path, "%s-%s.dist-info/RECORD", name, p->version);
	pkg_zip_writer_add(&zip, eb_buf_str(&path), "", 0);
	pkg_zip_writer_end(&zip);
	return pkg_workdir_write(w, file, b.data, b.len, 0600, err);
}

static int make_stand_ins(const struct pkg_workdir *w, const struct pkg_pip_target *t,
			  const struct pkg_pip_provided *v, size_t n, struct eb_error **err)
{
	EB_AUTOBUF(constraints, (size_t)1 << 20);

	for (size_t i = 0; i < n; i++) {
		int r = make_stand_in(w, t, &v[i], err);

		if (r < 0)
			return eb_prefix(err, r, "stand-in of '%s'", v[i].name);
		eb_buf_addf(&constraints, "%s==%s\n", v[i].name, v[i].version);
	}
	return pkg_workdir_write(w, "constraints.txt", eb_buf_str(&constraints), constraints.len,
				 0600, err);
}

/* ---- what went wrong ---- */

/* Is it there in a form that is not taken: as source, or for other platforms? */
static bool is_known(const struct pkg_pip *p, const char *dir, const char *name)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct pkg_pip_args a = { .arena = arena };
	EB_AUTOBUF(log, MAX_LOG);

	pkg_pip_arg_(&a, "index");
	pkg_pip_arg_(&a, "versions");
	pkg_pip_arg_(&a, name);
	return pkg_pip_run_(p, &a, "null", dir, &log, NULL) == 0;
}

/* Versions with wheels there are, only not this one: name the newest, which pip lists last. */
static int throw_no_version(const char *what, const char *versions, struct eb_error **err)
{
	autofree char *list = eb_xstrndup(versions, strcspn(versions, ")\n"));
	char *newest = strrchr(list, ' ');
	autofree char *shown = eb_printable(newest ? newest + 1 : list, 40);

	return eb_throw(err, EB_E_UNSOLVABLE,
			"no version with a wheel satisfies '%s'; the newest one is %s", what,
			shown);
}

static int throw_no_wheel(const struct pkg_pip *p, const struct pkg_pip_target *t, const char *dir,
			  struct eb_buf *log, const char *found, struct eb_error **err)
{
	static const char from[] = "(from versions: ";
	const char *versions = strstr(eb_buf_str(log), from);
	autofree char *what = eb_xstrndup(found, strcspn(found, ";\n"));
	autofree char *shown = NULL, *name = NULL, *version = short_version(t->python);
	size_t n = strlen(what);
	int r;

	while (n && (what[n - 1] == ' ' || what[n - 1] == '\r'))
		what[--n] = '\0';
	shown = eb_printable(what, 100);
	if (versions && strncmp(versions + sizeof(from) - 1, "none", 4) != 0)
		return throw_no_version(shown, versions + sizeof(from) - 1, err);
	n = 0;
	while (is_name_char(what[n]))
		n++;
	name = eb_xstrndup(what, n);
	if (n == 0 || !is_known(p, dir, name))
		return eb_throw(err, EB_E_UNSOLVABLE,
				"the package index that pip is configured for has no '%s'", shown);
	r = eb_throw(err, EB_E_UNSOLVABLE,
		     "'%s' has no wheel for Python %s on %s with glibc 2.%u, only a source "
		     "distribution or wheels for other platforms; no setup program is ever run",
		     shown, version, t->arch, t->glibc_minor);
	return eb_hint(err, r,
		       "if a Debian package has it, write the package under debian: packages: and "
		       "'%s' under python: provided:",
		       name);
}

static int explain(const struct pkg_pip *p, const struct pkg_pip_target *t, const char *dir,
		   struct eb_buf *log, struct eb_error **err)
{
	static const char none[] = "No matching distribution found for ";
	const char *found = strstr(eb_buf_str(log), none);

	/* An index that does not answer has nothing either. */
	if (!found || strstr(eb_buf_str(log), "Retrying ("))
		return pkg_pip_explain_(log, err);
	return throw_no_wheel(p, t, dir, log, found + sizeof(none) - 1, err);
}

/* ---- the run ---- */

static void add_arguments(struct pkg_pip_args *a, const struct pkg_pip_target *t,
			  const struct pkg_workdir *w, const char *const *requirements, size_t n)
{
	pkg_pip_arg_(a, "install");
	pkg_pip_arg_(a, "--dry-run");
	pkg_pip_arg_(a, "--ignore-installed");
	pkg_pip_arg_(a, "--no-user");
	pkg_pip_argf_(a, "--report=%s/report.json", w->path);
	/* Nothing is written there; other platforms are only looked at for a target. */
	pkg_pip_argf_(a, "--target=%s/target", w->path);
	pkg_pip_argf_(a, "--find-links=%s/links", w->path);
	pkg_pip_argf_(a, "--constraint=%s/constraints.txt", w->path);
	add_target(a, t);
	for (size_t i = 0; i < n; i++)
		pkg_pip_arg_(a, requirements[i]);
}

static int check_request(const struct pkg_pip_target *t, const char *const *requirements, size_t n,
			 struct eb_error **err)
{
	if (!pkg_pip_machine_(t->arch))
		return eb_throw(err, EB_E_UNSUPPORTED, "no wheels are made for architecture '%s'",
				t->arch);
	if (t->glibc_minor < 17 || t->glibc_minor > PKG_PIP_MAX_GLIBC)
		return eb_throw(err, EB_E_UNSUPPORTED, "glibc 2.%u, expected 2.17 to 2.%u",
				t->glibc_minor, (unsigned int)PKG_PIP_MAX_GLIBC);
	for (size_t i = 0; i < n; i++) {
		int r = pkg_pip_check_requirement(requirements[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int pkg_pip_resolve(const struct pkg_pip *p, const struct pkg_pip_target *t,
		    const char *const *requirements, size_t n_requirements,
		    const struct pkg_pip_provided *provided, size_t n_provided,
		    struct pkg_pip_set **ret, struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct pkg_pip_args a = { .arena = arena };
	PKG_AUTOWORKDIR(w);
	EB_AUTOBUF(log, MAX_LOG);
	EB_AUTOBUF(report, MAX_REPORT);
	autojson json_t *env = NULL;
	autofree char *env_text = NULL;
	int r = check_request(t, requirements, n_requirements, err);

	if (r >= 0)
		r = pkg_workdir_make(p->temp_dir, "pip", &w, err);
	if (r >= 0)
		r = make_stand_ins(&w, t, provided, n_provided, err);
	if (r < 0)
		return r;
	env = environment(t);
	env_text = eb_json_canonical(env, NULL);
	add_arguments(&a, t, &w, requirements, n_requirements);
	r = pkg_pip_run_(p, &a, env_text, w.path, &log, err);
	if (r > 0)
		r = explain(p, t, w.path, &log, err);
	if (r >= 0)
		r = eb_dir_read(&w.dir, "report.json", &report, err);
	if (r >= 0)
		r = pkg_pip_report_parse(eb_buf_str(&report), report.len, env, provided, n_provided,
					 ret, err);
	return r;
}
