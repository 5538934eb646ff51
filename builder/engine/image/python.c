/* Choosing wheels: what the target is follows from the Debian packages that the lock has. */
#include "image/python.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "pkg/index.h"
#include "pkg/input.h"
#include "pkg/pip.h"
#include "pkg/wheel.h"
#include "pkg/wheel_file.h"
#include "pkg/wheel_tree.h"

#define DEBIAN_LIBRARY "usr/lib/python3/dist-packages/"

void img_python_scheme(const struct rcp_recipe *rcp, struct eb_arena *arena,
		       struct pkg_wheel_scheme *ret)
{
	const struct rcp_python *p = &rcp->python;

	*ret = (struct pkg_wheel_scheme){
		.library = p->target,
		.scripts = p->scripts,
		.data = "/usr/local",
		.headers = eb_arena_printf(arena, "/usr/local/include/%s", p->interpreter),
		.python = eb_arena_printf(arena, "/usr/bin/%s", p->interpreter),
	};
}

static const struct rcp_locked_package *find_package(const struct img_chain *c, const char *arch,
						     const char *name)
{
	for (size_t s = c->n; s-- > 0;)
		for (size_t i = 0; i < c->stage[s].lock->n_packages; i++) {
			const struct rcp_locked_package *p = &c->stage[s].lock->packages[i];

			if (strcmp(p->arch, arch) == 0 && strcmp(p->name, name) == 0)
				return p;
		}
	return NULL;
}

static int need_package(const struct img_chain *c, const char *arch, const char *name,
			const struct rcp_locked_package **ret, struct eb_error **err)
{
	*ret = find_package(c, arch, name);
	if (*ret)
		return 0;
	return rcp_throw(&img_recipe(c)->python.pos, err,
			 "python: package '%s' is not in the image (%s)", name, arch);
}

/* The version that Python tells of itself: "3.13.5" of "3.13.5-2+deb13u1", "3.14.0rc1" of
 * "1:3.14.0~rc1-1". */
static char *upstream_version(const char *debian)
{
	const char *colon = strchr(debian, ':');
	char *v = eb_xstrdup(colon ? colon + 1 : debian), *to = v;

	v[strcspn(v, "+-")] = '\0';
	for (const char *from = v; *from; from++)
		if (*from != '~')
			*to++ = *from;
	*to = '\0';
	return v;
}

static int glibc_minor(const char *version, unsigned int *ret, struct eb_error **err)
{
	struct eb_span rest = eb_span_str(version), part = { NULL, 0 };
	uint64_t v = 0;

	if (eb_span_next(&rest, '.', &part) && eb_span_eq(part, "2"))
		part = (struct eb_span){ rest.ptr, strspn(rest.ptr, "0123456789") };
	if (!part.len || eb_parse_u64(part, 99, &v, NULL) < 0 || v == 0)
		return eb_throw(err, EB_E_UNSUPPORTED, "libc6 %s, expected 2.x", version);
	*ret = (unsigned int)v;
	return 0;
}

/* ---- what Debian packages provide ---- */

/* "psycopg2-2.9.10.dist-info/..." or "psycopg2-2.9.10.egg-info": its version if it is of that
 * name (arena), else NULL. */
static const char *version_of(const char *path, const char *name, struct eb_arena *arena)
{
	struct eb_span top = { path, strcspn(path, "/") }, rest, dist, version;
	autofree char *text = NULL;
	const char *tag;

	if (!eb_span_ends(top, ".dist-info") && !eb_span_ends(top, ".egg-info"))
		return NULL;
	rest = (struct eb_span){ top.ptr, top.len };
	rest.len -= eb_span_ends(top, ".egg-info") ? strlen(".egg-info") : strlen(".dist-info");
	if (!eb_span_next(&rest, '-', &dist) || !rest.len)
		return NULL;
	text = eb_span_dup(dist);
	if (!pkg_wheel_same_name(text, name))
		return NULL;
	tag = memmem(rest.ptr, rest.len, "-py", 3);
	version = (struct eb_span){ rest.ptr, tag ? (size_t)(tag - rest.ptr) : rest.len };
	return eb_arena_strndup(arena, version.ptr, version.len);
}

static const char *find_version(const struct pkg_index *x, const char *name, struct eb_arena *arena)
{
	for (size_t i = 0; i < x->n_entries; i++) {
		const char *path = x->entries[i].path, *v;

		if (strncmp(path, DEBIAN_LIBRARY, strlen(DEBIAN_LIBRARY)) != 0)
			continue;
		v = version_of(path + strlen(DEBIAN_LIBRARY), name, arena);
		if (v)
			return v;
	}
	return NULL;
}

static struct pkg_input input_of(const struct rcp_locked_package *p, struct eb_arena *arena)
{
	return (struct pkg_input){
		.kind = PKG_INPUT_DEB,
		.what = eb_arena_printf(arena, "package %s %s (%s)", p->name, p->version,
					p->deb_arch),
		.name = p->name,
		.version = p->version,
		.sha256 = p->sha256,
		.size = p->size,
	};
}

static int find_provided(const struct img_env *env, const struct img_chain *c, const char *arch,
			 const struct rcp_word *w, struct eb_arena *arena, const char **ret,
			 struct eb_error **err)
{
	for (size_t s = 0; s < c->n; s++) {
		const struct rcp_lock *l = c->stage[s].lock;

		for (size_t i = 0; i < l->n_packages; i++) {
			EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
			const struct pkg_input in = input_of(&l->packages[i], arena);
			int r;

			if (strcmp(l->packages[i].arch, arch) != 0)
				continue;
			r = pkg_input_index(env->cache, &in, &x, err);
			if (r < 0)
				return r;
			*ret = find_version(x, w->text, arena);
			if (*ret)
				return 0;
		}
	}
	return rcp_throw(&w->pos, err,
			 "python: no Debian package of the image provides the distribution '%s' "
			 "(%s)",
			 w->text, arch);
}

