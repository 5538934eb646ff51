#include "image/inputs.h"

#include "base/error.h"
#include "base/mem.h"

struct lister {
	const struct img_stage *stage;
	const char *arch;
	struct eb_arena *arena;
	struct img_inputs *to;
};

static void append(struct lister *l, const struct pkg_input *in, const struct img_asked *asked)
{
	l->to->items[l->to->n] = *in;
	if (asked)
		l->to->asked[l->to->n] = *asked;
	l->to->n++;
}

/* A text of any origin as the name of a layer: its last component, in the characters these have. */
static const char *group_of(struct lister *l, const char *text)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "+-._ ";
	enum { MAX_GROUP_BYTES = 100 };
	const char *slash = strrchr(text, '/');
	char *name = eb_arena_strndup(l->arena, slash ? slash + 1 : text, MAX_GROUP_BYTES);

	for (char *p = name; *p; p++)
		if (!strchr(safe, *p))
			*p = '_';
	return name;
}

static int throw_missing(const struct lister *l, const struct rcp_pos *pos, const char *what,
			 const char *name, struct eb_error **err)
{
	int r = eb_throw(err, EB_E_CONFLICT, "%s:%u:%u: %s has no %s '%s' (%s)", pos->file,
			 pos->line, pos->column,
			 l->stage->lock->file ? l->stage->lock->file : "the lock", what, name,
			 l->arch);

	return eb_hint(err, r, "run 'ess-bundle lock %s' and review the diff",
		       l->stage->recipe->dir);
}

static void list_packages(struct lister *l)
{
	const struct rcp_lock *lock = l->stage->lock;

	for (size_t i = 0; i < lock->n_packages; i++) {
		const struct rcp_locked_package *p = &lock->packages[i];
		struct pkg_input in = { .kind = PKG_INPUT_DEB,
					.name = p->name,
					.version = p->version,
					.group = p->source,
					.sha256 = p->sha256,
					.size = p->size };

		if (strcmp(p->arch, l->arch) != 0)
			continue;
		in.what = eb_arena_printf(l->arena, "package %s %s (%s)", p->name, p->version,
					  p->deb_arch);
		append(l, &in, NULL);
	}
}

static int list_wheels(struct lister *l, struct eb_error **err)
{
	const struct rcp_python *p = &l->stage->recipe->python;
	const struct rcp_lock *lock = l->stage->lock;
	size_t before = l->to->n;

	for (size_t i = 0; p->interpreter && i < lock->n_wheels; i++) {
		const struct rcp_locked_wheel *w = &lock->wheels[i];
		struct pkg_input in = { .kind = PKG_INPUT_WHEEL,
					.name = w->name,
					.version = w->version,
					.sha256 = w->sha256,
					.size = w->size };

		if (strcmp(w->arch, l->arch) != 0)
			continue;
		in.what = eb_arena_printf(l->arena, "wheel %s %s (%s)", w->name, w->version,
					  l->arch);
		in.group = eb_arena_printf(l->arena, "python %s", w->name);
		append(l, &in, NULL);
	}
	if (p->interpreter && l->to->n == before)
		return throw_missing(l, &p->pos, "wheel for", p->requirements[0].text, err);
	return 0;
}

static int list_archives(struct lister *l, struct eb_error **err)
{
	const struct rcp_recipe *rcp = l->stage->recipe;

	for (size_t i = 0; i < rcp->n_archives; i++) {
		const struct rcp_archive *a = &rcp->archives[i];
		const struct img_asked asked = { .pos = &a->pos, .archive = a };
		const struct rcp_locked_archive *locked;
		struct pkg_input in = { .kind = PKG_INPUT_ARCHIVE, .name = a->name };

		if (!rcp_archive_is_for(a, l->arch))
			continue;
		locked = rcp_lock_find_archive(l->stage->lock, a->name, l->arch);
		if (!locked)
			return throw_missing(l, &a->pos, "archive", a->name, err);
		in.what = eb_arena_printf(l->arena, "archive '%s'", a->name);
		in.version = locked->version ? locked->version : "";
		in.group = group_of(l, a->name);
		in.sha256 = locked->sha256;
		in.size = locked->size;
		append(l, &in, &asked);
	}
	return 0;
}

