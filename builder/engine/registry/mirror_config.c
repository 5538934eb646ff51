#include "registry/mirror_config.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "registry/name.h"

enum { TEXT_MAX_BYTES = 8 * 1024 * 1024, MAX_IMAGES = 8192 };

struct mirror {
	const struct reg_mirror_options *o;
	char *host, *prefix; /* prefix NULL = none */
	char **hosts;	     /* of the images; sorted, each once */
	size_t n_hosts;
	char **repos; /* "ess.internal/redis"; sorted, each once */
	size_t n_repos;
	struct reg_mirror_files files;
	struct eb_buf text;
};

void reg_mirror_files_release(struct reg_mirror_files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->items[i].path);
		free(f->items[i].text);
	}
	free(f->items);
	*f = (struct reg_mirror_files){ 0 };
}

static void free_words(char **words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(words[i]);
	free(words);
}

static void mirror_release(struct mirror *m)
{
	free(m->host);
	free(m->prefix);
	free_words(m->hosts, m->n_hosts);
	free_words(m->repos, m->n_repos);
	reg_mirror_files_release(&m->files);
	eb_buf_release(&m->text);
}
EB_DEFINE_RELEASE(struct mirror, mirror_release)

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t sort_words(char **words, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(words, n, sizeof(*words), compare_words);
	for (size_t i = 0; i < n; i++)
		if (kept && strcmp(words[kept - 1], words[i]) == 0)
			free(words[i]);
		else
			words[kept++] = words[i];
	return kept;
}

static int read_images(struct mirror *m, const char *const *images, size_t n, struct eb_error **err)
{
	if (n > MAX_IMAGES)
		return eb_throw(err, EB_E_LIMIT, "more than %d images", MAX_IMAGES);
	m->hosts = eb_xcalloc(n + 1, sizeof(char *));
	m->repos = eb_xcalloc(n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++) {
		EB_CLEANUP(reg_name_release_p) struct reg_name name = { 0 };
		int r = reg_name_parse(images[i], &name, err);

		if (r < 0)
			return r;
		m->repos[m->n_repos++] = eb_xasprintf("%s/%s", name.host, name.path);
		m->hosts[m->n_hosts++] = EB_TAKE_PTR(name.host);
	}
	m->n_hosts = sort_words(m->hosts, m->n_hosts);
	m->n_repos = sort_words(m->repos, m->n_repos);
	return 0;
}

/* "HOST[:PORT][/PREFIX]": as the name of an image in it. */
static int read_registry(struct mirror *m, struct eb_error **err)
{
	const char *text = m->o->registry, *slash = strchr(text, '/');
	EB_CLEANUP(reg_name_release_p) struct reg_name name = { 0 };
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	autofree char *probe = NULL;

	if (strstr(text, "://"))
		return eb_hint(err,
			       eb_throw(err, EB_E_USAGE, "registry '%s': expected no scheme", text),
			       "for plain HTTP say --plain-http");
	m->host = eb_xstrndup(text, n);
	if (slash && slash[1])
		m->prefix = eb_xstrdup(slash + 1);
	/* A dot makes sure that it is taken for a host. */
	probe = eb_xasprintf("x.%s/%s", m->host, m->prefix ? m->prefix : "x");
	if (n == 0 || reg_name_parse(probe, &name, NULL) < 0 || name.tag || name.digest)
		return eb_throw(err, EB_E_USAGE, "registry '%s': expected HOST[:PORT][/PREFIX]",
				text);
	for (const char *p = m->o->ca; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == '"' || *p == '\\' || *p == 0x7f)
			return eb_throw(err, EB_E_USAGE,
					"the CA's path may not have quotes, backslashes or control "
					"characters");
	return 0;
}

static void add_file(struct mirror *m, const char *path)
{
	struct reg_mirror_file *f = &m->files.items[m->files.n++];

	f->path = eb_xstrdup(path);
	f->text = eb_buf_take(&m->text);
}

static const char *scheme(const struct mirror *m)
{
	return m->o->plain_http ? "http" : "https";
}

/* "/PREFIX" or nothing. */
static const char *before_prefix(const struct mirror *m)
{
	return m->prefix ? "/" : "";
}

static const char *prefix(const struct mirror *m)
{
	return m->prefix ? m->prefix : "";
}

/* --- containerd --- */

static void add_url(struct mirror *m)
{
	if (m->prefix)
		eb_buf_addf(&m->text, "%s://%s/v2/%s", scheme(m), m->host, m->prefix);
	else
		eb_buf_addf(&m->text, "%s://%s", scheme(m), m->host);
}

