#include "image/rootfs_build.h"

#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/pool.h"
#include "image/base.h"
#include "image/emit.h"
#include "image/python.h"
#include "pkg/deb.h"
#include "pkg/deb_tree.h"
#include "pkg/layer_tree.h"
#include "pkg/tarball.h"
#include "pkg/wheel_tree.h"
#include "rootfs/fixups.h"

struct builder {
	const struct img_env *env;
	const struct img_chain *chain;
	const char *arch;
	struct rfs_tree *tree;
	struct img_inputs inputs;
	struct pkg_index **index; /* by input */
	struct eb_arena *arena;	  /* small arrays, freed at the end */
	struct rfs_rule *rules;
	size_t n_rules;
	struct rfs_diversion *diversions;
	size_t n_diversions;
};

void img_rootfs_release(struct img_rootfs *r)
{
	rfs_tree_free(r->tree);
	img_inputs_release(&r->inputs);
	*r = (struct img_rootfs){ 0 };
}

/* ---- inputs ---- */

static int load_index(void *ctx, size_t i, struct eb_error **err)
{
	struct builder *b = ctx;
	const struct rcp_pos *asked = b->inputs.asked[i].pos;
	int r = pkg_input_index(b->env->cache, &b->inputs.items[i], &b->index[i], err);

	if (r < 0 && asked)
		return eb_prefix(err, r, "%s:%u:%u", asked->file, asked->line, asked->column);
	return r;
}

static bool has_fixup(const struct img_chain *c, const char *name)
{
	for (size_t s = 0; s < c->n; s++)
		for (size_t i = 0; i < c->stage[s].recipe->n_fixups; i++)
			if (strcmp(c->stage[s].recipe->fixups[i].text, name) == 0)
				return true;
	return false;
}

/* A recipe's rules hold its parents' already (rcp_chain_load); includes decide over excludes. */
static void add_rules(struct builder *b, const struct rcp_recipe *rcp)
{
	size_t n = 0;
	struct rfs_rule *rules = eb_arena_alloc(
		b->arena, (rcp->n_path_exclude + rcp->n_path_include + 1) * sizeof(*rules));

	for (size_t i = 0; i < rcp->n_path_exclude; i++)
		rules[n++] = (struct rfs_rule){ rcp->path_exclude[i].text, false };
	for (size_t i = 0; i < rcp->n_path_include; i++)
		rules[n++] = (struct rfs_rule){ rcp->path_include[i].text, true };
	b->rules = rules;
	b->n_rules = n;
}

static void add_diversions(struct builder *b, const struct rcp_recipe *rcp)
{
	size_t n = b->n_diversions + rcp->n_diversions;
	struct rfs_diversion *d = eb_arena_alloc(b->arena, (n + 1) * sizeof(*d));

	if (b->n_diversions)
		memcpy(d, b->diversions, b->n_diversions * sizeof(*d));
	n = b->n_diversions;
	for (size_t i = 0; i < rcp->n_diversions; i++)
		d[n++] = (struct rfs_diversion){ rcp->diversions[i].from, rcp->diversions[i].to,
						 NULL };
	b->diversions = d;
	b->n_diversions = n;
}

/* The place in the recipe that asks for the package, or asks for what needs it. */
static int where_wanted(const struct rcp_recipe *rcp, const char *name, int code,
			struct eb_error **err)
{
	for (size_t i = 0; i < rcp->n_packages; i++) {
		const struct rcp_word *w = &rcp->packages[i];
		size_t n = strcspn(w->text, " =/(");

		if (strlen(name) == n && strncmp(w->text, name, n) == 0)
			return eb_prefix(err, code, "%s:%u:%u", w->pos.file, w->pos.line,
					 w->pos.column);
	}
	return eb_prefix(err, code, "%s", rcp->file);
}

static int add_archive(struct builder *b, size_t i, unsigned int origin, int64_t epoch,
		       struct eb_error **err)
{
	const struct rcp_archive *a = b->inputs.asked[i].archive;
	/* What a tool has built is in the places of the image already. */
	struct pkg_archive_place p = { .subpath = "", .to = "", .epoch_sec = epoch };

