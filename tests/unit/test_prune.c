#include "mirror/prune.h"

#include "mirror_fixture.h"

#define LIST(more) "to: TO/m\nimages:\n- {from: FROM/a/b, " more "}\n"

/* As the command does it: mirror, write down, prune; the fates in the order of the state, as
 * letters: to prune, pruned, gone, taken, kept, failed. */
struct pruner {
	struct mirror_fixture *x;
	struct mir_state state;
	struct mir_pruning pruning;
	char fates[64];
};

static void pruner_release(struct pruner *p)
{
	mir_state_release(&p->state);
	mir_pruning_release(&p->pruning);
}
EB_DEFINE_RELEASE(struct pruner, pruner_release)

static const char *fates(struct pruner *p)
{
	size_t n = 0;

	for (; n < p->pruning.n; n++)
		p->fates[n] = "?pgtkf"[p->pruning.items[n].fate];
	p->fates[n] = '\0';
	return p->fates;
}

static void plan(struct pruner *p, const char *yaml)
{
	autoerror struct eb_error *e = NULL;

	mirror_send(p->x, yaml);
	CHECK_OK(mir_state_note(&p->state, fakereg_host(p->x->to), &p->x->items, &e), e);
	mir_pruning_release(&p->pruning);
	mir_prune_plan(p->x->list, &p->x->net, p->x->client.registry, &p->x->items, &p->state,
		       &p->pruning);
}

static const char *prune(struct pruner *p, const char *yaml)
{
	plan(p, yaml);
	mir_prune(&p->x->net, p->x->client.registry, &p->pruning, &p->state);
	return fates(p);
}

static bool has(const struct pruner *p, const char *version)
{
	return fakereg_manifest(p->x->to, "m/a/b", version) != NULL;
}

#define AUTOPRUNER(name)                                                                           \
	AUTOMIRROR(x);                                                                             \
	EB_CLEANUP(pruner_release_p) struct pruner name = { .x = &x };                             \
	mirror_image(&x, "a/b", "1.0", "one");                                                     \
	mirror_image(&x, "a/b", "1.1", "two");                                                     \
	mirror_image(&x, "a/b", "1.2", "three")

TEST(prune, takes_what_the_list_no_longer_means)
{
	AUTOPRUNER(p);

	CHECK_STR(prune(&p, LIST("tags: \"1.*\"")), "");
	CHECK_INT(p.state.n, 3);
	plan(&p, LIST("tags: \"1.*\", keep: 1"));
	CHECK_STR(fates(&p), "??");
	CHECK_HAS(p.pruning.items[0].ref, "/m/a/b:1.0");
	CHECK(has(&p, "1.0"));
	CHECK_STR(prune(&p, LIST("tags: \"1.*\", keep: 1")), "pp");
	CHECK(!has(&p, "1.0") && !has(&p, "1.1") && has(&p, "1.2"));
	CHECK_INT(p.state.n, 1);
	CHECK_STR(prune(&p, LIST("tags: \"1.*\", keep: 1")), "");
}

TEST(prune, leaves_what_it_did_not_bring)
{
	char digest[80];
	AUTOPRUNER(p);

	/* There before, with the same bytes even, and beside it. */
	mirror_send(&x, LIST("tags: \"1.0\""));
	prune(&p, LIST("tags: \"1.*\""));
	CHECK_INT(p.state.n, 2);
	CHECK_STR(prune(&p, LIST("tags: \"1.2\"")), "p");
	CHECK(has(&p, "1.0") && !has(&p, "1.1"));
	/* Taken over by somebody else. */
	prune(&p, LIST("tags: [\"1.1\", \"1.2\"]"));
	fakereg_add_manifest(x.to, "m/a/b", "1.1", "application/vnd.oci.image.manifest.v1+json",
			     fakereg_manifest(x.to, "m/a/b", "1.0"), digest);
	CHECK_STR(prune(&p, LIST("tags: \"1.2\"")), "t");
	CHECK(has(&p, "1.1"));
	CHECK_INT(p.state.n, 1);
	/* Deleted by somebody else. */
	prune(&p, LIST("tags: [\"1.0\", \"1.2\"]"));
	mirror_image(&x, "a/b", "1.3", "four");
	prune(&p, LIST("tags: [\"1.2\", \"1.3\"]"));
	CHECK_INT(oci_registry_delete(x.client.registry, "m/a/b", "1.3", NULL), 0);
	CHECK_STR(prune(&p, LIST("tags: [\"1.2\"]")), "g");
}

TEST(prune, never_takes_the_last_tag)
{
	AUTOPRUNER(p);

	mirror_image(&x, "c", "1", "other");
	prune(&p, LIST("tags: \"1.*\""));
	CHECK_STR(prune(&p, "to: TO/m\nimages: [{from: FROM/c, tags: \"1\"}]\n"), "ppk");
	CHECK(has(&p, "1.2") && !has(&p, "1.1"));
	CHECK_HAS(p.pruning.items[2].why, "last tag");
	CHECK_STR(prune(&p, "to: TO/m\nimages: [{from: FROM/c, tags: \"1\"}]\n"), "k");
}

