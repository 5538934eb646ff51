/* Keys of a recipe that say where packages come from: architectures, debian, codecs. */
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "recipe/recipe_parse.h"

/* Far above any image; bounds the memory of the checks below. */
enum { MAX_PACKAGES = 10000 };

int rcp_check_unique_words(const struct rcp_word *w, size_t n, const char *what,
			   struct eb_error **err)
{
	autofree struct rcp_unique *u = eb_xcalloc(n, sizeof(*u));

	for (size_t i = 0; i < n; i++)
		u[i] = (struct rcp_unique){ w[i].text, w[i].pos };
	return rcp_check_unique(u, n, what, err);
}

int rcp_read_words(struct rcp_reader *rd, const struct rcp_yaml *v, rcp_check_fn check,
		   const char *what, struct rcp_word **ret, size_t *ret_n, struct eb_error **err)
{
	struct rcp_word *words;
	int r;

	if (v->kind != RCP_YAML_LIST)
		return rcp_read_throw(rd, v, err, "expected a list of words");
	words = eb_arena_alloc(rd->arena, v->n * sizeof(*words));
	for (size_t i = 0; i < v->n; i++) {
		r = rcp_read_checked(rd, v->items[i], check, &words[i].text, err);
		if (r < 0)
			return r;
		words[i].pos = rcp_pos_of(v->items[i]);
	}
	r = rcp_check_unique_words(words, v->n, what, err);
	if (r < 0)
		return r;
	*ret = words;
	*ret_n = v->n;
	return 0;
}

int rcp_read_arch_list(struct rcp_reader *rd, const struct rcp_yaml *v, const char ***ret,
		       size_t *ret_n, struct eb_error **err)
{
	const char **list = NULL;
	size_t n = 0;
	int r = rcp_read_list(rd, v, sizeof(*list), rcp_read_architecture, &list, &n, err);

	if (r < 0)
		return r;
	if (n == 0)
		return rcp_read_throw(rd, v, err, "expected at least one architecture");
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(list[i], list[j]) == 0)
				return rcp_read_throw(rd, v->items[i], err, "'%s' is given twice",
						      list[i]);
	*ret = list;
	*ret_n = n;
	return 0;
}

int rcp_read_architectures(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_arch_list(rd, v, &r->architectures, &r->n_architectures, err);
}

/* One way to write a wish: "name", "name=version", "name (op version)" or "name/suite". NULL and
 * *wrong set when it is none of them. */
static const char *normal_wish(struct eb_arena *arena, const char *text, const char **wrong)
{
	static const char *const relations[] = { "<<", "<=", "=", ">=", ">>", NULL };
	size_t n = strcspn(text, " =/(");
	const char *name = eb_arena_strndup(arena, text, n), *p = text + n, *version, *op;

	*wrong = rcp_check_package(name);
	if (*wrong)
		return NULL;
	if (!*p)
		return name;
	if (*p == '=' || *p == '/') {
		*wrong = *p == '=' ? rcp_check_version(p + 1) : rcp_check_suite(p + 1);
		return *wrong ? NULL : text;
	}
	*wrong = "a package such as 'name', 'name=1.2', 'name (>= 1.2)' or 'name/suite'";
	p += strspn(p, " ");
	if (*p++ != '(')
		return NULL;
	p += strspn(p, " ");
	op = eb_arena_strndup(arena, p, strspn(p, "<=>"));
	if (!rcp_is_one_of(op, relations)) {
		*wrong = "a version relation: expected one of <<, <=, =, >=, >>";
		return NULL;
	}
	p += strlen(op);
	p += strspn(p, " ");
	n = strcspn(p, " )");
	version = eb_arena_strndup(arena, p, n);
	p += n;
	p += strspn(p, " ");
	if (p[0] != ')' || p[1])
		return NULL;
	*wrong = rcp_check_version(version);
	return *wrong ? NULL : eb_arena_printf(arena, "%s (%s %s)", name, op, version);
}

static int read_wish(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	const char *text = NULL, *wrong = NULL, *normal;
	int r = rcp_read_text(rd, v, &text, err);

	if (r < 0)
		return r;
	normal = normal_wish(rd->arena, text, &wrong);
	if (!normal)
		return rcp_read_throw(rd, v, err, "'%s' is not %s", rcp_read_show(rd, text), wrong);
	*(const char **)to = normal;
	return 0;
}

static int read_wish_arches(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			    struct eb_error **err)
{
	struct rcp_word *w = to;

	return rcp_read_arch_list(rd, v, &w->arches, &w->n_arches, err);
}

static int read_package(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "name", read_wish, offsetof(struct rcp_word, text), true },
		{ "arch", read_wish_arches, 0, false },
	};
	struct rcp_word *w = to;

	w->pos = rcp_pos_of(v);
	if (v->kind == RCP_YAML_MAP)
		return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), w, err);
	return read_wish(rd, v, &w->text, err);
}

/* The same package may be wished twice only for different architectures. */
static int check_packages(struct rcp_reader *rd, const struct rcp_word *w, size_t n,
			  struct eb_error **err)
{
	struct rcp_unique *u;
	size_t n_known = 0, k = 0;

