#include <sys/stat.h>

#include "recipe/lock.h"
#include "recipe/recipe.h"
#include "testlib.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static const char full[] =
	"# Made by 'ess-bundle lock'. Review the diff; do not edit.\n"
	"format: 1\n"
	"recipe: redis\n"
	"inputs: " HEX "\n"
	"epoch: 1763773844\n"
	"suites:\n"
	"- {archive: debian, suite: trixie, date: 1763773844, sha256: " HEX "}\n"
	"packages:\n"
	"- {arch: amd64, name: libc6, version: 2.41-12, size: 5, sha256: " HEX
	", path: pool/main/g/glibc/libc6_2.41-12_amd64.deb, archive: debian, suite: trixie, "
	"source: glibc}\n"
	"- {arch: amd64, deb_arch: all, name: tzdata, version: 1:2025b-1~deb13u1+b2, size: 7, "
	"sha256: " HEX ", path: pool/main/t/tzdata/tzdata_2025b_all.deb, archive: debian-security, "
	"suite: trixie-security, source: tzdata}\n"
	"codecs:\n"
	"- {kind: zstd, level: 9, arch: amd64, version: 1.5.7+dfsg-1, "
	"library: usr/lib/x86_64-linux-gnu/libzstd.so.1.5.7, size: 3, sha256: " HEX
	", path: pool/main/libz/libzstd/libzstd1_1.5.7_amd64.deb, archive: debian}\n"
	"results:\n"
	"- {arch: amd64, codec: zstd, key: " HEX ", manifest: sha256:" HEX ", config: sha256:" HEX
	", size: 1234}\n"
	"layers:\n"
	"- {arch: amd64, codec: zstd, n: 0, name: shared 0, diff_id: sha256:" HEX
	", digest: sha256:" HEX ", size: 11, diff_size: 22}\n"
	"- {arch: amd64, codec: zstd, n: 10, name: libzstd, diff_id: sha256:" HEX
	", digest: sha256:" HEX ", size: 11, diff_size: 22}\n";

static int parse(const char *text, struct rcp_lock **ret, struct eb_error **err)
{
	return rcp_lock_parse("r/lock.yaml", text, strlen(text), ret, err);
}

static struct rcp_lock *parse_full(void)
{
	autoerror struct eb_error *e = NULL;
	struct rcp_lock *l = NULL;

	CHECK_OK(parse(full, &l, &e), e);
	return l;
}

/* full with the first `from` replaced; the caller frees. */
static char *full_with(const char *from, const char *to)
{
	const char *at = strstr(full, from);

	CHECK(at);
	return eb_xasprintf("%.*s%s%s", (int)(at - full), full, to, at + strlen(from));
}

static void check_refused(const char *from, const char *to, const char *part)
{
	autoerror struct eb_error *e = NULL;
	autofree char *text = full_with(from, to);
	struct rcp_lock *l;

	CHECK_FAIL(parse(text, &l, &e), EB_E_RECIPE, part, e);
}

TEST(lock, parse_full_reads_everything)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = parse_full();

	CHECK_STR(l->file, "r/lock.yaml");
	CHECK_STR(l->recipe, "redis");
	CHECK_STR(l->inputs_sha256, HEX);
	CHECK_INT(l->epoch_sec, 1763773844);
	CHECK_INT(l->n_suites, 1);
	CHECK_INT(l->suites[0].date_sec, 1763773844);
	CHECK_INT(l->n_packages, 2);
	CHECK_STR(l->packages[0].deb_arch, "amd64");
	CHECK_STR(l->packages[1].deb_arch, "all");
	CHECK_STR(l->packages[1].version, "1:2025b-1~deb13u1+b2");
	CHECK_INT(l->packages[1].size, 7);
	CHECK_INT(l->codecs[0].level, 9);
	CHECK_STR(l->codecs[0].library, "usr/lib/x86_64-linux-gnu/libzstd.so.1.5.7");
	CHECK_STR(l->results[0].manifest, "sha256:" HEX);
	CHECK_STR(l->results[0].key, HEX);
	CHECK_STR(l->layers[0].name, "shared 0");
	CHECK_INT(l->layers[1].n, 10);
	CHECK_INT(l->layers[1].diff_size, 22);
}

