#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "recipe/check.h"
#include "recipe/recipe.h"
#include "testlib.h"

static int parse(const char *text, struct rcp_recipe **ret, struct eb_error **err)
{
	return rcp_parse("recipes/bad", "recipes/bad/recipe.yaml", text, strlen(text), ret, err);
}

static char *read_source(const char *rel, size_t *ret_n)
{
	autofree char *path = eb_xasprintf("%s/%s", test_source_root(), rel);
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1 << 20);

	CHECK_OK(eb_file_read(path, &b, &e), e);
	*ret_n = b.len;
	return eb_buf_take(&b);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CARRIED                                                                                    \
	"name: bad\nimage:\n  ref: registry.example.org:5000/team/server:v1.2\n"                   \
	"  digest: sha256:" HEX "\narchitectures: [amd64]\n"

TEST(recipe, image_is_read_and_its_tag_is_the_version)
{
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_OK(parse(CARRIED, &r, &e), e);
	CHECK_STR(r->image.ref, "registry.example.org:5000/team/server:v1.2");
	CHECK_STR(r->image.digest, "sha256:" HEX);
	CHECK_INT(r->image.pos.line, 3);
	CHECK_STR(r->version, "v1.2");
	r = rcp_free(r);
	CHECK_OK(parse(CARRIED "version: \"7\"\n", &r, &e), e);
	CHECK_STR(r->version, "7");
}

static void check_image_refused(const char *more, const char *part)
{
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;
	autofree char *text = eb_xasprintf("name: bad\n%s", more);
	autoerror struct eb_error *e = NULL;

	CHECK_FAIL(parse(text, &r, &e), EB_E_RECIPE, part, e);
}

TEST(recipe, image_with_anything_to_build_is_refused)
{
	static const char *const keys[] = {
		"from: x",	   "debian: {packages: [xx]}", "files: []", "config: {user: \"1\"}",
		"annotations: {}",
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(keys); i++) {
		autofree char *text = eb_xasprintf(
			"image: {ref: a.example/b:1, digest: sha256:" HEX "}\n%s\n", keys[i]);

		check_image_refused(text, "recipe.yaml:3:1: ");
		check_image_refused(text, "cannot stand beside 'image'");
	}
	check_image_refused("image: {ref: a.example/b, digest: sha256:" HEX
			    "}\nversion: {package: xx}\n",
			    "no packages known");
}

TEST(recipe, image_without_full_name_or_digest_is_refused)
{
	check_image_refused("image: {ref: server:1, digest: sha256:" HEX "}\n", "the full name");
	check_image_refused("image: {ref: team/server:1, digest: sha256:" HEX "}\n",
			    "the full name");
	check_image_refused("image: {ref: a.example/Server:1, digest: sha256:" HEX "}\n",
			    "a repository name");
	check_image_refused("image: {ref: \"a.example/s:1@sha256:" HEX "\", digest: sha256:" HEX
			    "}\n",
			    "stands in 'digest'");
	check_image_refused("image: {ref: a.example/s:1, digest: sha256:12}\n", "a digest");
	check_image_refused("image: {ref: a.example/s:1}\n", "digest");
}

static struct rcp_recipe *load_full(void)
{
	autoerror struct eb_error *e = NULL;
	struct rcp_recipe *r = NULL;
	size_t n;
	autofree char *text = read_source("tests/fuzz/corpus/recipe/full.yaml", &n);

	CHECK_OK(rcp_parse("x/full", "x/full/recipe.yaml", text, n, &r, &e), e);
	return r;
}

