/* The table of fix-ups, the short ones, and what all of them use. */
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "rootfs/fixups_internal.h"

/* ---- what all use ---- */

int rfs_fixup_read_node_(const struct fixup *f, const struct rfs_node *n, struct eb_buf *out,
			 struct eb_error **err)
{
	autofree char *path = rfs_path(n);
	int r;

	if (n->link)
		n = n->link;
	if (n->content.kind == RFS_INLINE)
		eb_buf_add(out, n->content.data, (size_t)n->size);
	else if (!f->env->read)
		return eb_throw(err, EB_E_UNSUPPORTED, "'/%s': no way to read it here", path);
	else if ((r = f->env->read(f->env->ctx, n, out, err)) < 0)
		return eb_prefix(err, r, "read '/%s'", path);
	return eb_buf_check(out, path, err);
}

int rfs_fixup_read_(const struct fixup *f, const char *path, struct eb_buf *out,
		    struct eb_error **err)
{
	const struct rfs_node *n = rfs_lookup_follow(f->env->tree, path);

	if (!n)
		return eb_throw(err, EB_E_NOT_FOUND, "'/%s' is not there", path);
	if (n->type != RFS_FILE)
		return eb_throw(err, EB_E_CONFLICT, "'/%s' is a directory", path);
	return rfs_fixup_read_node_(f, n, out, err);
}

int rfs_fixup_file_(const struct fixup *f, const char *path, const char *text, size_t n,
		    struct eb_error **err)
{
	const struct rfs_node *old = rfs_lookup(f->env->tree, path);
	struct rfs_attr a = { .type = RFS_FILE,
			      .mode = 0644,
			      .mtime_sec = f->env->epoch_sec,
			      .size = n,
			      .content = { .kind = RFS_INLINE, .data = text } };

	if (old && old->type == RFS_FILE && !old->link && old->content.kind == RFS_INLINE &&
	    old->size == n && memcmp(old->content.data, text, n) == 0 && old->mode == a.mode &&
	    old->uid == 0 && old->gid == 0)
		return 0;
	return rfs_add(f->env->tree, f->origin, path, &a, RFS_REPLACE, NULL, err);
}

int rfs_fixup_link_(const struct fixup *f, const char *path, const char *target,
		    struct eb_error **err)
{
	struct rfs_attr a = { .type = RFS_SYMLINK,
			      .target = target,
			      .mtime_sec = f->env->epoch_sec };

	return rfs_add(f->env->tree, f->origin, path, &a, RFS_REPLACE, NULL, err);
}

int rfs_fixup_dir_(const struct fixup *f, const char *path, uint32_t mode, struct eb_error **err)
{
	struct rfs_attr a = { .type = RFS_DIR, .mode = mode, .mtime_sec = f->env->epoch_sec };
	struct rfs_node *n = NULL;
	int r = rfs_add(f->env->tree, f->origin, path, &a, 0, &n, err);

	if (r >= 0 && n->mode != mode) {
		n->mode = mode;
		rfs_touch(f->env->tree, n, f->origin);
	}
	return r;
}

/* ---- the short ones ---- */

/* /lib64 holds the loader's name on amd64 only; elsewhere it is in /lib (the psABIs). */
static int usrmerge(const struct fixup *f, struct eb_error **err)
{
	static const char *const names[] = { "bin", "lib", "sbin", "lib64" };
	size_t n = strcmp(f->env->arch, "amd64") == 0 ? 4 : 3;

	for (size_t i = 0; i < n; i++) {
		autofree char *target = eb_xasprintf("usr/%s", names[i]);
		struct rfs_node *old = rfs_lookup(f->env->tree, names[i]);
		int r = 0;

		/* Made on the way to a file that is gone again. */
		if (old && old->type == RFS_DIR && old->implicit && old->n_child == 0)
			r = rfs_remove(f->env->tree, old, err);
		if (r >= 0)
			r = rfs_fixup_link_(f, names[i], target, err);
		if (r >= 0)
			r = rfs_fixup_dir_(f, target, 0755, err);
		if (r < 0)
			return eb_hint(err, r,
				       "the packages' files go to /usr/%s; is a file of the "
				       "recipe in /%s?",
				       names[i], names[i]);
	}
	return 0;
}

