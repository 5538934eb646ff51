/* The stage key: a hash over everything that decides the bytes of a stage's layers, so that a
 * result is reused exactly when it would come out the same. Fields are length-prefixed, so that no
 * two lists run into the same bytes. */
#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "image/chain.h"

/* Raise when the same inputs give other bytes. */
#define KEY_FORMAT "ess-bundle stage 2"

enum { SOURCE_MAX_BYTES = 64 * 1024 * 1024 };

static void feed(struct eb_hash *h, const char *s)
{
	char len[32];

	snprintf(len, sizeof(len), "%zu:", s ? strlen(s) : 0);
	eb_hash_update(h, len, strlen(len));
	if (s)
		eb_hash_update(h, s, strlen(s));
}

static void feed_u64(struct eb_hash *h, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	feed(h, text);
}

static void feed_words(struct eb_hash *h, const struct rcp_word *w, size_t n)
{
	feed_u64(h, n);
	for (size_t i = 0; i < n; i++)
		feed(h, w[i].text);
}

static void feed_pairs(struct eb_hash *h, const struct rcp_pair *p, size_t n)
{
	feed_u64(h, n);
	for (size_t i = 0; i < n; i++) {
		feed(h, p[i].from);
		feed(h, p[i].to);
	}
}

static int feed_source(struct eb_hash *h, const struct rcp_recipe *rcp, const struct rcp_entry *e,
		       struct eb_error **err)
{
	autofree char *path = eb_xasprintf("%s/%s", rcp->dir, e->source);
	EB_AUTOBUF(b, SOURCE_MAX_BYTES);
	char hex[EB_SHA256_HEX + 1];
	int r = eb_file_read(path, &b, err);

	if (r < 0)
		return eb_prefix(err, r, "%s:%u:%u", e->pos.file, e->pos.line, e->pos.column);
	eb_sha256_hex(eb_buf_str(&b), b.len, hex);
	feed(h, hex);
	return 0;
}