static void write_containerd(struct mirror *m)
{
	m->files.where = "/etc/containerd/certs.d";
	for (size_t i = 0; i < m->n_hosts; i++) {
		const char *host = m->hosts[i];
		autofree char *path = eb_xasprintf("%s/hosts.toml", host);
		struct eb_buf *b = &m->text;

		eb_buf_adds(b, "server = \"");
		if (m->o->no_fallback)
			add_url(m);
		else
			eb_buf_addf(b, "https://%s",
				    strcmp(host, "docker.io") == 0 ? "registry-1.docker.io" : host);
		eb_buf_adds(b, "\"\n");
		if (m->o->no_fallback) {
			if (m->prefix)
				eb_buf_adds(b, "override_path = true\n");
			if (m->o->ca)
				eb_buf_addf(b, "ca = \"%s\"\n", m->o->ca);
		}
		eb_buf_adds(b, "\n[host.\"");
		add_url(m);
		eb_buf_adds(b, "\"]\n  capabilities = [\"pull\", \"resolve\"]\n");
		if (m->prefix)
			eb_buf_adds(b, "  override_path = true\n");
		if (m->o->ca)
			eb_buf_addf(b, "  ca = \"%s\"\n", m->o->ca);
		add_file(m, path);
	}
}

/* --- k3s, rke2 --- */

static void write_k3s(struct mirror *m)
{
	struct eb_buf *b = &m->text;

	m->files.where = "/etc/rancher/k3s";
	if (m->o->no_fallback)
		eb_buf_adds(b, "# Never ask the original registries: start k3s or rke2 with\n"
			       "# --disable-default-registry-endpoint\n");
	eb_buf_adds(b, "mirrors:\n");
	for (size_t i = 0; i < m->n_hosts; i++) {
		eb_buf_addf(b, "  \"%s\":\n    endpoint:\n      - \"%s://%s\"\n", m->hosts[i],
			    scheme(m), m->host);
		if (m->prefix)
			eb_buf_addf(b, "    rewrite:\n      \"^(.*)$\": \"%s/$1\"\n", m->prefix);
	}
	if (m->o->ca)
		eb_buf_addf(b, "configs:\n  \"%s\":\n    tls:\n      ca_file: \"%s\"\n", m->host,
			    m->o->ca);
	add_file(m, "registries.yaml");
}

/* --- CRI-O, podman, skopeo --- */

static void write_crio(struct mirror *m)
{
	struct eb_buf *b = &m->text;

	m->files.where = "/etc/containers/registries.conf.d";
	if (m->o->ca)
		eb_buf_addf(b, "# %s has to be at /etc/containers/certs.d/%s/ca.crt\n", m->o->ca,
			    m->host);
	for (size_t i = 0; i < m->n_hosts; i++) {
		const char *host = m->hosts[i];

		eb_buf_addf(b, "%s[[registry]]\nprefix = \"%s\"\n", i ? "\n" : "", host);
		if (!m->o->no_fallback)
			eb_buf_addf(b, "location = \"%s\"\n\n[[registry.mirror]]\n", host);
		eb_buf_addf(b, "location = \"%s%s%s\"\n", m->host, before_prefix(m), prefix(m));
		if (m->o->plain_http)
			eb_buf_adds(b, "insecure = true\n");
	}
	add_file(m, "50-ess-bundle.conf");
}

/* --- OpenShift --- */

static void write_set(struct mirror *m, const char *kind, const char *list, bool first)
{
	struct eb_buf *b = &m->text;

	eb_buf_addf(b,
		    "%sapiVersion: config.openshift.io/v1\nkind: %s\nmetadata:\n  name: "
		    "ess-bundle\nspec:\n  %s:\n",
		    first ? "" : "---\n", kind, list);
	for (size_t i = 0; i < m->n_repos; i++)
		eb_buf_addf(b,
			    "    - source: \"%s\"\n      mirrors:\n        - \"%s%s%s%s\"\n      "
			    "mirrorSourcePolicy: %s\n",
			    m->repos[i], m->host, before_prefix(m), prefix(m),
			    strchr(m->repos[i], '/'),
			    m->o->no_fallback ? "NeverContactSource" : "AllowContactingSource");
}