TEST(recipe, parse_full_reads_every_key)
{
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = load_full();

	CHECK_STR(r->name, "full");
	CHECK_STR(r->summary, "every key once");
	CHECK_STR(r->description, "Several lines,\nfor people.\n");
	CHECK(!r->version);
	CHECK_STR(r->version_package, "redis-server");
	CHECK_STR(r->from, "base");
	CHECK_INT(r->from_pos.line, 7);
	CHECK_INT(r->n_architectures, 2);
	CHECK_STR(r->architectures[1], "arm64");
	CHECK_INT(r->n_suites, 3);
	CHECK_STR(r->suites[0].name, "trixie");
	CHECK_INT(r->suites[0].n_components, 2);
	CHECK_STR(r->suites[1].components[0], "main");
	CHECK_INT(r->suites[1].priority, 500);
	CHECK_INT(r->suites[2].priority, 600);
	CHECK_INT(r->n_packages, 5);
	CHECK_STR(r->packages[1].text, "libfoo");
	CHECK_INT(r->packages[1].n_arches, 1);
	CHECK_STR(r->packages[2].text, "bar (>= 1:1.2~rc1-3)");
	CHECK_INT(r->packages[2].n_arches, 0);
	CHECK_STR(r->exclude[0].text, "systemd");
	CHECK(!r->recommends);
	CHECK_STR(r->path_exclude[0].text, "/usr/share/doc/*");
	CHECK_STR(r->path_include[0].text, "/usr/share/doc/*/copyright");
	CHECK_STR(r->groups[1].members[0], "redis");
	CHECK_STR(r->users[0].home, "/data");
	CHECK_STR(r->users[0].group, "redis");
	CHECK_INT(r->users[0].gid, 10002);
	CHECK_STR(r->remove[0].text, "/usr/share/bug/**");
	CHECK_STR(r->alternatives[0].to, "/usr/bin/mawk");
	CHECK_STR(r->diversions[0].from, "/a");
	CHECK_STR(r->codecs[0].library, "libzstd.so.1");
	CHECK_INT(r->codecs[0].level, 9);
	CHECK_STR(r->fixups[0].text, "ca-certificates");
	CHECK_STR(json_string_value(json_object_get(r->annotations, "org.example.key")), "value");
}

TEST(recipe, parse_full_reads_entries_in_order)
{
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = load_full();
	const struct rcp_entry *e = r->entries;

	CHECK_INT(r->n_entries, 6);
	CHECK_INT(e[0].kind, RCP_FILE);
	CHECK_STR(e[0].text, "port 6379\n");
	CHECK_INT(e[0].mode, 0640);
	CHECK_INT(e[0].uid, 0);
	CHECK_INT(e[0].gid, 10002);
	CHECK(e[0].replace);
	CHECK(!e[1].text && !e[1].replace);
	CHECK_STR(e[1].source, "files/other");
	CHECK_INT(e[1].mode, 0644);
	CHECK_STR(e[3].remote.url, RCP_OWN_URL "ess-tools");
	CHECK_INT(e[3].mode, 0755);
	CHECK_INT(e[4].kind, RCP_DIRECTORY);
	CHECK_INT(e[4].mode, 0750);
	CHECK_INT(e[4].uid, 10002);
	CHECK_INT(e[5].kind, RCP_LINK);
	CHECK_STR(e[5].target, "dash");
	CHECK(r->permissions[0].has_mode && r->permissions[0].has_owner);
	CHECK_INT(r->permissions[0].mode, 04755);
}

TEST(recipe, parse_full_reads_other_inputs)
{
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = load_full();
	const struct rcp_archive *a = r->archives;

	CHECK_STR(r->python.interpreter, "python3.13");
	CHECK_INT(r->python.n_requirements, 2);
	CHECK_STR(r->python.requirements[0].text, "matrix-synapse[postgres,redis]==1.160.0");
	CHECK_STR(r->python.provided[0].text, "psycopg2");
	CHECK_STR(r->python.target, "/usr/lib/python");
	CHECK(!r->python.bytecode);
	CHECK_INT(r->n_go, 1);
	CHECK_STR(r->go[0].package, "./cmd/server");
	CHECK_STR(r->go[0].tags[0].text, "netgo");
	CHECK_STR(r->go[0].ldflags, "-s -w");
	CHECK_INT(r->n_archives, 2);
	CHECK_STR(a[0].name, "web");
	CHECK_STR(a[0].remote.mirrors[1], "file:///srv/web.tar.gz");
	CHECK_INT(a[0].remote.size, 1234);
	CHECK_INT(a[0].strip, 1);
	CHECK_STR(a[0].subpath, "dist");
	CHECK_INT(a[0].uid, 10002);
	CHECK(rcp_archive_is_for(&a[0], "amd64") && !rcp_archive_is_for(&a[0], "arm64"));
	CHECK_STR(a[1].name, "tools-0123456789ab");
	CHECK_STR(a[1].subpath, "");
	CHECK(rcp_archive_is_for(&a[1], "arm64"));
	CHECK_STR(r->entries[2].remote.url, "https://example.org/third");
}

