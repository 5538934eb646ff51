#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/span.h"
#include "bundle/describe.h"
#include "bundle/verify.h"
#include "cli/cmd.h"
#include "cli/ui.h"

enum { TEXT_MAX_BYTES = 512 };

struct args {
	bool packages, layers;
};

static void print_size(struct cmd_env *env, uint64_t bytes)
{
	char text[24];

	ui_format_amount(EB_UNIT_BYTES, bytes, text);
	env_printf(env, "%10s", text);
}

static void print_image(struct cmd_env *env, const struct args *a, const json_t *im)
{
	const json_t *list;
	json_t *one;
	size_t i;

	print_size(env, eb_json_number(im, "size_bytes"));
	env_printf(env, "  %s ", eb_json_text(im, "ref"));
	json_array_foreach(json_object_get(im, "platforms"), i, one)
		env_printf(env, " %s", json_string_value(one));
	if (json_object_get(im, "attestations"))
		env_printf(env, " +%llu attestations",
			   (unsigned long long)eb_json_number(im, "attestations"));
	if (json_array_size(json_object_get(im, "hanging")))
		env_printf(env, " +%zu that hang on it",
			   json_array_size(json_object_get(im, "hanging")));
	if (json_object_get(im, "absent_platforms"))
		env_printf(env, " (%llu more in its index are not in the bundle)",
			   (unsigned long long)eb_json_number(im, "absent_platforms"));
	env_printf(env, "\n            %s\n", eb_json_text(im, "digest"));
	list = json_object_get(im, "layers");
	json_array_foreach(a->layers ? list : NULL, i, one)
	{
		env_printf(env, "    ");
		print_size(env, eb_json_number(one, "size_bytes"));
		env_printf(env, "  %.19s  %-14s %s\n", eb_json_text(one, "digest"),
			   eb_json_text(one, "platform"), eb_json_text(one, "holds"));
	}
	list = json_object_get(im, "packages");
	json_array_foreach(a->packages ? list : NULL, i, one) env_printf(
		env, "    %s %s %s %s\n", eb_json_text(one, "type"), eb_json_text(one, "name"),
		eb_json_text(one, "version"), eb_json_text(one, "arch"));
}

/* What a bundle says of itself was written by whoever made it: no control character of it may reach
 * the terminal. */
static void make_printable(json_t *j)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_string(j)) {
		autofree char *clean = eb_printable(json_string_value(j), TEXT_MAX_BYTES);

		json_string_set(j, clean);
	}
	json_object_foreach(j, key, value) make_printable(value);
	json_array_foreach(j, i, value) make_printable(value);
}

static void print_bundle(struct cmd_env *env, const struct args *a, const json_t *doc)
{
	char size[24];
	json_t *im;
	size_t i;

	ui_format_amount(EB_UNIT_BYTES, eb_json_number(doc, "size_bytes"), size);
	env_printf(env, "%s %s, %s\n", eb_json_text(doc, "name"), eb_json_text(doc, "version"),
		   size);
	if (eb_json_text(doc, "summary")[0])
		env_printf(env, "%s\n", eb_json_text(doc, "summary"));
	env_printf(env, "root  %s\n", eb_json_text(json_object_get(doc, "root"), "digest"));
	env_printf(env, "codec %s %s\n", eb_json_text(doc, "compression"),
		   eb_json_text(doc, "codec"));
	env_printf(env, "%zu signature%s (not checked here: see 'ess-bundle verify')\n",
		   json_array_size(json_object_get(doc, "signatures")),
		   json_array_size(json_object_get(doc, "signatures")) == 1 ? "" : "s");
	env_printf(env, "\n%10s  image (size on all platforms, with layers that others share)\n",
		   "size");
	json_array_foreach(json_object_get(doc, "images"), i, im) print_image(env, a, im);
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	autojson json_t *doc = NULL;
	int r = bnd_open_checked(argv[0], BND_DOCUMENTS, env_pool(env), NULL, &b, err);

	(void)argc;
	if (r >= 0)
		r = bnd_describe(&b, &doc, err);
	if (r < 0)
		return r;
	if (env->json)
		env_print_json(env, EB_TAKE_PTR(doc));
	else {
		make_printable(doc);
		print_bundle(env, argp, doc);
	}
	return 0;
}

static const struct opt options[] = {
	{ "packages", 'p', .kind = OPT_FLAG, .help = "list the packages of each image",
	  .offset = offsetof(struct args, packages) },
	{ "layers", 'l', .kind = OPT_FLAG, .help = "list the layers of each image",
	  .offset = offsetof(struct args, layers) },
	OPT_END,
};

const struct cmd cmd_inspect = {
	.name = "inspect",
	.group = CMD_LOOK,
	.summary = "show what a bundle holds",
	.synopsis = "[OPTION]... FILE",
	.description = "Shows what the documents of a bundle say and checks all of it but its "
		       "layers: quick "
		       "on any size. Nothing is unpacked.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
