#include "bundle/def.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "recipe/read.h"

static int read_name(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_component, to, err);
}

/* A bundle is pushed under its version as the tag. */
static int read_tag(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_tag, to, err);
}

static int read_registry(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_host, to, err);
}

static int read_repository(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_repository, to, err);
}

/* Recipes lie beside bundles, so the path may climb first; it may not be absolute, as the same
 * checkout must build the same bundle wherever it is. */
static const char *check_recipe_path(const char *s)
{
	if (strcmp(s, ".") == 0) /* the folder of the definition itself; it needs a name then */
		return NULL;
	while (strncmp(s, "../", 3) == 0)
		s += 3;
	return rcp_check_relative(s);
}

static int read_recipe(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	return rcp_read_checked(rd, v, check_recipe_path, to, err);
}

static int read_image(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "recipe", read_recipe, offsetof(struct bnd_def_image, recipe), true },
		{ "name", read_repository, offsetof(struct bnd_def_image, name), false },
		{ "tag", read_tag, offsetof(struct bnd_def_image, tag), false },
	};
	const struct bnd_def *d = rd->document;
	struct bnd_def_image *im = to;
	const char *slash, *wrong;
	int r;

	im->pos = rcp_pos_of(v);
	r = rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), im, err);
	if (r < 0)
		return r;
	im->dir = *d->dir ? eb_arena_printf(rd->arena, "%s/%s", d->dir, im->recipe) : im->recipe;
	if (strcmp(im->recipe, ".") == 0 && *d->dir)
		im->dir = d->dir;
	if (im->name)
		return 0;
	slash = strrchr(im->recipe, '/');
	im->name = slash ? slash + 1 : im->recipe;
	wrong = rcp_check_component(im->name);
	if (wrong)
		return rcp_read_throw(rd, v, err, "recipe '%s': '%s' is not %s", im->recipe,
				      im->name, wrong);
	return 0;
}

static int read_images(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	struct bnd_def *d = to;
	struct rcp_unique *u;
	int r = rcp_read_list(rd, v, sizeof(*d->images), read_image, &d->images, &d->n_images, err);

	if (r < 0)
		return r;
	if (d->n_images > BND_DEF_MAX_IMAGES)
		return rcp_read_throw(rd, v, err, "expected 1 to %d images, found %zu",
				      BND_DEF_MAX_IMAGES, d->n_images);
	u = eb_arena_alloc(rd->arena, d->n_images * sizeof(*u));
	for (size_t i = 0; i < d->n_images; i++)
		u[i] = (struct rcp_unique){ d->images[i].name, d->images[i].pos };
	return rcp_check_unique(u, d->n_images, "image", err);
}

static int read_compression(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			    struct eb_error **err)
{
	struct bnd_def *d = to;
	const char *name = NULL;
	int r = rcp_read_codec_kind(rd, v, &name, err);

	if (r < 0)
		return r;
	d->compression = strcmp(name, "gzip") == 0 ? EB_CODEC_GZIP : EB_CODEC_ZSTD;
	d->has_compression = true;
	return 0;
}

static int read_tool(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	struct bnd_def *d = to;

	d->tool_pos = rcp_pos_of(v);
	d->tool_dir = d->dir;
	return rcp_read_checked(rd, v, rcp_check_relative, &d->tool, err);
}

static int read_annotations(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			    struct eb_error **err)
{
	return rcp_read_strings(rd, v, rcp_check_key, to, err);
}

static int read_from(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	struct bnd_def *d = to;

	d->from_pos = rcp_pos_of(v);
	return rcp_read_checked(rd, v, rcp_check_component, &d->from, err);
}

static int read_word(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	struct bnd_def_word *word = to;

	word->pos = rcp_pos_of(v);
	return rcp_read_checked(rd, v, rcp_check_repository, &word->text, err);
}

static int read_exclude(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	struct bnd_def *d = to;

	return rcp_read_list(rd, v, sizeof(*d->exclude), read_word, &d->exclude, &d->n_exclude,
			     err);
}

static int read_below(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_relative, to, err);
}

