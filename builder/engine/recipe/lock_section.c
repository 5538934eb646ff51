/* The lines of a lock, section by section. A lock decides what is fetched and under which path, so
 * everything in it is held to a fixed form even though it is usually our own text. */
#include "recipe/lock_section.h"

#include "base/error.h"
#include "base/mem.h"

/* 1 PiB: nothing real comes near. */
#define MAX_SIZE_BYTES ((uint64_t)1 << 50)
enum { MAX_LAYER_NUMBER = 1000, MAX_LEVEL = 22 };

static const char *const result_codecs[] = { "zstd", "gzip", "none", NULL };

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

static const char *check_module(const char *s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "._+~-/!";

	if (s[strspn(s, safe)])
		return "the path of a Go module: it has a character other than letters, digits and "
		       "._+~-/!";
	return rcp_check_relative(s);
}

static int read_module_path(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			    struct eb_error **err)
{
	return rcp_read_checked(rd, v, check_module, to, err);
}

static int read_wheel_file(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_wheel, to, err);
}

static int read_distribution(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			     struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_distribution, to, err);
}

static int read_input_name(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_input_name, to, err);
}

static int read_commit(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_commit, to, err);
}

static int read_url(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_url, to, err);
}

static int read_file_url(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err)
{
	if (v->kind == RCP_YAML_SCALAR && rcp_is_own(v->text) &&
	    !rcp_check_word(v->text + strlen(RCP_OWN_URL)))
		return rcp_read_line(rd, v, to, err);
	return read_url(rd, v, to, err);
}

static int read_blob_kind(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err)
{
	static const char *const kinds[] = {
		RCP_BLOB_INDEX, RCP_BLOB_MANIFEST,    RCP_BLOB_CONFIG,
		RCP_BLOB_LAYER, RCP_BLOB_ATTESTATION, RCP_BLOB_SIGNATURE,
		RCP_BLOB_ATT,	RCP_BLOB_SBOM,	      RCP_BLOB_REFERRER,
		NULL,
	};

	return rcp_read_one_of(rd, v, kinds, to, err);
}

static int read_media_type(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_key, to, err);
}