TEST(lock, write_gives_back_what_was_read)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = parse_full();
	size_t n;
	autofree char *text = rcp_lock_write(l, &n);

	CHECK_STR(text, full);
	CHECK_INT(n, strlen(full));
}

TEST(lock, write_sorts_whatever_the_order_of_adding)
{
	static const char *const names[] = { "zlib1g", "libc6", "bash" };
	char *text[2];

	for (int round = 0; round < 2; round++) {
		EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = rcp_lock_new("x");

		for (int i = 0; i < 40; i++) {
			int at = round ? 39 - i : i;
			struct rcp_locked_package p = { .arch = at % 2 ? "arm64" : "amd64",
							.name = names[at % 3],
							.version = "1",
							.path = "p",
							.archive = "debian",
							.suite = "s",
							.sha256 = HEX };
			autofree char *version = eb_xasprintf("1.%d", at);

			p.version = version;
			rcp_lock_add_package(l, &p);
		}
		for (unsigned int i = 0; i < 20; i++) {
			struct rcp_locked_layer y = { .arch = "amd64",
						      .codec = "zstd",
						      .n = round ? 19 - i : i,
						      .name = "a",
						      .diff_id = "sha256:" HEX,
						      .digest = "sha256:" HEX };
			rcp_lock_add_layer(l, &y);
		}
		CHECK_INT(l->n_packages, 40);
		text[round] = rcp_lock_write(l, NULL);
	}
	CHECK_STR(text[0], text[1]);
	CHECK_HAS(text[0], "source: bash");
	free(text[0]);
	free(text[1]);
}

TEST(lock, write_quotes_what_yaml_could_misread)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = rcp_lock_new("null");
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *again = NULL;
	struct rcp_locked_package p = { .arch = "amd64",
					.name = "true",
					.version = "1:",
					.path = "a",
					.archive = "d",
					.suite = "s",
					.sha256 = HEX,
					.source = "null" };
	autofree char *text = NULL, *second = NULL;

	rcp_lock_add_package(l, &p);
	text = rcp_lock_write(l, NULL);
	CHECK_HAS(text, "recipe: \"null\"\n");
	CHECK_HAS(text, "name: \"true\", version: \"1:\"");
	CHECK_OK(parse(text, &again, &e), e);
	CHECK_STR(again->packages[0].name, "true");
	CHECK_STR(again->packages[0].version, "1:");
	second = rcp_lock_write(again, NULL);
	CHECK_STR(second, text);
}

TEST(lock, clear_results_keeps_inputs)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = parse_full();
	struct rcp_locked_result r = { "arm64", "zstd", HEX, "sha256:" HEX, "sha256:" HEX, 1 };

	rcp_lock_clear_results(l);
	CHECK_INT(l->n_results + l->n_layers, 0);
	CHECK_INT(l->n_packages, 2);
	rcp_lock_add_result(l, &r);
	CHECK_STR(l->results[0].arch, "arm64");
}

