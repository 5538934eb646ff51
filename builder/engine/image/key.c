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
		feed_packages(h, c->stage[s].lock, arch);
	}
	eb_hash_final_hex(h, hex);
	memcpy(ret, hex, 65);
	return 0;
}
