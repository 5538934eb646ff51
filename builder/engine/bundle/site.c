#include "bundle/site.h"

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "bundle/plan.h"
#include "image/image.h"
#include "recipe/check.h"

static int load_profiles(const struct bnd_def *def, const struct eb_dir *dir, struct bnd_site *site,
			 struct eb_error **err)
{
	const char *name;
	json_t *file;

	if (json_object_size(def->render.profiles) > BND_SITE_MAX_PROFILES)
		return rcp_throw(&def->render.pos, err, "render: more than %d profiles",
				 BND_SITE_MAX_PROFILES);
	json_object_foreach(def->render.profiles, name, file)
	{
		EB_AUTOBUF(text, RND_FILE_MAX_BYTES);
		int r = eb_dir_read(dir, json_string_value(file), &text, err);

		if (r < 0)
			return eb_prefix(err, r, "profile '%s'", name);
		eb_json_set_str(site->profiles, name, eb_buf_str(&text));
	}
	return 0;
}

static int load_schema(const struct bnd_def *def, const struct eb_dir *dir, struct bnd_site *site,
		       struct eb_error **err)
{
	EB_AUTOBUF(text, RND_FILE_MAX_BYTES);
	int r;

	if (!def->render.schema)
		return 0;
	r = eb_dir_read(dir, def->render.schema, &text, err);
	if (r < 0)
		return r;
	r = eb_json_parse(eb_buf_str(&text), text.len, RND_FILE_MAX_BYTES, &site->schema, err);
	return r < 0 ? eb_prefix(err, r, "%s/%s", def->render.dir, def->render.schema) : 0;
}

int bnd_site_load(const struct bnd_def *def, struct bnd_site *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_site_release_p)
	struct bnd_site site = { .arena = eb_arena_new(), .profiles = eb_json_object() };
	autofree char *library = NULL;
	EB_AUTODIR(dir);
	int r;

	if (!def->render.library) {
		r = eb_throw(err, EB_E_NOT_FOUND, "%s: this bundle has no manifests to render",
			     def->file);
		return eb_hint(err, r, "a bundle that has some names them under 'render'");
	}
	site.name = eb_arena_strdup(site.arena, def->name);
	site.version = eb_arena_strdup(site.arena, def->version);
	library = eb_xasprintf("%s/%s", *def->render.dir ? def->render.dir : ".",
			       def->render.library);
	r = rnd_fileset_add_dir(&site.library, library, "", err);
	if (r >= 0)
		r = rnd_fileset_sort(&site.library, err);
	if (r < 0)
		return eb_prefix(err, r, "library of the manifests");
	r = eb_dir_open(*def->render.dir ? def->render.dir : ".", false, &dir, err);
	if (r >= 0)
		r = load_schema(def, &dir, &site, err);
	if (r >= 0)
		r = load_profiles(def, &dir, &site, err);
	if (r < 0)
		return r;
	*ret = site;
	site = (struct bnd_site){ 0 };
	return 0;
}

