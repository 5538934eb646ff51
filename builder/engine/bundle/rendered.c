#include "bundle/rendered.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "bundle/plan.h"
#include "bundle/reader.h"
#include "bundle/site.h"
#include "image/mediatype.h"
#include "render/output.h"
#include "render/yaml_read.h"
#include "render/yaml_write.h"

#define RELEASE "ess"

struct adding {
	struct bnd_plan *plan;
	struct oci_manifest *manifest;
	const struct bnd_site *site;
};

static int add_text(const struct adding *a, const char *media_type, const char *title,
		    struct eb_buf *text, struct eb_error **err)
{
	size_t n = text->len;

	return bnd_plan_part(a->plan, a->manifest, media_type, title, BND_DATA, eb_buf_take(text),
			     n, err);
}

static int add_manifests(const struct adding *a, const char *name, const struct rnd_values *values,
			 struct eb_error **err)
{
	EB_CLEANUP(rnd_objects_release_p) struct rnd_objects objects = { 0 };
	struct rnd_input in = { .values = values, .release = RELEASE, .namespace_ = RELEASE };
	autofree char *title = eb_xasprintf("manifests/%s.yaml", name);
	EB_AUTOBUF(text, RND_OUTPUT_MAX_BYTES);
	int r;

	bnd_site_input(a->site, &in);
	r = rnd_render(&in, &objects, err);
	if (r >= 0)
		r = rnd_write_documents(&objects, &text, err);
	if (r < 0)
		return eb_prefix(err, r, "manifests '%s'", name);
	return add_text(a, BND_MT_MANIFESTS, title, &text, err);
}

static int by_name(const void *pa, const void *pb)
{
	return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

static int add_profiles(const struct adding *a, struct eb_error **err)
{
	size_t n = json_object_size(a->site->profiles), i = 0;
	autofree const char **names = eb_xcalloc(n + 1, sizeof(*names));
	const char *name;
	json_t *text;
	int r = 0;

	json_object_foreach(a->site->profiles, name, text)
	{
		names[i++] = name;
	}
	qsort(names, n, sizeof(*names), by_name);
	for (i = 0; i < n && r >= 0; i++) {
		EB_CLEANUP(rnd_values_release_p) struct rnd_values v = { .tree = NULL };
		autofree char *file = eb_xasprintf("profile %s", names[i]);

		text = json_object_get(a->site->profiles, names[i]);
		rnd_values_init(&v);
		r = rnd_values_add(&v, file, json_string_value(text), json_string_length(text),
				   err);
		if (r >= 0)
			r = add_manifests(a, names[i], &v, err);
	}
	return r;
}

static int add_values(const struct adding *a, struct eb_error **err)
{
	EB_AUTOBUF(text, RND_YAML_MAX_BYTES);
	int r;

	if (!a->plan->values)
		return 0;
	rnd_yaml_write(a->plan->values->tree, &text);
	r = eb_buf_check(&text, "the values", err);
	if (r >= 0)
		r = add_text(a, BND_MT_VALUES, "values.yaml", &text, err);
	return r < 0 ? r : add_manifests(a, "values", a->plan->values, err);
}

int bnd_add_rendered(struct bnd_plan *p, struct oci_manifest *m, struct eb_error **err)
{
	EB_CLEANUP(bnd_site_release_p) struct bnd_site site = { .schema = NULL };
	const struct adding a = { p, m, &site };
	EB_AUTOBUF(tar, BND_SITE_MAX_BYTES);
	int r;

	if (!p->def->render.library)
		return 0;
	r = bnd_site_load(p->def, &site, err);
	if (r < 0)
		return r;
	bnd_site_plan_images(&site, p);
	r = bnd_site_tar(&site, p->epoch_sec, &tar, err);
	if (r >= 0)
		r = add_text(&a, BND_MT_LIBRARY, "library.tar", &tar, err);
	if (r >= 0)
		r = add_profiles(&a, err);
	return r < 0 ? r : add_values(&a, err);
}

int bnd_rendered_values(const struct bnd_bundle *b, struct rnd_values *ret, struct eb_error **err)
{
	EB_CLEANUP(rnd_values_release_p) struct rnd_values v = { .tree = NULL };
	const struct oci_descriptor *d = bnd_part(b, BND_MT_VALUES);
	autofree char *text = NULL;
	size_t n;
	int r;

	if (!d)
		return 0;
	r = oci_archive_blob_text(b->archive, d, RND_YAML_MAX_BYTES, &text, &n, err);
	if (r < 0)
		return r;
	rnd_values_init(&v);
	r = rnd_values_add(&v, "values.yaml", text, n, err);
	if (r < 0)
		return r;
	*ret = v;
	v = (struct rnd_values){ .tree = NULL };
	return 1;
}
