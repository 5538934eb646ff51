/* Keys of a recipe about what is downloaded: archives, and files with a URL. */
#include "base/error.h"
#include "base/mem.h"
#include "recipe/recipe_parse.h"

/* Nothing that goes into an image is larger; deeper trees are refused anyway. */
#define MAX_SIZE_BYTES ((uint64_t)64 << 30)
enum { MAX_STRIP = 64, SHOWN_COMMIT = 12 };

int rcp_read_url(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_url, to, err);
}

int rcp_read_file_size(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	return rcp_read_number(rd, v, MAX_SIZE_BYTES, to, err);
}

int rcp_read_mirrors(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	struct rcp_remote *m = to;
	struct rcp_word *words = NULL;
	int r = rcp_read_words(rd, v, rcp_check_url, "mirror", &words, &m->n_mirrors, err);

	if (r < 0)
		return r;
	m->mirrors = eb_arena_alloc(rd->arena, m->n_mirrors * sizeof(*m->mirrors));
	for (size_t i = 0; i < m->n_mirrors; i++)
		m->mirrors[i] = words[i].text;
	return 0;
}

int rcp_check_remote(struct rcp_reader *rd, const struct rcp_yaml *v, const struct rcp_remote *m,
		     struct eb_error **err)
{
	const char *extra = m->n_mirrors ? "mirrors"
			    : m->sha256	 ? "sha256"
			    : m->size	 ? "size"
					 : NULL;

	if (m->url || !extra)
		return 0;
	return rcp_read_throw(rd, rcp_yaml_get(v, extra), err, "'%s' is of no use without 'url'",
			      extra);
}

/* ---- archives ---- */

static int read_git(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	int r = rcp_read_line(rd, v, to, err);

	/* Only what lies on this machine: what git would fetch is nobody's to check. */
	if (r >= 0 && (strstr(v->text, "://") || v->text[0] == '-'))
		return rcp_read_throw(rd, v, err,
				      "'%s' is not a directory or bundle of this machine",
				      rcp_read_show(rd, v->text));
	return r;
}

static int read_commit(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_commit, to, err);
}

static int read_name(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_input_name, to, err);
}

static int read_version(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_version, to, err);
}

static int read_strip(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	return rcp_read_number(rd, v, MAX_STRIP, to, err);
}

static int read_subpath(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	if (v->kind == RCP_YAML_SCALAR && !*v->text && !v->plain)
		return 0;
	return rcp_read_checked(rd, v, rcp_check_relative, to, err);
}

static int read_arches(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	struct rcp_archive *a = to;

	return rcp_read_arch_list(rd, v, &a->arches, &a->n_arches, err);
}

static int read_owner(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	struct rcp_archive *a = to;
	struct rcp_owner o;
	int r = rcp_read_owner(rd, v, &o, err);

	if (r < 0)
		return r;
	a->uid = o.uid;
	a->gid = o.gid;
	return 0;
}

/* The last component of a URL's path, or of a path, without the suffix. */
static const char *base_of(struct eb_arena *arena, const char *text, const char *suffix)
{
	size_t n = strcspn(text, "?"), start, cut = strlen(suffix);

	while (n > 0 && text[n - 1] == '/')
		n--;
	for (start = n; start > 0 && text[start - 1] != '/';)
		start--;
	n -= start;
	if (cut && n > cut && strncmp(text + start + n - cut, suffix, cut) == 0)
		n -= cut;
	return eb_arena_strndup(arena, text + start, n);
}

static int name_it(struct rcp_reader *rd, const struct rcp_yaml *v, struct rcp_archive *a,
		   struct eb_error **err)
{
	const char *name;

	if (a->name)
		return 0;
	if (a->git)
		name = eb_arena_printf(
			rd->arena, "%s-%.*s",
			base_of(rd->arena, base_of(rd->arena, a->git, ".git"), ".bundle"),
			SHOWN_COMMIT, a->commit);
	else
		name = base_of(rd->arena, a->remote.url, "");
	if (rcp_check_input_name(name))
		return rcp_read_throw(rd, v, err, "give it a 'name': '%s' is not %s",
				      rcp_read_show(rd, name), rcp_check_input_name(name));
	a->name = name;
	return 0;
}

static int read_archive(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "name", read_name, offsetof(struct rcp_archive, name), false },
		{ "version", read_version, offsetof(struct rcp_archive, version), false },
		RCP_REMOTE_FIELDS(struct rcp_archive),
		{ "git", read_git, offsetof(struct rcp_archive, git), false },
		{ "commit", read_commit, offsetof(struct rcp_archive, commit), false },
		{ "strip", read_strip, offsetof(struct rcp_archive, strip), false },
		{ "subpath", read_subpath, offsetof(struct rcp_archive, subpath), false },
		{ "to", rcp_read_path, offsetof(struct rcp_archive, to), true },
		{ "arch", read_arches, 0, false },
		{ "owner", read_owner, 0, false },
	};
	struct rcp_archive *a = to;
	int r;

	a->pos = rcp_pos_of(v);
	a->subpath = "";
	r = rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), a, err);
	if (r < 0)
		return r;
	if (!a->remote.url == !a->git)
		return rcp_read_throw(rd, v, err, "needs either 'url' or 'git'%s",
				      a->git ? ", not both" : "");
	if (!a->git != !a->commit)
		return rcp_read_throw(rd, v, err,
				      a->git ? "'git' needs a 'commit'"
					     : "'commit' is of no use without 'git'");
	/* The sum of a commit's tar may be given, too. */
	r = a->git && !a->remote.n_mirrors ? 0 : rcp_check_remote(rd, v, &a->remote, err);
	return r < 0 ? r : name_it(rd, v, a, err);
}

int rcp_read_archives(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	struct rcp_recipe *r = to;
	struct rcp_unique *u;
	size_t n_known = 0, k = 0;
	int e = rcp_read_list(rd, v, sizeof(*r->archives), read_archive, &r->archives,
			      &r->n_archives, err);

	if (e < 0)
		return e;
	while (rcp_architectures[n_known])
		n_known++;
	u = eb_arena_alloc(rd->arena, r->n_archives * n_known * sizeof(*u));
	for (size_t i = 0; i < r->n_archives; i++) {
		const struct rcp_archive *a = &r->archives[i];
		const char *const *arches = a->n_arches ? (const char *const *)a->arches
							: rcp_architectures;
		size_t n = a->n_arches ? a->n_arches : n_known;

		for (size_t j = 0; j < n; j++)
			u[k++] = (struct rcp_unique){
				eb_arena_printf(rd->arena, "%s:%s", a->name, arches[j]), a->pos
			};
	}
	return rcp_check_unique(u, k, "archive", err);
}

bool rcp_archive_is_for(const struct rcp_archive *a, const char *arch)
{
	for (size_t i = 0; i < a->n_arches; i++)
		if (strcmp(a->arches[i], arch) == 0)
			return true;
	return a->n_arches == 0;
}
