/* JSON documents over jansson: a strict parser (UTF-8, no duplicate keys, no trailing text, size
 * and depth limits), getters whose errors name the member, and one canonical form of writing
 * (sorted keys, no blanks), because the bytes are hashed. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;

static inline void eb_json_decref_p(json_t **j)
{
	json_decref(*j);
}
#define autojson EB_CLEANUP(eb_json_decref_p)

enum { EB_JSON_MAX_DEPTH = 64 };

/* Errors: EB_E_FORMAT with line:column of the text, EB_E_LIMIT. *ret is a new reference. */
int eb_json_parse(const char *text, size_t n, size_t max_bytes, json_t **ret,
		  struct eb_error **err) EB_MUST_CHECK;
/* Canonical text (heap, caller frees); *ret_n may be NULL. Aborts on values JSON cannot hold. */
char *eb_json_canonical(const json_t *j, size_t *ret_n);
/* The same indented for people. */
char *eb_json_pretty(const json_t *j);

/* Members of a document of our own, for showing it: "" and 0 when missing or of another type. */
const char *eb_json_text(const json_t *j, const char *key);
uint64_t eb_json_number(const json_t *j, const char *key);
/* Members of an object; missing or of another type: EB_E_FORMAT, the message beginning with `key`
 * and saying what was found; a number above max: EB_E_LIMIT. The *_opt forms leave *ret alone when
 * the member is missing or null. Borrowed results live as long as j. */
int eb_json_get_str(const json_t *j, const char *key, const char **ret,
		    struct eb_error **err) EB_MUST_CHECK;
int eb_json_get_u64(const json_t *j, const char *key, uint64_t max, uint64_t *ret,
		    struct eb_error **err) EB_MUST_CHECK;
int eb_json_get_array(const json_t *j, const char *key, json_t **ret,
		      struct eb_error **err) EB_MUST_CHECK;
int eb_json_get_object(const json_t *j, const char *key, json_t **ret,
		       struct eb_error **err) EB_MUST_CHECK;
int eb_json_opt_str(const json_t *j, const char *key, const char **ret,
		    struct eb_error **err) EB_MUST_CHECK;
int eb_json_opt_array(const json_t *j, const char *key, json_t **ret,
		      struct eb_error **err) EB_MUST_CHECK;
int eb_json_opt_object(const json_t *j, const char *key, json_t **ret,
		       struct eb_error **err) EB_MUST_CHECK;

/* Put "<place>." before a message that begins with a member's name ("digest: ..." becomes
 * "layers[3].digest: ..."); returns code. For a message about the place itself use eb_prefix(). */
int eb_json_inside(struct eb_error **err, int code, const char *fmt, ...) EB_PRINTF(3, 4);
/* "an object", "a string", ...; "nothing" for NULL. */
const char *eb_json_type_name(const json_t *j);

/* A new string; bytes that are not UTF-8 become U+FFFD. */
json_t *eb_json_str(const char *value);
/* Set object members, taking ownership where the value is a new json_t; abort on out of memory. */
void eb_json_set_str(json_t *j, const char *key, const char *value); /* NULL value: not set */
void eb_json_set_u64(json_t *j, const char *key, uint64_t value);
void eb_json_set(json_t *j, const char *key, json_t *value);
void eb_json_push(json_t *array, json_t *value);
json_t *eb_json_object(void);
json_t *eb_json_array(void);