static int os_release(const struct fixup *f, struct eb_error **err)
{
	if (rfs_lookup_follow(f->env->tree, "etc/os-release"))
		return 0;
	if (!rfs_lookup_follow(f->env->tree, "usr/lib/os-release"))
		return eb_hint(err,
			       eb_throw(err, EB_E_NOT_FOUND, "'/usr/lib/os-release' is not there"),
			       "add the package base-files");
	return rfs_fixup_link_(f, "etc/os-release", "../usr/lib/os-release", err);
}

static int tzdata(const struct fixup *f, struct eb_error **err)
{
	static const char zone[] = "Etc/UTC\n";
	int r;

	if (!rfs_lookup_follow(f->env->tree, "usr/share/zoneinfo/Etc/UTC"))
		return eb_hint(
			err,
			eb_throw(err, EB_E_NOT_FOUND, "'/usr/share/zoneinfo/Etc/UTC' is not there"),
			"add the package tzdata");
	r = rfs_fixup_link_(f, "etc/localtime", "/usr/share/zoneinfo/Etc/UTC", err);
	return r < 0 ? r : rfs_fixup_file_(f, "etc/timezone", zone, sizeof(zone) - 1, err);
}

/* Without the file glibc asks nothing but files for hosts before 2.34, and others vary. */
static int nsswitch(const struct fixup *f, struct eb_error **err)
{
	static const char text[] = "passwd: files\n"
				   "group: files\n"
				   "hosts: files dns\n"
				   "networks: files\n"
				   "protocols: files\n"
				   "services: files\n";

	if (rfs_lookup_follow(f->env->tree, "etc/nsswitch.conf"))
		return 0;
	return rfs_fixup_file_(f, "etc/nsswitch.conf", text, sizeof(text) - 1, err);
}

/* base-files ships directories at these places and makes links of them when it is set up. */
static int link_into_run(const struct fixup *f, const char *path, const char *target,
			 struct eb_error **err)
{
	struct rfs_node *old = rfs_lookup(f->env->tree, path);
	int r;

	if (old && old->type == RFS_DIR && old->n_child) {
		r = eb_throw(err, EB_E_CONFLICT,
			     "'/%s' has '%s' in it, expected an empty directory or a link to '%s'",
			     path, old->child[0]->name, target);
		return eb_hint(err, r, "in the recipe, write '%s' instead of '/%s'", target, path);
	}
	if (old && old->type == RFS_DIR) {
		r = rfs_remove(f->env->tree, old, err);
		if (r < 0)
			return r;
	}
	return rfs_fixup_link_(f, path, target, err);
}

static int tmp(const struct fixup *f, struct eb_error **err)
{
	int r = rfs_fixup_dir_(f, "tmp", 01777, err);

	if (r >= 0)
		r = rfs_fixup_dir_(f, "var/tmp", 01777, err);
	if (r >= 0)
		r = rfs_fixup_dir_(f, "run", 0755, err);
	if (r >= 0)
		r = rfs_fixup_dir_(f, "run/lock", 01777, err);
	if (r >= 0)
		r = link_into_run(f, "var/run", "/run", err);
	if (r >= 0)
		r = link_into_run(f, "var/lock", "/run/lock", err);
	return r;
}

/* A path of the image as users write it, below the root. */
static const char *relative(const char *path)
{
	return path + strspn(path, "/");
}

static int alternative(const struct fixup *f, const struct rfs_alternative *a,
		       struct eb_error **err)
{
	const char *slash = strrchr(a->link, '/'), *name = slash ? slash + 1 : a->link;
	autofree char *link = slash ? eb_xstrdup(relative(a->link))
				    : eb_xasprintf("usr/bin/%s", a->link);
	autofree char *middle = eb_xasprintf("etc/alternatives/%s", name);
	autofree char *target = eb_xasprintf("/%s", middle);
	const struct rfs_node *old = rfs_lookup(f->env->tree, link);
	int r;

	if (!rfs_lookup_follow(f->env->tree, relative(a->path)))
		return eb_hint(err,
			       eb_throw(err, EB_E_NOT_FOUND,
					"'%s' is to be '%s', which is not there", a->link, a->path),
			       "add the package that has it, or name a path that is there");
	if (old && (old->type != RFS_SYMLINK || strcmp(old->target, target) != 0)) {
		autofree char *where = rfs_path(old);

		return eb_throw(err, EB_E_CONFLICT, "'/%s' is there already, from '%s'", where,
				f->env->tree->origins[old->origin].name);
	}
	r = rfs_fixup_link_(f, middle, a->path, err);
	return r < 0 ? r : rfs_fixup_link_(f, link, target, err);
}

