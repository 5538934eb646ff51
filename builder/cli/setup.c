#include "cli/setup.h"

#include <sys/utsname.h>

#include "base/error.h"
#include "base/mem.h"
#include "pkg/cache_care.h"

const char *const setup_compressions[] = { "default", "zstd", "gzip", NULL };

const char *setup_host_arch(void)
{
	struct utsname u;

	if (uname(&u) < 0)
		return "unknown";
	if (strcmp(u.machine, "x86_64") == 0)
		return "amd64";
	if (strcmp(u.machine, "aarch64") == 0)
		return "arm64";
	return "unknown";
}

enum eb_codec_kind setup_compression(const struct setup_args *a, enum eb_codec_kind otherwise)
{
	switch (a->compress) {
	case 1:
		return EB_CODEC_ZSTD;
	case 2:
		return EB_CODEC_GZIP;
	default:
		return otherwise;
	}
}

static int open_registry(void *ctx, const char *host, bool plain_http, bool push,
			 struct oci_registry **ret, struct eb_error **err)
{
	struct setup *s = ctx;
	int r = 0;

	if (!s->remote) {
		s->remote = eb_xcalloc(1, sizeof(*s->remote));
		r = remote_init(s->remote, &s->remote_args, err);
	}
	s->remote->plain_http = plain_http;
	return r < 0 ? r : remote_registry(s->remote, host, push, false, ret, err);
}

static const char **list_source_dirs(struct cmd_env *env, const struct opt_list *given)
{
	const char **dirs = eb_xcalloc(given->n + 2, sizeof(*dirs));

	for (size_t i = 0; i < given->n; i++)
		dirs[i] = given->items[i];
	dirs[given->n] = env_programs_dir(env);
	return dirs;
}

int setup_init(struct setup *s, struct cmd_env *env, const struct setup_args *a,
	       enum eb_codec_kind compression, struct eb_error **err)
{
	struct pkg_mirror_options mo = { .mirrors = a->mirrors.items,
					 .no_snapshot = a->no_snapshot };
	const char *dir;
	int64_t epoch;
	int r = env_cache_dir(env, &dir, err);

	*s = (struct setup){ .cache = { .dir = { .fd = -1 } } };
	if (r >= 0)
		r = env_source_date_epoch(&epoch, err);
	if (r >= 0)
		r = pkg_cache_open(dir, &s->cache, err);
	if (r >= 0)
		pkg_cache_age(&s->cache, env_now_sec());
	if (r >= 0)
		r = pkg_mirrors_load(&mo, &s->mirrors, err);
	if (r < 0)
		return r;
	s->http = (struct eb_http_options){ .stall_timeout_sec = (unsigned int)a->timeout_sec,
					    .connect_timeout_sec = (unsigned int)a->timeout_sec,
					    .attempts = (unsigned int)a->tries };
	s->temp_dir = realpath(env_temp_dir(), NULL);
	s->pip = (struct pkg_pip){ env_client(env), s->temp_dir ? s->temp_dir : "/tmp" };
	s->source_dirs = list_source_dirs(env, &a->sources);
	s->fetch = (struct pkg_fetch_options){ .cache = &s->cache,
					       .mirrors = s->mirrors,
					       .source_dirs = s->source_dirs,
					       .offline = a->offline,
					       .http = &s->http,
					       .progress = env->progress,
					       .pip = &s->pip };
	s->repo = (struct pkg_repo_options){ .cache = &s->cache,
					     .mirrors = s->mirrors,
					     .keyring = a->keyring,
					     .now_sec = env_now_sec(),
					     .offline = a->offline,
					     .source_dirs = a->sources.items,
					     .http = &s->http,
					     .progress = env->progress };
	s->go = (struct pkg_go_options){ .cache = &s->cache,
					 .env = env_client(env),
					 .source_dirs = a->sources.items,
					 .offline = a->offline,
					 .jobs = env_jobs(env),
					 .progress = env->progress };
	s->remote_args = (struct remote_args){ .timeout_sec = a->timeout_sec, .tries = a->tries };
	s->upstream = (struct img_upstream){ s, open_registry, a->registry_mirrors.items };
	s->env = (struct img_env){ .cache = &s->cache,
				   .upstream = &s->upstream,
				   .go = &s->go,
				   .fetch = &s->fetch,
				   .pool = env_pool(env),
				   .progress = env->progress,
				   .host_arch = setup_host_arch(),
				   .compression = compression,
				   .epoch_sec = epoch };
	return 0;
}

void setup_release(struct setup *s)
{
	if (s->remote)
		remote_release(s->remote);
	free(s->remote);
	s->remote = NULL;
	pkg_mirrors_free(s->mirrors);
	s->mirrors = NULL;
	free(s->temp_dir);
	s->temp_dir = NULL;
	free(s->source_dirs);
	s->source_dirs = NULL;
	pkg_cache_release(&s->cache);
}
