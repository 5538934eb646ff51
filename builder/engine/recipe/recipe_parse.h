/* Inside of the recipe parser only: one file per group of keys of recipe.yaml. The functions are
 * rcp_read_fn whose `to` is the struct rcp_recipe. Users and groups must be read before anything
 * that names an owner. */
#pragma once

#include "recipe/read.h"

/* recipe_debian.c */
int rcp_read_debian(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err);
int rcp_read_architectures(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			   struct eb_error **err);
int rcp_read_codecs(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err);

/* A list of architectures, each once, not empty. */
int rcp_read_arch_list(struct rcp_reader *rd, const struct rcp_yaml *v, const char ***ret,
		       size_t *ret_n, struct eb_error **err) EB_MUST_CHECK;

/* recipe_archives.c */
int rcp_read_archives(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		      struct eb_error **err);
/* to is struct rcp_remote * */
int rcp_read_mirrors(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		     struct eb_error **err);
int rcp_read_url(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err);
int rcp_read_file_size(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		       struct eb_error **err);
#define RCP_REMOTE_FIELDS(type)                                                                    \
	{ "url", rcp_read_url, offsetof(type, remote.url), false },                                \
		{ "mirrors", rcp_read_mirrors, offsetof(type, remote), false },                    \
		{ "sha256", rcp_read_sha256, offsetof(type, remote.sha256), false },               \
	{                                                                                          \
		"size", rcp_read_file_size, offsetof(type, remote.size), false                     \
	}
/* mirrors and the like make no sense without a URL; v is the entry. */
int rcp_check_remote(struct rcp_reader *rd, const struct rcp_yaml *v, const struct rcp_remote *m,
		     struct eb_error **err) EB_MUST_CHECK;

/* recipe_programs.c */
int rcp_read_python(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err);
int rcp_read_go(struct rcp_reader *rd, const struct rcp_yaml *v, void *to, struct eb_error **err);

/* recipe_image.c */
int rcp_read_image(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		   struct eb_error **err);
/* After all keys: nothing else may be asked of an image that is carried; its tag is its version
 * unless the recipe says one. */
int rcp_check_image(const struct rcp_yaml *root, struct rcp_recipe *r,
		    struct eb_error **err) EB_MUST_CHECK;

/* recipe_users.c */
int rcp_read_users(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		   struct eb_error **err);
int rcp_read_groups(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err);
/* After both: groups by gid, nothing twice. */
int rcp_check_accounts(struct rcp_recipe *r, struct eb_error **err) EB_MUST_CHECK;

struct rcp_owner {
	uint32_t uid, gid;
	bool has_gid; /* given, or known because the user is one of the recipe's */
};
/* "uid:gid", either a number or a name of the recipe (or "root"); to is struct rcp_owner *. */
int rcp_read_owner(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		   struct eb_error **err);
/* The same, but a lone number is fine (OCI "User"). */
int rcp_read_run_as(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err);

/* recipe_tree.c */
int rcp_read_files(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		   struct eb_error **err);
int rcp_read_directories(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err);
int rcp_read_links(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		   struct eb_error **err);
int rcp_read_remove(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err);
int rcp_read_path_exclude(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err);
int rcp_read_path_include(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err);
int rcp_read_permissions(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err);
int rcp_read_alternatives(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			  struct eb_error **err);
int rcp_read_diversions(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			struct eb_error **err);
int rcp_read_fixups(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err);
int rcp_check_paths(struct rcp_recipe *r, struct eb_error **err) EB_MUST_CHECK;

/* recipe_config.c */
int rcp_read_config(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
		    struct eb_error **err);
int rcp_read_annotations(struct rcp_reader *rd, const struct rcp_yaml *v, void *to,
			 struct eb_error **err);

/* Read v, a list of words that pass `check`, each once; what names one in a message. */
int rcp_read_words(struct rcp_reader *rd, const struct rcp_yaml *v, rcp_check_fn check,
		   const char *what, struct rcp_word **ret, size_t *ret_n,
		   struct eb_error **err) EB_MUST_CHECK;
int rcp_check_unique_words(const struct rcp_word *w, size_t n, const char *what,
			   struct eb_error **err) EB_MUST_CHECK;