	if (a)
		p = (struct pkg_archive_place){ .strip = a->strip,
						.subpath = a->subpath,
						.to = a->to + 1,
						.uid = a->uid,
						.gid = a->gid,
						.epoch_sec = epoch };
	return pkg_archive_to_tree(b->tree, origin, b->index[i], &p, err);
}

/* A download or a program: one file at the place that the recipe says. */
static int add_file(struct builder *b, size_t i, unsigned int origin, int64_t epoch,
		    struct eb_error **err)
{
	const struct img_asked *asked = &b->inputs.asked[i];
	const struct rcp_entry *e = asked->file;
	const char *path = e ? e->path : asked->program->path;
	struct rfs_attr attr = { .type = RFS_FILE,
				 .mode = e ? e->mode : 0755,
				 .uid = e ? e->uid : 0,
				 .gid = e ? e->gid : 0,
				 .mtime_sec = epoch,
				 .size = b->inputs.items[i].size,
				 .content = { .kind = RFS_MEMBER, .origin = origin } };
	int r = rfs_add(b->tree, origin, path + 1, &attr, e && e->replace ? RFS_REPLACE : 0, NULL,
			err);

	if (r == -EB_E_CONFLICT && e && !e->replace)
		r = eb_hint(err, r, "say 'replace: true' there if the recipe's is to win");
	return r;
}

static int add_wheel(struct builder *b, size_t i, size_t s, unsigned int origin,
		     const struct rfs_merge_options *o, struct eb_error **err)
{
	struct pkg_wheel_scheme scheme;

	img_python_scheme(b->chain->stage[s].recipe, b->arena, &scheme);
	return pkg_wheel_to_tree(b->tree, origin, (const struct pkg_wheel *)b->index[i], &scheme, o,
				 err);
}

/* How the members of each kind become entries of the tree. */
static int add_input(struct builder *b, size_t i, size_t s, unsigned int origin,
		     const struct rfs_merge_options *o, struct eb_error **err)
{
	const struct pkg_input *in = &b->inputs.items[i];
	const struct pkg_deb_index *deb;
	int r;

	switch (in->kind) {
	case PKG_INPUT_DEB:
		deb = (const struct pkg_deb_index *)b->index[i];
		r = pkg_deb_check_identity(deb, in->version, b->arch, err);
		return r < 0 ? eb_prefix(err, r, "%s", in->what)
			     : pkg_deb_to_tree(b->tree, origin, deb, o, err);
	case PKG_INPUT_ARCHIVE:
		return add_archive(b, i, origin, o->epoch_sec, err);
	case PKG_INPUT_FILE:
		return add_file(b, i, origin, o->epoch_sec, err);
	case PKG_INPUT_WHEEL:
		return add_wheel(b, i, s, origin, o, err);
	}
	return eb_throw(err, EB_E_UNSUPPORTED, "%s: cannot be put into an image", in->what);
}

static int add_inputs(struct builder *b, size_t s, struct eb_error **err)
{
	struct img_chain upto = img_chain_upto(b->chain, s);
	const struct img_inputs *in = &b->inputs;
	struct rfs_merge_options o = { .rules = b->rules,
				       .n_rules = b->n_rules,
				       .diversions = b->diversions,
				       .n_diversions = b->n_diversions,
				       .merged_usr = has_fixup(&upto, "usrmerge"),
				       .epoch_sec = img_epoch(b->env, &upto) };

	for (size_t i = in->first[s]; i < in->first[s + 1]; i++) {
		const struct rcp_pos *asked = in->asked[i].pos;
		unsigned int origin = rfs_tree_origin(b->tree, RFS_ORIGIN_PACKAGE,
						      in->items[i].name, (unsigned int)i,
						      (unsigned int)s);
		int r = add_input(b, i, s, origin, &o, err);

		if (r < 0 && asked)
			return eb_prefix(err, r, "%s:%u:%u", asked->file, asked->line,
					 asked->column);
		if (r < 0)
			return where_wanted(img_recipe(&upto), in->items[i].name, r, err);
	}
	return 0;
}