/* The last part of an image's name: what manifests call it. */
static const char *component_of(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static int digest_of(const struct img_chain *c, struct img_session *s, char **ret,
		     struct eb_error **err)
{
	EB_CLEANUP(img_image_release_p) struct img_image image = { 0 };
	const struct rcp_lock *lock = c->stage[c->n - 1].lock;
	int r;

	if (img_recipe(c)->image.ref) {
		*ret = eb_xstrdup(img_recipe(c)->image.digest);
		return 0;
	}
	if (lock->n_results == 0)
		return eb_throw(err, EB_E_NOT_FOUND, "%s names no result", lock->file);
	r = img_image_plan(s, c, NULL, 0, IMG_TRUST_LOCK, &image, err);
	if (r >= 0)
		*ret = eb_xstrdup(image.index.desc.digest.text);
	return r;
}

static int lock_image(struct bnd_site *site, const struct bnd_def *def,
		      const struct bnd_def_image *d, struct img_session *s, bool unlocked,
		      struct eb_error **err)
{
	EB_CLEANUP(img_chain_release_p) struct img_chain chain = { 0 };
	struct rnd_image *im = &site->images[site->n_images];
	autoerror struct eb_error *cause = NULL;
	autofree char *digest = NULL, *version = NULL, *tag = NULL;
	int r = img_chain_load(d->dir, &chain, &cause);

	if (r >= 0)
		r = digest_of(&chain, s, &digest, &cause);
	if (r < 0 && !unlocked) {
		if (r != -EB_E_NOT_FOUND)
			return eb_error_forward(err, EB_TAKE_PTR(cause));
		r = eb_throw(err, EB_E_NOT_FOUND, "image '%s' is not locked yet: %s", d->name,
			     cause->message);
		return eb_hint(err, r, "run 'ess-bundle lock %s'", d->dir);
	}
	version = chain.n ? img_version(&chain) : eb_xstrdup("0");
	tag = bnd_def_tag(d, version);
	im->component = eb_arena_strdup(site->arena, component_of(d->name));
	im->registry = eb_arena_strdup(site->arena, def->registry);
	im->repository = eb_arena_strdup(site->arena, d->name);
	im->tag = eb_arena_strdup(site->arena, tag);
	im->digest = digest ? eb_arena_strdup(site->arena, digest) : NULL;
	site->n_images++;
	return 0;
}

int bnd_site_lock_images(struct bnd_site *site, const struct bnd_def *def, struct img_session *s,
			 bool unlocked, struct eb_error **err)
{
	int r = 0;

	site->images = eb_arena_alloc(site->arena, def->n_images * sizeof(*site->images));
	site->n_images = 0;
	for (size_t i = 0; i < def->n_images && r >= 0; i++)
		r = lock_image(site, def, &def->images[i], s, unlocked, err);
	return r;
}

void bnd_site_add_image(struct bnd_site *site, const char *name, const char *digest)
{
	struct rnd_image *im = &site->images[site->n_images++];
	const char *slash = strchr(name, '/'), *rest = slash ? slash + 1 : name;
	const char *colon = strrchr(rest, ':');
	size_t n = colon ? (size_t)(colon - rest) : strlen(rest);

	im->registry = eb_arena_strndup(site->arena, name, slash ? (size_t)(slash - name) : 0);
	im->repository = eb_arena_strndup(site->arena, rest, n);
	im->component = component_of(im->repository);
	im->tag = colon ? eb_arena_strdup(site->arena, colon + 1) : NULL;
	im->digest = eb_arena_strdup(site->arena, digest);
}

void bnd_site_plan_images(struct bnd_site *site, const struct bnd_plan *p)
{
	site->images = eb_arena_alloc(site->arena, p->n_images * sizeof(*site->images));
	site->n_images = 0;
	for (size_t i = 0; i < p->n_images; i++)
		bnd_site_add_image(site, p->images[i].name,
				   p->images[i].image.index.desc.digest.text);
}

int bnd_site_relocate(struct bnd_site *site, const char *registry, struct eb_error **err)
{
	const char *slash = strchr(registry, '/');
	const char *host = slash ? eb_arena_strndup(site->arena, registry,
						    (size_t)(slash - registry))
				 : registry;
	const char *wrong = rcp_check_host(host);

	if (!wrong && slash)
		wrong = rcp_check_repository(slash + 1);
	if (wrong)
		return eb_throw(err, EB_E_USAGE, "registry '%s': expected HOST[:PORT][/PREFIX], %s",
				registry, wrong);
	for (size_t i = 0; i < site->n_images; i++) {
		struct rnd_image *im = &site->images[i];

		im->registry = eb_arena_strdup(site->arena, host);
		if (slash)
			im->repository = eb_arena_printf(site->arena, "%s/%s", slash + 1,
							 im->repository);
	}
	return 0;
}

void bnd_site_input(const struct bnd_site *site, struct rnd_input *in)
{
	in->library = &site->library;
	in->schema = site->schema;
	in->bundle = site->name;
	in->version = site->version;
	in->images = site->images;
	in->n_images = site->n_images;
}

void bnd_site_release(struct bnd_site *site)
{
	rnd_fileset_release(&site->library);
	json_decref(site->schema);
	json_decref(site->profiles);
	eb_arena_free(site->arena);
	*site = (struct bnd_site){ .schema = NULL };
}
