#include "mirror_fixture.h"

#include "base/pool.h"
#include "image/mediatype.h"

static int open_registry(void *ctx, const char *host, bool push, bool delete_,
			 struct oci_registry **ret, struct eb_error **err)
{
	struct mirror_fixture *x = ctx;
	const struct oci_registry_options o = { .transport = x->client.transport,
						.creds = x->client.creds,
						.plain_http = true,
						.push = push,
						.delete = delete_ };

	return oci_registry_new(host, &o, ret, err);
}

void mirror_start(struct mirror_fixture *x)
{
	*x = (struct mirror_fixture){ .from = fakereg_start(), .to = fakereg_start() };
	x->client = client_new(x->to, NULL, NULL);
	x->net = (struct mir_net){ .ctx = x, .open = open_registry, .pool = eb_pool_new(3) };
}

static void forget(struct mirror_fixture *x)
{
	mir_items_release(&x->items);
	mir_hosts_release(&x->hosts);
	x->list = mir_list_free(x->list);
}

void mirror_end(struct mirror_fixture *x)
{
	forget(x);
	eb_pool_free(x->net.pool);
	client_release(&x->client);
	fakereg_stop(x->from);
	fakereg_stop(x->to);
}

static const char *remember(const char *digest)
{
	static char last[16][80];
	static unsigned int at;

	at = (at + 1) % 16;
	snprintf(last[at], sizeof(last[at]), "%s", digest);
	return last[at];
}

static void add_blob(struct mirror_fixture *x, const char *repo, const char *type, const char *text,
		     struct oci_descriptor *ret)
{
	char digest[80];

	fakereg_add_blob(x->from, repo, text, strlen(text), digest);
	oci_descriptor_of(type, text, strlen(text), ret);
}

const char *mirror_manifest(struct mirror_fixture *x, const char *repo, const char *tag,
			    const char *arch, const char *what)
{
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	autofree char *config = eb_xasprintf("{\"architecture\":\"%s\",\"os\":\"linux\"}", arch);
	autofree char *layer = eb_xasprintf("%s for %s", what, arch), *text = NULL;
	const char *const layers[] = { "base", layer };
	char digest[80];
	size_t n;

	oci_manifest_init(&m, false);
	add_blob(x, repo, OCI_MT_CONFIG, config, &m.config);
	for (size_t i = 0; i < 2; i++) {
		struct oci_descriptor d;

		add_blob(x, repo, OCI_MT_LAYER_TAR, layers[i], &d);
		oci_manifest_add(&m, &d);
		oci_descriptor_release(&d);
	}
	text = oci_manifest_write(&m, &n);
	fakereg_add_manifest(x->from, repo, tag, OCI_MT_MANIFEST, text, digest);
	return remember(digest);
}

const char *mirror_image(struct mirror_fixture *x, const char *repo, const char *tag,
			 const char *what)
{
	static const char *const archs[] = { "amd64", "arm64" };
	EB_CLEANUP(oci_manifest_release_p) struct oci_manifest m;
	autofree char *text = NULL;
	char digest[80];
	size_t n;

	oci_manifest_init(&m, true);
	for (size_t i = 0; i < 2; i++) {
		const char *one = mirror_manifest(x, repo, NULL, archs[i], what);
		struct oci_descriptor d = {
			.media_type = eb_xstrdup(OCI_MT_MANIFEST),
			.size = strlen(fakereg_manifest(x->from, repo, one)),
		};

		snprintf(d.digest.text, sizeof(d.digest.text), "%s", one);
		d.platform.os = eb_xstrdup("linux");
		d.platform.architecture = eb_xstrdup(archs[i]);
		oci_manifest_add(&m, &d);
		oci_descriptor_release(&d);
	}
	text = oci_manifest_write(&m, &n);
	fakereg_add_manifest(x->from, repo, tag, OCI_MT_INDEX, text, digest);
	return remember(digest);
}

static char *replace(const char *text, const char *word, const char *by)
{
	EB_AUTOBUF(b, 1 << 20);

	for (const char *at; (at = strstr(text, word)); text = at + strlen(word)) {
		eb_buf_add(&b, text, (size_t)(at - text));
		eb_buf_adds(&b, by);
	}
	eb_buf_adds(&b, text);
	return eb_xstrdup(eb_buf_str(&b));
}

void mirror_gather(struct mirror_fixture *x, const char *yaml)
{
	autofree char *half = replace(yaml, "FROM", fakereg_host(x->from));
	autofree char *text = replace(half, "TO", fakereg_host(x->to));
	autoerror struct eb_error *e = NULL;

	forget(x);
	CHECK_OK(mir_list_parse(test_dir(), "l.yaml", text, strlen(text), &x->list, &e), e);
	CHECK_OK(mir_gather(x->list, &x->net, &x->hosts, &x->items, &e), e);
}

void mirror_send(struct mirror_fixture *x, const char *yaml)
{
	const struct mir_send_options o = { .plan = false };
	autoerror struct eb_error *e = NULL;

	mirror_gather(x, yaml);
	CHECK_OK(mir_send(x->list, &x->net, x->client.registry, &x->items, &o, &x->sum, &e), e);
}

const char *mirror_statuses(const struct mirror_fixture *x)
{
	static char text[64];
	size_t n = 0;

	for (; n < x->items.n && n + 1 < sizeof(text); n++)
		text[n] = "mtdf"[x->items.items[n].status];
	text[n] = '\0';
	return text;
}