/* ---- one architecture ---- */

static bool is_for(const struct rcp_word *w, const char *arch)
{
	for (size_t i = 0; i < w->n_arches; i++)
		if (strcmp(w->arches[i], arch) == 0)
			return true;
	return w->n_arches == 0;
}

static int resolve(const struct img_env *env, const struct img_chain *c, const char *arch,
		   struct eb_arena *arena, struct pkg_pip_set **ret, struct eb_error **err)
{
	const struct rcp_python *p = &img_recipe(c)->python;
	struct pkg_pip_provided *given = eb_arena_alloc(arena,
							(p->n_provided + 1) * sizeof(*given));
	const char **want = eb_arena_alloc(arena, (p->n_requirements + 1) * sizeof(*want));
	const struct rcp_locked_package *python, *libc;
	struct pkg_pip_target t = { .arch = arch };
	size_t n_want = 0, n_given = 0;
	autofree char *version = NULL;
	int r = need_package(c, arch, p->interpreter, &python, err);

	if (r >= 0)
		r = need_package(c, arch, "libc6", &libc, err);
	if (r >= 0)
		r = glibc_minor(libc->version, &t.glibc_minor, err);
	if (r < 0)
		return r;
	t.python = version = upstream_version(python->version);
	for (size_t i = 0; i < p->n_requirements; i++)
		if (is_for(&p->requirements[i], arch))
			want[n_want++] = p->requirements[i].text;
	for (size_t i = 0; i < p->n_provided && r >= 0; i++) {
		if (!is_for(&p->provided[i], arch))
			continue;
		given[n_given].name = p->provided[i].text;
		r = find_provided(env, c, arch, &p->provided[i], arena, &given[n_given++].version,
				  err);
	}
	if (r >= 0)
		r = pkg_pip_resolve(env->fetch->pip, &t, want, n_want, given, n_given, ret, err);
	return r;
}

static int lock_wheel(const struct img_env *env, const struct pkg_pip_wheel *w, const char *arch,
		      struct rcp_lock *lock, struct eb_arena *arena, struct eb_error **err)
{
	EB_CLEANUP(pkg_index_free_p) struct pkg_index *x = NULL;
	uint64_t size = 0;
	autofd int fd = pkg_cache_find(env->cache, w->sha256, &size, err);
	const struct pkg_input in = { .kind = PKG_INPUT_WHEEL,
				      .what = eb_arena_printf(arena, "wheel %s", w->file),
				      .name = w->name,
				      .version = w->version,
				      .sha256 = w->sha256,
				      .size = size };
	int r = fd < 0 ? fd : pkg_input_index(env->cache, &in, &x, err);

	if (r < 0)
		return r;
	r = pkg_wheel_check_file((const struct pkg_wheel *)x, w->file, err);
	if (r < 0)
		return eb_prefix(err, r, "%s", in.what);
	rcp_lock_add_wheel(lock, &(struct rcp_locked_wheel){ .arch = arch,
							     .name = w->name,
							     .version = w->version,
							     .sha256 = w->sha256,
							     .file = w->file,
							     .size = size });
	return 0;
}

static int choose(const struct img_env *env, const struct img_chain *c, const char *arch,
		  struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	EB_CLEANUP(pkg_pip_set_free_p) struct pkg_pip_set *set = NULL;
	int r = resolve(env, c, arch, arena, &set, err);

	if (r >= 0)
		r = pkg_pip_download(env->fetch->pip, set->wheels, set->n, env->cache, err);
	for (size_t i = 0; r >= 0 && i < set->n; i++)
		r = lock_wheel(env, &set->wheels[i], arch, c->stage[c->n - 1].lock, arena, err);
	return r;
}

/* The Debian packages of the chain alone: the other inputs of its last stage are not known yet. */
static int fetch_packages(const struct img_env *env, const struct img_chain *c,
			  struct eb_error **err)
{
	autofree struct img_stage *stage = eb_xmemdup(c->stage, c->n * sizeof(*stage));
	struct rcp_recipe recipe = *img_recipe(c);
	struct img_chain bare = *c;
	const struct img_need need = { .chain = &bare };

	recipe.python = (struct rcp_python){ 0 };
	recipe.n_go = 0;
	stage[c->n - 1].recipe = &recipe;
	bare.stage = stage;
	return img_fetch(env, &need, 1, err);
}

int img_python_wheels(const struct img_env *env, const struct img_chain *c, struct eb_error **err)
{
	const struct rcp_recipe *rcp = img_recipe(c);
	const struct rcp_pos *pos = &rcp->python.pos;
	int r;

	if (!rcp->python.interpreter)
		return 0;
	if (env->fetch->offline || !env->fetch->pip)
		return eb_throw(err, EB_E_OFFLINE,
				"%s:%u:%u: choosing wheels needs the network, and --offline "
				"forbids it",
				pos->file, pos->line, pos->column);
	c->stage[c->n - 1].lock->n_wheels = 0;
	c->stage[c->n - 1].lock->n_built = 0;
	r = fetch_packages(env, c, err);
	for (size_t i = 0; r >= 0 && i < rcp->n_architectures; i++) {
		r = choose(env, c, rcp->architectures[i], err);
		if (r < 0)
			return eb_prefix(err, r, "%s:%u:%u: wheels for %s", pos->file, pos->line,
					 pos->column, rcp->architectures[i]);
	}
	if (r >= 0)
		rcp_lock_sort(c->stage[c->n - 1].lock);
	return r;
}