static int read_profiles(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	json_t **profiles = to;
	const char *name;
	json_t *file;
	int r = rcp_read_strings(rd, v, rcp_check_word, profiles, err);

	if (r < 0)
		return r;
	json_object_foreach(*profiles, name, file)
	{
		const char *wrong = rcp_check_relative(json_string_value(file));

		if (wrong)
			return rcp_read_throw(rd, v, err, "profile '%s': '%s' is not %s", name,
					      json_string_value(file), wrong);
	}
	return 0;
}

static int read_render(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	static const struct rcp_field parts[] = {
		{ "library", read_below, offsetof(struct bnd_def_render, library), true },
		{ "schema", read_below, offsetof(struct bnd_def_render, schema), false },
		{ "profiles", read_profiles, offsetof(struct bnd_def_render, profiles), false },
	};
	struct bnd_def_render *render = to;

	render->pos = rcp_pos_of(v);
	render->dir = ((const struct bnd_def *)rd->document)->dir;
	return rcp_read_map(rd, v, parts, EB_ARRAY_LEN(parts), render, err);
}

static const struct rcp_field fields[] = {
	{ "name", read_name, offsetof(struct bnd_def, name), true },
	{ "version", read_tag, offsetof(struct bnd_def, version), true },
	{ "summary", rcp_read_line, offsetof(struct bnd_def, summary), false },
	{ "registry", read_registry, offsetof(struct bnd_def, registry), false },
	{ "images", read_images, 0, false },
	{ "compression", read_compression, 0, false },
	{ "tool", read_tool, 0, false },
	{ "annotations", read_annotations, offsetof(struct bnd_def, annotations), false },
	{ "render", read_render, offsetof(struct bnd_def, render), false },
	{ "from", read_from, 0, false },
	{ "exclude", read_exclude, 0, false },
};

/* What may be left out only where another definition says it. */
static int check_complete(const struct bnd_def *d, const struct rcp_pos *at, struct eb_error **err)
{
	if (d->from)
		return 0;
	if (!d->registry)
		return rcp_throw(at, err, "'registry' is missing");
	if (d->n_exclude)
		return rcp_throw(&d->exclude[0].pos, err,
				 "exclude: nothing to exclude from, as there is no 'from'");
	if (!d->images)
		return rcp_throw(at, err, "'images' is missing");
	if (d->n_images == 0)
		return rcp_throw(at, err, "images: expected 1 to %d images, found 0",
				 BND_DEF_MAX_IMAGES);
	return 0;
}

int bnd_def_parse(const char *dir, const char *file, const char *text, size_t n,
		  struct bnd_def **ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *d = eb_xcalloc(1, sizeof(*d));
	struct rcp_reader rd = { .document = d };
	struct rcp_yaml *root;
	size_t len = strlen(dir);
	int r;

	d->arena = rd.arena = eb_arena_new();
	while (len > 1 && dir[len - 1] == '/')
		len--;
	d->dir = eb_arena_strndup(d->arena, dir, len);
	d->file = eb_arena_strdup(d->arena, file);
	d->compression = EB_CODEC_ZSTD;
	r = rcp_yaml_parse(file, text, n, d->arena, &root, err);
	if (r < 0)
		return r;
	r = rcp_read_map(&rd, root, fields, EB_ARRAY_LEN(fields), d, err);
	if (r >= 0) {
		const struct rcp_pos at = rcp_pos_of(root);

		r = check_complete(d, &at, err);
	}
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(d);
	return 0;
}

static int check_recipe(const struct bnd_def_image *im, struct eb_error **err)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	const char *file = eb_arena_printf(arena, "%s/recipe.yaml", im->dir);
	const char *slash = strrchr(im->dir, '/'), *name = slash ? slash + 1 : im->dir;
	const char *parent = slash ? eb_arena_strndup(arena, im->dir, (size_t)(slash - im->dir))
				   : ".";
	const char *near;

	if (access(file, F_OK) == 0)
		return 0;
	near = eb_nearest(name, rcp_list_recipes(arena, parent));
	if (near)
		return rcp_throw(&im->pos, err,
				 "images: no recipe '%s' in directory '%s'; did you mean '%s'?",
				 name, parent, near);
	return rcp_throw(&im->pos, err, "images: no recipe '%s' in directory '%s' (expected '%s')",
			 name, parent, file);
}