TEST(recipe, parse_other_inputs_have_defaults)
{
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;
	autoerror struct eb_error *e = NULL;

	CHECK_OK(parse("name: bad\npython: {interpreter: python3.13, requirements: [a]}\n"
		       "go: [{module: example.org/a, version: v1.0.0, path: /a, toolchain: "
		       "go1.26.8}]\n"
		       "archives: [{url: \"https://example.org/d/a-1.zip?x=/y\", to: /}]\n",
		       &r, &e),
		 e);
	CHECK_STR(r->python.target, "/usr/local/lib/python3.13/dist-packages");
	CHECK_STR(r->python.scripts, "/usr/local/bin");
	CHECK(r->python.bytecode);
	CHECK_STR(r->go[0].package, ".");
	CHECK_STR(r->archives[0].name, "a-1.zip");
	CHECK(!r->archives[0].remote.sha256);
}

TEST(recipe, parse_full_gives_oci_config)
{
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = load_full();
	autofree char *text = eb_json_canonical(r->config, NULL);

	CHECK_STR(text, "{\"Cmd\":[\"/etc/redis.conf\"],"
			"\"Entrypoint\":[\"/usr/bin/redis-server\"],"
			"\"Env\":[\"A=b\",\"EMPTY=\",\"N=1\",\"PATH=/usr/bin\"],"
			"\"ExposedPorts\":{\"16379/tcp\":{},\"53/udp\":{},\"6379/tcp\":{}},"
			"\"Healthcheck\":{\"Interval\":90000000000,\"Retries\":3,"
			"\"StartPeriod\":10000000000,"
			"\"Test\":[\"CMD\",\"/usr/bin/redis-cli\",\"ping\"],"
			"\"Timeout\":500000000},"
			"\"Labels\":{\"org.example.a\":\"b\"},\"StopSignal\":\"SIGTERM\","
			"\"User\":\"10002:10002\",\"Volumes\":{\"/data\":{}},"
			"\"WorkingDir\":\"/data\"}");
}

TEST(recipe, parse_minimal_has_defaults)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;

	CHECK_OK(parse("name: bad\nversion: 1.2-3\n", &r, &e), e);
	CHECK_STR(r->version, "1.2-3");
	CHECK(!r->version_package && !r->summary && !r->from && !r->annotations);
	CHECK_INT(r->n_architectures, 2);
	CHECK_STR(r->architectures[0], "amd64");
	CHECK_INT(json_object_size(r->config), 0);
}

TEST(recipe, parse_directory_that_says_nothing_takes_any_name)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;

	CHECK_OK(rcp_parse("..", "../recipe.yaml", "name: x\n", 8, &r, &e), e);
	r = rcp_free(r);
	CHECK_OK(rcp_parse("a/x//", "recipe.yaml", "name: x\n", 8, &r, &e), e);
	r = rcp_free(r);
	CHECK_FAIL(rcp_parse("a/y/", "recipe.yaml", "name: x\n", 8, &r, &e), EB_E_RECIPE,
		   "expected 'y'", e);
}

TEST(recipe, parse_owner_forms)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;

	CHECK_OK(parse("name: bad\nusers: [{name: u, uid: 7}]\ngroups: [{name: g, gid: 9}]\n"
		       "directories:\n- {path: /a, owner: u}\n- {path: /b, owner: \"u:g\"}\n"
		       "- {path: /c, owner: \"2147483647:u\"}\n- {path: /d, owner: root:0}\n",
		       &r, &e),
		 e);
	CHECK_INT(r->users[0].gid, 7);
	CHECK_STR(r->users[0].group, "u");
	CHECK_INT(r->entries[0].gid, 7);
	CHECK_INT(r->entries[1].gid, 9);
	CHECK_INT(r->entries[2].uid, 2147483647);
	CHECK_INT(r->entries[2].gid, 7);
	CHECK_INT(r->entries[3].uid, 0);
}