static int list_files(struct lister *l, struct eb_error **err)
{
	const struct rcp_recipe *rcp = l->stage->recipe;

	for (size_t i = 0; i < rcp->n_entries; i++) {
		const struct rcp_entry *e = &rcp->entries[i];
		const struct img_asked asked = { .pos = &e->pos, .file = e };
		const struct rcp_locked_file *locked;
		struct pkg_input in = { .kind = PKG_INPUT_FILE, .name = e->path, .version = "" };

		if (!e->remote.url)
			continue;
		locked = rcp_lock_find_file(l->stage->lock, e->path);
		if (!locked)
			return throw_missing(l, &e->pos, "file", e->path, err);
		in.what = eb_arena_printf(l->arena, "file '%s'", e->path);
		in.group = group_of(l, e->path);
		in.sha256 = locked->sha256;
		in.size = locked->size;
		append(l, &in, &asked);
	}
	return 0;
}

static const struct rcp_locked_program *find_program(const struct lister *l, const struct rcp_go *g)
{
	const struct rcp_lock *lock = l->stage->lock;

	for (size_t i = 0; i < lock->n_programs; i++)
		if (strcmp(lock->programs[i].arch, l->arch) == 0 &&
		    strcmp(lock->programs[i].module, g->module) == 0 &&
		    strcmp(lock->programs[i].package, g->package) == 0)
			return &lock->programs[i];
	return NULL;
}

static int list_programs(struct lister *l, struct eb_error **err)
{
	const struct rcp_recipe *rcp = l->stage->recipe;

	for (size_t i = 0; i < rcp->n_go; i++) {
		const struct rcp_go *g = &rcp->go[i];
		const struct img_asked asked = { .pos = &g->pos, .program = g };
		const struct rcp_locked_program *locked = find_program(l, g);
		struct pkg_input in = { .kind = PKG_INPUT_FILE, .name = g->module };

		if (!locked)
			return throw_missing(l, &g->pos, "program", g->module, err);
		in.what = eb_arena_printf(l->arena, "program %s %s (%s)", g->module,
					  locked->version, l->arch);
		in.version = locked->version;
		in.group = group_of(l, g->path);
		in.sha256 = locked->sha256;
		in.size = locked->size;
		append(l, &in, &asked);
	}
	return 0;
}

/* What a tool makes of the others: after them, with the paths of the image. */
static void list_built(struct lister *l)
{
	const struct rcp_lock *lock = l->stage->lock;

	for (size_t i = 0; i < lock->n_built; i++) {
		const struct rcp_locked_built *b = &lock->built[i];
		const struct pkg_input in = {
			.kind = PKG_INPUT_ARCHIVE,
			.what = eb_arena_printf(l->arena, "%s made by %s (%s)", b->name, b->tool,
						b->arch),
			.name = b->name,
			.version = "",
			.group = group_of(l, b->name),
			.sha256 = b->sha256,
			.size = b->size,
		};

		if (strcmp(b->arch, l->arch) == 0)
			append(l, &in, NULL);
	}
}

static int list_stage(struct lister *l, struct eb_error **err)
{
	int r;

	list_packages(l);
	r = list_wheels(l, err);
	if (r >= 0)
		r = list_archives(l, err);
	if (r >= 0)
		r = list_files(l, err);
	if (r >= 0)
		r = list_programs(l, err);
	if (r >= 0)
		list_built(l);
	return r;
}

int img_inputs_list(const struct img_chain *c, const char *arch, struct eb_arena *arena,
		    struct img_inputs *ret, struct eb_error **err)
{
	EB_CLEANUP(img_inputs_release_p) struct img_inputs to = { 0 };
	size_t max = 0;

	for (size_t s = 0; s < c->n; s++)
		max += c->stage[s].lock->n_packages + c->stage[s].lock->n_wheels +
		       c->stage[s].recipe->n_archives + c->stage[s].recipe->n_entries +
		       c->stage[s].recipe->n_go + c->stage[s].lock->n_built;
	to.items = eb_xcalloc(max, sizeof(*to.items));
	to.asked = eb_xcalloc(max, sizeof(*to.asked));
	to.first = eb_xcalloc(c->n + 1, sizeof(*to.first));
	for (size_t s = 0; s < c->n; s++) {
		struct lister l = {
			.stage = &c->stage[s], .arch = arch, .arena = arena, .to = &to
		};
		int r;

		to.first[s] = to.n;
		r = list_stage(&l, err);
		if (r < 0)
			return r;
	}
	to.first[c->n] = to.n;
	*ret = to;
	to = (struct img_inputs){ 0 };
	return 0;
}

void img_inputs_release(struct img_inputs *i)
{
	free(i->items);
	free(i->asked);
	free(i->first);
	*i = (struct img_inputs){ 0 };
}