/* ---- what the recipe writes ---- */

static int host_file(struct builder *b, const struct rcp_recipe *rcp, const struct rcp_entry *e,
		     struct rfs_attr *attr, struct eb_error **err)
{
	const char *path = eb_arena_printf(b->tree->arena, "%s/%s", rcp->dir, e->source);
	struct stat st;

	if (stat(path, &st) < 0)
		return eb_throw_errno(err, "'%s'", path);
	if (!S_ISREG(st.st_mode))
		return eb_throw(err, EB_E_RECIPE, "'%s' is not a regular file", path);
	attr->size = (uint64_t)st.st_size;
	attr->content.kind = RFS_HOST;
	attr->content.host_path = path;
	return 0;
}

static int add_entry(struct builder *b, unsigned int origin, const struct rcp_recipe *rcp,
		     const struct rcp_entry *e, int64_t epoch, struct eb_error **err)
{
	struct rfs_attr attr = {
		.mode = e->mode, .uid = e->uid, .gid = e->gid, .mtime_sec = epoch
	};
	struct rfs_node *node;
	int r = 0;

	switch (e->kind) {
	case RCP_DIRECTORY:
		attr.type = RFS_DIR;
		break;
	case RCP_LINK:
		attr.type = RFS_SYMLINK;
		attr.mode = 0777;
		attr.target = e->target;
		break;
	case RCP_FILE:
		attr.type = RFS_FILE;
		attr.content.kind = RFS_INLINE;
		attr.content.data = e->text;
		attr.size = e->text ? strlen(e->text) : 0;
		if (e->source)
			r = host_file(b, rcp, e, &attr, err);
		break;
	}
	if (r >= 0)
		r = rfs_add(b->tree, origin, e->path + 1, &attr, e->replace ? RFS_REPLACE : 0,
			    &node, err);
	if (r == -EB_E_CONFLICT && !e->replace && rfs_lookup(b->tree, e->path + 1))
		r = eb_hint(err, r, "say 'replace: true' there if the recipe's is to win");
	if (r < 0)
		return eb_prefix(err, r, "%s:%u:%u", e->pos.file, e->pos.line, e->pos.column);
	/* A directory that a package has already takes what the recipe says. */
	if (e->kind == RCP_DIRECTORY &&
	    (node->mode != e->mode || node->uid != e->uid || node->gid != e->gid)) {
		node->mode = e->mode;
		node->uid = e->uid;
		node->gid = e->gid;
		rfs_touch(b->tree, node, origin);
	}
	return 0;
}

/* What is there by a name like it, in the same directory. */
static int throw_missing(const struct builder *b, const struct rcp_permission *p,
			 struct eb_error **err)
{
	size_t n = (size_t)(strrchr(p->path, '/') - p->path);
	autofree char *dir = eb_xstrndup(p->path, n);
	const struct rfs_node *d = rfs_lookup_follow(b->tree, n ? dir + 1 : "");
	autofree const char **names = eb_xcalloc(d ? d->n_child + 1 : 1, sizeof(*names));
	const char *near;

	for (size_t i = 0; d && i < d->n_child; i++)
		names[i] = d->child[i]->name;
	near = eb_nearest(p->path + n + 1, names);
	if (!near)
		return rcp_throw(&p->pos, err, "there is no '%s' in the image", p->path);
	return rcp_throw(&p->pos, err, "there is no '%s' in the image; did you mean '%s/%s'?",
			 p->path, dir, near);
}

static int set_permission(struct builder *b, unsigned int origin, const struct rcp_permission *p,
			  struct eb_error **err)
{
	struct rfs_node *n = rfs_lookup_follow(b->tree, p->path + 1);

