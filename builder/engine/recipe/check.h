/* The lexical rules of names, paths and versions that recipes, locks and bundle definitions hold.
 * Each check gives NULL when `s` is fine, else what it should be (static text, no final stop), so
 * that a message reads "'Foo' is not <that>". */
#pragma once

#include "base/cleanup.h"

typedef const char *(*rcp_check_fn)(const char *s);

const char *rcp_check_package(const char *s);	 /* Debian policy 5.6.7 */
const char *rcp_check_version(const char *s);	 /* Debian policy 5.6.12, epoch and revision */
const char *rcp_check_suite(const char *s);	 /* "trixie-security" */
const char *rcp_check_archive(const char *s);	 /* "debian-security" */
const char *rcp_check_account(const char *s);	 /* user and group names as useradd(8) takes them */
const char *rcp_check_env_name(const char *s);	 /* [A-Za-z_][A-Za-z0-9_]* */
const char *rcp_check_component(const char *s);	 /* distribution-spec: one part of a <name> */
const char *rcp_check_repository(const char *s); /* distribution-spec: <name> */
const char *rcp_check_tag(const char *s);	 /* distribution-spec: <reference> as a tag */
const char *rcp_check_host(const char *s);	 /* host name with an optional port */
const char *rcp_check_word(const char *s);	 /* [a-z0-9] words joined by "-": fix-up names */
const char *rcp_check_file_name(const char *s);	 /* a library's file name, no slash */
const char *rcp_check_line(const char *s);	 /* not empty, no control characters */
const char *rcp_check_key(const char *s);    /* annotation and label names: printable, no blank */
const char *rcp_check_sha256(const char *s); /* 64 lower-case hex digits */
const char *rcp_check_digest(const char *s); /* "sha256:" and those */

const char *rcp_check_commit(const char *s); /* 40 lower-case hex digits, or 64 */
const char *rcp_check_url(const char *s); /* http, https or file; no user, password or fragment */
/* A name that an input goes by: in messages, layers and lists. */
const char *rcp_check_input_name(const char *s);
const char *rcp_check_distribution(const char *s); /* PEP 503, normalised */
const char *rcp_check_wheel(const char *s);	   /* PEP 427: a wheel's file name */

/* A path in the image: absolute, no empty, "." or ".." component, no trailing slash, no control
 * characters, components of at most 255 and in all at most 4095 bytes. "/" alone is one. */
const char *rcp_check_path(const char *s);
/* The same, but not "/" itself. */
const char *rcp_check_path_below(const char *s);
/* A relative path that stays inside: sources of files, pool paths. */
const char *rcp_check_relative(const char *s);

/* Debian architectures that can be built for, NULL-terminated. */
extern const char *const rcp_architectures[];
/* Kinds of codec, NULL-terminated. */
extern const char *const rcp_codec_kinds[];
bool rcp_is_one_of(const char *s, const char *const *names);