TEST(prune, waits_when_something_of_the_source_failed)
{
	AUTOPRUNER(p);

	prune(&p, LIST("tags: \"1.*\""));
	CHECK_STR(prune(&p, LIST("tags: [\"1.2\", gone]")), "kk");
	CHECK(has(&p, "1.0"));
	/* Nothing is known of the tags there. */
	CHECK_STR(prune(&p, LIST("semver: 9")), "kkk");
	CHECK_STR(prune(&p, "to: TO/m\nimages: [{from: FROM/none, tags: \"*\", to: a/b}]\n"),
		  "kkk");
	CHECK(has(&p, "1.0"));
}

TEST(prune, by_digest_spares_what_other_tags_need)
{
	autofree char *platform = NULL;
	char digest[80];
	AUTOPRUNER(p);

	fakereg_ways(x.to)->no_tag_delete = true;
	/* A second name for 1.0, and one platform of 1.2 as an image of its own. */
	fakereg_add_manifest(x.from, "a/b", "1", "application/vnd.oci.image.index.v1+json",
			     fakereg_manifest(x.from, "a/b", "1.0"), digest);
	platform = eb_xstrdup(mirror_manifest(&x, "a/b", "1.2-arm64", "arm64", "three"));
	CHECK_STR(prune(&p, LIST("tags: \"1*\"")), "");
	CHECK_INT(p.state.n, 5);
	CHECK_STR(prune(&p, LIST("tags: [\"1\", \"1.2\"]")), "kpk");
	CHECK(has(&p, "1.0") && !has(&p, "1.1") && has(&p, platform));
	CHECK_HAS(p.pruning.items[0].why, "a tag that stays needs it");
	CHECK(p.pruning.items[0].late);
	/* Both names at once. */
	CHECK_STR(prune(&p, LIST("tags: [\"1.2\"]")), "ppk");
	CHECK(!has(&p, "1.0") && !has(&p, "1") && has(&p, platform));
}

/* Deleting a tag by its digest would take what the list asks for without one. */
TEST(prune, by_digest_spares_what_is_wanted_by_digest)
{
	autofree char *list = NULL;
	const char *wanted;
	AUTOPRUNER(p);

	fakereg_ways(x.to)->no_tag_delete = true;
	wanted = mirror_image(&x, "a/b", "1.0", "one");
	list = eb_xasprintf(LIST("tags: \"1.2\", digests: %s"), wanted);
	CHECK_STR(prune(&p, LIST("tags: \"1.*\"")), "");
	CHECK_STR(prune(&p, list), "kk");
	CHECK_HAS(p.pruning.items[0].why, "by its digest");
	CHECK(fakereg_manifest(x.to, "m/a/b", wanted) != NULL);
}

TEST(prune, leaves_other_places_of_the_same_registry)
{
	AUTOPRUNER(p);

	prune(&p, LIST("tags: \"1.*\""));
	CHECK_STR(prune(&p, "to: TO/test\nimages:\n- {from: FROM/a/b, tags: \"1.2\"}\n"), "");
	CHECK(has(&p, "1.0") && has(&p, "1.1") && has(&p, "1.2"));
	CHECK_STR(prune(&p, "to: TO/m/a\nimages:\n- {from: FROM/a/b, tags: \"1.2\"}\n"), "ppk");
}

TEST(prune, goes_on_past_sparse_indexes)
{
	AUTOPRUNER(p);

	fakereg_ways(x.to)->no_tag_delete = true;
	prune(&p, LIST("tags: \"1.*\", platforms: linux/arm64, sparse: true"));
	CHECK_INT(p.state.n, 6);
	CHECK_STR(prune(&p, LIST("tags: \"1.2\", platforms: linux/arm64, sparse: true")), "pppp");
	CHECK(has(&p, "1.2") && !has(&p, "1.1"));
}

TEST(prune, takes_signatures_with_their_image)
{
	struct oci_digest d;
	char tag[160];
	AUTOPRUNER(p);

	snprintf(d.text, sizeof(d.text), "%s", mirror_image(&x, "a/b", "1.1", "two"));
	oci_digest_tag(&d, ".sig", tag);
	mirror_manifest(&x, "a/b", tag, "none", "signature");
	prune(&p, LIST("tags: \"1.*\", referrers: true"));
	CHECK(has(&p, tag));
	CHECK_STR(prune(&p, LIST("tags: [\"1.2\", \"1.1\"], referrers: true")), "p");
	CHECK(has(&p, tag));
	CHECK_STR(prune(&p, LIST("tags: \"1.2\", referrers: true")), "pp");
	CHECK(!has(&p, tag));
}