	while (rcp_architectures[n_known])
		n_known++;
	u = eb_arena_alloc(rd->arena, n * n_known * sizeof(*u));
	for (size_t i = 0; i < n; i++) {
		const char *const *arches = w[i].n_arches ? (const char *const *)w[i].arches
							  : rcp_architectures;
		size_t n_arches = w[i].n_arches ? w[i].n_arches : n_known;
		int len = (int)strcspn(w[i].text, " =/(");

		for (size_t j = 0; j < n_arches; j++)
			u[k++] = (struct rcp_unique){ eb_arena_printf(rd->arena, "%.*s:%s", len,
								      w[i].text, arches[j]),
						      w[i].pos };
	}
	return rcp_check_unique(u, k, "package", err);
}

static int read_packages(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	struct rcp_recipe *r = to;
	int e = rcp_read_list(rd, v, sizeof(*r->packages), read_package, &r->packages,
			      &r->n_packages, err);

	if (e >= 0 && r->n_packages > MAX_PACKAGES)
		return rcp_read_throw(rd, v, err, "more than %d packages", MAX_PACKAGES);
	return e < 0 ? e : check_packages(rd, r->packages, r->n_packages, err);
}

static int read_exclude(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	struct rcp_recipe *r = to;

	return rcp_read_words(rd, v, rcp_check_package, "exclude: package", &r->exclude,
			      &r->n_exclude, err);
}

static int read_archive(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_archive, to, err);
}

static int read_suite_name(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_suite, to, err);
}

static int read_components(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	struct rcp_suite *s = to;
	struct rcp_word *words = NULL;
	int r = rcp_read_words(rd, v, rcp_check_suite, "component", &words, &s->n_components, err);

	if (r < 0)
		return r;
	if (s->n_components == 0 || !words)
		return rcp_read_throw(rd, v, err, "expected at least one component");
	s->components = eb_arena_alloc(rd->arena, s->n_components * sizeof(*s->components));
	for (size_t i = 0; i < s->n_components; i++)
		s->components[i] = words[i].text;
	return 0;
}

static int read_priority(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	uint64_t n = 0;
	int r = rcp_read_number(rd, v, 10000, &n, err);

	if (r < 0)
		return r;
	*(int *)to = (int)n;
	return 0;
}

static int read_suite(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "archive", read_archive, offsetof(struct rcp_suite, archive), true },
		{ "suite", read_suite_name, offsetof(struct rcp_suite, name), true },
		{ "components", read_components, 0, false },
		{ "priority", read_priority, offsetof(struct rcp_suite, priority), false },
	};
	static const char *main_only[] = { "main" };
	struct rcp_suite *s = to;

	s->pos = rcp_pos_of(v);
	s->components = main_only;
	s->n_components = 1;
	s->priority = 500;
	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), s, err);
}

static int read_suites(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	struct rcp_recipe *r = to;
	struct rcp_unique *u;
	int e = rcp_read_list(rd, v, sizeof(*r->suites), read_suite, &r->suites, &r->n_suites, err);

	if (e < 0)
		return e;
	if (r->n_suites == 0)
		return rcp_read_throw(rd, v, err, "expected at least one suite");
	u = eb_arena_alloc(rd->arena, r->n_suites * sizeof(*u));
	for (size_t i = 0; i < r->n_suites; i++)
		u[i] = (struct rcp_unique){ eb_arena_printf(rd->arena, "%s/%s",
							    r->suites[i].archive,
							    r->suites[i].name),
					    r->suites[i].pos };
	return rcp_check_unique(u, r->n_suites, "suite", err);
}

int rcp_read_debian(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "suites", read_suites, 0, false },
		{ "packages", read_packages, 0, false },
		{ "exclude", read_exclude, 0, false },
		{ "recommends", rcp_read_bool, offsetof(struct rcp_recipe, recommends), false },
	};

	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), to, err);
}

static int read_library(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_file_name, to, err);
}

/* Levels beyond 19 need a window that some readers refuse; 9 is zlib's last. */
static int read_level(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	struct rcp_codec *c = to;
	uint64_t n = 0;
	int r = rcp_read_number(rd, v, strcmp(c->kind, "gzip") == 0 ? 9 : 19, &n, err);

	if (r < 0)
		return r;
	c->level = (int)n;
	return 0;
}

static int read_codec(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "kind", rcp_read_codec_kind, offsetof(struct rcp_codec, kind), true },
		{ "package", rcp_read_package, offsetof(struct rcp_codec, package), true },
		{ "library", read_library, offsetof(struct rcp_codec, library), true },
		{ "level", read_level, 0, false },
	};
	struct rcp_codec *c = to;

	c->pos = rcp_pos_of(v);
	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), c, err);
}

int rcp_read_codecs(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	struct rcp_recipe *r = to;
	struct rcp_unique *u;
	int e = rcp_read_list(rd, v, sizeof(*r->codecs), read_codec, &r->codecs, &r->n_codecs, err);

	if (e < 0)
		return e;
	u = eb_arena_alloc(rd->arena, r->n_codecs * sizeof(*u));
	for (size_t i = 0; i < r->n_codecs; i++)
		u[i] = (struct rcp_unique){ r->codecs[i].kind, r->codecs[i].pos };
	return rcp_check_unique(u, r->n_codecs, "codec", err);
}
