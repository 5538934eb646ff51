#include "cli/rendering.h"

#include <sys/stat.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "bundle/def.h"
#include "bundle/reader.h"
#include "cli/setup.h"
#include "image/stage.h"
#include "render/yaml_read.h"

static int add_profile(const char *name, const struct bnd_site *site, struct rnd_values *v,
		       struct eb_error **err)
{
	const char *text = json_string_value(json_object_get(site->profiles, name));
	autofree char *file = eb_xasprintf("profile %s", name);
	EB_AUTOBUF(names, 8192);
	const char *key;
	json_t *unused;
	int r;

	if (text)
		return rnd_values_add(v, file, text, strlen(text), err);
	json_object_foreach(site->profiles, key, unused)
	{
		eb_buf_addf(&names, "%s%s", names.len ? ", " : "", key);
	}
	(void)unused;
	r = eb_throw(err, EB_E_NOT_FOUND, "the bundle has no profile '%s'", name);
	return eb_hint(err, r, "it has: %s", names.len ? eb_buf_str(&names) : "none");
}

static int add_file(const char *path, struct rnd_values *v, struct eb_error **err)
{
	EB_AUTOBUF(text, RND_YAML_MAX_BYTES);
	int r = eb_file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &text, err);

	return r < 0 ? r : rnd_values_add(v, path, eb_buf_str(&text), text.len, err);
}

static int set_file(const char *setting, struct rnd_values *v, struct eb_error **err)
{
	const char *equals = strchr(setting, '=');
	autofree char *key = NULL;
	EB_AUTOBUF(text, RND_YAML_MAX_STRING);
	int r;

	if (!equals)
		return eb_throw(err, EB_E_USAGE, "--set-file '%s': expected KEY=FILE", setting);
	key = eb_xstrndup(setting, (size_t)(equals - setting));
	r = eb_file_read(equals + 1, &text, err);
	if (r >= 0 && strlen(eb_buf_str(&text)) != text.len)
		r = eb_throw(err, EB_E_FORMAT, "'%s' is no text", equals + 1);
	return r < 0 ? r : rnd_values_set_text(v, key, eb_buf_str(&text), err);
}

int rendering_values(const struct rendering_args *a, const struct bnd_site *site,
		     struct rnd_values *ret, struct eb_error **err)
{
	EB_CLEANUP(rnd_values_release_p) struct rnd_values v = { .tree = NULL };
	int r = 0;

	rnd_values_init(&v);
	if (a->profile)
		r = add_profile(a->profile, site, &v, err);
	for (size_t i = 0; i < a->values.n && r >= 0; i++)
		r = add_file(a->values.items[i], &v, err);
	for (size_t i = 0; i < a->set.n && r >= 0; i++)
		r = rnd_values_set(&v, a->set.items[i], RND_SET_TYPED, err);
	for (size_t i = 0; i < a->set_string.n && r >= 0; i++)
		r = rnd_values_set(&v, a->set_string.items[i], RND_SET_STRING, err);
	for (size_t i = 0; i < a->set_file.n && r >= 0; i++)
		r = set_file(a->set_file.items[i], &v, err);
	if (r < 0)
		return r;
	*ret = v;
	v = (struct rnd_values){ .tree = NULL };
	return 0;
}

static int lock_images(struct cmd_env *env, const struct bnd_def *def, bool unlocked,
		       struct bnd_site *site, struct eb_error **err)
{
	static const struct setup_args none = { .offline = true };
	EB_CLEANUP(setup_release_p) struct setup s = { .cache = { .dir = { .fd = -1 } } };
	EB_CLEANUP(img_session_free_p) struct img_session *session = NULL;
	int r = setup_init(&s, env, &none, def->compression, err);

	if (r < 0)
		return r;
	session = img_session_new(&s.env);
	return bnd_site_lock_images(site, def, session, unlocked, err);
}

static int open_file(const char *path, struct bnd_site *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	int r = bnd_open(path, &b, err);

	if (r < 0)
		return r;
	r = bnd_site_open(&b, ret, err);
	return r < 0 ? eb_prefix(err, r, "'%s'", path) : 0;
}

int rendering_site(struct cmd_env *env, const char *path, bool images, bool unlocked,
		   struct bnd_site *ret, struct eb_error **err)
{
	EB_CLEANUP(bnd_def_free_p) struct bnd_def *def = NULL;
	EB_CLEANUP(bnd_site_release_p) struct bnd_site site = { .schema = NULL };
	struct stat st;
	int r;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return open_file(path, ret, err);
	r = bnd_def_load(path, &def, err);
	if (r >= 0)
		r = bnd_site_load(def, &site, err);
	if (r >= 0 && images)
		r = lock_images(env, def, unlocked, &site, err);
	if (r < 0)
		return r;
	*ret = site;
	site = (struct bnd_site){ .schema = NULL };
	return 0;
}
