/* The bytecode of a stage: the tree without it says which sources there are. */
#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"
#include "image/emit.h"
#include "image/python.h"
#include "image/rootfs_build.h"
#include "image/shared.h"
#include "pkg/bytecode.h"
#include "pkg/once.h"
#include "pkg/pip.h"

#define NAME "bytecode"
#define SHARED_KIND "bytecode"
#define KIND "bytecode-1" /* of the derived files that say what came out */
enum { MAX_SOURCE = 32 * 1024 * 1024, MAX_SOURCES = 500000, MAX_TOOLS = 16 };

const struct rcp_locked_package *img_python_tool(const struct img_env *env,
						 const struct img_chain *c, size_t *at)
{
	const char *interpreter = img_recipe(c)->python.interpreter;
	size_t n = 0;

	for (size_t s = 0; s < c->n; s++)
		for (size_t i = 0; i < c->stage[s].lock->n_packages; i++) {
			const struct rcp_locked_package *p = &c->stage[s].lock->packages[i];

			if (n++ < *at || strcmp(p->arch, env->host_arch) != 0 || !interpreter ||
			    !pkg_bytecode_needs(interpreter, p->name))
				continue;
			*at = n;
			return p;
		}
	return NULL;
}

/* ---- the sources ---- */

struct source {
	const struct rfs_node *node;
	unsigned int input;
	uint32_t member;
};

struct sources {
	const struct rfs_tree *tree;
	const char *dirs[3]; /* where modules are; without leading slash, with one at the end */
	struct source *v;
	size_t n, alloc;
};

static bool is_module(const struct sources *s, const struct rfs_node *n)
{
	autofree char *path = NULL;
	const struct rfs_origin *o = &s->tree->origins[n->origin];

	if (n->type != RFS_FILE || n->inherited || n->link || o->kind != RFS_ORIGIN_PACKAGE ||
	    n->content.kind != RFS_MEMBER || !eb_span_ends(eb_span_str(n->name), ".py"))
		return false;
	path = rfs_path(n);
	for (size_t i = 0; i < EB_ARRAY_LEN(s->dirs); i++)
		if (strncmp(path, s->dirs[i], strlen(s->dirs[i])) == 0)
			return true;
	return false;
}

static int collect(void *ctx, struct rfs_node *n, struct eb_error **err)
{
	struct sources *s = ctx;
	int r;

	if (!is_module(s, n))
		return 0;
	r = eb_grow(&s->v, &s->alloc, s->n + 1, sizeof(*s->v), MAX_SOURCES, "Python sources", err);
	if (r >= 0)
		s->v[s->n++] = (struct source){ n, s->tree->origins[n->content.origin].input,
						n->content.member };
	return r;
}

/* As they stand in the archives: each is read once, and neighbours stay neighbours. */
static int by_place(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->input != y->input)
		return x->input < y->input ? -1 : 1;
	return (x->member > y->member) - (x->member < y->member);
}

static int add_sources(const struct img_env *env, const struct img_rootfs *root, struct sources *s,
		       struct pkg_bytecode *b, struct eb_error **err)
{
	const struct img_emit x = { .env = env, .tree = root->tree, .inputs = root->inputs.items };
	EB_CLEANUP(img_reader_free_p) struct img_reader *reader = img_reader_new(&x);
	int r = rfs_walk(root->tree, collect, s, err);

	if (r < 0)
		return r;
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_place);
	for (size_t i = 0; i < s->n && r >= 0; i++) {
		autofree char *path = rfs_path(s->v[i].node);
		EB_AUTOBUF(text, MAX_SOURCE);

		r = img_reader_node(reader, s->v[i].node, &text, err);
		if (r >= 0)
			r = pkg_bytecode_add(b, path, eb_buf_str(&text), text.len, err);
	}
	return r < 0 ? r : img_reader_finish(reader, err);
}

/* ---- the tool ---- */

static int open_tool(const struct img_env *env, const struct img_chain *c, struct eb_arena *arena,
		     struct pkg_bytecode **ret, struct eb_error **err)
{
	const char *interpreter = img_recipe(c)->python.interpreter;
	struct pkg_input tools[MAX_TOOLS];
	const struct rcp_locked_package *p;
	struct pkg_bytecode_options o = { .cache = env->cache,
					  .tools = tools,
					  .interpreter = interpreter,
					  .host_arch = env->host_arch };
	size_t at = 0;
	int r;

