/* From YAML nodes to structs, driven by tables: which keys a mapping may have, who reads each into
 * which member. Used by recipes, locks and bundle definitions. Messages begin with
 * FILE:LINE:COLUMN and the key at hand. */
#pragma once

#include "recipe/check.h"
#include "recipe/recipe.h"
#include "recipe/yaml.h"

struct rcp_reader {
	struct eb_arena *arena;
	const char *key; /* being read, for messages; NULL at the top */
	void *document;	 /* what is being filled: the recipe, lock or definition */
};

/* Reads v into *to, whose type the function knows. */
typedef int (*rcp_read_fn)(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err);

struct rcp_field {
	const char *key;
	rcp_read_fn read;
	size_t offset; /* of the member in the struct being filled */
	bool required;
};

enum { RCP_MAX_FIELDS = 40 };

/* Every key of v must be in fields; they are read in the order of the table, not of the file. */
int rcp_read_map(struct rcp_reader *rd, const struct rcp_yaml *v, const struct rcp_field *fields,
		 size_t n_fields, void *to, struct eb_error **err) EB_MUST_CHECK;
/* v must be a list; each item is read into an element of `size` zeroed bytes. *ret_items (a pointer
 * to the element type's pointer) and *ret_n get the array, in the arena. */
int rcp_read_list(struct rcp_reader *rd, const struct rcp_yaml *v, size_t size, rcp_read_fn item,
		  void *ret_items, size_t *ret_n, struct eb_error **err) EB_MUST_CHECK;

/* to is const char **: text that passes `check` (NULL: any). An unquoted null, ~ or nothing at all
 * is refused: the file probably lacks a value. */
int rcp_read_checked(struct rcp_reader *rd, const struct rcp_yaml *v, rcp_check_fn check,
		     const char **to, struct eb_error **err) EB_MUST_CHECK;
/* to is const char ** */
int rcp_read_text(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err);
int rcp_read_line(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err);
int rcp_read_path(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err);
int rcp_read_path_below(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err);
int rcp_read_package(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err);
/* to is const char **; names is NULL-terminated, the nearest is proposed */
int rcp_read_one_of(struct rcp_reader *rd, const struct rcp_yaml *v, const char *const *names,
		    const char **to, struct eb_error **err) EB_MUST_CHECK;
int rcp_read_architecture(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err);
int rcp_read_codec_kind(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err);
/* to is const char **: 64 lower-case hex digits */
int rcp_read_sha256(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err);
/* to is int64_t *: seconds since 1970, up to the year 9999 */
int rcp_read_time(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err);
/* to is bool *: unquoted true or false */
int rcp_read_bool(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err);
/* decimal digits */
int rcp_read_number(struct rcp_reader *rd, const struct rcp_yaml *v, uint64_t max, uint64_t *to,
		    struct eb_error **err) EB_MUST_CHECK;
/* to is uint32_t *: 0 to 2^31 - 1, as uid_t can be used everywhere */
int rcp_read_id(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err);
/* to is uint32_t *: octal text, at most 7777; 0644 needs no quotes, the digits are what counts */
int rcp_read_mode(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err);
/* to is json_t **: a mapping of names (checked) to texts becomes an object of strings */
int rcp_read_strings(struct rcp_reader *rd, const struct rcp_yaml *v, rcp_check_fn check_name,
		     json_t **to, struct eb_error **err) EB_MUST_CHECK;

/* EB_E_RECIPE "FILE:LINE:COLUMN: KEY: <text>". */
int rcp_read_throw(const struct rcp_reader *rd, const struct rcp_yaml *at, struct eb_error **err,
		   const char *fmt, ...) EB_PRINTF(4, 5);
/* Text of any origin made fit for a message: control characters replaced, cut at 80 bytes. In the
 * reader's arena. */
const char *rcp_read_show(const struct rcp_reader *rd, const char *text);
struct rcp_pos rcp_pos_of(const struct rcp_yaml *v);

/* Refuses an equal text twice, naming both places; sorts u. what: "path", "user". */
struct rcp_unique {
	const char *text;
	struct rcp_pos pos;
};
int rcp_check_unique(struct rcp_unique *u, size_t n, const char *what,
		     struct eb_error **err) EB_MUST_CHECK;