	if (!n)
		return throw_missing(b, p, err);
	n = n->link ? n->link : n;
	if (p->has_mode)
		n->mode = p->mode;
	if (p->has_owner) {
		n->uid = p->uid;
		n->gid = p->gid;
	}
	rfs_touch(b->tree, n, origin);
	return 0;
}

static int apply_recipe(struct builder *b, size_t s, unsigned int origin, struct eb_error **err)
{
	struct img_chain upto = img_chain_upto(b->chain, s);
	const struct rcp_recipe *rcp = img_recipe(&upto);
	int64_t epoch = img_epoch(b->env, &upto);
	int r = 0;

	for (size_t i = 0; i < rcp->n_entries && r >= 0; i++)
		if (!rcp->entries[i].remote.url) /* else it is an input: add_file() */
			r = add_entry(b, origin, rcp, &rcp->entries[i], epoch, err);
	return r;
}

static int finish_recipe(struct builder *b, const struct rcp_recipe *rcp, unsigned int origin,
			 struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < rcp->n_permissions && r >= 0; i++)
		r = set_permission(b, origin, &rcp->permissions[i], err);
	for (size_t i = 0; i < rcp->n_remove && r >= 0; i++) {
		const struct rcp_word *w = &rcp->remove[i];
		size_t n = 0;

		r = rfs_remove_matching(b->tree, w->text, &n, err);
		if (r >= 0 && n == 0)
			return rcp_throw(&w->pos, err, "'%s' matches nothing in the image",
					 w->text);
	}
	return r;
}

/* ---- fix-ups ---- */

static int read_node(void *ctx, const struct rfs_node *n, struct eb_buf *out, struct eb_error **err)
{
	return img_reader_node(ctx, n, out, err);
}

static void declare_accounts(struct builder *b, const struct img_chain *upto,
			     struct rfs_fixup_env *f)
{
	struct rfs_user *users;
	struct rfs_group *groups;
	struct rfs_alternative *alts;
	size_t n[3] = { 0, 0, 0 };

	for (size_t s = 0; s < upto->n; s++) {
		n[0] += upto->stage[s].recipe->n_users;
		n[1] += upto->stage[s].recipe->n_groups;
		n[2] += upto->stage[s].recipe->n_alternatives;
	}
	users = eb_arena_alloc(b->arena, (n[0] + 1) * sizeof(*users));
	groups = eb_arena_alloc(b->arena, (n[1] + 1) * sizeof(*groups));
	alts = eb_arena_alloc(b->arena, (n[2] + 1) * sizeof(*alts));
	f->users = users;
	f->groups = groups;
	f->alternatives = alts;
	for (size_t s = 0; s < upto->n; s++) {
		const struct rcp_recipe *rcp = upto->stage[s].recipe;

		for (size_t i = 0; i < rcp->n_users; i++) {
			const struct rcp_user *u = &rcp->users[i];

			users[f->n_users++] = (struct rfs_user){ u->name,   u->uid,  u->gid,
								 u->group,  u->home, u->shell,
								 u->comment };
		}
		for (size_t i = 0; i < rcp->n_groups; i++) {
			const struct rcp_group *g = &rcp->groups[i];

			groups[f->n_groups++] = (struct rfs_group){ g->name, g->gid,
								    (const char *const *)g->members,
								    g->n_members };
		}
		for (size_t i = 0; i < rcp->n_alternatives; i++)
			alts[f->n_alternatives++] = (struct rfs_alternative){
				rcp->alternatives[i].from, rcp->alternatives[i].to
			};
	}
}

/* A stage repeats the fix-ups of its parents: they leave alone what is right already. */
static int run_fixups(const struct img_chain *upto, const struct rfs_fixup_env *f,
		      struct eb_error **err)
{
	for (size_t s = 0; s < upto->n; s++) {
		const struct rcp_recipe *rcp = upto->stage[s].recipe;

		for (size_t i = 0; i < rcp->n_fixups; i++) {
			const struct rcp_word *w = &rcp->fixups[i];
			int r = rfs_fixup_run(w->text, f, err);

			if (r < 0)
				return eb_prefix(err, r, "%s:%u:%u", w->pos.file, w->pos.line,
						 w->pos.column);
		}
	}
	if (f->n_alternatives && !has_fixup(upto, "alternatives"))
		return rfs_fixup_run("alternatives", f, err);
	return 0;
}