	while (o.n_tools < MAX_TOOLS && (p = img_python_tool(env, c, &at)) != NULL)
		tools[o.n_tools++] = (struct pkg_input){
			.kind = PKG_INPUT_DEB,
			.what = eb_arena_printf(arena, "package %s %s (%s)", p->name, p->version,
						p->deb_arch),
			.name = p->name,
			.version = p->version,
			.sha256 = p->sha256,
			.size = p->size,
		};
	if (o.n_tools < 3) {
		r = rcp_throw(&img_recipe(c)->python.pos, err,
			      "bytecode: the lock has no %s that runs on this machine (%s)",
			      interpreter, env->host_arch);
		return eb_hint(err, r, "add '%s' to architectures, or say 'bytecode: false'",
			       env->host_arch);
	}
	if (!env->fetch->pip)
		return eb_throw(err, EB_E_UNSUPPORTED, "no place for running %s", interpreter);
	o.temp_dir = env->fetch->pip->temp_dir;
	return pkg_bytecode_new(&o, ret, err);
}

/* The chain as it is without what is built from it. */
struct bare {
	struct img_chain chain;
	struct img_stage *stage;
	struct rcp_lock lock;
};

static void bare_release(struct bare *b)
{
	free(b->stage);
}
EB_DEFINE_RELEASE(struct bare, bare_release)

static void bare_init(struct bare *b, const struct img_chain *c)
{
	b->stage = eb_xmemdup(c->stage, c->n * sizeof(*c->stage));
	b->lock = *c->stage[c->n - 1].lock;
	b->lock.n_built = 0;
	b->stage[c->n - 1].lock = &b->lock;
	b->chain = *c;
	b->chain.stage = b->stage;
}

static int compile(const struct img_env *env, const struct img_chain *c, const char *arch,
		   char ret_sha256[static 65], uint64_t *ret_size, struct eb_error **err)
{
	const struct rcp_python *p = &img_recipe(c)->python;
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	EB_CLEANUP(bare_release_p) struct bare bare = { 0 };
	EB_CLEANUP(img_rootfs_release_p) struct img_rootfs root = { 0 };
	EB_CLEANUP(pkg_bytecode_free_p) struct pkg_bytecode *b = NULL;
	struct sources s = { .dirs = { "usr/lib/python3/dist-packages/",
				       eb_arena_printf(arena, "usr/lib/%s/", p->interpreter),
				       eb_arena_printf(arena, "%s/", p->target + 1) } };
	int r;

	bare_init(&bare, c);
	r = img_rootfs_build(env, &bare.chain, arch, &root, err);
	if (r >= 0)
		r = open_tool(env, c, arena, &b, err);
	s.tree = root.tree;
	if (r >= 0)
		r = add_sources(env, &root, &s, b, err);
	free(s.v);
	if (r >= 0)
		r = pkg_bytecode_make(b, ret_sha256, ret_size, err);
	return r;
}

/* Known from the last time by the key of the stage without it, if it is still there. */
static bool is_known(const struct img_env *env, const char *key, char ret_sha256[static 65],
		     uint64_t *ret_size)
{
	uint64_t size = 0;
	autofd int fd = -1;
	EB_AUTOBUF(text, 256);

	if (pkg_cache_derived_get(env->cache, KIND, key, &text, NULL) < 0 ||
	    !eb_is_hex(eb_buf_str(&text), EB_SHA256_HEX))
		return false;
	fd = pkg_cache_find(env->cache, eb_buf_str(&text), &size, NULL);
	if (fd < 0)
		return false;
	memcpy(ret_sha256, eb_buf_str(&text), EB_SHA256_HEX + 1);
	*ret_size = size;
	return true;
}

static int make(const struct img_env *env, const struct img_chain *c, const char *arch,
		char ret_sha256[static 65], uint64_t *ret_size, struct eb_error **err)
{
	EB_CLEANUP(bare_release_p) struct bare bare = { 0 };
	autofree char *what = eb_xasprintf("bytecode of %s (%s)", img_recipe(c)->name, arch);
	EB_CLEANUP(pkg_once_end_p) struct pkg_once *once = NULL;
	char key[65];
	int r;

	bare_init(&bare, c);
	r = img_stage_key(env, &bare.chain, arch, key, err);
	if (r < 0 || is_known(env, key, ret_sha256, ret_size))
		return r;
	once = pkg_once_begin(env->cache, KIND, key, what, env->progress);
	if (is_known(env, key, ret_sha256, ret_size))
		return 0;
	r = compile(env, c, arch, ret_sha256, ret_size, err);
	if (r >= 0)
		eb_ignore(pkg_cache_derived_put(env->cache, KIND, key, ret_sha256, EB_SHA256_HEX,
						NULL));
	return r;
}

