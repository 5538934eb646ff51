/* Keys of a recipe about programs that come through a language's own client: python, go. */
#include "base/error.h"
#include "base/mem.h"
#include "recipe/recipe_parse.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Becomes an argument of pip: no option, no URL, no file. */
static const char *check_requirement(const char *s)
{
	static const char safe[] = LETTERS DIGITS "._-[],=<>!~ ()+*";

	if (*s && strchr(LETTERS DIGITS, s[0]) && s[strspn(s, safe)] == '\0' && strlen(s) <= 1000)
		return NULL;
	return "a requirement such as 'name[extra]==1.2' (PEP 508, without URL and marker)";
}

static const char *check_interpreter(const char *s)
{
	if (strncmp(s, "python3.", 8) == 0 && s[8] && s[8 + strspn(s + 8, DIGITS)] == '\0' &&
	    strlen(s) <= 11)
		return NULL;
	return "a Python with its version, such as 'python3.13'";
}

static int read_interpreter(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			    struct eb_error **err)
{
	return rcp_read_checked(rd, v, check_interpreter, to, err);
}

static int read_requirements(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			     struct eb_error **err)
{
	struct rcp_python *p = to;
	int r = rcp_read_words(rd, v, check_requirement, "requirement", &p->requirements,
			       &p->n_requirements, err);

	if (r >= 0 && p->n_requirements == 0)
		return rcp_read_throw(rd, v, err, "expected at least one requirement");
	return r;
}

static int read_provided(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	struct rcp_python *p = to;

	return rcp_read_words(rd, v, rcp_check_distribution, "distribution", &p->provided,
			      &p->n_provided, err);
}

int rcp_read_python(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "interpreter", read_interpreter, offsetof(struct rcp_python, interpreter), true },
		{ "requirements", read_requirements, 0, true },
		{ "provided", read_provided, 0, false },
		{ "target", rcp_read_path_below, offsetof(struct rcp_python, target), false },
		{ "scripts", rcp_read_path_below, offsetof(struct rcp_python, scripts), false },
		{ "bytecode", rcp_read_bool, offsetof(struct rcp_python, bytecode), false },
	};
	struct rcp_python *p = to;
	int r;

	p->pos = rcp_pos_of(v);
	p->bytecode = true;
	p->scripts = "/usr/local/bin";
	r = rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), p, err);
	if (r >= 0 && !p->target)
		p->target = eb_arena_printf(rd->arena, "/usr/local/lib/%s/dist-packages",
					    p->interpreter);
	return r;
}

/* ---- go ---- */

static bool is_all(const char *s, const char *safe, size_t max)
{
	size_t n = strlen(s);

	return n > 0 && n <= max && s[strspn(s, safe)] == '\0';
}

static const char *check_module(const char *s)
{
	if (is_all(s, LETTERS DIGITS "._~-/", 500) && s[0] != '-' && !rcp_check_relative(s))
		return NULL;
	return "the path of a Go module such as 'example.org/server/v2'";
}

static const char *check_module_version(const char *s)
{
	if (s[0] == 'v' && is_all(s, LETTERS DIGITS "._+-", 200))
		return NULL;
	return "the version of a Go module such as 'v1.13.5' (no branch, no 'latest')";
}

static const char *check_package(const char *s)
{
	if (strcmp(s, ".") == 0 ||
	    (strncmp(s, "./", 2) == 0 && is_all(s + 2, LETTERS DIGITS "._~-/", 500) &&
	     !rcp_check_relative(s + 2)))
		return NULL;
	return "a package of the module such as './cmd/server', or '.'";
}

static const char *check_toolchain(const char *s)
{
	if (strncmp(s, "go1.", 4) == 0 && is_all(s + 4, LETTERS DIGITS ".", 20))
		return NULL;
	return "a Go toolchain such as 'go1.26.8'";
}

static const char *check_tag(const char *s)
{
	return is_all(s, LETTERS DIGITS "._", 100) ? NULL : "a build tag";
}

#define READER(name, check)                                                                        \
	static int name(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,                 \
			struct eb_error **err)                                                     \
	{                                                                                          \
		return rcp_read_checked(rd, v, check, to, err);                                    \
	}
READER(read_module, check_module)
READER(read_version, check_module_version)
READER(read_package, check_package)
READER(read_toolchain, check_toolchain)

static int read_tags(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	struct rcp_go *g = to;

	return rcp_read_words(rd, v, check_tag, "tag", &g->tags, &g->n_tags, err);
}

static int read_ldflags(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	if (v->kind == RCP_YAML_SCALAR && !*v->text && !v->plain)
		return 0;
	return rcp_read_line(rd, v, to, err);
}

static int read_program(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "module", read_module, offsetof(struct rcp_go, module), true },
		{ "version", read_version, offsetof(struct rcp_go, version), true },
		{ "package", read_package, offsetof(struct rcp_go, package), false },
		{ "path", rcp_read_path_below, offsetof(struct rcp_go, path), true },
		{ "toolchain", read_toolchain, offsetof(struct rcp_go, toolchain), true },
		{ "tags", read_tags, 0, false },
		{ "ldflags", read_ldflags, offsetof(struct rcp_go, ldflags), false },
	};
	struct rcp_go *g = to;

	g->pos = rcp_pos_of(v);
	g->package = ".";
	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), g, err);
}

int rcp_read_go(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	struct rcp_recipe *r = to;
	struct rcp_unique *u;
	int e = rcp_read_list(rd, v, sizeof(*r->go), read_program, &r->go, &r->n_go, err);

	if (e < 0)
		return e;
	u = eb_arena_alloc(rd->arena, r->n_go * sizeof(*u));
	for (size_t i = 0; i < r->n_go; i++)
		u[i] = (struct rcp_unique){ eb_arena_printf(rd->arena, "%s %s", r->go[i].module,
							    r->go[i].package),
					    r->go[i].pos };
	return rcp_check_unique(u, r->n_go, "program", err);
}
