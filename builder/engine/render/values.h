/* A user's values: files, then single settings, merged in the order in which they are given, as
 * Helm merges them. Objects are merged key by key, everything else is replaced. A null stays in the
 * tree and takes the default away when defaults are filled in (schema.h). */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"

struct eb_error;

struct rnd_values {
	json_t *tree;	/* object */
	json_t *places; /* path -> "file:line:column" or "--set" (path.h) */
};

enum { RND_SET_MAX_INDEX = 1000, RND_SET_MAX_BYTES = 1024 * 1024 };

enum rnd_set_kind {
	RND_SET_TYPED,	/* true, false, null and whole numbers are not text: --set */
	RND_SET_STRING, /* --set-string */
};

void rnd_values_init(struct rnd_values *v);
void rnd_values_release(struct rnd_values *v);
EB_DEFINE_RELEASE(struct rnd_values, rnd_values_release)

/* Merge a file's text over what is there. Errors as rnd_yaml_read(). */
int rnd_values_add(struct rnd_values *v, const char *file, const char *text, size_t n,
		   struct eb_error **err) EB_MUST_CHECK;
/* "a.b[0]=v,c={x,y}": Helm's form, with "\" before a "." or "," that is part of a key or value.
 * Errors: EB_E_USAGE quoting the place, EB_E_LIMIT. */
int rnd_values_set(struct rnd_values *v, const char *expression, enum rnd_set_kind kind,
		   struct eb_error **err) EB_MUST_CHECK;
/* The value at "a.b[0]" becomes text (--set-file). */
int rnd_values_set_text(struct rnd_values *v, const char *key, const char *text,
			struct eb_error **err) EB_MUST_CHECK;
/* Deep merge of `over` (borrowed) into base. */
void rnd_values_merge(json_t *base, const json_t *over);