TEST(lock, parse_refuses_other_forms)
{
	check_refused("format: 1", "format: 2", "lock.yaml:2:9: format: expected format 1, found");
	check_refused("recipe: redis", "recipe: ../redis", "'../redis' is not an image name");
	check_refused("epoch: 1763773844\n", "", "'epoch' is missing");
	check_refused("epoch: 1763773844", "epoch: -1", "epoch: expected a number");
	check_refused("epoch:", "epcoh:", "unknown key 'epcoh'; did you mean 'epoch'?");
	check_refused("sha256: " HEX, "sha256: abc", "sha256: 'abc' is not a SHA-256");
	check_refused("inputs: 0123", "inputs: 0123A", "is not a SHA-256");
	check_refused("manifest: sha256:", "manifest: md5:", "is not a digest");
	check_refused("arch: amd64, name", "arch: amd46, name", "did you mean 'amd64'?");
	check_refused("name: libc6", "name: \"libc6 \"", "is not a Debian package name");
	check_refused("size: 5", "size: 5.0", "size: expected a number from 0 to 1125899906842624");
	check_refused("size: 5", "size: 1125899906842625", "size: expected a number");
	check_refused("level: 9", "level: 99", "level: expected a number from 0 to 22");
	check_refused("n: 10", "n: 1001", "n: expected a number from 0 to 1000");
	check_refused("name: libzstd", "name: \"a/b\"", "name: 'a/b' is not the name of a layer");
	check_refused("codec: zstd", "codec: lz4", "codec: unknown 'lz4'");
}

TEST(lock, parse_refuses_paths_that_lead_elsewhere)
{
	check_refused("path: pool/main", "path: /pool/main", "must not start with '/'");
	check_refused("path: pool/main", "path: pool/../..", "it has a '..' component");
	check_refused("path: pool/main", "path: https://example.org", "other than letters");
	check_refused("path: pool/main", "path: pool/%2e%2e", "other than letters");
	check_refused("path: pool/main", "path: pool?x=", "other than letters");
	check_refused("archive: debian,", "archive: example.org/debian,", "name of an archive");
	check_refused("library: usr/", "library: ../", "it has a '..' component");
}

TEST(lock, parse_refuses_a_line_twice)
{
	check_refused("deb_arch: all, name: tzdata", "name: libc6",
		      "lock.yaml:10:3: package 'libc6:amd64' is given twice; first at "
		      "r/lock.yaml:9:3");
	check_refused("n: 10", "n: 0", "layer '0:zstd:amd64' is given twice");
}

TEST(lock, load_missing_hints_at_lock)
{
	autoerror struct eb_error *e = NULL;
	struct rcp_lock *l;

	CHECK_INT(rcp_lock_load(test_path("none"), &l, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, "/none/lock.yaml");
	CHECK_HAS(e->hint, "ess-bundle lock ");
}

TEST(lock, load_reads_the_file)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = NULL;

	CHECK_OK(eb_file_write(test_path("lock.yaml"), full, strlen(full), 0644, &e), e);
	CHECK_OK(rcp_lock_load(test_dir(), &l, &e), e);
	CHECK_STR(l->file, test_path("lock.yaml"));
}

TEST(lock, diff_of_equal_inputs_is_empty)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *a = parse_full(), *b = parse_full();
	autofree char *text = NULL;

	rcp_lock_clear_results(b);
	text = rcp_lock_diff(a, b);
	CHECK_STR(text, "");
}

static void add(struct rcp_lock *l, const char *arch, const char *name, const char *version,
		const char *suite, uint64_t size)
{
	struct rcp_locked_package p = { .arch = arch,
					.name = name,
					.version = version,
					.path = "p",
					.archive = "debian",
					.suite = suite,
					.sha256 = version[0] == '9' ? HEX2 : HEX,
					.size = size };

	rcp_lock_add_package(l, &p);
}