/* "python3.13 3.13.5-2" */
static const char *tool_name(const struct img_chain *c, const char *arch, struct eb_arena *arena)
{
	const char *name = img_recipe(c)->python.interpreter;

	for (size_t s = c->n; s-- > 0;)
		for (size_t i = 0; i < c->stage[s].lock->n_packages; i++) {
			const struct rcp_locked_package *p = &c->stage[s].lock->packages[i];

			if (strcmp(p->arch, arch) == 0 && strcmp(p->name, name) == 0)
				return eb_arena_printf(arena, "%s %s", name, p->version);
		}
	return name;
}

int img_python_bytecode(const struct img_env *env, const struct img_chain *c, struct eb_error **err)
{
	const struct rcp_recipe *rcp = img_recipe(c);
	struct rcp_lock *lock = c->stage[c->n - 1].lock;
	int r = 0;

	if (!rcp->python.interpreter || !rcp->python.bytecode)
		return 0;
	for (size_t i = 0; i < rcp->n_architectures && r >= 0; i++) {
		struct rcp_locked_built b = { .arch = rcp->architectures[i], .name = NAME };
		char sha256[65];

		r = make(env, c, b.arch, sha256, &b.size, err);
		if (r < 0)
			return eb_prefix(err, r, "bytecode of %s for %s", rcp->name, b.arch);
		b.sha256 = sha256;
		b.tool = tool_name(c, b.arch, lock->arena);
		rcp_lock_add_built(lock, &b);
	}
	rcp_lock_sort(lock);
	return r;
}

static const struct rcp_locked_built *find_built(const struct img_chain *c, const char *arch)
{
	const struct rcp_lock *l = c->stage[c->n - 1].lock;

	for (size_t i = 0; i < l->n_built; i++)
		if (strcmp(l->built[i].arch, arch) == 0 && strcmp(l->built[i].name, NAME) == 0)
			return &l->built[i];
	return NULL;
}

bool img_python_has(const struct img_env *env, const struct img_chain *c, const char *arch)
{
	const struct rcp_locked_built *b = find_built(c, arch);
	uint64_t size = 0;
	autofd int fd = b ? pkg_cache_find(env->cache, b->sha256, &size, NULL) : -1;

	return !b || (fd >= 0 && size == b->size);
}

int img_python_remake(const struct img_env *env, const struct img_chain *c, const char *arch,
		      struct eb_error **err)
{
	const struct rcp_locked_built *b = find_built(c, arch);
	EB_CLEANUP(bare_release_p) struct bare bare = { 0 };
	autofree char *what = NULL;
	char sha256[65], key[65];
	uint64_t size;
	int r;

	if (!b)
		return 0;
	bare_init(&bare, c);
	what = eb_xasprintf("bytecode of %s (%s)", img_recipe(c)->name, arch);
	r = img_stage_key(env, &bare.chain, arch, key, err);
	if (r < 0)
		return r;
	if (img_python_has(env, c, arch) ||
	    img_shared_get_file(env->shared, SHARED_KIND, key, what, b->sha256, b->size)) {
		img_shared_put_file(env->shared, SHARED_KIND, key, what, b->sha256, b->size);
		return 0;
	}
	r = make(env, c, arch, sha256, &size, err);
	if (r >= 0 && strcmp(sha256, b->sha256) == 0)
		img_shared_put_file(env->shared, SHARED_KIND, key, what, b->sha256, b->size);
	if (r >= 0 && strcmp(sha256, b->sha256) != 0)
		r = eb_throw(err, EB_E_DIGEST,
			     "made by %s: expected sha256 %s (%llu bytes), got %s (%llu bytes)",
			     b->tool, b->sha256, (unsigned long long)b->size, sha256,
			     (unsigned long long)size);
	return r < 0 ? eb_prefix(err, r, "bytecode of %s for %s", img_recipe(c)->name, arch) : 0;
}