static int feed_entries(struct eb_hash *h, const struct rcp_recipe *rcp, struct eb_error **err)
{
	feed_u64(h, rcp->n_entries);
	for (size_t i = 0; i < rcp->n_entries; i++) {
		const struct rcp_entry *e = &rcp->entries[i];
		int r;

		feed_u64(h, e->kind);
		feed(h, e->path);
		feed(h, e->text);
		feed(h, e->target);
		feed_u64(h, e->mode);
		feed_u64(h, e->uid);
		feed_u64(h, e->gid);
		feed_u64(h, e->replace);
		r = e->source ? feed_source(h, rcp, e, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static void feed_accounts(struct eb_hash *h, const struct rcp_recipe *rcp)
{
	feed_u64(h, rcp->n_users);
	for (size_t i = 0; i < rcp->n_users; i++) {
		const struct rcp_user *u = &rcp->users[i];

		feed(h, u->name);
		feed(h, u->home);
		feed(h, u->shell);
		feed(h, u->comment);
		feed(h, u->group);
		feed_u64(h, u->uid);
		feed_u64(h, u->gid);
	}
	feed_u64(h, rcp->n_groups);
	for (size_t i = 0; i < rcp->n_groups; i++) {
		const struct rcp_group *g = &rcp->groups[i];

		feed(h, g->name);
		feed_u64(h, g->gid);
		feed_u64(h, g->n_members);
		for (size_t m = 0; m < g->n_members; m++)
			feed(h, g->members[m]);
	}
}

static int feed_recipe(struct eb_hash *h, const struct rcp_recipe *rcp, struct eb_error **err)
{
	feed(h, rcp->name);
	feed_words(h, rcp->path_exclude, rcp->n_path_exclude);
	feed_words(h, rcp->path_include, rcp->n_path_include);
	feed_words(h, rcp->remove, rcp->n_remove);
	feed_words(h, rcp->fixups, rcp->n_fixups);
	feed_accounts(h, rcp);
	feed_u64(h, rcp->n_permissions);
	for (size_t i = 0; i < rcp->n_permissions; i++) {
		const struct rcp_permission *p = &rcp->permissions[i];

		feed(h, p->path);
		feed_u64(h, p->has_mode ? p->mode + 1u : 0);
		feed_u64(h, p->has_owner ? (uint64_t)p->uid << 32 | p->gid : UINT64_MAX);
	}
	feed_pairs(h, rcp->alternatives, rcp->n_alternatives);
	feed_pairs(h, rcp->diversions, rcp->n_diversions);
	return feed_entries(h, rcp, err);
}

/* What came after the first form of the key is fed only where there is some, behind a word that no
 * name can be, so that the keys of all others stay what they were. */
static void feed_more(struct eb_hash *h, const char *what, size_t n)
{
	autofree char *mark = eb_xasprintf("\n%s", what);

	feed(h, mark);
	feed_u64(h, n);
}

static void feed_python(struct eb_hash *h, const struct rcp_python *p, const struct rcp_lock *l,
			const char *arch)
{
	if (p->interpreter) {
		feed_more(h, "python", 1);
		feed(h, p->interpreter);
		feed(h, p->target);
		feed(h, p->scripts);
		feed_u64(h, p->bytecode);
		feed_words(h, p->provided, p->n_provided);
	}
	if (l->n_wheels)
		feed_more(h, "wheels", l->n_wheels);
	for (size_t i = 0; i < l->n_wheels; i++)
		if (strcmp(l->wheels[i].arch, arch) == 0) {
			feed(h, l->wheels[i].name);
			feed(h, l->wheels[i].sha256);
		}
	if (l->n_built)
		feed_more(h, "built", l->n_built);
	for (size_t i = 0; i < l->n_built; i++)
		if (strcmp(l->built[i].arch, arch) == 0) {
			feed(h, l->built[i].name);
			feed(h, l->built[i].sha256);
		}
}

static void feed_go(struct eb_hash *h, const struct rcp_recipe *rcp, const struct rcp_lock *l,
		    const char *arch)
{
	if (rcp->n_go)
		feed_more(h, "go", rcp->n_go);
	for (size_t i = 0; i < rcp->n_go; i++) {
		feed(h, rcp->go[i].module);
		feed(h, rcp->go[i].package);
		feed(h, rcp->go[i].path);
	}
	if (l->n_programs)
		feed_more(h, "programs", l->n_programs);
	for (size_t i = 0; i < l->n_programs; i++)
		if (strcmp(l->programs[i].arch, arch) == 0) {
			feed(h, l->programs[i].module);
			feed(h, l->programs[i].package);
			feed(h, l->programs[i].sha256);
		}
}

static void feed_archives(struct eb_hash *h, const struct rcp_recipe *rcp, const struct rcp_lock *l,
			  const char *arch)
{
	if (rcp->n_archives)
		feed_more(h, "archives", rcp->n_archives);
	for (size_t i = 0; i < rcp->n_archives; i++) {
		const struct rcp_archive *a = &rcp->archives[i];
		const struct rcp_locked_archive *locked = rcp_lock_find_archive(l, a->name, arch);

		if (!rcp_archive_is_for(a, arch))
			continue;
		feed(h, a->name);
		feed(h, locked ? locked->sha256 : NULL);
		feed_u64(h, a->strip);
		feed(h, a->subpath);
		feed(h, a->to);
		feed_u64(h, (uint64_t)a->uid << 32 | a->gid);
	}
	if (l->n_files)
		feed_more(h, "files", l->n_files);
	for (size_t i = 0; i < l->n_files; i++) {
		feed(h, l->files[i].path);
		feed(h, l->files[i].sha256);
	}
}

static void feed_packages(struct eb_hash *h, const struct rcp_lock *l, const char *arch)
{
	for (size_t p = 0; p < l->n_packages; p++) {
		if (strcmp(l->packages[p].arch, arch) != 0)
			continue;
		feed(h, l->packages[p].name);
		feed(h, l->packages[p].sha256);
	}
}

int img_stage_key(const struct img_env *env, const struct img_chain *c, const char *arch,
		  char ret[static 65], struct eb_error **err)
{
	EB_CLEANUP(eb_hash_free_p) struct eb_hash *h = eb_hash_new(EB_SHA256);
	const struct rcp_locked_codec *k = img_locked_codec(env, c, NULL);
	char hex[EB_HASH_MAX_HEX + 1];

	feed(h, KEY_FORMAT);
	feed(h, arch);
	feed_u64(h, (uint64_t)img_epoch(env, c));
	/* Libraries of one version give the same bytes on every architecture, so the version counts
	 * and not this host's file. */
	feed(h, eb_codec_name(env->compression));
	feed(h, k ? k->version : "system");
	feed_u64(h, k ? (uint64_t)k->level : 0);
	for (size_t s = 0; s < c->n; s++) {
		int r = feed_recipe(h, c->stage[s].recipe, err);

		if (r < 0)
			return r;
		if (c->stage[s].recipe->image.ref) {
			feed_more(h, "image", 1);
			feed(h, c->stage[s].recipe->image.digest);
		}
		feed_packages(h, c->stage[s].lock, arch);
		feed_python(h, &c->stage[s].recipe->python, c->stage[s].lock, arch);
		feed_go(h, c->stage[s].recipe, c->stage[s].lock, arch);
		feed_archives(h, c->stage[s].recipe, c->stage[s].lock, arch);
	}
	eb_hash_final_hex(h, hex);
	memcpy(ret, hex, 65);
	return 0;
}
