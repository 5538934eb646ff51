/* Options of a command, described by a table. Parsing, --help, the manual's OPTIONS section
 * (checked against the table), completion and the machine-readable description all come from it.
 *
 * Accepted forms: --name value, --name=value, -n value, -nvalue, -abc for flags. Options and
 * arguments may be mixed; "--" ends the options; a lone "-" is an argument. Long options are not
 * abbreviated: scripts would break when an option is added. A single-valued option that is given
 * twice keeps its last value. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

enum opt_kind {
	OPT_FLAG,   /* bool */
	OPT_COUNT,  /* unsigned int, counts how often it was given */
	OPT_STRING, /* const char *, borrowed from argv */
	OPT_U64,    /* uint64_t, decimal, at most `max` */
	OPT_BYTES,  /* uint64_t, with an optional suffix k, M, G, T */
	OPT_LIST,   /* struct opt_list, one item each time it is given */
	OPT_WORDS,  /* struct opt_list, split at commas, may be given again */
	OPT_ENUM,   /* unsigned int, index into `choices` */
};

/* Items are NULL-terminated (items is NULL when n is 0). Released by opt_release(). */
struct opt_list {
	const char **items;
	size_t n;
};

struct opt {
	const char *name; /* long name without dashes */
	char letter;	  /* short name, 0 = none */
	bool required;	  /* string or list: the command cannot do without it */
	enum opt_kind kind;
	const char *arg;	    /* what --help calls the value: "FILE"; NULL for flags */
	const char *help;	    /* one sentence, lower case, no full stop */
	size_t offset;		    /* of the field in the command's args struct */
	const char *const *choices; /* OPT_ENUM: NULL-terminated */
	uint64_t max;		    /* OPT_U64: 0 = no bound */
};

/* A table ends with an entry without a name. */
#define OPT_END                                                                                    \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* One table with the struct that its offsets are for. */
struct opt_set {
	const struct opt *table;
	void *args;
};

/* Parse argv[0..argc) (the program's name already taken off). Arguments are moved to the front of
 * argv in their order; returns how many there are. `sets` ends with a NULL table; earlier sets win.
 * Errors: EB_E_USAGE naming the bad word and the nearest good one. Lists allocate, also on failure:
 * call opt_release() in any case. */
int opt_parse(const struct opt_set *sets, int argc, char **argv,
	      struct eb_error **err) EB_MUST_CHECK;
/* EB_E_USAGE when a required option is missing; apart from parsing, so that --help comes first. */
int opt_check_required(const struct opt_set *sets, struct eb_error **err) EB_MUST_CHECK;
void opt_release(const struct opt_set *sets);

/* "flag", "string", ... for the machine-readable description. */
const char *opt_kind_name(enum opt_kind kind);
static inline bool opt_takes_value(const struct opt *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_COUNT;
}