static int alternatives(const struct fixup *f, struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < f->env->n_alternatives; i++)
		r = alternative(f, &f->env->alternatives[i], err);
	return r;
}

/* Does a recipe want something here? */
static bool has_recipe_node(const struct rfs_tree *t, const struct rfs_node *n)
{
	if (!n->implicit && n->origin < t->n_origins &&
	    t->origins[n->origin].kind == RFS_ORIGIN_RECIPE)
		return true;
	for (size_t i = 0; i < n->n_child; i++)
		if (has_recipe_node(t, n->child[i]))
			return true;
	return false;
}

static int clean_children(const struct fixup *f, const char *path, const char *keep,
			  struct eb_error **err)
{
	struct rfs_node *dir = rfs_lookup_follow(f->env->tree, path);
	int r = 0;

	if (!dir || dir->type != RFS_DIR)
		return 0;
	for (size_t i = dir->n_child; r >= 0 && i > 0; i--) {
		struct rfs_node *n = dir->child[i - 1];

		if ((keep && strcmp(n->name, keep) == 0) || has_recipe_node(f->env->tree, n))
			continue;
		r = rfs_remove(f->env->tree, n, err);
	}
	return r;
}

/* No package manager runs in the image: what it would keep its state in is of no use. */
static int dpkg_clean(const struct fixup *f, struct eb_error **err)
{
	static const char *const state[] = {
		"var/cache/apt", "var/cache/debconf", "var/lib/apt",
		"var/lib/pam",	 "var/lib/systemd",
	};
	int r = clean_children(f, "var/lib/dpkg", "status.d", err);

	for (size_t i = 0; r >= 0 && i < EB_ARRAY_LEN(state); i++)
		r = clean_children(f, state[i], NULL, err);
	return r;
}

/* ---- the table ---- */

/* Sorted by name. */
static const struct {
	const char *name, *summary;
	int (*run)(const struct fixup *f, struct eb_error **err);
} table[] = {
	{ "alternatives", "link the names of the recipe's alternatives by way of /etc/alternatives",
	  alternatives },
	{ "ca-certificates", "join the certificates into /etc/ssl/certs/ca-certificates.crt",
	  rfs_fixup_ca_certificates_ },
	{ "dpkg-clean", "remove the directories in which package tools keep state", dpkg_clean },
	{ "ld-so", "check that every library is found without ld.so.cache", rfs_fixup_ld_so_ },
	{ "nsswitch", "have /etc/nsswitch.conf with files and dns", nsswitch },
	{ "os-release", "have /etc/os-release", os_release },
	{ "passwd", "write /etc/passwd and /etc/group: root, nobody and the declared users",
	  rfs_fixup_passwd_ },
	{ "tmp", "have /tmp, /var/tmp, /run and the links to it in /var", tmp },
	{ "tzdata", "set the time zone to UTC", tzdata },
	{ "usrmerge", "link /bin, /sbin, /lib (and /lib64 on amd64) into /usr", usrmerge },
};

const char *const *rfs_fixup_names(void)
{
	static const char *const names[] = {
		"alternatives", "ca-certificates", "dpkg-clean", "ld-so",
		"nsswitch",	"os-release",	   "passwd",	 "tmp",
		"tzdata",	"usrmerge",	   NULL,
	};

	_Static_assert(EB_ARRAY_LEN(names) == EB_ARRAY_LEN(table) + 1, "a name for each fix-up");
	return names;
}

const char *rfs_fixup_summary(const char *name)
{
	for (size_t i = 0; i < EB_ARRAY_LEN(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].summary;
	return NULL;
}

int rfs_fixup_run(const char *name, const struct rfs_fixup_env *env, struct eb_error **err)
{
	struct fixup f = { .env = env };
	const char *near;
	int r;

	for (size_t i = 0; i < EB_ARRAY_LEN(table); i++) {
		if (strcmp(table[i].name, name) != 0)
			continue;
		f.origin = rfs_tree_origin(env->tree, RFS_ORIGIN_FIXUP, name, 0, env->stage);
		r = table[i].run(&f, err);
		return r < 0 ? eb_prefix(err, r, "fix-up '%s'", name) : 0;
	}
	near = eb_nearest(name, rfs_fixup_names());
	if (near)
		return eb_throw(err, EB_E_NOT_FOUND, "unknown fix-up '%s', did you mean '%s'?",
				name, near);
	return eb_throw(err, EB_E_NOT_FOUND, "unknown fix-up '%s'", name);
}
