#include "render/output.h"

#include <dirent.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "render/yaml_write.h"

int rnd_write_documents(const struct rnd_objects *o, struct eb_buf *out, struct eb_error **err)
{
	for (size_t i = 0; i < o->n; i++) {
		eb_buf_adds(out, "---\n");
		rnd_yaml_write(o->items[i].json, out);
	}
	return eb_buf_check(out, "the rendered manifests", err);
}

/* ---- a file each ---- */

/* Names of objects are fit for files but for what a few kinds may hold (":" in those of roles). */
static char *file_name(size_t i, const struct rnd_object *o)
{
	char *name = eb_xasprintf("%04zu-%s-%.200s.yaml", i + 1, o->kind, o->name);

	for (char *p = name; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 'a' - 'A');
		else if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' ||
			   (*p == '.' && p != name)))
			*p = '-';
	}
	return name;
}

static void dir_close(DIR **d)
{
	if (*d)
		closedir(*d);
}

static bool is_ours(const char *name)
{
	size_t n = strlen(name);

	return n > 10 && strspn(name, "0123456789") == 4 && name[4] == '-' &&
	       strcmp(name + n - 5, ".yaml") == 0;
}

/* What an earlier rendering left would be applied with what this one writes. */
static int refuse_others(const struct eb_dir *dir, const json_t *names, struct eb_error **err)
{
	EB_CLEANUP(dir_close) DIR *d = NULL;
	struct dirent *e;
	int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return eb_throw_errno(err, "'%s'", dir->path);
	while ((e = readdir(d)))
		if (is_ours(e->d_name) && !json_object_get(names, e->d_name)) {
			r = eb_throw(err, EB_E_CONFLICT,
				     "'%s' holds '%s', which is of another rendering", dir->path,
				     e->d_name);
			return eb_hint(err, r, "remove the old files, or name an empty directory");
		}
	return 0;
}

/* "{{" is all that begins anything in a template. */
static void escape_text(const char *text, struct eb_buf *out)
{
	const char *open;

	while ((open = strstr(text, "{{"))) {
		eb_buf_add(out, text, (size_t)(open - text));
		eb_buf_adds(out, "{{ \"{{\" }}");
		text = open + 2;
	}
	eb_buf_adds(out, text);
}

static int write_file(const struct rnd_object *o, const struct eb_dir *dir, const char *name,
		      bool escape, struct eb_error **err)
{
	EB_AUTOBUF(plain, RND_OUTPUT_MAX_BYTES);
	EB_AUTOBUF(out, RND_OUTPUT_MAX_BYTES);
	bool secret = strcmp(o->kind, "Secret") == 0;
	int r;

	rnd_yaml_write(o->json, &plain);
	r = eb_buf_check(&plain, name, err);
	if (r < 0)
		return r;
	if (escape)
		escape_text(eb_buf_str(&plain), &out);
	else
		eb_buf_add(&out, plain.data, plain.len);
	r = eb_buf_check(&out, name, err);
	return r < 0 ? r
		     : eb_dir_write(dir, name, eb_buf_str(&out), out.len, secret ? 0600 : 0644,
				    err);
}

int rnd_write_files(const struct rnd_objects *o, const struct eb_dir *dir, bool escape,
		    struct eb_error **err)
{
	autojson json_t *names = eb_json_object();
	int r;

	for (size_t i = 0; i < o->n; i++) {
		autofree char *name = file_name(i, &o->items[i]);

		eb_json_set(names, name, json_true());
	}
	r = refuse_others(dir, names, err);
	for (size_t i = 0; i < o->n && r >= 0; i++) {
		autofree char *name = file_name(i, &o->items[i]);

		r = write_file(&o->items[i], dir, name, escape, err);
	}
	return r;
}

int rnd_write_split(const struct rnd_objects *o, const char *path, struct eb_error **err)
{
	EB_AUTODIR(dir);
	int r = eb_dir_open(path, true, &dir, err);

	return r < 0 ? r : rnd_write_files(o, &dir, false, err);
}

/* ---- Argo CD ---- */

void rnd_annotate_argocd(struct rnd_objects *o)
{
	for (size_t i = 0; i < o->n; i++) {
		struct rnd_object *one = &o->items[i];
		json_t *annotations = json_object_get(json_object_get(one->json, "metadata"),
						      "annotations");
		char wave[16];

		if (one->phase != RND_BEFORE && one->phase != RND_AFTER)
			continue;
		snprintf(wave, sizeof(wave), "%d", one->weight);
		eb_json_set_str(annotations, "argocd.argoproj.io/hook",
				one->phase == RND_BEFORE ? "PreSync" : "PostSync");
		eb_json_set_str(annotations, "argocd.argoproj.io/hook-delete-policy",
				"BeforeHookCreation");
		eb_json_set_str(annotations, "argocd.argoproj.io/sync-wave", wave);
	}
}