#define OF(type, member) offsetof(struct rcp_locked_##type, member)
#define SECTION(name, one)                                                                         \
	.key = #name, .what = #one, .size = sizeof(struct rcp_locked_##one),                       \
	.items = offsetof(struct rcp_lock, name), .n = offsetof(struct rcp_lock, n_##name)

/* clang-format off */
const struct lock_section lock_sections[LOCK_SECTIONS] = {
	[LOCK_SUITES] = { SECTION(suites, suite), .fields = {
		{ "archive", read_archive, OF(suite, archive), .type = LOCK_TEXT },
		{ "suite", read_suite_name, OF(suite, suite), .type = LOCK_TEXT },
		{ "date", rcp_read_time, OF(suite, date_sec), .type = LOCK_TIME },
		{ "sha256", rcp_read_sha256, OF(suite, sha256), .type = LOCK_TEXT },
	}, .order = { "archive", "suite" }, .n_unique = 2 },
	[LOCK_PACKAGES] = { SECTION(packages, package), .fields = {
		{ "arch", rcp_read_architecture, OF(package, arch), .type = LOCK_TEXT },
		{ "deb_arch", read_deb_arch, OF(package, deb_arch), .optional = true, .like = "arch" },
		{ "name", rcp_read_package, OF(package, name), .type = LOCK_TEXT },
		{ "version", read_version, OF(package, version), .type = LOCK_TEXT },
		{ "size", read_size, OF(package, size), .type = LOCK_SIZE },
		{ "sha256", rcp_read_sha256, OF(package, sha256), .type = LOCK_TEXT },
		{ "path", read_pool_path, OF(package, path), .type = LOCK_TEXT },
		{ "archive", read_archive, OF(package, archive), .type = LOCK_TEXT },
		{ "suite", read_suite_name, OF(package, suite), .type = LOCK_TEXT },
		{ "source", rcp_read_package, OF(package, source), .like = "name" },
	}, .order = { "arch", "name", "version" }, .n_unique = 2 },
	[LOCK_WHEELS] = { SECTION(wheels, wheel), .fields = {
		{ "arch", rcp_read_architecture, OF(wheel, arch), .type = LOCK_TEXT },
		{ "name", read_distribution, OF(wheel, name), .type = LOCK_TEXT },
		{ "version", rcp_read_line, OF(wheel, version), .type = LOCK_TEXT },
		{ "size", read_size, OF(wheel, size), .type = LOCK_SIZE },
		{ "sha256", rcp_read_sha256, OF(wheel, sha256), .type = LOCK_TEXT },
		{ "file", read_wheel_file, OF(wheel, file), .type = LOCK_TEXT },
	}, .order = { "arch", "name" }, .n_unique = 2 },
	[LOCK_PROGRAMS] = { SECTION(programs, program), .fields = {
		{ "arch", rcp_read_architecture, OF(program, arch), .type = LOCK_TEXT },
		{ "module", read_module_path, OF(program, module), .type = LOCK_TEXT },
		{ "version", read_module_path, OF(program, version), .type = LOCK_TEXT },
		{ "package", rcp_read_line, OF(program, package), .type = LOCK_TEXT },
		{ "toolchain", rcp_read_line, OF(program, toolchain), .type = LOCK_TEXT },
		{ "gosum", rcp_read_sha256, OF(program, gosum), .type = LOCK_TEXT },
		{ "size", read_size, OF(program, size), .type = LOCK_SIZE },
		{ "sha256", rcp_read_sha256, OF(program, sha256), .type = LOCK_TEXT },
	}, .order = { "arch", "module", "package" }, .n_unique = 3 },
	[LOCK_MODULES] = { SECTION(modules, module), .fields = {
		{ "module", read_module_path, OF(module, module), .type = LOCK_TEXT },
		{ "version", read_module_path, OF(module, version), .type = LOCK_TEXT },
		{ "h1", rcp_read_line, OF(module, h1), .type = LOCK_TEXT },
	}, .order = { "module", "version" }, .n_unique = 2 },
	[LOCK_ARCHIVES] = { SECTION(archives, archive), .fields = {
		{ "arch", rcp_read_architecture, OF(archive, arch), .optional = true },
		{ "name", read_input_name, OF(archive, name), .type = LOCK_TEXT },
		{ "version", rcp_read_line, OF(archive, version), .optional = true },
		{ "url", read_url, OF(archive, url), .optional = true },
		{ "commit", read_commit, OF(archive, commit), .optional = true },
		{ "size", read_size, OF(archive, size), .type = LOCK_SIZE },
		{ "sha256", rcp_read_sha256, OF(archive, sha256), .type = LOCK_TEXT },
	}, .order = { "name", "arch" }, .n_unique = 2 },
	[LOCK_FILES] = { SECTION(files, file), .fields = {
		{ "path", rcp_read_path_below, OF(file, path), .type = LOCK_TEXT },
		{ "url", read_file_url, OF(file, url), .type = LOCK_TEXT },
		{ "size", read_size, OF(file, size), .type = LOCK_SIZE },
		{ "sha256", rcp_read_sha256, OF(file, sha256), .type = LOCK_TEXT },
	}, .order = { "path" }, .n_unique = 1 },
	[LOCK_BUILT] = { SECTION(built, built), .fields = {
		{ "arch", rcp_read_architecture, OF(built, arch), .type = LOCK_TEXT },
		{ "name", read_input_name, OF(built, name), .type = LOCK_TEXT },
		{ "tool", rcp_read_line, OF(built, tool), .type = LOCK_TEXT },
		{ "size", read_size, OF(built, size), .type = LOCK_SIZE },
		{ "sha256", rcp_read_sha256, OF(built, sha256), .type = LOCK_TEXT },
	}, .order = { "arch", "name" }, .n_unique = 2 },
	[LOCK_BLOBS] = { SECTION(blobs, blob), .fields = {
		{ "arch", rcp_read_architecture, OF(blob, arch), .optional = true },
		{ "kind", read_blob_kind, OF(blob, kind), .type = LOCK_TEXT },
		{ "version", rcp_read_line, OF(blob, version), .optional = true },
		{ "signs", read_digest, OF(blob, signs), .optional = true },
		{ "type", read_media_type, OF(blob, media_type), .type = LOCK_TEXT },
		{ "size", read_size, OF(blob, size), .type = LOCK_SIZE },
		{ "sha256", rcp_read_sha256, OF(blob, sha256), .type = LOCK_TEXT },
	}, .order = { "arch", "kind", "sha256" }, .n_unique = 3 },
	[LOCK_CODECS] = { SECTION(codecs, codec), .fields = {
		{ "kind", rcp_read_codec_kind, OF(codec, kind), .type = LOCK_TEXT },
		{ "level", read_level, OF(codec, level), .type = LOCK_INT },
		{ "arch", rcp_read_architecture, OF(codec, arch), .type = LOCK_TEXT },
		{ "version", read_version, OF(codec, version), .type = LOCK_TEXT },
		{ "library", read_relative, OF(codec, library), .type = LOCK_TEXT },
		{ "size", read_size, OF(codec, size), .type = LOCK_SIZE },
		{ "sha256", rcp_read_sha256, OF(codec, sha256), .type = LOCK_TEXT },
		{ "path", read_pool_path, OF(codec, path), .type = LOCK_TEXT },
		{ "archive", read_archive, OF(codec, archive), .type = LOCK_TEXT },
	}, .order = { "kind", "arch" }, .n_unique = 2 },
	[LOCK_RESULTS] = { SECTION(results, result), .fields = {
		{ "arch", rcp_read_architecture, OF(result, arch), .type = LOCK_TEXT },
		{ "codec", read_result_codec, OF(result, codec), .type = LOCK_TEXT },
		{ "key", rcp_read_sha256, OF(result, key), .type = LOCK_TEXT },
		{ "manifest", read_digest, OF(result, manifest), .type = LOCK_TEXT },
		{ "config", read_digest, OF(result, config), .type = LOCK_TEXT },
		{ "size", read_size, OF(result, size), .type = LOCK_SIZE },
	}, .order = { "arch", "codec" }, .n_unique = 2 },
	[LOCK_LAYERS] = { SECTION(layers, layer), .fields = {
		{ "arch", rcp_read_architecture, OF(layer, arch), .type = LOCK_TEXT },
		{ "codec", read_result_codec, OF(layer, codec), .type = LOCK_TEXT },
		{ "n", read_layer_number, OF(layer, n), .type = LOCK_UINT },
		{ "name", read_layer_name, OF(layer, name), .type = LOCK_TEXT },
		{ "diff_id", read_digest, OF(layer, diff_id), .type = LOCK_TEXT },
		{ "digest", read_digest, OF(layer, digest), .type = LOCK_TEXT },
		{ "size", read_size, OF(layer, size), .type = LOCK_SIZE },
		{ "diff_size", read_size, OF(layer, diff_size), .type = LOCK_SIZE },
	}, .order = { "arch", "codec", "n" }, .n_unique = 3 },
};
/* clang-format on */

/* The key by which no other line of the section goes: "libc6:amd64", "0:zstd:amd64". */
static const char *unique_key(struct eb_arena *a, const struct lock_section *s, const char *item)
{
	const char *key = NULL;

	for (unsigned int i = s->n_unique; i-- > 0;) {
		const struct lock_field *f = s->fields;
		const char *part;

		while (strcmp(f->key, s->order[i]) != 0)
			f++;
		if (f->type == LOCK_UINT)
			part = eb_arena_printf(a, "%u", *(const unsigned int *)(item + f->offset));
		else
			part = *(const char *const *)(item + f->offset);
		if (part)
			key = key ? eb_arena_printf(a, "%s:%s", key, part) : part;
	}
	return key ? key : "";
}

static int read_line(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err)
{
	/* Which section: the innermost key, as lines are not named themselves. */
	struct rcp_field fields[LOCK_MAX_FIELDS];
	const struct lock_section *s = lock_sections;
	size_t n = 0;

	while (strcmp(s->key, rd->key) != 0)
		s++;
	for (const struct lock_field *f = s->fields; f->key; f++)
		fields[n++] = (struct rcp_field){ f->key, f->read, f->offset, !f->optional };
	return rcp_read_map(rd, v, fields, n, to, err);
}

int lock_read_section(struct rcp_reader *rd, const struct lock_section *s, const struct rcp_yaml *v,
		      struct rcp_lock *l, struct eb_error **err)
{
	struct rcp_unique *u;
	char *items = NULL;
	size_t n = 0;
	int r = rcp_read_list(rd, v, s->size, read_line, &items, &n, err);

	if (r < 0)
		return r;
	u = eb_arena_alloc(rd->arena, n * sizeof(*u));
	for (size_t i = 0; i < n; i++)
		u[i] = (struct rcp_unique){ unique_key(rd->arena, s, items + i * s->size),
					    rcp_pos_of(v->items[i]) };
	r = rcp_check_unique(u, n, s->what, err);
	if (r < 0)
		return r;
	*(char **)((uintptr_t)l + s->items) = items;
	*(size_t *)((uintptr_t)l + s->n) = n;
	return 0;
}
