#include "image/split.h"

#include "testlib.h"

enum { MAX_INPUTS = 64, SMALL = 1000, LARGE = IMG_OWN_BYTES };

/* A tree made by hand: packages with files of any size, none of which is ever read. */
struct fixture {
	struct rfs_tree *t;
	struct pkg_input inputs[MAX_INPUTS];
	unsigned int origins[MAX_INPUTS];
	size_t n;
	uint32_t member;
	struct img_split split;
};

static void start(struct fixture *f)
{
	*f = (struct fixture){ .t = rfs_tree_new() };
}

static void end(struct fixture *f)
{
	img_split_release(&f->split);
	rfs_tree_free(f->t);
}
EB_DEFINE_RELEASE(struct fixture, end)

#define FIXTURE(f)                                                                                 \
	EB_CLEANUP(end_p) struct fixture f;                                                        \
	start(&f)

static unsigned int package(struct fixture *f, const char *name, const char *source)
{
	size_t i = f->n++;

	CHECK(i < MAX_INPUTS);
	f->inputs[i] = (struct pkg_input){
		.kind = PKG_INPUT_DEB,
		.name = eb_arena_strdup(f->t->arena, name),
		.group = eb_arena_strdup(f->t->arena, source),
		.version = "1",
	};
	f->origins[i] = rfs_tree_origin(f->t, RFS_ORIGIN_PACKAGE, f->inputs[i].name,
					(unsigned int)i, 0);
	return f->origins[i];
}

static void add(struct fixture *f, unsigned int origin, const char *path,
		const struct rfs_attr *attr)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(rfs_add(f->t, origin, path, attr, 0, NULL, &e), e);
}

static void file(struct fixture *f, unsigned int origin, const char *path, uint64_t size)
{
	struct rfs_attr a = {
		.type = RFS_FILE,
		.mode = 0644,
		.size = size,
		.content = { .kind = RFS_MEMBER, .origin = origin, .member = f->member++ }
	};

	add(f, origin, path, &a);
}

static void dir(struct fixture *f, unsigned int origin, const char *path)
{
	struct rfs_attr a = { .type = RFS_DIR, .mode = 0755 };

	add(f, origin, path, &a);
}

static void split(struct fixture *f)
{
	autoerror struct eb_error *e = NULL;

	img_split_release(&f->split);
	CHECK_OK(img_split_tree(f->t, f->inputs, "demo", 0, &f->split, &e), e);
}

static const struct img_group *group(const struct fixture *f, const char *name)
{
	for (size_t i = 0; i < f->split.n; i++)
		if (strcmp(f->split.groups[i].name, name) == 0)
			return &f->split.groups[i];
	test_fail(__FILE__, __LINE__, "no layer '%s'", name);
}

/* Place of a path in a layer; -1 = not in it. */
static int at(const struct img_group *g, const char *path)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->members[i].path, path) == 0)
			return (int)i;
	return -1;
}

/* Name of the only layer that has a path. */
static const char *layer_of(const struct fixture *f, const char *path)
{
	const char *name = NULL;

	for (size_t i = 0; i < f->split.n; i++) {
		if (at(&f->split.groups[i], path) < 0)
			continue;
		if (name)
			test_fail(__FILE__, __LINE__, "%s is in '%s' and '%s'", path, name,
				  f->split.groups[i].name);
		name = f->split.groups[i].name;
	}
	return name;
}

/* "layer: path path ..." lines, to compare splits. */
static char *text_of(const struct fixture *f)
{
	EB_AUTOBUF(b, 1 << 20);

	for (size_t i = 0; i < f->split.n; i++) {
		const struct img_group *g = &f->split.groups[i];

		eb_buf_addf(&b, "%s (%s):", g->name, g->label);
		for (size_t k = 0; k < g->n; k++)
			eb_buf_addf(&b, " %s%s", g->members[k].cut_before ? "|" : "",
				    g->members[k].path);
		eb_buf_addc(&b, '\n');
	}
	return eb_buf_take(&b);
}

TEST(split, large_sources_stand_alone_small_ones_share)
{
	unsigned int libc, bin, zlib, tz;
	FIXTURE(f);

	libc = package(&f, "libc6", "glibc");
	bin = package(&f, "libc-bin", "glibc");
	zlib = package(&f, "zlib1g", "zlib");
	tz = package(&f, "tzdata", "tzdata");
	file(&f, libc, "lib/libc.so.6", LARGE - 1);
	file(&f, bin, "bin/ldd", 1);
	file(&f, zlib, "lib/libz.so.1", SMALL);
	file(&f, tz, "zone/utc", SMALL);
	split(&f);
	CHECK_STR(layer_of(&f, "lib/libc.so.6"), "glibc");
	CHECK_STR(layer_of(&f, "bin/ldd"), "glibc");
	CHECK_STR(layer_of(&f, "lib/libz.so.1"), "shared 0");
	CHECK_STR(layer_of(&f, "zone/utc"), "shared 0");
	CHECK_INT(f.split.n, 2);
	CHECK_STR(group(&f, "glibc")->label, "libc-bin 1, libc6 1");
	CHECK_STR(group(&f, "shared 0")->label, "tzdata 1, zlib1g 1");
	CHECK_INT(group(&f, "glibc")->bytes, LARGE);
}

