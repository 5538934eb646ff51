/* What the clients of package registries that this program starts (go, pip) get of the user's
 * environment: what they need to find their configuration and the way out, and nothing else. */
#include "base/cleanup.h"
#include "base/mem.h"
#include "cli/env.h"

extern char **environ;

static const char *const names[] = {
	"PATH",		 "HOME",	   "USER",	    "TMPDIR",	 "XDG_CONFIG_HOME",
	"XDG_DATA_HOME", "XDG_CACHE_HOME", "SSL_CERT_FILE", "NETRC",	 "SSL_CERT_DIR",
	"http_proxy",	 "https_proxy",	   "no_proxy",	    "all_proxy", "REQUESTS_CA_BUNDLE",
	"HTTP_PROXY",	 "HTTPS_PROXY",	   "NO_PROXY",	    "ALL_PROXY", "CURL_CA_BUNDLE",
	"GOENV",	 "GOPROXY",	   "GOSUMDB",	    "GONOSUMDB", "GONOPROXY",
	"GOPRIVATE",	 "GOINSECURE",	   "GOVCS",	    "GOAUTH",
};

static bool is_wanted(const char *entry)
{
	size_t n = strcspn(entry, "=");

	if (strncmp(entry, "PIP_", 4) == 0)
		return true;
	for (size_t i = 0; i < EB_ARRAY_LEN(names); i++)
		if (strlen(names[i]) == n && strncmp(entry, names[i], n) == 0)
			return true;
	return false;
}

const char *const *env_client(struct cmd_env *env)
{
	size_t n = 0, max = 0;

	if (env->client)
		return env->client;
	while (environ[max])
		max++;
	env->client = eb_xcalloc(max + 1, sizeof(*env->client));
	for (size_t i = 0; i < max; i++)
		if (is_wanted(environ[i]))
			env->client[n++] = environ[i];
	return env->client;
}
