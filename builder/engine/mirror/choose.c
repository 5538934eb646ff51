#include "mirror/choose.h"

#include "base/mem.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Runs of digits by their value, everything else by byte. */
static int cmp_natural(const char *a, const char *b)
{
	const char *x = a, *y = b;

	while (*x && *y) {
		size_t nx = 0, ny = 0;
		int c;

		if (!is_digit(*x) || !is_digit(*y)) {
			if (*x != *y)
				return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
			x++;
			y++;
			continue;
		}
		while (*x == '0' && is_digit(x[1]))
			x++;
		while (*y == '0' && is_digit(y[1]))
			y++;
		while (is_digit(x[nx]))
			nx++;
		while (is_digit(y[ny]))
			ny++;
		c = nx != ny ? (nx < ny ? -1 : 1) : memcmp(x, y, nx);
		if (c)
			return c < 0 ? -1 : 1;
		x += nx;
		y += ny;
	}
	if (*x || *y)
		return *x ? 1 : -1;
	return strcmp(a, b);
}

static int cmp_versions(const char *a, const struct mir_version *va, const char *b,
			const struct mir_version *vb)
{
	int c;

	if (va && vb) {
		c = mir_version_cmp(va, vb);
		if (c)
			return c;
	} else if (va || vb) {
		return va ? 1 : -1;
	}
	return cmp_natural(a, b);
}

int mir_tag_cmp(const char *a, const char *b)
{
	struct mir_version va, vb;
	bool is_a = mir_version_parse(eb_span_str(a), &va);
	bool is_b = mir_version_parse(eb_span_str(b), &vb);

	return cmp_versions(a, is_a ? &va : NULL, b, is_b ? &vb : NULL);
}

bool mir_tag_is_attached(const char *tag)
{
	static const char *const suffixes[] = { "", ".sig", ".att", ".sbom" };
	const char *hex = strncmp(tag, "sha256-", 7) == 0 ? tag + 7 : NULL;
	size_t n = hex ? strspn(hex, "0123456789abcdef") : 0;

	for (size_t i = 0; i < EB_ARRAY_LEN(suffixes); i++)
		if (n == EB_SHA256_HEX && strcmp(hex + n, suffixes[i]) == 0)
			return true;
	return false;
}

static bool any_matches(const struct mir_patterns *p, const char *text)
{
	for (size_t i = 0; i < p->n; i++)
		if (mir_pattern_matches(&p->items[i], text))
			return true;
	return false;
}

/* The tag without the prefix and suffix of the entry; false when it lacks them. */
static bool bare(const struct mir_image *im, const char *tag, struct eb_span *ret)
{
	struct eb_span s = eb_span_str(tag);

	if (im->prefix) {
		if (!eb_span_starts(s, im->prefix))
			return false;
		s.ptr += strlen(im->prefix);
		s.len -= strlen(im->prefix);
	}
	if (im->suffix) {
		if (!eb_span_ends(s, im->suffix))
			return false;
		s.len -= strlen(im->suffix);
	}
	*ret = s;
	return true;
}

struct choice {
	const char *tag;
	bool is_version;
	struct mir_version version;
};

static bool take(const struct mir_image *im, const char *tag, struct choice *ret)
{
	struct eb_span s;

	if (mir_tag_is_attached(tag) || (im->tags.n && !any_matches(&im->tags, tag)) ||
	    any_matches(&im->exclude, tag) || !bare(im, tag, &s))
		return false;
	*ret = (struct choice){ .tag = tag };
	ret->is_version = mir_version_parse(s, &ret->version);
	return !im->range ||
	       (ret->is_version && mir_range_has(im->range, &ret->version, im->prerelease));
}

static int newest_first(const void *pa, const void *pb)
{
	const struct choice *a = pa, *b = pb;

	return cmp_versions(b->tag, b->is_version ? &b->version : NULL, a->tag,
			    a->is_version ? &a->version : NULL);
}

void mir_choose(const struct mir_image *im, char *const *tags, size_t n, const char ***ret,
		size_t *ret_n)
{
	autofree struct choice *c = eb_xcalloc(n + 1, sizeof(*c));
	const char **out;
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += take(im, tags[i], &c[found]);
	if (found)
		qsort(c, found, sizeof(*c), newest_first);
	if (im->keep && found > im->keep)
		found = im->keep;
	out = eb_xcalloc(found + 1, sizeof(*out));
	for (size_t i = 0; i < found; i++)
		out[i] = c[i].tag;
	*ret = out;
	*ret_n = found;
}