TEST(split, recipe_and_fixups_are_the_last_layer)
{
	unsigned int p, recipe, fixup;
	FIXTURE(f);

	p = package(&f, "big", "aaa");
	file(&f, p, "a", LARGE);
	recipe = rfs_tree_origin(f.t, RFS_ORIGIN_RECIPE, "demo", 0, 0);
	fixup = rfs_tree_origin(f.t, RFS_ORIGIN_FIXUP, "passwd", 0, 0);
	file(&f, recipe, "etc/conf", 3);
	file(&f, fixup, "etc/passwd", 3);
	split(&f);
	CHECK_STR(f.split.groups[f.split.n - 1].name, "image");
	CHECK_STR(layer_of(&f, "etc/conf"), "image");
	CHECK_STR(layer_of(&f, "etc/passwd"), "image");
	CHECK_STR(group(&f, "image")->label, "recipe demo");
}

/* Four shared layers: where a source is does not depend on the others. */
TEST(split, shared_slots_stay_when_a_source_comes_or_goes)
{
	const char *before[20], *name;
	FIXTURE(all);
	FIXTURE(less);

	for (int i = 0; i < 20; i++) {
		autofree char *s = eb_xasprintf("source%d", i), *path = eb_xasprintf("f%d", i);

		file(&all, package(&all, s, s), path, LARGE - 1);
		if (i != 7 && i != 13)
			file(&less, package(&less, s, s), path, LARGE - 1);
	}
	split(&all);
	split(&less);
	CHECK_INT(all.split.n, 4);
	for (int i = 0; i < 20; i++) {
		autofree char *path = eb_xasprintf("f%d", i);

		before[i] = layer_of(&all, path);
		name = layer_of(&less, path);
		if (i == 7 || i == 13)
			CHECK(name == NULL);
		else
			CHECK_STR(name, before[i]);
	}
}

TEST(split, layers_are_at_most_forty_with_the_parents)
{
	autoerror struct eb_error *e = NULL;
	struct img_split s;
	FIXTURE(f);

	for (int i = 0; i < 60; i++) {
		autofree char *n = eb_xasprintf("source%d", i);

		file(&f, package(&f, n, n), n, LARGE + (uint64_t)i);
	}
	for (size_t inherited = 0; inherited <= IMG_MAX_LAYERS + 1; inherited++) {
		int r = img_split_tree(f.t, f.inputs, "demo", inherited, &s, &e);

		if (inherited > IMG_MAX_LAYERS - 5) {
			CHECK_FAIL(r, EB_E_LIMIT, "the parent image has", e);
			continue;
		}
		CHECK_OK(r, e);
		CHECK(s.n + inherited <= IMG_MAX_LAYERS);
		CHECK(s.n <= IMG_MAX_OWN + 4);
		img_split_release(&s);
	}
	split(&f);
	/* The largest stand alone. */
	CHECK_STR(layer_of(&f, "source59"), "source59");
	CHECK_STR(layer_of(&f, "source48"), "source48");
	CHECK_HAS(layer_of(&f, "source47"), "shared ");
}

TEST(split, directories_are_in_every_layer_that_needs_them)
{
	unsigned int a, b;
	FIXTURE(f);

	a = package(&f, "a", "a");
	b = package(&f, "b", "b");
	dir(&f, a, "usr");
	dir(&f, a, "usr/empty");
	file(&f, a, "usr/lib/x/one", LARGE);
	file(&f, b, "usr/lib/two", LARGE);
	split(&f);
	CHECK(at(group(&f, "a"), "usr") >= 0);
	CHECK(at(group(&f, "b"), "usr") >= 0);
	CHECK(at(group(&f, "a"), "usr/lib") >= 0);
	CHECK(at(group(&f, "b"), "usr/lib") >= 0);
	CHECK(at(group(&f, "a"), "usr/lib/x") >= 0);
	CHECK_INT(at(group(&f, "b"), "usr/lib/x"), -1);
	CHECK(at(group(&f, "a"), "usr/empty") >= 0);
	CHECK_INT(at(group(&f, "b"), "usr/empty"), -1);
	for (size_t i = 0; i < f.split.n; i++)
		for (size_t k = 0; k < f.split.groups[i].n; k++) {
			const struct rfs_node *n = f.split.groups[i].members[k].node;
			autofree char *parent = rfs_path(n->parent);

			if (*parent)
				CHECK(at(&f.split.groups[i], parent) < (int)k &&
				      at(&f.split.groups[i], parent) >= 0);
		}
}

