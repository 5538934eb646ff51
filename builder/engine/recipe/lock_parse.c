/* Reading lock.yaml. */
#include <errno.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "recipe/lock_section.h"

static int read_recipe(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err)
{
	return rcp_read_checked(rd, v, rcp_check_component, to, err);
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

static int read_section(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err)
{
	const struct lock_section *s = lock_sections;

	while (strcmp(s->key, rd->key) != 0)
		s++;
	return lock_read_section(rd, s, v, to, err);
}

/* A lock of its own arena from what was read into one that goes away. */
static struct rcp_lock *copy(const char *file, const struct rcp_lock *from)
{
	struct rcp_lock *l = rcp_lock_new(from->recipe);

	l->file = eb_arena_strdup(l->arena, file);
	l->epoch_sec = from->epoch_sec;
	if (from->inputs_sha256)
		l->inputs_sha256 = eb_arena_strdup(l->arena, from->inputs_sha256);
	if (from->others_sha256)
		l->others_sha256 = eb_arena_strdup(l->arena, from->others_sha256);
	for (unsigned int id = 0; id < LOCK_SECTIONS; id++) {
		const struct lock_section *s = &lock_sections[id];

		for (size_t i = 0; i < lock_count(from, s); i++)
			lock_add(l, id, lock_items(from, s) + i * s->size);
	}
	rcp_lock_sort(l);
	return l;
}

int rcp_lock_parse(const char *file, const char *text, size_t n, struct rcp_lock **ret,
		   struct eb_error **err)
{
	static const struct rcp_field head[] = {
		{ "format", read_format, 0, true },
		{ "recipe", read_recipe, offsetof(struct rcp_lock, recipe), true },
		{ "inputs", rcp_read_sha256, offsetof(struct rcp_lock, inputs_sha256), false },
		{ "others", rcp_read_sha256, offsetof(struct rcp_lock, others_sha256), false },
		{ "epoch", rcp_read_time, offsetof(struct rcp_lock, epoch_sec), true },
	};
	enum { N_HEAD = EB_ARRAY_LEN(head) };
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *arena = eb_arena_new();
	struct rcp_field fields[N_HEAD + LOCK_SECTIONS];
	struct rcp_lock raw = { 0 };
	struct rcp_reader rd = { .arena = arena, .document = &raw };
	struct rcp_yaml *root;
	int r = rcp_yaml_parse(file, text, n, arena, &root, err);

	if (r < 0)
		return r;
	memcpy(fields, head, sizeof(head));
	for (size_t i = 0; i < LOCK_SECTIONS; i++)
		fields[N_HEAD + i] = (struct rcp_field){ lock_sections[i].key, read_section, 0,
							 false };
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
