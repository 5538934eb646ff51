/* Scalars without quotes. Helm's YAML library decides what they mean: the booleans of YAML 1.1,
 * Go's integer literals, decimal fractions. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "base/json.h"
#include "base/mem.h"
#include "render/yaml_read.h"

static bool is_word(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
static const char *const trues[] = { "y",    "Y",    "yes", "Yes", "YES", "true",
				     "True", "TRUE", "on",  "On",  "ON",  NULL };
static const char *const falses[] = { "n",     "N",	"no",  "No",  "NO",  "false",
				      "False", "FALSE", "off", "Off", "OFF", NULL };
static const char *const infinite[] = { ".inf",	 ".Inf",  ".INF",  "+.inf", "+.Inf",
					"+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
					".NaN",	 ".NAN",  NULL };

/* [-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)? and with nothing behind the point */
static bool is_decimal(const char *s)
{
	size_t before, after = 0;

	s += *s == '-' || *s == '+';
	before = strspn(s, "0123456789");
	s += before;
	if (*s == '.') {
		after = strspn(++s, "0123456789");
		s += after;
	}
	if (before + after == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (!*s)
			return false;
		s += strspn(s, "0123456789");
	}
	return !*s;
}

/* "0x1f", "0o17", "017", "0b101" after the sign: the digits and their base, 0 when it is decimal.
 */
static const char *based(const char *s, int *ret_base)
{
	*ret_base = 0;
	if (s[0] != '0' || !s[1])
		return s;
	if (s[1] == 'x' || s[1] == 'X')
		*ret_base = 16;
	else if (s[1] == 'o' || s[1] == 'O')
		*ret_base = 8;
	else if (s[1] == 'b' || s[1] == 'B')
		*ret_base = 2;
	else if (strspn(s + 1, "01234567") == strlen(s + 1)) {
		*ret_base = 8;
		return s + 1;
	}
	return *ret_base ? s + 2 : s;
}

static bool parse_based(const char *digits, int base, uint64_t *ret)
{
	static const char all[] = "0123456789abcdef";
	uint64_t v = 0;

	if (!*digits)
		return false;
	for (; *digits; digits++) {
		char c = *digits >= 'A' && *digits <= 'F' ? (char)(*digits + 32) : *digits;
		const char *at = strchr(all, c);

		if (!at || at - all >= base)
			return false;
		if (!eb_mul_u64(v, (uint64_t)base, &v) || !eb_add_u64(v, (uint64_t)(at - all), &v))
			return false;
	}
	*ret = v;
	return true;
}

static json_t *number(const char *text)
{
	double d;
	intmax_t whole;
	char *end;

	errno = 0;
	whole = strtoimax(text, &end, 10);
	if (!*end && errno == 0)
		return json_integer(whole);
	d = strtod(text, NULL);
	if (!isfinite(d))
		return NULL;
	/* What Helm calls 1e3 is 1000 in JSON. */
	if (d == floor(d) && fabs(d) < 9007199254740992.0)
		return json_integer((json_int_t)d);
	return json_real(d);
}

json_t *rnd_yaml_plain(const char *text)
{
	char digits[64];
	const char *rest;
	uint64_t v;
	size_t n = 0;
	int base;

	if (is_word(text, nulls))
		return json_null();
	if (is_word(text, trues) || is_word(text, falses))
		return json_boolean(is_word(text, trues));
	if (is_word(text, infinite))
		return NULL;
	if (!strchr("0123456789+-.", *text) || strlen(text) >= sizeof(digits))
		return eb_json_str(text);
	for (const char *p = text; *p; p++)
		if (*p != '_')
			digits[n++] = *p;
	digits[n] = '\0';
	rest = based(digits + (*digits == '-' || *digits == '+'), &base);
	if (base && parse_based(rest, base, &v) && v <= INT64_MAX)
		return json_integer(*digits == '-' ? -(json_int_t)v : (json_int_t)v);
	return is_decimal(digits) ? number(digits) : eb_json_str(text);
}

/* "2001-12-14" and "12:30:45": dates and base 60 of YAML 1.1 */
static bool is_date_or_time(const char *s)
{
	s += *s == '-' || *s == '+';
	return *s >= '0' && *s <= '9' && strspn(s, "0123456789-+:._TtZz ") == strlen(s);
}

/* Whatever follows: numbers too large for us may be numbers for other readers. */
static bool begins_based(const char *s)
{
	s += *s == '-' || *s == '+';
	return s[0] == '0' && s[1] && strchr("xXoObB", s[1]);
}

bool rnd_yaml_is_special(const char *text)
{
	json_t *j = rnd_yaml_plain(text);
	bool is_text = json_is_string(j);

	json_decref(j);
	return !is_text || strcmp(text, "<<") == 0 || strcmp(text, "=") == 0 ||
	       is_date_or_time(text) || is_decimal(text) || begins_based(text);
}