static int fix_up(struct builder *b, size_t s, struct eb_error **err)
{
	struct img_chain upto = img_chain_upto(b->chain, s);
	struct img_emit x = { .env = b->env, .tree = b->tree, .inputs = b->inputs.items };
	EB_CLEANUP(img_reader_free_p) struct img_reader *reader = img_reader_new(&x);
	struct rfs_fixup_env f = { .tree = b->tree,
				   .arch = b->arch,
				   .epoch_sec = img_epoch(b->env, &upto),
				   .stage = (unsigned int)s,
				   .read = read_node,
				   .ctx = reader };
	int r;

	declare_accounts(b, &upto, &f);
	r = run_fixups(&upto, &f, err);
	return r < 0 ? r : img_reader_finish(reader, err);
}

/* ---- all of it ---- */

/* The layers of an image of somebody else's, which come after all other inputs. */
static int add_base(struct builder *b, struct eb_error **err)
{
	int r = 0;

	for (size_t i = b->inputs.first[b->chain->n]; i < b->inputs.n && r >= 0; i++) {
		const struct pkg_input *in = &b->inputs.items[i];
		unsigned int origin = rfs_tree_origin(b->tree, RFS_ORIGIN_PACKAGE, in->name,
						      (unsigned int)i, 0);

		r = pkg_layer_to_tree(b->tree, origin, b->index[i], err);
		if (r < 0)
			return eb_prefix(err, r, "%s", in->what);
	}
	return r;
}

static int build_stage(struct builder *b, size_t s, struct eb_error **err)
{
	const struct rcp_recipe *rcp = b->chain->stage[s].recipe;
	unsigned int origin;
	int r;

	if (rcp->image.ref)
		return add_base(b, err);

	if (s > 0)
		rfs_inherit(b->tree);
	add_rules(b, rcp);
	add_diversions(b, rcp);
	r = add_inputs(b, s, err);
	if (r < 0)
		return r;
	origin = rfs_tree_origin(b->tree, RFS_ORIGIN_RECIPE, rcp->name, 0, (unsigned int)s);
	r = apply_recipe(b, s, origin, err);
	if (r >= 0)
		r = fix_up(b, s, err);
	if (r >= 0)
		r = finish_recipe(b, rcp, origin, err);
	return r;
}

static int build_all(struct builder *b, struct eb_error **err)
{
	int r;

	r = img_inputs_list(b->chain, b->arch, b->tree->arena, &b->inputs, err);
	if (r >= 0 && img_base(b->chain))
		r = img_base_inputs(b->env, b->chain, b->arch, b->tree->arena, &b->inputs, err);
	if (r < 0)
		return r;
	b->index = eb_arena_alloc(b->arena, (b->inputs.n + 1) * sizeof(struct pkg_index *));
	r = eb_pool_map(b->env->pool, b->inputs.n, load_index, b, err);
	for (size_t s = 0; s < b->chain->n && r >= 0; s++)
		r = build_stage(b, s, err);
	for (size_t i = 0; i < b->inputs.n; i++)
		pkg_index_free(b->index[i]);
	return r;
}

int img_rootfs_build(const struct img_env *env, const struct img_chain *c, const char *arch,
		     struct img_rootfs *ret, struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct builder b = {
		.env = env, .chain = c, .arch = arch, .tree = rfs_tree_new(), .arena = arena
	};
	int r = build_all(&b, err);

	if (r < 0) {
		rfs_tree_free(b.tree);
		img_inputs_release(&b.inputs);
		return r;
	}
	*ret = (struct img_rootfs){ b.tree, b.inputs };
	return 0;
}
