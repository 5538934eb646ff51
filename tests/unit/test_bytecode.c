#include "pkg/bytecode.h"

#include "base/hash.h"
#include "base/stream.h"
#include "image/tar_write.h"
#include "mkdeb.h"
#include "pkg/input.h"
#include "testlib.h"

enum { CAP = 1 << 20 };

/* A package whose dynamic linker is a script: what is run in Python's place. */
static void tool(const char *script, struct pkg_cache *c, char sha256[static 65],
		 struct pkg_input *in)
{
	const struct oci_tar_entry linker = { .path = "usr/lib/x86_64-linux-gnu/"
						      "ld-linux-x86-64.so.2",
					      .type = '0',
					      .mode = 0755,
					      .size = strlen(script) };
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, CAP);
	EB_AUTOBUF(deb, CAP);

	mkdeb_tar_add(&tar, &linker, script);
	mkdeb_tar_link(&tar, '2', "usr/lib/x86_64-linux-gnu/libz.so.1", "libz.so.1.3.1");
	mkdeb_tar_link(&tar, '2', "usr/lib/outside", "/etc/passwd");
	mkdeb_tar_file(&tar, "usr/share/doc/x", "not needed");
	mkdeb_tar_end(&tar);
	mkdeb(&deb, "gz", MKDEB_CONTROL, &tar);
	CHECK_OK(pkg_cache_open(test_path("cache"), c, &e), e);
	eb_sha256_hex(deb.data, deb.len, sha256);
	CHECK_OK(pkg_cache_store(c, sha256, deb.len, eb_reader_mem(deb.data, deb.len), "deb", &e),
		 e);
	*in = (struct pkg_input){ .kind = PKG_INPUT_DEB,
				  .what = "package python3.13-minimal",
				  .name = "python3.13-minimal",
				  .version = "1.2-3",
				  .sha256 = sha256,
				  .size = deb.len };
}

static int make(const char *script, char ret_sha256[static 65], struct eb_buf *tar,
		struct eb_error **err)
{
	EB_CLEANUP(pkg_cache_release_p) struct pkg_cache c = { 0 };
	EB_CLEANUP(pkg_bytecode_free_p) struct pkg_bytecode *b = NULL;
	EB_CLEANUP(eb_reader_free_p) struct eb_reader *in = NULL;
	struct pkg_input deb;
	char sha256[65];
	uint64_t size = 0;
	struct pkg_bytecode_options o = { .cache = &c,
					  .tools = &deb,
					  .n_tools = 1,
					  .interpreter = "python3.13",
					  .host_arch = "amd64",
					  .temp_dir = test_dir() };
	int r;

	tool(script, &c, sha256, &deb);
	CHECK_OK(pkg_bytecode_new(&o, &b, err), *err);
	CHECK_OK(pkg_bytecode_add(b, "usr/lib/python3.13/a.py", "A", 1, err), *err);
	CHECK_OK(pkg_bytecode_add(b, "usr/lib/python3.13/d/__init__.py", "", 0, err), *err);
	r = pkg_bytecode_make(b, ret_sha256, &size, err);
	if (r >= 0)
		r = pkg_cache_read(&c, ret_sha256, size, "tar", &in, err);
	return r < 0 ? r : eb_read_all(in, tar, "tar", err);
}

TEST(bytecode, results_become_one_tar_of_the_same_bytes)
{
	char first[65], second[65];
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, CAP);
	EB_AUTOBUF(again, CAP);

	/* Gives back what it got. */
	CHECK_OK(make("#!/bin/sh\nexec /bin/cat\n", first, &tar, &e), e);
	CHECK_OK(make("#!/bin/sh\nexec /bin/cat\n", second, &again, &e), e);
	CHECK_STR(first, second);
	CHECK_INT(tar.len, 512 + 512 + 512 + 1024);
	CHECK_STR(tar.data, "usr/lib/python3.13/__pycache__/a.cpython-313.pyc");
	CHECK_INT(tar.data[512], 'A');
	CHECK_STR(tar.data + 1024, "usr/lib/python3.13/d/__pycache__/__init__.cpython-313.pyc");
}

TEST(bytecode, program_runs_with_a_fixed_seed_and_nothing_else)
{
	static const char script[] =
		"#!/bin/sh\n"
		"[ \"$PYTHONHASHSEED\" = 0 ] && [ -z \"$HOME\" ] || exit 9\n"
		"case \"$*\" in *--library-path*python3.13\\ -P\\ -s\\ -S*) ;; "
		"*) exit 8 ;; esac\n"
		"[ -L usr/lib/x86_64-linux-gnu/libz.so.1 ] || exit 7\n"
		"[ ! -L usr/lib/outside ] && [ ! -e usr/share ] || exit 6\n";
	char sha256[65];
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, CAP);

	CHECK_OK(make(script, sha256, &tar, &e), e);
	CHECK_INT(tar.len, 1024);
}

TEST(bytecode, failing_program_and_odd_results_are_told)
{
	char sha256[65];
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(tar, CAP);

	CHECK_FAIL(make("#!/bin/sh\necho no such module >&2; exit 3\n", sha256, &tar, &e),
		   EB_E_PROGRAM, "ended with 3: no such module", e);
	CHECK_FAIL(make("#!/bin/sh\necho 99 a.py\n", sha256, &tar, &e), EB_E_FORMAT, "ends after",
		   e);
	CHECK_FAIL(make("#!/bin/sh\necho hello\n", sha256, &tar, &e), EB_E_PROGRAM, "damaged", e);
}

TEST(bytecode, what_runs_python_is_known)
{
	CHECK(pkg_bytecode_needs("python3.13", "python3.13-minimal"));
	CHECK(pkg_bytecode_needs("python3.13", "libpython3.13-minimal"));
	CHECK(pkg_bytecode_needs("python3.13", "libc6"));
	CHECK(!pkg_bytecode_needs("python3.13", "python3.12-minimal"));
	CHECK(!pkg_bytecode_needs("python3.13", "python3.13"));
}
