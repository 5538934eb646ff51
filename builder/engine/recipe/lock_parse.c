/* Reading lock.yaml. A lock decides what is fetched and under which path, so everything in it is
 * held to a fixed form even though it is usually our own text. */
#include <errno.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "recipe/lock.h"
#include "recipe/read.h"

/* 1 PiB; the year 9999. Nothing real comes near. */
#define MAX_SIZE_BYTES ((uint64_t)1 << 50)
#define MAX_TIME_SEC ((uint64_t)253402300799)
enum { MAX_LAYER_NUMBER = 1000, MAX_LEVEL = 22 };

static const char *const result_codecs[] = { "zstd", "gzip", "none", NULL };

static int read_recipe(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_component, to, err);
}

static int read_archive(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_archive, to, err);
}

static int read_suite_name(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_suite, to, err);
}

static int read_version(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_version, to, err);
}

static int read_sha256(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_sha256, to, err);
}

static int read_digest(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_digest, to, err);
}

static int read_relative(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_relative, to, err);
}

/* Below an archive; becomes part of a URL, so only characters that mean nothing there. */
static const char *check_pool_path(const char *s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "._+~-/";

	if (s[strspn(s, safe)])
		return "a path in an archive: it has a character other than letters, digits and "
		       "._+~-/";
	return rcp_check_relative(s);
}

static int read_pool_path(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err)
{
	return rcp_read_checked(rd, v, check_pool_path, to, err);
}

static const char *check_layer_name(const char *s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "+-._ ";
	size_t n = strlen(s);

	if (n > 0 && n <= 200 && strspn(s, safe) == n)
		return NULL;
	return "the name of a layer (letters, digits, '+', '-', '.', '_', blanks)";
}

static int read_layer_name(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	return rcp_read_checked(rd, v, check_layer_name, to, err);
}

static int read_deb_arch(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	if (v->kind == RCP_YAML_SCALAR && strcmp(v->text, "all") == 0) {
		*(const char **)to = v->text;
		return 0;
	}
	return rcp_read_architecture(rd, v, to, err);
}

static int read_result_codec(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			     struct eb_error **err)
{
	return rcp_read_one_of(rd, v, result_codecs, to, err);
}

static int read_size(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	return rcp_read_number(rd, v, MAX_SIZE_BYTES, to, err);
}

static int read_time(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	uint64_t n = 0;
	int r = rcp_read_number(rd, v, MAX_TIME_SEC, &n, err);

	if (r >= 0)
		*(int64_t *)to = (int64_t)n;
	return r;
}

static int read_level(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	uint64_t n = 0;
	int r = rcp_read_number(rd, v, MAX_LEVEL, &n, err);

	if (r >= 0)
		*(int *)to = (int)n;
	return r;
}

static int read_layer_number(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			     struct eb_error **err)
{
	uint64_t n = 0;
	int r = rcp_read_number(rd, v, MAX_LAYER_NUMBER, &n, err);

	if (r >= 0)
		*(unsigned int *)to = (unsigned int)n;
	return r;
}

static int read_format(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	(void)to;
	if (v->kind != RCP_YAML_SCALAR || strcmp(v->text, "1") != 0)
		return rcp_read_throw(rd, v, err,
				      "expected format 1, found '%.40s'; a later ess-bundle may "
				      "read it",
				      v->kind == RCP_YAML_SCALAR ? v->text : "(no word)");
	return 0;
}

static int read_suite(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "archive", read_archive, offsetof(struct rcp_locked_suite, archive), true },
		{ "suite", read_suite_name, offsetof(struct rcp_locked_suite, suite), true },
		{ "date", read_time, offsetof(struct rcp_locked_suite, date_sec), true },
		{ "sha256", read_sha256, offsetof(struct rcp_locked_suite, sha256), true },
	};

	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), to, err);
}

static int read_package(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "arch", rcp_read_architecture, offsetof(struct rcp_locked_package, arch), true },
		{ "deb_arch", read_deb_arch, offsetof(struct rcp_locked_package, deb_arch), false },
		{ "name", rcp_read_package, offsetof(struct rcp_locked_package, name), true },
		{ "version", read_version, offsetof(struct rcp_locked_package, version), true },
		{ "size", read_size, offsetof(struct rcp_locked_package, size), true },
		{ "sha256", read_sha256, offsetof(struct rcp_locked_package, sha256), true },
		{ "path", read_pool_path, offsetof(struct rcp_locked_package, path), true },
		{ "archive", read_archive, offsetof(struct rcp_locked_package, archive), true },
		{ "suite", read_suite_name, offsetof(struct rcp_locked_package, suite), true },
		{ "source", rcp_read_package, offsetof(struct rcp_locked_package, source), true },
	};

	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), to, err);
}