/* One file of tests/shouldfail/recipes: its first line is "# expect: <part of the message>". */
static void check_should_fail(const char *name)
{
	autofree char *rel = eb_xasprintf("tests/shouldfail/recipes/%s", name);
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;
	size_t n, len;
	autofree char *text = read_source(rel, &n);
	autofree char *expect = NULL;
	int got;

	if (strncmp(text, "# expect: ", 10) != 0)
		test_fail(__FILE__, __LINE__, "%s does not start with '# expect: '", name);
	len = strcspn(text, "\n");
	expect = eb_xstrndup(text + 10, len - 10);
	got = rcp_parse("recipes/bad", name, text, n, &r, &e);
	if (got != -EB_E_RECIPE)
		test_fail(__FILE__, __LINE__, "%s gave %d: %s", name, got,
			  e ? e->message : "accepted");
	if (!strstr(e->message, expect) || strncmp(e->message, name, strlen(name)) != 0)
		test_fail(__FILE__, __LINE__, "%s: message \"%s\" lacks \"%s\"", name, e->message,
			  expect);
	test_pass();
}

TEST(recipe, parse_should_fail_files_are_refused)
{
	autofree char *dir = eb_xasprintf("%s/tests/shouldfail/recipes", test_source_root());
	DIR *d = opendir(dir);
	const struct dirent *entry;
	unsigned int n = 0;

	CHECK(d);
	while ((entry = readdir(d))) {
		size_t len = strlen(entry->d_name);

		if (len < 5 || strcmp(entry->d_name + len - 5, ".yaml") != 0)
			continue;
		check_should_fail(entry->d_name);
		n++;
	}
	closedir(d);
	CHECK(n >= 30);
}

static void write_file(const char *path, const char *text)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(path, text, strlen(text), 0644, &e), e);
}

/* recipes/<name>/recipe.yaml in the test's directory. */
static void write_recipe(const char *name, const char *text)
{
	mkdir(test_path("recipes"), 0755);
	CHECK_INT(mkdir(test_path("recipes/%s", name), 0755), 0);
	write_file(test_path("recipes/%s/recipe.yaml", name), text);
}

TEST(recipe, load_missing_says_where)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;

	CHECK_INT(rcp_load(test_path("none"), &r, &e), -EB_E_NOT_FOUND);
	CHECK_HAS(e->message, "/none/recipe.yaml");
	CHECK_HAS(e->hint, "recipe.yaml");
}

TEST(recipe, load_source_must_be_a_file_inside)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;

	write_recipe("a", "name: a\nfiles: [{path: /x, source: f}]\n");
	CHECK_FAIL(rcp_load(test_path("recipes/a"), &r, &e), EB_E_RECIPE,
		   "recipe.yaml:2:9: files: source", e);
	CHECK_INT(symlink("/etc/passwd", test_path("recipes/a/f")), 0);
	CHECK_FAIL(rcp_load(test_path("recipes/a"), &r, &e), EB_E_RECIPE, "of '/x'", e);
	CHECK_INT(unlink(test_path("recipes/a/f")), 0);
	CHECK_INT(mkdir(test_path("recipes/a/f"), 0755), 0);
	CHECK_FAIL(rcp_load(test_path("recipes/a"), &r, &e), EB_E_RECIPE, "not a regular file", e);
	CHECK_INT(rmdir(test_path("recipes/a/f")), 0);
	write_file(test_path("recipes/a/f"), "x");
	CHECK_OK(rcp_load(test_path("recipes/a"), &r, &e), e);
}

/* The member of a schema that describes a value: the schema itself, what its $ref names, or the
 * alternative of its oneOf that has this type. */
static json_t *schema_for(json_t *root, json_t *schema, const char *type)
{
	const char *ref = json_string_value(json_object_get(schema, "$ref"));
	json_t *choice, *kind;
	size_t i;

	if (ref)
		return schema_for(root, json_object_get(json_object_get(root, "$defs"), ref + 8),
				  type);
	json_array_foreach(json_object_get(schema, "oneOf"), i, choice)
	{
		kind = json_object_get(schema_for(root, choice, type), "type");
		if (kind && strcmp(json_is_string(kind) ? json_string_value(kind) : "", type) == 0)
			return choice;
	}
	return schema;
}

