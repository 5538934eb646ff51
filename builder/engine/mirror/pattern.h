/* Patterns for tags and names. "8.*" is a glob: '*' any text, '?' one character, "[a-z]", "[!a-z]"
 * one of a set. "/8\.[0-9]+/" is an extended regular expression (POSIX) for the whole text. A
 * pattern without any of these means just itself. */
#pragma once

#include "base/cleanup.h"

struct eb_error;

enum { MIR_PATTERN_MAX_BYTES = 256, MIR_PATTERN_MAX_NODES = 2000 };

struct mir_pattern {
	char *text;
	void *regex;  /* compiled; NULL = a glob or plain text */
	bool literal; /* plain text */
};

/* Errors: EB_E_FORMAT saying what is wrong with it; EB_E_UNSUPPORTED for what would let a short
 * expression take for ever (back references, repeats of repeats); EB_E_LIMIT. */
int mir_pattern_init(const char *text, struct mir_pattern *ret,
		     struct eb_error **err) EB_MUST_CHECK;
void mir_pattern_release(struct mir_pattern *p);
EB_DEFINE_RELEASE(struct mir_pattern, mir_pattern_release)
/* text: at most some hundred bytes. */
bool mir_pattern_matches(const struct mir_pattern *p, const char *text);