TEST(lock, diff_says_what_changed)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *a = rcp_lock_new("x"), *b = rcp_lock_new("x");
	struct rcp_locked_suite s = { "debian", "trixie", 0, HEX };
	struct rcp_locked_codec c = { "zstd", "amd64", "1", "l", "p", "d", HEX, 9, 1 };
	autofree char *text = NULL;

	rcp_lock_add_suite(a, &s);
	s.date_sec = 86400;
	rcp_lock_add_suite(b, &s);
	rcp_lock_add_codec(a, &c);
	c.sha256 = HEX2;
	c.version = "2";
	rcp_lock_add_codec(b, &c);
	add(a, "amd64", "libc6", "2.41-11", "trixie", 100);
	add(a, "arm64", "libc6", "2.41-11", "trixie", 100);
	add(b, "arm64", "libc6", "2.41-12", "trixie-security", 100);
	add(b, "amd64", "libc6", "2.41-12", "trixie-security", 100);
	add(a, "amd64", "gone", "1", "trixie", 50);
	add(b, "arm64", "libfoo", "1.2", "trixie", 1300000);
	add(a, "amd64", "same", "3", "trixie", 50);
	add(b, "amd64", "same", "3", "trixie", 50);
	text = rcp_lock_diff(a, b);
	CHECK_STR(text, "~ suite debian/trixie of 1970-01-01T00:00:00Z -> 1970-01-02T00:00:00Z\n"
			"- gone 1 (amd64) -50 B\n"
			"~ libc6 2.41-11 -> 2.41-12 (amd64, arm64, security)\n"
			"+ libfoo 1.2 (arm64) +1.2 MiB\n"
			"~ codec zstd 1 level 9 -> 2 level 9 (amd64)\n"
			"5 changes, +1.2 MiB\n");
}

TEST(lock, diff_without_old_lists_all)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *b = rcp_lock_new("x");
	autofree char *text = NULL, *back = NULL;

	add(b, "amd64", "libfoo", "1.2", "trixie", 1023);
	text = rcp_lock_diff(NULL, b);
	CHECK_STR(text, "+ libfoo 1.2 (amd64) +1023 B\n1 change, +1023 B\n");
	add(b, "amd64", "libbar", "1.2", "trixie", 1);
	back = rcp_lock_diff(b, b);
	CHECK_STR(back, "");
}

/* The hash of a chain of one recipe made from this text. */
static const char *hash_of(const char *text)
{
	static char hex[65];
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_chain_release_p) struct rcp_chain c = { 0 };

	mkdir(test_path("x"), 0755);
	CHECK_OK(eb_file_write(test_path("x/recipe.yaml"), text, strlen(text), 0644, &e), e);
	CHECK_OK(rcp_chain_load(test_path("x"), &c, &e), e);
	rcp_lock_inputs_hash(&c, hex);
	return hex;
}

TEST(lock, inputs_hash_follows_what_is_asked_for)
{
#define SUITES "suites: [{archive: debian, suite: trixie}]"
	static const char base[] = "name: x\ndebian: {" SUITES ", packages: [bb, aa]}\n";
	autofree char *first = eb_xstrdup(hash_of(base));

	CHECK_INT(strlen(first), 64);
	/* what does not matter: words for people, order of packages, files */
	CHECK_STR(hash_of("name: x\nsummary: s\ndebian: {" SUITES ", packages: [aa, bb]}\n"
			  "files: [{path: /x, content: y}]\n"),
		  first);
	CHECK(strcmp(hash_of("name: x\ndebian: {" SUITES ", packages: [aa]}\n"), first) != 0);
	CHECK(strcmp(hash_of("name: x\ndebian: {" SUITES
			     ", packages: [aa, bb], recommends: true}\n"),
		     first) != 0);
	CHECK(strcmp(hash_of("name: x\ndebian: {" SUITES ", packages: [aa, bb], exclude: [cc]}\n"),
		     first) != 0);
	CHECK(strcmp(hash_of("name: x\narchitectures: [amd64]\ndebian: {" SUITES
			     ", packages: [aa, bb]}\n"),
		     first) != 0);
	CHECK(strcmp(hash_of("name: x\ndebian: {" SUITES
			     ", packages: [{name: aa, arch: [amd64]}, bb]}\n"),
		     first) != 0);
}

/* ---- inputs of other kinds ---- */

