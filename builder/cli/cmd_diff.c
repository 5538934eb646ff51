#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"
#include "bundle/diff.h"
#include "bundle/verify.h"
#include "cli/cmd.h"
#include "cli/ui.h"

struct args {
	bool files;
};

/* Exit status for "they differ", as diff(1) has it. */
enum { STATUS_DIFFER = 1 };

static void amount(uint64_t bytes, char out[static 24])
{
	ui_format_amount(EB_UNIT_BYTES, bytes, out);
}

/* Names and settings in a bundle are somebody else's words: they must not drive the terminal. */
static void clean(json_t *j)
{
	const char *key;
	json_t *v;
	size_t i;

	if (json_is_string(j)) {
		autofree char *text = eb_xstrdup(json_string_value(j));

		ui_clean(text, false);
		eb_ignore(json_string_set_nocheck(j, text));
	}
	json_array_foreach(j, i, v) clean(v);
	json_object_foreach(j, key, v) clean(v);
}

/* ---- lists ---- */

static void print_packages(struct cmd_env *env, const json_t *j)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(j, "removed"), i, one)
		env_printf(env, "    - package %s %s\n", eb_json_text(one, "name"),
			   eb_json_text(one, "version"));
	json_array_foreach(json_object_get(j, "added"), i, one)
		env_printf(env, "    + package %s %s\n", eb_json_text(one, "name"),
			   eb_json_text(one, "version"));
	json_array_foreach(json_object_get(j, "changed"), i, one)
		env_printf(env, "    ~ package %s %s -> %s\n", eb_json_text(one, "name"),
			   eb_json_text(one, "old"), eb_json_text(one, "new"));
}

static void print_layer(struct cmd_env *env, char mark, const json_t *l)
{
	char size[24];

	amount(eb_json_number(l, "size_bytes"), size);
	env_printf(env, "    %c layer %s, %s\n", mark,
		   *eb_json_text(l, "holds") ? eb_json_text(l, "holds") : eb_json_text(l, "digest"),
		   size);
}

static void print_layers(struct cmd_env *env, const json_t *j)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(j, "removed"), i, one) print_layer(env, '-', one);
	json_array_foreach(json_object_get(j, "added"), i, one) print_layer(env, '+', one);
	json_array_foreach(json_object_get(j, "changed"), i, one)
	{
		char a[24], b[24];

		amount(eb_json_number(json_object_get(one, "old"), "size_bytes"), a);
		amount(eb_json_number(json_object_get(one, "new"), "size_bytes"), b);
		env_printf(env, "    ~ layer %s, %s -> %s%s\n", eb_json_text(one, "holds"), a, b,
			   json_is_true(json_object_get(one, "content"))
				   ? ""
				   : ": same content, other compressed bytes");
	}
	env_printf(env, "      %llu layers are shared\n",
		   (unsigned long long)eb_json_number(j, "shared"));
}

static char *value_text(const json_t *v)
{
	if (!v || json_is_null(v))
		return eb_xstrdup("(nothing)");
	if (json_is_string(v))
		return eb_xstrdup(json_string_value(v));
	return eb_json_canonical(v, NULL);
}

static void print_config(struct cmd_env *env, const json_t *list)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		autofree char *a = value_text(json_object_get(one, "old"));
		autofree char *b = value_text(json_object_get(one, "new"));

		env_printf(env, "    ~ config %s: %s -> %s\n", eb_json_text(one, "key"), a, b);
	}
}

/* ---- files ---- */

static void print_side(struct cmd_env *env, const char *what, const json_t *f, const json_t *a,
		       const json_t *b)
{
	if (strcmp(what, "mode") == 0)
		env_printf(env, " %s -> %s", eb_json_text(a, "mode"), eb_json_text(b, "mode"));
	else if (strcmp(what, "owner") == 0)
		env_printf(env, " %llu:%llu -> %llu:%llu",
			   (unsigned long long)eb_json_number(a, "uid"),
			   (unsigned long long)eb_json_number(a, "gid"),
			   (unsigned long long)eb_json_number(b, "uid"),
			   (unsigned long long)eb_json_number(b, "gid"));
	else if (strcmp(what, "type") == 0 || strcmp(what, "link") == 0)
		env_printf(env, " %s -> %s", eb_json_text(a, what), eb_json_text(b, what));
	else if (strcmp(what, "content") == 0) {
		env_printf(env, " %llu -> %llu bytes",
			   (unsigned long long)eb_json_number(a, "size"),
			   (unsigned long long)eb_json_number(b, "size"));
		if (json_object_get(f, "first_difference"))
			env_printf(env, ", the first differing byte is at offset %llu",
				   (unsigned long long)eb_json_number(f, "first_difference"));
	}
}

static void print_file(struct cmd_env *env, const json_t *f)
{
	const json_t *a = json_object_get(f, "old"), *b = json_object_get(f, "new");
	const json_t *change = json_object_get(f, "change");
	const char *path = eb_json_text(f, "path");
	json_t *one;
	size_t i;

	if (!a || !b) {
		env_printf(env, "    %c %s\n", a ? '-' : '+', path);
		return;
	}
	env_printf(env, "    ~ %s:", path);
	json_array_foreach(change, i, one)
	{
		env_printf(env, "%s %s", i ? ";" : "", json_string_value(one));
		print_side(env, json_string_value(one), f, a, b);
	}
	env_printf(env, "\n");
}