static int check_tool(const struct bnd_def *d, struct eb_error **err)
{
	autoerror struct eb_error *cause = NULL;
	autofd int fd = -1;
	EB_AUTODIR(dir);
	struct stat st;
	int r;

	if (!d->tool)
		return 0;
	r = eb_dir_open(*d->tool_dir ? d->tool_dir : ".", false, &dir, err);
	if (r < 0)
		return r;
	fd = eb_dir_open_file(&dir, d->tool, O_PATH, 0, &cause);
	if (fd < 0)
		return rcp_throw(&d->tool_pos, err, "tool: %s", cause->message);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return rcp_throw(&d->tool_pos, err, "tool: '%s' is not a regular file", d->tool);
	return 0;
}

static int read_file(const char *dir, struct bnd_def **ret, struct eb_error **err)
{
	const char *slash = *dir && dir[strlen(dir) - 1] != '/' ? "/" : "";
	autofree char *file = eb_xasprintf("%s%sbundle.yaml", dir, slash);
	autoerror struct eb_error *cause = NULL;
	EB_AUTOBUF(text, RCP_YAML_MAX_BYTES);
	int r = eb_file_read(file, &text, &cause);

	if (r == -ENOENT || r == -ENOTDIR) {
		r = eb_throw(err, EB_E_NOT_FOUND, "no bundle definition in '%s': %s", dir,
			     cause->message);
		return eb_hint(err, r, "name a directory that holds a bundle.yaml");
	}
	if (r < 0)
		return eb_error_forward(err, EB_TAKE_PTR(cause));
	return bnd_def_parse(dir, file, eb_buf_str(&text), text.len, ret, err);
}

static int read_chain(const char *dir, unsigned depth, struct bnd_def **ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *d = NULL;
	autofree char *beside = NULL;
	autoerror struct eb_error *cause = NULL;
	int r = read_file(dir, &d, err);

	if (r >= 0 && d->from) {
		if (depth == BND_DEF_MAX_DEPTH)
			return rcp_throw(&d->from_pos, err, "from: more than %d bundles in a row",
					 BND_DEF_MAX_DEPTH);
		beside = rcp_sibling(d->dir, d->from);
		r = read_chain(beside, depth + 1, &d->base, &cause);
		if (r == -EB_E_NOT_FOUND)
			return rcp_throw(&d->from_pos, err, "from: %s", cause->message);
		if (r < 0)
			return eb_error_forward(err, EB_TAKE_PTR(cause));
		r = bnd_def_inherit(d, err);
	}
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(d);
	return 0;
}

int bnd_def_read(const char *dir, struct bnd_def **ret, struct eb_error **err)
{
	return read_chain(dir, 1, ret, err);
}

int bnd_def_load(const char *dir, struct bnd_def **ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *d = NULL;
	int r = bnd_def_read(dir, &d, err);

	for (size_t i = 0; r >= 0 && i < d->n_images; i++)
		r = check_recipe(&d->images[i], err);
	if (r >= 0)
		r = check_tool(d, err);
	if (r < 0)
		return r;
	*ret = EB_TAKE_PTR(d);
	return 0;
}

struct bnd_def *bnd_def_free(struct bnd_def *d)
{
	if (!d)
		return NULL;
	bnd_def_free(d->base);
	json_decref(d->annotations);
	json_decref(d->render.profiles);
	eb_arena_free(d->arena);
	free(d);
	return NULL;
}

char *bnd_def_tag(const struct bnd_def_image *d, const char *version)
{
	char *tag = eb_xstrdup(d->tag ? d->tag : version);

	/* Debian versions may hold what a tag may not. */
	for (char *p = tag; *p; p++)
		if (*p == '~' || *p == '+' || *p == ':')
			*p = '-';
	return tag;
}
