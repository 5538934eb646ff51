/* Image configurations (image-spec, config.md). Of a configuration read from elsewhere we keep what
 * we work with: platform, creation time, the "config" object as it stands, diffIDs and history. */
#include "image/config.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/span.h"
#include "image/manifest.h"

enum { MAX_HISTORY = 4 * OCI_MAX_LAYERS };

void oci_config_release(struct oci_config *c)
{
	free(c->architecture);
	free(c->os);
	free(c->variant);
	json_decref(c->config);
	free(c->diff_ids);
	for (size_t i = 0; i < c->n_history; i++) {
		free(c->history[i].created_by);
		free(c->history[i].comment);
	}
	free(c->history);
	*c = (struct oci_config){ .created_sec = -1 };
}

/* n digits at *p, which is moved on; -1 when there are fewer. */
static int take_digits(const char **p, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (*(*p)++ - '0');
	}
	return v;
}

static bool take_char(const char **p, const char *set)
{
	if (!**p || !strchr(set, **p))
		return false;
	(*p)++;
	return true;
}

/* The offset of RFC 3339 ("Z" or "+hh:mm") in seconds east of UTC, at the end of the text. */
static bool parse_offset(const char *p, int64_t *ret)
{
	int64_t sign = *p == '-' ? -1 : 1;
	int hours, minutes;

	if (take_char(&p, "Zz")) {
		*ret = 0;
		return *p == '\0';
	}
	if (!take_char(&p, "+-"))
		return false;
	hours = take_digits(&p, 2);
	if (!take_char(&p, ":"))
		return false;
	minutes = take_digits(&p, 2);
	if (*p || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return false;
	*ret = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* RFC 3339, section 5.6; fractions of a second are dropped. */
static bool parse_time(const char *p, int64_t *ret)
{
	static const struct {
		int digits, min, max;
		const char *end; /* what follows, "" = nothing to check */
	} parts[] = {
		{ 4, 0, 9999, "-" }, { 2, 1, 12, "-" }, { 2, 1, 31, "Tt " },
		{ 2, 0, 23, ":" },   { 2, 0, 59, ":" }, { 2, 0, 60, "" },
	};
	int v[EB_ARRAY_LEN(parts)] = { 0 };
	int64_t offset;
	struct tm tm;

	for (size_t i = 0; i < EB_ARRAY_LEN(parts); i++) {
		v[i] = take_digits(&p, parts[i].digits);
		if (v[i] < parts[i].min || v[i] > parts[i].max)
			return false;
		if (*parts[i].end && !take_char(&p, parts[i].end))
			return false;
	}
	if (take_char(&p, ".")) {
		if (take_digits(&p, 1) < 0)
			return false;
		while (*p >= '0' && *p <= '9')
			p++;
	}
	if (!parse_offset(p, &offset))
		return false;
	tm = (struct tm){ .tm_year = v[0] - 1900,
			  .tm_mon = v[1] - 1,
			  .tm_mday = v[2],
			  .tm_hour = v[3],
			  .tm_min = v[4],
			  .tm_sec = v[5] };
	*ret = (int64_t)timegm(&tm) - offset;
	return true;
}

static int parse_created(const json_t *j, struct oci_config *c, struct eb_error **err)
{
	const char *text = NULL;
	int64_t sec;
	int r = eb_json_opt_str(j, "created", &text, err);

	if (r < 0 || !text)
		return r;
	if (!parse_time(text, &sec))
		return eb_throw(err, EB_E_FORMAT,
				"created: '%.60s' is not a time, expected the form "
				"2026-01-31T12:00:00Z",
				text);
	c->created_sec = sec < 0 ? -1 : sec; /* the year 1 stands for "unknown" in Go programs */
	return 0;
}

static int parse_rootfs(const json_t *j, struct oci_config *c, struct eb_error **err)
{
	json_t *rootfs = NULL, *ids = NULL;
	const char *type = "";
	int r = eb_json_get_object(j, "rootfs", &rootfs, err);
	size_t n;

	if (r < 0)
		return r;
	r = eb_json_get_str(rootfs, "type", &type, err);
	if (r == 0 && strcmp(type, "layers") != 0)
		r = eb_throw(err, EB_E_UNSUPPORTED, "type: expected 'layers', found '%.40s'", type);
	if (r == 0 && !json_is_null(json_object_get(rootfs, "diff_ids")))
		r = eb_json_get_array(rootfs, "diff_ids", &ids, err);
	if (r < 0)
		return eb_json_inside(err, r, "rootfs");
	n = json_array_size(ids);
	if (n > OCI_MAX_LAYERS)
		return eb_throw(err, EB_E_LIMIT, "rootfs.diff_ids: more than %d entries, found %zu",
				OCI_MAX_LAYERS, n);
	c->diff_ids = eb_xcalloc(n, sizeof(*c->diff_ids));
	for (size_t i = 0; i < n; i++) {
		const json_t *id = json_array_get(ids, i);

		if (!json_is_string(id))
			return eb_throw(err, EB_E_FORMAT,
					"rootfs.diff_ids[%zu]: expected a string, found %s", i,
					eb_json_type_name(id));
		r = oci_digest_parse(json_string_value(id), &c->diff_ids[i], err);
		if (r < 0)
			return eb_prefix(err, r, "rootfs.diff_ids[%zu]", i);
		c->n_diff_ids++;
	}
	return 0;
}

static int parse_history_entry(const json_t *j, struct oci_history *h, struct eb_error **err)
{
	const char *created_by = NULL, *comment = NULL;
	const json_t *empty = json_object_get(j, "empty_layer");
	int r = eb_json_opt_str(j, "created_by", &created_by, err);

	if (r == 0)
		r = eb_json_opt_str(j, "comment", &comment, err);
	if (r < 0)
		return r;
	if (empty && !json_is_boolean(empty) && !json_is_null(empty))
		return eb_throw(err, EB_E_FORMAT, "empty_layer: expected a boolean, found %s",
				eb_json_type_name(empty));
	*h = (struct oci_history){ created_by ? eb_xstrdup(created_by) : NULL,
				   comment ? eb_xstrdup(comment) : NULL, json_is_true(empty) };
	return 0;
}

static int parse_history(const json_t *j, struct oci_config *c, struct eb_error **err)
{
	json_t *list = NULL;
	int r = eb_json_opt_array(j, "history", &list, err);
	size_t n = json_array_size(list);

	if (r < 0)
		return r;
	if (n > MAX_HISTORY)
		return eb_throw(err, EB_E_LIMIT, "history: more than %d entries, found %zu",
				MAX_HISTORY, n);
	c->history = eb_xcalloc(n, sizeof(*c->history));
	for (size_t i = 0; i < n; i++) {
		r = parse_history_entry(json_array_get(list, i), &c->history[i], err);
		if (r < 0)
			return eb_json_inside(err, r, "history[%zu]", i);
		c->n_history++;
	}
	return 0;
}

static int parse_members(const json_t *j, struct oci_config *c, struct eb_error **err)
{
	const char *architecture = "", *os = "", *variant = NULL;
	json_t *config = NULL;
	int r = eb_json_get_str(j, "architecture", &architecture, err);

	if (r == 0)
		r = eb_json_get_str(j, "os", &os, err);
	if (r == 0)
		r = eb_json_opt_str(j, "variant", &variant, err);
	if (r == 0)
		r = eb_json_opt_object(j, "config", &config, err);
	if (r < 0)
		return r;
	c->architecture = eb_xstrdup(architecture);
	c->os = eb_xstrdup(os);
	c->variant = variant && *variant ? eb_xstrdup(variant) : NULL;
	c->config = config ? json_deep_copy(config) : NULL;
	r = parse_created(j, c, err);
	if (r == 0)
		r = parse_rootfs(j, c, err);
	return r < 0 ? r : parse_history(j, c, err);
}

int oci_config_parse(const char *text, size_t n, struct oci_config *ret, struct eb_error **err)
{
	EB_CLEANUP(oci_config_release_p) struct oci_config c = { .created_sec = -1 };
	autojson json_t *j = NULL;
	int r = eb_json_parse(text, n, OCI_MANIFEST_MAX_BYTES, &j, err);

	if (r == 0)
		r = parse_members(j, &c, err);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct oci_config){ .created_sec = -1 };
	return 0;
}

static json_t *rootfs_json(const struct oci_config *c)
{
	json_t *j = eb_json_object(), *ids = eb_json_array();

	for (size_t i = 0; i < c->n_diff_ids; i++)
		eb_json_push(ids, eb_json_str(c->diff_ids[i].text));
	eb_json_set_str(j, "type", "layers");
	eb_json_set(j, "diff_ids", ids);
	return j;
}

static json_t *history_json(const struct oci_config *c, const char *created)
{
	json_t *list = eb_json_array();

	for (size_t i = 0; i < c->n_history; i++) {
		json_t *j = eb_json_object();

		eb_json_set_str(j, "created", created);
		eb_json_set_str(j, "created_by", c->history[i].created_by);
		eb_json_set_str(j, "comment", c->history[i].comment);
		if (c->history[i].empty_layer)
			eb_json_set(j, "empty_layer", json_true());
		eb_json_push(list, j);
	}
	return list;
}

char *oci_config_write(const struct oci_config *c, size_t *ret_n)
{
	autojson json_t *j = eb_json_object();
	char created[32];

	if (c->created_sec >= 0)
		eb_format_time(c->created_sec, created);
	eb_json_set_str(j, "architecture", c->architecture);
	eb_json_set_str(j, "os", c->os);
	eb_json_set_str(j, "variant", c->variant);
	eb_json_set_str(j, "created", c->created_sec >= 0 ? created : NULL);
	if (c->config)
		eb_json_set(j, "config", json_deep_copy(c->config));
	eb_json_set(j, "rootfs", rootfs_json(c));
	if (c->n_history)
		eb_json_set(j, "history", history_json(c, c->created_sec >= 0 ? created : NULL));
	return eb_json_canonical(j, ret_n);
}

/* Room for one more at the end of an array. */
static void *grow_one(void *p, size_t n, size_t size)
{
	size_t bytes;
	void *q;

	if (!eb_mul_size(n + 1, size, &bytes))
		abort();
	q = realloc(p, bytes);
	if (!q)
		abort();
	return q;
}

void oci_config_add_layer(struct oci_config *c, const struct oci_digest *diff_id,
			  const char *created_by)
{
	c->diff_ids = grow_one(c->diff_ids, c->n_diff_ids, sizeof(*c->diff_ids));
	c->diff_ids[c->n_diff_ids++] = *diff_id;
	c->history = grow_one(c->history, c->n_history, sizeof(*c->history));
	c->history[c->n_history++] = (struct oci_history){ created_by ? eb_xstrdup(created_by)
								      : NULL,
							   NULL, false };
}