/* ---- images ---- */

static void print_platform(struct cmd_env *env, const json_t *p)
{
	json_t *one;
	char size[24];
	size_t i;

	if (strcmp(eb_json_text(p, "change"), "changed") != 0) {
		env_printf(env, "  %c %s\n",
			   strcmp(eb_json_text(p, "change"), "added") == 0 ? '+' : '-',
			   eb_json_text(p, "platform"));
		return;
	}
	amount(eb_json_number(p, "new_bytes"), size);
	env_printf(env, "  %s, %s to carry\n", eb_json_text(p, "platform"), size);
	print_packages(env, json_object_get(p, "packages"));
	print_layers(env, json_object_get(p, "layers"));
	print_config(env, json_object_get(p, "config"));
	json_array_foreach(json_object_get(p, "files"), i, one) print_file(env, one);
	if (json_object_get(p, "files_left_out"))
		env_printf(env, "      %llu more files\n",
			   (unsigned long long)eb_json_number(p, "files_left_out"));
}

static void print_images(struct cmd_env *env, const json_t *images)
{
	json_t *one, *p;
	size_t i, k;

	json_array_foreach(json_object_get(images, "removed"), i, one)
		env_printf(env, "- image %s\n", eb_json_text(one, "ref"));
	json_array_foreach(json_object_get(images, "added"), i, one)
		env_printf(env, "+ image %s\n", eb_json_text(one, "ref"));
	json_array_foreach(json_object_get(images, "changed"), i, one)
	{
		const char *a = eb_json_text(json_object_get(one, "old"), "ref");
		const char *b = eb_json_text(json_object_get(one, "new"), "ref");

		if (strcmp(a, b) == 0)
			env_printf(env, "~ image %s\n", b);
		else
			env_printf(env, "~ image %s -> %s\n", a, b);
		json_array_foreach(json_object_get(one, "platforms"), k, p) print_platform(env, p);
	}
	i = json_array_size(json_object_get(images, "same"));
	if (i)
		env_printf(env, "  %zu image%s the same\n", i, i == 1 ? " is" : "s are");
}

static void print_diff(struct cmd_env *env, json_t *doc)
{
	const json_t *a = json_object_get(doc, "old"), *b = json_object_get(doc, "new");
	char size[24];
	json_t *one;
	size_t i;

	clean(doc);
	if (json_is_true(json_object_get(doc, "same"))) {
		env_printf(env, "both are %s %s, root %s\n", eb_json_text(b, "name"),
			   eb_json_text(b, "version"), eb_json_text(b, "root"));
		return;
	}
	amount(eb_json_number(doc, "new_bytes"), size);
	env_printf(env, "%s %s  %s\n%s %s  %s\n%s to carry\n\n", eb_json_text(a, "name"),
		   eb_json_text(a, "version"), eb_json_text(a, "root"), eb_json_text(b, "name"),
		   eb_json_text(b, "version"), eb_json_text(b, "root"), size);
	print_images(env, json_object_get(doc, "images"));
	json_array_foreach(json_object_get(doc, "parts"), i, one)
		env_printf(env, "%c %s\n",
			   !*eb_json_text(one, "old")	? '+'
			   : !*eb_json_text(one, "new") ? '-'
							: '~',
			   eb_json_text(one, "title"));
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle x = { 0 }, y = { 0 };
	autojson json_t *doc = NULL;
	bool same = false;
	enum bnd_depth depth = a->files ? BND_EVERY_BYTE : BND_DOCUMENTS;
	int r = bnd_open_checked(argv[0], depth, env_pool(env), env->progress, &x, err);

	(void)argc;
	if (r >= 0)
		r = bnd_open_checked(argv[1], depth, env_pool(env), env->progress, &y, err);
	if (r >= 0)
		r = bnd_diff(&x, &y, a->files, env->progress, &doc, &same, err);
	if (r < 0)
		return r;
	if (env->json)
		env_print_json(env, EB_TAKE_PTR(doc));
	else
		print_diff(env, doc);
	return same ? 0 : STATUS_DIFFER;
}

static const struct opt options[] = {
	{ "files", 'f', .kind = OPT_FLAG,
	  .help = "read the layers and compare the images file by file",
	  .offset = offsetof(struct args, files) },
	OPT_END,
};

const struct cmd cmd_diff = {
	.name = "diff",
	.group = CMD_LOOK,
	.summary = "show in what two bundles differ",
	.synopsis = "[OPTION]... OLD NEW",
	.description =
		"Images that were added, removed or changed; of each changed one the packages, "
		"layers and settings that differ on each platform, and how much is to be carried "
		"to whoever has OLD. With --files every file, down to the first byte that differs."
		"\n\n"
		"Both are checked first, with --files to the last byte, without their layers "
		"otherwise. Signatures are not looked at, see 'ess-bundle verify'.\n\n"
		"Exit status 0 when both are the same, 1 when they differ.",
	.options = options,
	.args_size = sizeof(struct args),
	.uses = CMD_JSON,
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
