#include "mirror/mirror_state.h"

#include <errno.h>

#include "base/buf.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "dist/ref.h"

enum { FORMAT = 1 };

static void record_release(struct mir_record *r)
{
	free(r->host);
	free(r->repo);
	free(r->tag);
	free(r->from);
	*r = (struct mir_record){ .host = NULL };
}

void mir_state_release(struct mir_state *s)
{
	for (size_t i = 0; i < s->n; i++)
		record_release(&s->records[i]);
	free(s->records);
	*s = (struct mir_state){ .records = NULL };
}

/* By digest only where there is no tag: a tag is in a repository once. */
static int cmp(const struct mir_record *a, const struct mir_record *b)
{
	int c = strcmp(a->host, b->host);

	if (!c)
		c = strcmp(a->repo, b->repo);
	if (!c)
		c = strcmp(a->tag ? a->tag : "", b->tag ? b->tag : "");
	return c || a->tag ? c : strcmp(a->digest.text, b->digest.text);
}

static int by_place(const void *a, const void *b)
{
	return cmp(a, b);
}

/* Where it is, or where it belongs. */
static size_t place_of(const struct mir_state *s, const struct mir_record *r, bool *ret_there)
{
	size_t from = 0, to = s->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (cmp(&s->records[mid], r) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	*ret_there = from < s->n && cmp(&s->records[from], r) == 0;
	return from;
}

static struct mir_record key(const char *host, const char *repo, const char *tag,
			     const struct oci_digest *digest)
{
	return (struct mir_record){ .host = (char *)(uintptr_t)host,
				    .repo = (char *)(uintptr_t)repo,
				    .tag = (char *)(uintptr_t)tag,
				    .digest = *digest };
}

const struct mir_record *mir_state_find(const struct mir_state *s, const char *host,
					const char *repo, const char *tag,
					const struct oci_digest *digest)
{
	const struct mir_record k = key(host, repo, tag, digest);
	bool there;
	size_t at = place_of(s, &k, &there);

	return there ? &s->records[at] : NULL;
}

int mir_state_put(struct mir_state *s, const char *host, const char *repo, const char *tag,
		  const struct oci_digest *digest, const char *from, struct eb_error **err)
{
	const struct mir_record k = key(host, repo, tag, digest);
	struct mir_record *m;
	bool there;
	size_t at = place_of(s, &k, &there);
	int r;

	if (there) {
		m = &s->records[at];
		if (oci_digest_eq(&m->digest, digest) && strcmp(m->from, from) == 0)
			return 0;
		m->digest = *digest;
		free(m->from);
		m->from = eb_xstrdup(from);
		s->changed = true;
		return 0;
	}
	r = eb_grow(&s->records, &s->alloc, s->n + 1, sizeof(*s->records), MIR_STATE_MAX_RECORDS,
		    "references that a mirror keeps", err);
	if (r < 0)
		return r;
	memmove(&s->records[at + 1], &s->records[at], (s->n - at) * sizeof(*s->records));
	s->records[at] = (struct mir_record){ .host = eb_xstrdup(host),
					      .repo = eb_xstrdup(repo),
					      .tag = tag ? eb_xstrdup(tag) : NULL,
					      .digest = *digest,
					      .from = eb_xstrdup(from) };
	s->n++;
	s->changed = true;
	return 0;
}

void mir_state_drop(struct mir_state *s, const bool *drop)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++)
		if (drop[i]) {
			record_release(&s->records[i]);
			s->changed = true;
		} else {
			s->records[kept++] = s->records[i];
		}
	s->n = kept;
}

static int note(struct mir_state *s, const char *host, const struct mir_item *it, const char *tag,
		const struct oci_digest *digest, struct eb_error **err)
{
	const struct mir_record *known = mir_state_find(s, host, it->repo, tag, digest);

	/* It was there with just these bytes: somebody else may have put it there. */
	if (it->status == MIR_THERE && !known)
		return 0;
	return mir_state_put(s, host, it->repo, tag, digest, it->image->from, err);
}

int mir_state_note(struct mir_state *s, const char *host, const struct mir_items *items,
		   struct eb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < items->n && r >= 0; i++) {
		const struct mir_item *it = &items->items[i];

		if (it->status != MIR_DONE && it->status != MIR_THERE)
			continue;
		r = note(s, host, it, it->to_tag, &it->root.digest, err);
		for (size_t k = 0; k < it->n_attached && r >= 0; k++)
			r = note(s, host, it, it->attached[k].tag, &it->attached[k].desc.digest,
				 err);
	}
	return r;
}

/* ---- the file ---- */

