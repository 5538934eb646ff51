#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "bundle/reader.h"
#include "cli/cmd.h"
#include "registry/mirror_config.h"

/* In the order of enum reg_mirror_format. */
static const char *const formats[] = { "containerd", "k3s",    "crio", "openshift",
				       "talos",	     "docker", NULL };

struct args {
	unsigned int format;
	const char *registry, *ca, *output;
	bool plain_http, no_fallback;
};

/* A directory for each host, when there are several files. */
static int write_file(const struct eb_dir *d, const struct reg_mirror_file *f,
		      struct eb_error **err)
{
	const char *slash = strrchr(f->path, '/');

	if (slash) {
		autofree char *parent = eb_xstrndup(f->path, (size_t)(slash - f->path));
		EB_AUTODIR(sub);
		int r = eb_dir_sub(d, parent, true, 0755, &sub, err);

		return r < 0 ? r
			     : eb_dir_write(&sub, slash + 1, f->text, strlen(f->text), 0644, err);
	}
	return eb_dir_write(d, f->path, f->text, strlen(f->text), 0644, err);
}

static int write_all(struct cmd_env *env, const char *output, const struct reg_mirror_files *files,
		     struct eb_error **err)
{
	EB_AUTODIR(d);
	int r = eb_dir_open(output, true, &d, err);

	for (size_t i = 0; i < files->n && r >= 0; i++) {
		r = write_file(&d, &files->items[i], err);
		if (r >= 0)
			env_note(env, "%s/%s", output, files->items[i].path);
	}
	if (r >= 0)
		env_note(env, "for: %s", files->where);
	return r;
}

static void print_all(struct cmd_env *env, const struct reg_mirror_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		if (files->n > 1)
			env_printf(env, "%s# %s/%s\n", i ? "\n" : "", files->where,
				   files->items[i].path);
		env_printf(env, "%s", files->items[i].text);
	}
	if (files->n == 1)
		env_note(env, "%s, for: %s", files->items[0].path, files->where);
}

static int run(struct cmd_env *env, void *argp, int argc, char **argv, struct eb_error **err)
{
	const struct args *a = argp;
	const struct reg_mirror_options o = { .format = (enum reg_mirror_format)a->format,
					      .registry = a->registry,
					      .ca = a->ca,
					      .plain_http = a->plain_http,
					      .no_fallback = a->no_fallback };
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	EB_CLEANUP(reg_mirror_files_release_p) struct reg_mirror_files files = { 0 };
	autofree const char **images = NULL;
	int r = bnd_open(argv[0], &b, err);

	(void)argc;
	if (r < 0)
		return r;
	images = eb_xcalloc(b.n_images + 1, sizeof(char *));
	for (size_t i = 0; i < b.n_images; i++)
		images[i] = b.images[i].name;
	r = reg_mirror_config(&o, images, b.n_images, &files, err);
	if (r < 0)
		return r;
	if (a->output)
		return write_all(env, a->output, &files, err);
	print_all(env, &files);
	return 0;
}

static const struct opt options[] = {
	{ "format", 'f', .kind = OPT_ENUM, .arg = "KIND", .choices = formats,
	  .help = "whose configuration to write:", .offset = offsetof(struct args, format) },
	{ "registry", 'r', .required = true, .kind = OPT_STRING, .arg = "HOST[/PREFIX]",
	  .help = "the mirror, with port and path as the machines reach it",
	  .offset = offsetof(struct args, registry) },
	{ "output", 'o', .kind = OPT_STRING, .arg = "DIR",
	  .help = "write files into DIR instead of standard output",
	  .offset = offsetof(struct args, output) },
	{ "plain-http", .kind = OPT_FLAG, .help = "the mirror speaks HTTP without TLS",
	  .offset = offsetof(struct args, plain_http) },
	{ "ca", .kind = OPT_STRING, .arg = "PATH",
	  .help = "CA of the mirror's certificate, by its path on the machines",
	  .offset = offsetof(struct args, ca) },
	{ "no-fallback", .kind = OPT_FLAG, .help = "never ask the original registries",
	  .offset = offsetof(struct args, no_fallback) },
	OPT_END,
};

const struct cmd cmd_mirror_config = {
	.name = "mirror-config",
	.group = CMD_LOOK,
	.summary = "configure nodes to use a mirror of a bundle's images",
	.synopsis = "[OPTION]... --registry HOST[/PREFIX] FILE",
	.description =
		"Writes what container engines need to pull the images of the bundle FILE, "
		"under their original names, from a registry that has them: one that 'serve' "
		"is, or one that the bundle was pushed to.",
	.options = options,
	.args_size = sizeof(struct args),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