TEST(split, hard_links_follow_their_file)
{
	struct rfs_attr link = { .type = RFS_FILE, .hard_link = "z/file" };
	unsigned int a, b, recipe;
	FIXTURE(f);

	a = package(&f, "a", "a");
	b = package(&f, "b", "b");
	file(&f, b, "b", LARGE);
	file(&f, a, "z/file", LARGE);
	file(&f, a, "z/late", 1);
	add(&f, a, "a-name", &link);
	recipe = rfs_tree_origin(f.t, RFS_ORIGIN_RECIPE, "demo", 0, 0);
	add(&f, recipe, "of-recipe", &link);
	split(&f);
	CHECK_STR(layer_of(&f, "a-name"), "a");
	CHECK_STR(layer_of(&f, "of-recipe"), "a");
	CHECK(at(group(&f, "a"), "a-name") > at(group(&f, "a"), "z/file"));
	CHECK(at(group(&f, "a"), "of-recipe") > at(group(&f, "a"), "z/file"));
	CHECK_INT(group(&f, "a")->bytes, LARGE + 1);
}

TEST(split, members_are_directories_then_packages_in_their_archives_order)
{
	static const char *const want[] = { "d",    "d/sub",   "d/b-link", "d/z-b1",
					    "d/b2", "a-first", "d/a-last" };
	struct rfs_attr symlink = { .type = RFS_SYMLINK, .target = "x" };
	const struct img_group *g;
	unsigned int a, b;
	FIXTURE(f);

	b = package(&f, "aaa-package", "s");
	a = package(&f, "bbb-package", "s");
	dir(&f, b, "d");
	file(&f, b, "d/z-b1", 1);
	file(&f, b, "d/b2", 1);
	add(&f, b, "d/b-link", &symlink);
	file(&f, a, "a-first", 1);
	file(&f, a, "d/a-last", 1);
	dir(&f, a, "d/sub");
	split(&f);
	g = group(&f, "shared 0");
	CHECK_INT(g->n, EB_ARRAY_LEN(want));
	for (size_t i = 0; i < g->n; i++)
		CHECK_STR(g->members[i].path, want[i]);
}

TEST(split, only_changes_of_the_parent_are_in_it)
{
	autoerror struct eb_error *e = NULL;
	unsigned int a, recipe;
	FIXTURE(f);

	a = package(&f, "a", "a");
	dir(&f, a, "d");
	file(&f, a, "d/stays", 1);
	file(&f, a, "d/touched", 1);
	file(&f, a, "d/gone", 1);
	file(&f, a, "top", 1);
	rfs_inherit(f.t);
	recipe = rfs_tree_origin(f.t, RFS_ORIGIN_RECIPE, "demo", 0, 1);
	rfs_touch(f.t, rfs_lookup(f.t, "d/touched"), recipe);
	CHECK_OK(rfs_remove(f.t, rfs_lookup(f.t, "d/gone"), &e), e);
	CHECK_OK(rfs_remove(f.t, rfs_lookup(f.t, "top"), &e), e);
	split(&f);
	CHECK_INT(f.split.n, 1);
	CHECK_STR(layer_of(&f, "d/touched"), "image");
	CHECK_STR(layer_of(&f, "d/.wh.gone"), "image");
	CHECK_STR(layer_of(&f, ".wh.top"), "image");
	CHECK(layer_of(&f, "d/stays") == NULL);
	CHECK(group(&f, "image")->members[at(group(&f, "image"), "d/.wh.gone")].node == NULL);
}

/* The marker hides every layer below its own, so it may not stand above what this image adds. */
TEST(split, opaque_marker_is_below_what_is_new_in_the_directory)
{
	autoerror struct eb_error *e = NULL;
	unsigned int a, b;
	FIXTURE(f);

	a = package(&f, "a", "a");
	file(&f, a, "d/old", 1);
	rfs_inherit(f.t);
	CHECK_OK(rfs_remove(f.t, rfs_lookup(f.t, "d"), &e), e);
	b = package(&f, "b", "b");
	dir(&f, b, "d");
	file(&f, b, "d/new", LARGE);
	file(&f, package(&f, "c", "c"), "d/other", LARGE);
	file(&f, rfs_tree_origin(f.t, RFS_ORIGIN_RECIPE, "demo", 0, 1), "d/mine", 1);
	split(&f);
	CHECK_INT(f.split.n, 3);
	CHECK_STR(f.split.groups[0].name, "b");
	CHECK_STR(layer_of(&f, "d/.wh..wh..opq"), "b");
	CHECK_STR(layer_of(&f, "d/mine"), "image");
}

TEST(split, same_tree_gives_the_same)
{
	autofree char *first = NULL;

	for (int round = 0; round < 3; round++) {
		autofree char *text = NULL;
		void *hole = eb_xmalloc((size_t)round * 4096 + 1); /* other addresses */
		FIXTURE(f);

		for (int i = 0; i < 40; i++) {
			autofree char *n = eb_xasprintf("p%d", i);
			autofree char *s = eb_xasprintf("s%d", i % 17);
			autofree char *path = eb_xasprintf("d%d/e%d/f%d", i % 3, i % 7, i);

			file(&f, package(&f, n, s), path, (uint64_t)(i * i * 1000));
		}
		split(&f);
		text = text_of(&f);
		if (!first)
			first = EB_TAKE_PTR(text);
		else
			CHECK_STR(text, first);
		free(hole);
	}
}

TEST(split, empty_tree_has_no_layer)
{
	FIXTURE(f);

	split(&f);
	CHECK_INT(f.split.n, 0);
}