static int parse_record(const json_t *j, struct mir_record *to, struct eb_error **err)
{
	const char *host = NULL, *repo = NULL, *tag = NULL, *digest = NULL, *from = NULL;
	int r = eb_json_get_str(j, "host", &host, err);

	if (r >= 0)
		r = eb_json_get_str(j, "repo", &repo, err);
	if (r >= 0)
		r = eb_json_opt_str(j, "tag", &tag, err);
	if (r >= 0)
		r = eb_json_get_str(j, "digest", &digest, err);
	if (r >= 0)
		r = eb_json_get_str(j, "from", &from, err);
	if (r >= 0 && (oci_host_check(host, NULL) < 0 || oci_repo_check(repo, NULL) < 0 ||
		       (tag && oci_tag_check(tag, NULL) < 0)))
		r = eb_throw(err, EB_E_FORMAT, "repo: it is no reference");
	if (r >= 0)
		r = oci_digest_parse(digest, &to->digest, err);
	if (r < 0)
		return r;
	to->host = eb_xstrdup(host);
	to->repo = eb_xstrdup(repo);
	to->tag = tag ? eb_xstrdup(tag) : NULL;
	to->from = eb_xstrdup(from);
	return 0;
}

int mir_state_parse(const char *text, size_t n, struct mir_state *ret, struct eb_error **err)
{
	EB_CLEANUP(mir_state_release_p) struct mir_state s = { .n = 0 };
	autojson json_t *doc = NULL;
	json_t *list = NULL, *one;
	uint64_t format = 0;
	size_t i;
	int r = eb_json_parse(text, n, MIR_STATE_MAX_BYTES, &doc, err);

	if (r >= 0)
		r = eb_json_get_u64(doc, "format", UINT32_MAX, &format, err);
	if (r >= 0 && format != FORMAT)
		r = eb_throw(err, EB_E_UNSUPPORTED, "format: only %d is known, found %llu", FORMAT,
			     (unsigned long long)format);
	if (r >= 0)
		r = eb_json_get_array(doc, "put", &list, err);
	if (r < 0)
		return r;
	json_array_foreach(list, i, one)
	{
		r = eb_grow(&s.records, &s.alloc, s.n + 1, sizeof(*s.records),
			    MIR_STATE_MAX_RECORDS, "references that a mirror keeps", err);
		if (r < 0)
			return r;
		s.records[s.n] = (struct mir_record){ .host = NULL };
		r = parse_record(one, &s.records[s.n], err);
		if (r < 0)
			return eb_json_inside(err, r, "put[%zu]", i);
		s.n++;
	}
	if (s.n)
		qsort(s.records, s.n, sizeof(*s.records), by_place);
	for (i = 1; i < s.n; i++)
		if (cmp(&s.records[i - 1], &s.records[i]) == 0)
			return eb_throw(err, EB_E_FORMAT, "put: %s/%s:%s is there twice",
					s.records[i].host, s.records[i].repo,
					s.records[i].tag ? s.records[i].tag : "");
	*ret = s;
	s = (struct mir_state){ .n = 0 };
	return 0;
}

int mir_state_load(const char *path, struct mir_state *ret, struct eb_error **err)
{
	EB_AUTOBUF(b, MIR_STATE_MAX_BYTES);
	struct eb_error *e = NULL;
	int r = eb_file_read(path, &b, &e);

	if (r == -ENOENT) {
		eb_error_free(e);
		*ret = (struct mir_state){ .n = 0 };
		return 0;
	}
	if (r < 0)
		return eb_error_forward(err, e);
	r = mir_state_parse(eb_buf_str(&b), b.len, ret, err);
	if (r < 0) {
		r = eb_prefix(err, r, "'%s'", path);
		return eb_hint(err, r,
			       "it says what may be pruned; moved away, nothing is that "
			       "was mirrored before");
	}
	return 0;
}

/* One record in one line, so that what changed can be read. */
int mir_state_save(struct mir_state *s, const char *path, struct eb_error **err)
{
	EB_AUTOBUF(b, MIR_STATE_MAX_BYTES);
	int r;

	if (!s->changed)
		return 0;
	eb_buf_addf(&b, "{\"format\": %d, \"put\": [", FORMAT);
	for (size_t i = 0; i < s->n; i++) {
		const struct mir_record *m = &s->records[i];
		autojson json_t *j = eb_json_object();
		autofree char *text = NULL;

		eb_json_set_str(j, "host", m->host);
		eb_json_set_str(j, "repo", m->repo);
		eb_json_set_str(j, "tag", m->tag);
		eb_json_set_str(j, "digest", m->digest.text);
		eb_json_set_str(j, "from", m->from);
		text = eb_json_canonical(j, NULL);
		eb_buf_addf(&b, "%s\n%s", i ? "," : "", text);
	}
	eb_buf_adds(&b, "\n]}\n");
	r = eb_buf_check(&b, path, err);
	if (r >= 0)
		r = eb_file_write(path, eb_buf_str(&b), b.len, 0644, err);
	if (r >= 0)
		s->changed = false;
	return r;
}