static const char others[] =
	"# Made by 'ess-bundle lock'. Review the diff; do not edit.\n"
	"format: 1\n"
	"recipe: web\n"
	"inputs: " HEX "\n"
	"others: " HEX2 "\n"
	"epoch: 5\n"
	"wheels:\n"
	"- {arch: amd64, name: matrix-synapse, version: 1.160.0, size: 5, sha256: " HEX
	", file: matrix_synapse-1.160.0-cp310-abi3-manylinux_2_28_x86_64.whl}\n"
	"programs:\n"
	"- {arch: arm64, module: example.org/server, version: v1.13.5, package: ./cmd/server, "
	"toolchain: go1.26.8, gosum: " HEX ", size: 9, sha256: " HEX "}\n"
	"modules:\n"
	"- {module: example.org/lib/v2, version: v2.0.1, h1: h1:aGk=}\n"
	"- {module: example.org/lib/v2, version: v2.0.1/go.mod, h1: h1:aGk=}\n"
	"archives:\n"
	"- {name: one.tar.gz, version: 1.2, url: https://example.org/one.tar.gz, size: 7, "
	"sha256: " HEX "}\n"
	"- {arch: amd64, name: two, commit: 0123456789abcdef0123456789abcdef01234567, size: 8, "
	"sha256: " HEX "}\n"
	"files:\n"
	"- {path: /usr/share/x, url: \"https://example.org/x?y=1\", size: 7, sha256: " HEX "}\n"
	"built:\n"
	"- {arch: amd64, name: bytecode, tool: python3.13 3.13.5-2, size: 3, sha256: " HEX "}\n";

static struct rcp_lock *parse_others(void)
{
	autoerror struct eb_error *e = NULL;
	struct rcp_lock *l = NULL;

	CHECK_OK(parse(others, &l, &e), e);
	return l;
}

TEST(lock, every_kind_of_input_is_read_and_written)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = parse_others();
	autofree char *text = rcp_lock_write(l, NULL);

	CHECK_STR(text, others);
	CHECK_STR(l->others_sha256, HEX2);
	CHECK_STR(l->wheels[0].name, "matrix-synapse");
	CHECK_STR(l->programs[0].toolchain, "go1.26.8");
	CHECK_INT(l->n_modules, 2);
	CHECK(!l->archives[0].arch && !l->archives[0].commit);
	CHECK(!l->archives[1].url);
	CHECK_STR(l->archives[1].arch, "amd64");
	CHECK_INT(l->files[0].size, 7);
	CHECK_STR(l->built[0].tool, "python3.13 3.13.5-2");
	CHECK(rcp_lock_find_archive(l, "one.tar.gz", "arm64") == &l->archives[0]);
	CHECK(rcp_lock_find_archive(l, "two", "amd64") == &l->archives[1]);
	CHECK(!rcp_lock_find_archive(l, "two", "arm64"));
	CHECK(rcp_lock_find_file(l, "/usr/share/x") == &l->files[0]);
	CHECK(!rcp_lock_find_file(l, "/usr/share/y"));
}

static void check_others_refused(const char *from, const char *to, const char *part)
{
	autoerror struct eb_error *e = NULL;
	const char *at = strstr(others, from);
	autofree char *text = NULL;
	struct rcp_lock *l;

	CHECK(at);
	text = eb_xasprintf("%.*s%s%s", (int)(at - others), others, to, at + strlen(from));
	CHECK_FAIL(parse(text, &l, &e), EB_E_RECIPE, part, e);
}

TEST(lock, inputs_of_other_kinds_are_held_to_their_form)
{
	check_others_refused("name: matrix-synapse", "name: Matrix_Synapse", "normalised name");
	check_others_refused("x86_64.whl", "x86_64.tar.gz", "not a wheel's file name");
	check_others_refused("file: matrix", "file: ../matrix", "not a wheel's file name");
	check_others_refused("module: example.org/server", "module: ../server", "'..' component");
	check_others_refused("url: https://example.org/one", "url: https://me:pw@example.org/one",
			     "with a user or password");
	check_others_refused("url: https://example.org/one", "url: ftp://example.org/one",
			     "is not a URL such as");
	check_others_refused("commit: 0123456789abcdef0123456789abcdef01234567", "commit: main",
			     "is not a commit");
	check_others_refused("path: /usr/share/x", "path: usr/share/x", "an absolute path");
	check_others_refused("version: v2.0.1/go.mod", "version: v2.0.1",
			     "module 'v2.0.1:example.org/lib/v2' is given twice");
}

