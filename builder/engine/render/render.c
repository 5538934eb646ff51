#include "render/render.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "render/fileset.h"
#include "render/jsonnet.h"
#include "render/path.h"
#include "render/schema.h"
#include "render/values_template.h"
#include "render/values_text.h"
#include "render/values.h"

char *rnd_image_ref(const struct rnd_image *im)
{
	return eb_xasprintf("%s/%s%s%s%s%s", im->registry, im->repository, im->tag ? ":" : "",
			    im->tag ? im->tag : "", im->digest ? "@" : "",
			    im->digest ? im->digest : "");
}

static json_t *images_json(const struct rnd_input *in)
{
	json_t *all = eb_json_object();

	for (size_t i = 0; i < in->n_images; i++) {
		const struct rnd_image *im = &in->images[i];
		autofree char *ref = rnd_image_ref(im);
		json_t *j = eb_json_object();

		eb_json_set_str(j, "registry", im->registry);
		eb_json_set_str(j, "repository", im->repository);
		eb_json_set(j, "tag", im->tag ? eb_json_str(im->tag) : json_null());
		eb_json_set(j, "digest", im->digest ? eb_json_str(im->digest) : json_null());
		eb_json_set_str(j, "ref", ref);
		eb_json_set(all, im->component, j);
	}
	return all;
}

static json_t *context(const struct rnd_input *in, json_t *values)
{
	json_t *ctx = eb_json_object(), *release = eb_json_object(), *api = eb_json_object();
	json_t *bundle = eb_json_object(), *versions = eb_json_array();

	eb_json_set_str(release, "name", in->release);
	eb_json_set_str(release, "namespace", in->namespace_);
	for (size_t i = 0; i < in->n_api_versions; i++)
		eb_json_push(versions, eb_json_str(in->api_versions[i]));
	eb_json_set(api, "versions", versions);
	eb_json_set_str(bundle, "name", in->bundle);
	eb_json_set_str(bundle, "version", in->version);
	eb_json_set(ctx, "values", values);
	eb_json_set(ctx, "release", release);
	eb_json_set(ctx, "images", images_json(in));
	eb_json_set(ctx, "api", api);
	eb_json_set(ctx, "bundle", bundle);
	return ctx;
}

int rnd_effective_values(const struct rnd_input *in, json_t **ret, struct eb_error **err)
{
	autojson json_t *values = json_deep_copy(in->values->tree);
	const json_t *places = in->values->places;
	int r = 0;

	if (in->schema) {
		r = rnd_schema_check(in->schema, err);
		if (r < 0)
			return r;
		rnd_schema_fill(in->schema, values);
		r = rnd_schema_validate(in->schema, values, places, err);
		if (r >= 0)
			r = rnd_template_values(in->schema, values, places, in->release,
						in->namespace_, err);
		/* Now that they are evaluated, texts may be other than what the schema wants. */
		if (r >= 0)
			r = rnd_schema_validate(in->schema, values, places, err);
		if (r >= 0)
			r = rnd_check_texts(in->schema, values, places, err);
	}
	if (r >= 0)
		*ret = EB_TAKE_PTR(values);
	return r;
}

int rnd_render(const struct rnd_input *in, struct rnd_objects *ret, struct eb_error **err)
{
	autojson json_t *ctx = NULL, *result = NULL;
	autofree char *path = NULL;
	json_t *values = NULL;
	int r = rnd_effective_values(in, &values, err);

	if (r < 0)
		return r;
	ctx = context(in, values);
	r = rnd_jsonnet_eval(in->library, "main.jsonnet", ctx, in->limits, &result, &path, err);
	if (r < 0 && path) {
		const char *place = rnd_path_place(in->values->places, path);

		return place ? eb_prefix(err, r, "%s", place) : r;
	}
	return r < 0 ? r : rnd_objects_collect(result, in->namespace_, ret, err);
}