static void write_openshift(struct mirror *m)
{
	struct eb_buf *b = &m->text;

	m->files.where = "the cluster, by 'oc apply -f'";
	if (m->o->plain_http)
		eb_buf_addf(b,
			    "# Plain HTTP has to be allowed: add \"%s\" to\n"
			    "# spec.registrySources.insecureRegistries of "
			    "image.config.openshift.io/cluster\n",
			    m->host);
	if (m->o->ca)
		eb_buf_addf(b,
			    "# %s has to be in the ConfigMap that spec.additionalTrustedCA of\n"
			    "# image.config.openshift.io/cluster names\n",
			    m->o->ca);
	write_set(m, "ImageDigestMirrorSet", "imageDigestMirrors", true);
	write_set(m, "ImageTagMirrorSet", "imageTagMirrors", false);
	add_file(m, "ess-bundle-mirrors.yaml");
}

/* --- Talos --- */

static void write_talos(struct mirror *m)
{
	struct eb_buf *b = &m->text;

	m->files.where = "the machine configuration, by 'talosctl patch mc --patch @FILE'";
	if (m->o->ca)
		eb_buf_addf(b,
			    "# %s has to be, as base64 text, at\n"
			    "# machine.registries.config.\"%s\".tls.ca\n",
			    m->o->ca, m->host);
	eb_buf_adds(b, "machine:\n  registries:\n    mirrors:\n");
	for (size_t i = 0; i < m->n_hosts; i++) {
		eb_buf_addf(b, "      \"%s\":\n        endpoints:\n          - \"", m->hosts[i]);
		add_url(m);
		eb_buf_adds(b, "\"\n");
		if (m->prefix)
			eb_buf_adds(b, "        overridePath: true\n");
		if (m->o->no_fallback)
			eb_buf_adds(b, "        skipFallback: true\n");
	}
	add_file(m, "ess-bundle-mirrors.yaml");
}

/* --- Docker --- */

static int write_docker(struct mirror *m, struct eb_error **err)
{
	struct eb_buf *b = &m->text;

	for (size_t i = 0; i < m->n_hosts; i++)
		if (strcmp(m->hosts[i], "docker.io") != 0)
			return eb_hint(err,
				       eb_throw(err, EB_E_UNSUPPORTED,
						"Docker takes mirrors of docker.io only, and there "
						"are images of %s",
						m->hosts[i]),
				       "pull them by the mirror's name: docker pull %s%s%s/...",
				       m->host, before_prefix(m), prefix(m));
	if (m->prefix)
		return eb_throw(err, EB_E_UNSUPPORTED,
				"Docker takes no mirror with a path, found '%s/%s'", m->host,
				m->prefix);
	m->files.where = "/etc/docker";
	eb_buf_addf(b, "{\n  \"registry-mirrors\": [\"%s://%s\"]", scheme(m), m->host);
	if (m->o->plain_http)
		eb_buf_addf(b, ",\n  \"insecure-registries\": [\"%s\"]", m->host);
	eb_buf_adds(b, "\n}\n");
	add_file(m, "daemon.json");
	return 0;
}

static int write_format(struct mirror *m, struct eb_error **err)
{
	switch (m->o->format) {
	case REG_MIRROR_CONTAINERD:
		write_containerd(m);
		return 0;
	case REG_MIRROR_K3S:
		write_k3s(m);
		return 0;
	case REG_MIRROR_CRIO:
		write_crio(m);
		return 0;
	case REG_MIRROR_OPENSHIFT:
		write_openshift(m);
		return 0;
	case REG_MIRROR_TALOS:
		write_talos(m);
		return 0;
	case REG_MIRROR_DOCKER:
		return write_docker(m, err);
	}
	return 0;
}

int reg_mirror_config(const struct reg_mirror_options *o, const char *const *images, size_t n,
		      struct reg_mirror_files *ret, struct eb_error **err)
{
	EB_CLEANUP(mirror_release_p) struct mirror m = { .o = o };
	int r;

	eb_buf_init(&m.text, TEXT_MAX_BYTES);
	r = read_registry(&m, err);
	if (r >= 0)
		r = read_images(&m, images, n, err);
	if (r < 0)
		return r;
	if (m.n_hosts == 0)
		return eb_throw(err, EB_E_NOT_FOUND, "no images, so there is nothing to mirror");
	m.files.items = eb_xcalloc(m.n_hosts + 1, sizeof(*m.files.items));
	r = write_format(&m, err);
	if (r >= 0)
		r = eb_buf_check(&m.text, "the configuration", err);
	if (r < 0)
		return r;
	*ret = m.files;
	m.files = (struct reg_mirror_files){ 0 };
	return 0;
}