TEST(lock, diff_tells_of_every_kind)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *a = parse_others(), *b = parse_others();
	autofree char *all = rcp_lock_diff(NULL, a), *text = NULL;

	CHECK_STR(all, "+ wheel matrix-synapse 1.160.0 (amd64) +5 B\n"
		       "+ program example.org/server/cmd/server v1.13.5 by go1.26.8 (arm64) +9 B\n"
		       "+ module example.org/lib/v2 v2.0.1\n"
		       "+ archive one.tar.gz 1.2 +7 B\n"
		       "+ archive two (amd64) +8 B\n"
		       "+ file /usr/share/x +7 B\n"
		       "+ bytecode by python3.13 3.13.5-2 (amd64)\n"
		       "7 changes, +36 B\n");
	b->wheels[0].version = "1.161.0";
	b->programs[0].toolchain = "go1.26.9";
	b->modules[0].h1 = "h1:b3Q=";
	b->archives[0].sha256 = HEX2;
	b->archives[1].commit = "1123456789abcdef0123456789abcdef01234567";
	b->n_files = 0;
	text = rcp_lock_diff(a, b);
	CHECK_STR(text, "~ wheel matrix-synapse 1.160.0 -> 1.161.0 (amd64)\n"
			"~ program example.org/server/cmd/server v1.13.5 by go1.26.8 -> v1.13.5 by "
			"go1.26.9 (arm64)\n"
			"~ module example.org/lib/v2 v2.0.1: other contents\n"
			"~ archive one.tar.gz 1.2: other contents\n"
			"~ archive two: from 1123456789abcdef0123456789abcdef01234567 instead of "
			"0123456789abcdef0123456789abcdef01234567 (amd64)\n"
			"- file /usr/share/x -7 B\n"
			"6 changes, -7 B\n");
}

/* The hash over the other inputs of a recipe made from this text. */
static const char *others_of(const char *more)
{
	static char hex[65];
	autofree char *text = eb_xasprintf("name: x\ndebian: {" SUITES "}\n%s", more);
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_chain_release_p) struct rcp_chain c = { 0 };

	mkdir(test_path("x"), 0755);
	CHECK_OK(eb_file_write(test_path("x/recipe.yaml"), text, strlen(text), 0644, &e), e);
	CHECK_OK(rcp_chain_load(test_path("x"), &c, &e), e);
	rcp_lock_others_hash(c.stage[0], hex);
	return hex;
}

static struct rcp_lock *carried(const char *version, const char *sum)
{
	struct rcp_lock *l = rcp_lock_new("server");
	struct rcp_locked_blob index = { .kind = RCP_BLOB_INDEX,
					 .version = version,
					 .media_type = "application/vnd.oci.image.index.v1+json",
					 .sha256 = sum,
					 .size = 10 };
	struct rcp_locked_blob layer = { .arch = "amd64",
					 .kind = RCP_BLOB_LAYER,
					 .media_type = "application/vnd.oci.image.layer.v1.tar",
					 .sha256 = HEX,
					 .size = 2048 };

	rcp_lock_add_blob(l, &layer);
	rcp_lock_add_blob(l, &index);
	return l;
}

TEST(lock, blobs_of_an_image_are_written_and_read_back)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = carried("0.5", HEX2), *again = NULL;
	autofree char *text = rcp_lock_write(l, NULL), *twice = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_HAS(text, "blobs:\n- {kind: index, version: 0.5, type: "
			"application/vnd.oci.image.index.v1+json, size: 10, sha256: " HEX2 "}\n"
			"- {arch: amd64, kind: layer, type: "
			"application/vnd.oci.image.layer.v1.tar, size: 2048, sha256: " HEX "}\n");
	CHECK_OK(parse(text, &again, &e), e);
	twice = rcp_lock_write(again, NULL);
	CHECK_STR(twice, text);
}