/* Every key of the document is a property of the schema, which gets marked. */
static void mark_used(json_t *root, json_t *schema, const struct rcp_yaml *v)
{
	if (v->kind == RCP_YAML_LIST) {
		schema = schema_for(root, schema, "array");
		for (size_t i = 0; i < v->n; i++)
			mark_used(root, json_object_get(schema, "items"), v->items[i]);
	} else if (v->kind == RCP_YAML_MAP) {
		schema = schema_for(root, schema, "object");
		for (size_t i = 0; i < v->n; i++) {
			json_t *p = json_object_get(json_object_get(schema, "properties"),
						    v->keys[i]->text);

			if (!p && json_is_object(json_object_get(schema, "additionalProperties")))
				continue;
			if (!p)
				test_fail(__FILE__, __LINE__, "the schema lacks '%s' (line %u)",
					  v->keys[i]->text, v->keys[i]->line);
			json_object_set_new(p, "x-used", json_true());
			mark_used(root, p, v->items[i]);
		}
	}
}

/* Every property of the schema was used by the document and says what it is for. */
static void check_used(json_t *schema)
{
	json_t *member, *p;
	const char *key;
	size_t i;

	json_object_foreach(json_object_get(schema, "properties"), key,
			    p) if (!json_object_get(p, "x-used") ||
				   !json_object_get(p, "description"))
		test_fail(__FILE__, __LINE__,
			  "'%s' of the schema is not in full.yaml or has no description", key);
	if (json_is_object(schema))
		json_object_foreach(schema, key, member) check_used(member);
	json_array_foreach(schema, i, member) check_used(member);
}

/* more: a document with keys that cannot stand in `full`, or NULL. */
static void check_schema(const char *schema, const char *full, const char *more)
{
	EB_CLEANUP(eb_arena_free_p) struct eb_arena *a = eb_arena_new();
	autoerror struct eb_error *e = NULL;
	autojson json_t *root = NULL;
	struct rcp_yaml *y;
	size_t n_schema, n_full;
	autofree char *schema_text = read_source(schema, &n_schema);
	autofree char *full_text = read_source(full, &n_full);

	CHECK_OK(eb_json_parse(schema_text, n_schema, 1 << 20, &root, &e), e);
	CHECK_OK(rcp_yaml_parse("full.yaml", full_text, n_full, a, &y, &e), e);
	mark_used(root, root, y);
	if (more) {
		CHECK_OK(rcp_yaml_parse("more.yaml", more, strlen(more), a, &y, &e), e);
		mark_used(root, root, y);
	}
	check_used(root);
}

/* full.yaml holds only keys that the parser takes; the parser's own list of top keys is held
 * to the schema's by the next test. */
TEST(recipe, schema_has_the_keys_of_a_full_recipe)
{
	check_schema("builder/engine/recipe/recipe.schema.json",
		     "tests/fuzz/corpus/recipe/full.yaml", CARRIED);
}

TEST(recipe, schema_has_the_keys_of_a_full_bundle)
{
	check_schema("builder/engine/bundle/bundle.schema.json",
		     "tests/fuzz/corpus/bundle_def/full.yaml", NULL);
}

TEST(recipe, schema_has_the_keys_of_a_full_mirror_list)
{
	check_schema("builder/engine/mirror/mirror.schema.json",
		     "tests/fuzz/corpus/mirror_list/full.yaml", NULL);
}

TEST(recipe, schema_top_level_is_what_the_parser_names)
{
	autoerror struct eb_error *e = NULL;
	EB_CLEANUP(rcp_free_p) struct rcp_recipe *r = NULL;
	autojson json_t *root = NULL;
	size_t n, count = 1;
	autofree char *text = read_source("builder/engine/recipe/recipe.schema.json", &n);
	const char *list, *key;
	json_t *p;

	CHECK_OK(eb_json_parse(text, n, 1 << 20, &root, &e), e);
	CHECK_INT(parse("qqqqqqqqqqqqqqqqqqqq: x\n", &r, &e), -EB_E_RECIPE);
	list = strstr(e->message, "known here: ");
	CHECK(list);
	for (const char *c = list; *c; c++)
		count += *c == ',';
	json_object_foreach(json_object_get(root, "properties"), key, p) CHECK_HAS(list, key);
	CHECK_INT(count, json_object_size(json_object_get(root, "properties")));
}