static int read_codec(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "kind", rcp_read_codec_kind, offsetof(struct rcp_locked_codec, kind), true },
		{ "level", read_level, offsetof(struct rcp_locked_codec, level), true },
		{ "arch", rcp_read_architecture, offsetof(struct rcp_locked_codec, arch), true },
		{ "version", read_version, offsetof(struct rcp_locked_codec, version), true },
		{ "library", read_relative, offsetof(struct rcp_locked_codec, library), true },
		{ "size", read_size, offsetof(struct rcp_locked_codec, size), true },
		{ "sha256", read_sha256, offsetof(struct rcp_locked_codec, sha256), true },
		{ "path", read_pool_path, offsetof(struct rcp_locked_codec, path), true },
		{ "archive", read_archive, offsetof(struct rcp_locked_codec, archive), true },
	};

	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), to, err);
}

static int read_result(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "arch", rcp_read_architecture, offsetof(struct rcp_locked_result, arch), true },
		{ "codec", read_result_codec, offsetof(struct rcp_locked_result, codec), true },
		{ "key", read_sha256, offsetof(struct rcp_locked_result, key), true },
		{ "manifest", read_digest, offsetof(struct rcp_locked_result, manifest), true },
		{ "config", read_digest, offsetof(struct rcp_locked_result, config), true },
		{ "size", read_size, offsetof(struct rcp_locked_result, size), true },
	};

	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), to, err);
}

static int read_layer(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "arch", rcp_read_architecture, offsetof(struct rcp_locked_layer, arch), true },
		{ "codec", read_result_codec, offsetof(struct rcp_locked_layer, codec), true },
		{ "n", read_layer_number, offsetof(struct rcp_locked_layer, n), true },
		{ "name", read_layer_name, offsetof(struct rcp_locked_layer, name), true },
		{ "diff_id", read_digest, offsetof(struct rcp_locked_layer, diff_id), true },
		{ "digest", read_digest, offsetof(struct rcp_locked_layer, digest), true },
		{ "size", read_size, offsetof(struct rcp_locked_layer, size), true },
		{ "diff_size", read_size, offsetof(struct rcp_locked_layer, diff_size), true },
	};

	return rcp_read_map(rd, v, fields, EB_ARRAY_LEN(fields), to, err);
}

/* A section: lines read by `item`, none twice under the name that `key_of` gives it. */
typedef const char *(*key_fn)(struct eb_arena *a, const void *item);

static int read_section(struct rcp_reader *rd, const struct rcp_yaml *v, size_t size,
			rcp_read_fn item, key_fn key_of, const char *what, void *ret_items,
			size_t *ret_n, struct eb_error **err)
{
	struct rcp_unique *u;
	char *items = NULL;
	size_t n = 0;
	int r = rcp_read_list(rd, v, size, item, &items, &n, err);

	if (r < 0)
		return r;
	u = eb_arena_alloc(rd->arena, n * sizeof(*u));
	for (size_t i = 0; i < n; i++)
		u[i] = (struct rcp_unique){ key_of(rd->arena, items + i * size),
					    rcp_pos_of(v->items[i]) };
	r = rcp_check_unique(u, n, what, err);
	if (r < 0)
		return r;
	*(void **)ret_items = items;
	*ret_n = n;
	return 0;
}

static const char *suite_key(struct eb_arena *a, const void *item)
{
	const struct rcp_locked_suite *s = item;

	return eb_arena_printf(a, "%s/%s", s->archive, s->suite);
}

static const char *package_key(struct eb_arena *a, const void *item)
{
	const struct rcp_locked_package *p = item;

	return eb_arena_printf(a, "%s:%s", p->name, p->arch);
}

static const char *codec_key(struct eb_arena *a, const void *item)
{
	const struct rcp_locked_codec *c = item;

	return eb_arena_printf(a, "%s:%s", c->kind, c->arch);
}

static const char *result_key(struct eb_arena *a, const void *item)
{
	const struct rcp_locked_result *r = item;

	return eb_arena_printf(a, "%s:%s", r->codec, r->arch);
}