TEST(lock, diff_of_a_carried_image_is_one_line)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *a = carried("0.5", HEX2);
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *b = carried("0.6", HEX);
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *c = carried("0.5", HEX);
	autofree char *diff = rcp_lock_diff(a, b), *moved = rcp_lock_diff(a, c);

	CHECK_STR(diff, "~ server 0.5 -> 0.6\n1 change, +0 B\n");
	CHECK_STR(moved, "~ server 0.5: other contents\n1 change, +0 B\n");
}

TEST(lock, inputs_hash_follows_the_image)
{
	autofree char *one = eb_xstrdup(
		hash_of("name: x\nimage: {ref: a.example/b:1, digest: sha256:" HEX "}\n"));

	CHECK(strcmp(hash_of("name: x\nimage: {ref: a.example/b:1, digest: sha256:" HEX2 "}\n"),
		     one) != 0);
	CHECK(strcmp(hash_of("name: x\nimage: {ref: a.example/b:2, digest: sha256:" HEX "}\n"),
		     one) != 0);
}

TEST(lock, others_hash_follows_what_else_is_asked_for)
{
#define ARCHIVE "archives: [{url: https://example.org/a.tar, to: /a, sha256: " HEX "}]\n"
	autofree char *first = eb_xstrdup(others_of(ARCHIVE));

	CHECK_STR(others_of(""), "");
	CHECK_INT(strlen(first), 64);
	/* where it goes and what else has it decide nothing about what is fetched */
	CHECK_STR(others_of("archives: [{url: https://example.org/a.tar, to: /b, strip: 1, owner: "
			    "\"1:1\", mirrors: [https://example.net/a.tar], sha256: " HEX "}]\n"),
		  first);
	CHECK(strcmp(others_of("archives: [{url: https://example.org/b.tar, name: a.tar, to: /a, "
			       "sha256: " HEX "}]\n"),
		     first) != 0);
	CHECK(strcmp(others_of("archives: [{url: https://example.org/a.tar, to: /a, sha256: " HEX2
			       "}]\n"),
		     first) != 0);
	CHECK(strcmp(others_of(ARCHIVE "files: [{path: /x, url: https://example.org/x}]\n"),
		     first) != 0);
	CHECK(strcmp(others_of(ARCHIVE "go: [{module: example.org/a, version: v1, path: /a, "
				       "toolchain: go1.26.8}]\n"),
		     first) != 0);
	CHECK(strcmp(others_of(ARCHIVE "python: {interpreter: python3.13, requirements: [a]}\n"),
		     first) != 0);
}

TEST(lock, state_tells_which_part_is_stale)
{
	EB_CLEANUP(rcp_lock_free_p) struct rcp_lock *l = rcp_lock_new("x");
	EB_CLEANUP(rcp_chain_release_p) struct rcp_chain c = { 0 };
	autoerror struct eb_error *e = NULL;
	char inputs[65], more[65];

	others_of(ARCHIVE);
	CHECK_OK(rcp_chain_load(test_path("x"), &c, &e), e);
	rcp_lock_inputs_hash(&c, inputs);
	rcp_lock_others_hash(c.stage[0], more);
	CHECK_INT(rcp_lock_state(l, &c), RCP_LOCK_STALE);
	l->inputs_sha256 = inputs;
	CHECK_INT(rcp_lock_state(l, &c), RCP_LOCK_OTHERS_STALE);
	l->others_sha256 = more;
	CHECK_INT(rcp_lock_state(l, &c), RCP_LOCK_ANSWERS);
	l->inputs_sha256 = HEX;
	CHECK_INT(rcp_lock_state(l, &c), RCP_LOCK_STALE);
}
