/* What the table says, for people (--help) and for programs (__cli-json, completion). */
#pragma once

#include "base/cleanup.h"

struct cmd;
struct cmd_env;
struct eb_buf;

enum { HELP_COLUMNS = 80 };

void help_program(struct eb_buf *b);
void help_command(const struct cmd *c, struct eb_buf *b);
/* Commands whose first word is `word`, for "ess-bundle image --help". False if there are none. */
bool help_prefix(const char *word, struct eb_buf *b);
/* Words of text (up to n bytes) in lines of at most HELP_COLUMNS, each indented; the first line is
 * taken to be at column `at` already. Ends with a newline. */
void help_wrap(struct eb_buf *b, const char *text, size_t n, size_t indent, size_t at);

/* "bash", "zsh" or "fish". */
enum completion_shell { COMPLETION_BASH, COMPLETION_ZSH, COMPLETION_FISH };
void completion_script(enum completion_shell shell, struct eb_buf *b);
