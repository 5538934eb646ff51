#include "bundle/documents.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "bundle/plan.h"
#include "image/base.h"
#include "image/mediatype.h"

static json_t *add_package(json_t *list, const char *type, const char *name, const char *version,
			   const char *arch)
{
	json_t *j = eb_json_object();

	eb_json_set_str(j, "type", type);
	eb_json_set_str(j, "name", name);
	eb_json_set_str(j, "version", version ? version : "");
	eb_json_set_str(j, "arch", arch);
	eb_json_push(list, j);
	return j;
}

/* Debian packages, as scanners name them. */
static void add_debs(json_t *list, const struct rcp_lock *l, const char *arch)
{
	for (size_t i = 0; i < l->n_packages; i++) {
		const struct rcp_locked_package *p = &l->packages[i];

		if (strcmp(p->arch, arch) == 0)
			eb_json_set_str(add_package(list, "deb", p->name, p->version, p->deb_arch),
					"source", p->source);
	}
}

/* The module of a program is listed with its package. */
static bool is_program(const struct rcp_lock *l, const struct rcp_locked_module *m)
{
	for (size_t i = 0; i < l->n_programs; i++)
		if (strcmp(l->programs[i].module, m->module) == 0 &&
		    strcmp(l->programs[i].version, m->version) == 0)
			return true;
	return false;
}

static void add_others(json_t *list, const struct rcp_recipe *rcp, const struct rcp_lock *l,
		       const char *arch)
{
	for (size_t i = 0; i < l->n_wheels; i++)
		if (strcmp(l->wheels[i].arch, arch) == 0)
			add_package(list, "pypi", l->wheels[i].name, l->wheels[i].version, arch);
	for (size_t i = 0; i < l->n_programs; i++)
		if (strcmp(l->programs[i].arch, arch) == 0)
			eb_json_set_str(add_package(list, "golang", l->programs[i].module,
						    l->programs[i].version, arch),
					"package", l->programs[i].package);
	for (size_t i = 0; i < l->n_modules; i++)
		if (!is_program(l, &l->modules[i]))
			add_package(list, "golang", l->modules[i].module, l->modules[i].version,
				    arch);
	for (size_t i = 0; i < rcp->n_archives; i++) {
		const struct rcp_locked_archive *a = rcp_archive_is_for(&rcp->archives[i], arch)
							     ? rcp_lock_find_archive(
								       l, rcp->archives[i].name,
								       arch)
							     : NULL;

		if (a)
			add_package(list, "archive", a->name, a->version ? a->version : a->commit,
				    arch);
	}
	for (size_t i = 0; i < l->n_files; i++)
		add_package(list, "file", l->files[i].path, NULL, arch);
}

/* What a chain is made of on one architecture, the base's first. */
static json_t *packages_json(const struct img_chain *c, const char *arch)
{
	json_t *list = eb_json_array();

	for (size_t s = 0; s < c->n; s++) {
		add_debs(list, c->stage[s].lock, arch);
		add_others(list, c->stage[s].recipe, c->stage[s].lock, arch);
	}
	return list;
}

/* What an index that is carried lists about its platforms. */
static json_t *attestations_json(const struct img_image *image)
{
	json_t *list = eb_json_array();

	for (size_t i = 0; i < image->n_attestations; i++) {
		const struct img_platform *p = &image->attestations[i];
		autofree char *name = eb_xasprintf("linux/%s", p->arch);
		json_t *one = eb_json_object();

		eb_json_set_str(one, "platform", name);
		eb_json_set_str(one, "digest", p->manifest.desc.digest.text);
		eb_json_push(list, one);
	}
	return list;
}

static json_t *image_json(const struct bnd_plan_image *im)
{
	json_t *j = eb_json_object(), *platforms = eb_json_array();
	const struct rcp_upstream *base = img_base(&im->chain);

	eb_json_set_str(j, "name", im->def->name);
	eb_json_set_str(j, "ref", im->name);
	eb_json_set_str(j, "version", im->image.version);
	eb_json_set_str(j, "digest", im->image.index.desc.digest.text);
	for (size_t i = 0; i < im->image.n_platforms; i++) {
		const struct img_platform *p = &im->image.platforms[i];
		autofree char *name = eb_xasprintf("linux/%s", p->arch);
		json_t *one = eb_json_object();

		eb_json_set_str(one, "platform", name);
		eb_json_set_str(one, "digest", p->manifest.desc.digest.text);
		eb_json_set(one, "packages", packages_json(&im->chain, p->arch));
		eb_json_push(platforms, one);
	}
	eb_json_set(j, "platforms", platforms);
	if (im->image.n_attestations)
		eb_json_set(j, "attestations", attestations_json(&im->image));
	if (img_recipe(&im->chain)->image.ref)
		eb_json_set_str(j, "upstream", img_recipe(&im->chain)->image.ref);
	if (base) {
		json_t *on = eb_json_object();

		eb_json_set_str(on, "ref", base->ref);
		eb_json_set_str(on, "digest", base->digest);
		eb_json_set(j, "base", on);
	}
	return j;
}

char *bnd_definition_json(const struct bnd_plan *p)
{
	const struct img_env *env = img_session_env(p->session);
	autojson json_t *j = eb_json_object();
	json_t *images = eb_json_array();
	autofree char *reference = eb_xasprintf("%s/%s", p->def->registry, p->def->name);
	const struct rcp_locked_codec *codec;

	eb_json_set_u64(j, "format", 1);
	eb_json_set_str(j, "name", p->def->name);
	eb_json_set_str(j, "version", p->def->version);
	eb_json_set_str(j, "reference", reference);
	eb_json_set_str(j, "summary", p->def->summary);
	eb_json_set_u64(j, "epoch", (uint64_t)p->epoch_sec);
	eb_json_set_str(j, "compression", eb_codec_name(env->compression));
	codec = p->n_images ? img_locked_codec(env, &p->images[0].chain, NULL) : NULL;
	eb_json_set_str(j, "codec", codec ? codec->version : NULL);
	for (size_t i = 0; i < p->n_images; i++)
		eb_json_push(images, image_json(&p->images[i]));
	eb_json_set(j, "images", images);
	return eb_json_canonical(j, NULL);
}

void bnd_annotate(const struct bnd_plan *p, struct oci_manifest *m)
{
	char created[32];
	const char *key;
	json_t *value;

	eb_format_time(p->epoch_sec, created);
	oci_manifest_annotate(m, OCI_ANN_CREATED, created);
	oci_manifest_annotate(m, OCI_ANN_TITLE, p->def->name);
	oci_manifest_annotate(m, OCI_ANN_VERSION, p->def->version);
	if (p->def->summary)
		oci_manifest_annotate(m, OCI_ANN_DESCRIPTION, p->def->summary);
	json_object_foreach(p->def->annotations, key, value)
		oci_manifest_annotate(m, key, json_string_value(value));
}