static const char *layer_key(struct eb_arena *a, const void *item)
{
	const struct rcp_locked_layer *y = item;

	return eb_arena_printf(a, "%u:%s:%s", y->n, y->codec, y->arch);
}

static int read_suites(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	struct rcp_lock *l = to;

	return read_section(rd, v, sizeof(*l->suites), read_suite, suite_key, "suite", &l->suites,
			    &l->n_suites, err);
}

static int read_packages(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	struct rcp_lock *l = to;

	return read_section(rd, v, sizeof(*l->packages), read_package, package_key, "package",
			    &l->packages, &l->n_packages, err);
}

static int read_codecs(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	struct rcp_lock *l = to;

	return read_section(rd, v, sizeof(*l->codecs), read_codec, codec_key, "codec", &l->codecs,
			    &l->n_codecs, err);
}

static int read_results(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	struct rcp_lock *l = to;

	return read_section(rd, v, sizeof(*l->results), read_result, result_key, "result",
			    &l->results, &l->n_results, err);
}

static int read_layers(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	struct rcp_lock *l = to;

	return read_section(rd, v, sizeof(*l->layers), read_layer, layer_key, "layer", &l->layers,
			    &l->n_layers, err);
}

/* A lock of its own arena from what was read into one that goes away. */
static struct rcp_lock *copy(const char *file, const struct rcp_lock *from)
{
	struct rcp_lock *l = rcp_lock_new(from->recipe);

	l->file = eb_arena_strdup(l->arena, file);
	l->epoch_sec = from->epoch_sec;
	if (from->inputs_sha256)
		l->inputs_sha256 = eb_arena_strdup(l->arena, from->inputs_sha256);
	for (size_t i = 0; i < from->n_suites; i++)
		rcp_lock_add_suite(l, &from->suites[i]);
	for (size_t i = 0; i < from->n_packages; i++)
		rcp_lock_add_package(l, &from->packages[i]);
	for (size_t i = 0; i < from->n_codecs; i++)
		rcp_lock_add_codec(l, &from->codecs[i]);
	for (size_t i = 0; i < from->n_results; i++)
		rcp_lock_add_result(l, &from->results[i]);
	for (size_t i = 0; i < from->n_layers; i++)
		rcp_lock_add_layer(l, &from->layers[i]);
	rcp_lock_sort(l);
	return l;
}

int rcp_lock_parse(const char *file, const char *text, size_t n, struct rcp_lock **ret,
		   struct eb_error **err)
{
	static const struct rcp_field fields[] = {
		{ "format", read_format, 0, true },
		{ "recipe", read_recipe, offsetof(struct rcp_lock, recipe), true },
		{ "inputs", read_sha256, offsetof(struct rcp_lock, inputs_sha256), false },
		{ "epoch", read_time, offsetof(struct rcp_lock, epoch_sec), true },
		{ "suites", read_suites, 0, false },
		{ "packages", read_packages, 0, false },
		{ "codecs", read_codecs, 0, false },
		{ "results", read_results, 0, false },
		{ "layers", read_layers, 0, false },
	};
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct rcp_lock raw = { 0 };
	struct rcp_reader rd = { .arena = arena, .document = &raw };
	struct rcp_yaml *root;
	int r = rcp_yaml_parse(file, text, n, arena, &root, err);

	if (r < 0)
		return r;
	r = rcp_read_map(&rd, root, fields, EB_ARRAY_LEN(fields), &raw, err);
	if (r < 0)
		return r;
	*ret = copy(file, &raw);
	return 0;
}

int rcp_lock_load(const char *dir, struct rcp_lock **ret, struct eb_error **err)
{
	const char *slash = *dir && dir[strlen(dir) - 1] != '/' ? "/" : "";
	autofree char *file = eb_xasprintf("%s%slock.yaml", dir, slash);
	autoerror struct eb_error *cause = NULL;
	EB_AUTOBUF(text, RCP_YAML_MAX_BYTES);
	int r = eb_file_read(file, &text, &cause);

	if (r == -ENOENT || r == -ENOTDIR) {
		r = eb_throw(err, EB_E_NOT_FOUND, "no lock: %s", cause->message);
		return eb_hint(err, r, "run 'ess-bundle lock %s'", dir);
	}
	if (r < 0)
		return eb_error_forward(err, EB_TAKE_PTR(cause));
	return rcp_lock_parse(file, eb_buf_str(&text), text.len, ret, err);
}
