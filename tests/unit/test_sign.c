#include "bundle/sign.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/pool.h"
#include "bundle/verify.h"
#include "mkdemo.h"
#include "sign/key.h"
#include "testlib.h"

enum { BUNDLE_BYTES = 1 << 20, SECTOR = 512, KILLED = 77 };

/* Stands before the C library's: ends the process when so many sectors have been written. */
static long sectors_left = -1;
ssize_t pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
	if (sectors_left >= 0) {
		size_t room = (size_t)sectors_left * SECTOR;

		if (n >= room) {
			syscall(SYS_pwrite64, fd, p, room, at);
			_exit(KILLED);
		}
		sectors_left -= (long)((n + SECTOR - 1) / SECTOR);
	}
	return syscall(SYS_pwrite64, fd, p, n, at);
}

struct fixture {
	struct demo m;
	struct oci_key *one, *two;
	const char *path;
};

static void start(struct fixture *f)
{
	autoerror struct eb_error *e = NULL;

	*f = (struct fixture){ .path = NULL };
	demo_init(&f->m, 1);
	CHECK_OK(oci_key_generate(&f->one, &e), e);
	CHECK_OK(oci_key_generate(&f->two, &e), e);
	f->path = demo_bundle(&f->m, "demo.tar", NULL);
}

static void end(struct fixture *f)
{
	oci_key_free(f->one);
	oci_key_free(f->two);
	demo_release(&f->m);
}
EB_DEFINE_RELEASE(struct fixture, end)

static int sign(struct fixture *f, const struct oci_key *key, bool *added, struct eb_error **err)
{
	struct oci_digest root;

	return bnd_sign_file(f->path, key, f->m.pool, NULL, added, &root, err);
}

static int verify(struct fixture *f, const struct oci_key *key, struct bnd_verify_result *res,
		  struct eb_error **err)
{
	return bnd_verify(f->path, key, f->m.pool, NULL, NULL, res, err);
}

TEST(sign, file_gets_signature_and_keeps_root)
{
	EB_CLEANUP(end_p) struct fixture f;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle before = { 0 }, after = { 0 };
	autoerror struct eb_error *e = NULL;
	struct bnd_verify_result res;
	bool added = false;

	start(&f);
	CHECK_OK(bnd_open(f.path, &before, &e), e);
	CHECK_FAIL(verify(&f, f.one, &res, &e), EB_E_SIGNATURE, "the bundle is not signed", e);
	CHECK_OK(sign(&f, f.one, &added, &e), e);
	CHECK(added);
	CHECK_OK(verify(&f, f.one, &res, &e), e);
	CHECK_INT(res.valid, 1);
	CHECK_FAIL(verify(&f, f.two, &res, &e), EB_E_SIGNATURE,
		   "none of 1 signatures is by the key", e);
	CHECK_OK(bnd_open(f.path, &after, &e), e);
	CHECK_STR(after.root.digest.text, before.root.digest.text);
}

TEST(sign, again_changes_nothing)
{
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(first, BUNDLE_BYTES);
	EB_AUTOBUF(second, BUNDLE_BYTES);
	bool added = false;

	start(&f);
	CHECK_OK(sign(&f, f.one, &added, &e), e);
	demo_read(f.path, &first);
	CHECK_OK(sign(&f, f.one, &added, &e), e);
	CHECK(!added);
	demo_read(f.path, &second);
	CHECK_INT(second.len, first.len);
	CHECK(memcmp(first.data, second.data, first.len) == 0);
}

TEST(sign, two_signers_stand_in_the_order_of_signing)
{
	EB_CLEANUP(end_p) struct fixture f;
	EB_CLEANUP(bnd_close_p) struct bnd_bundle b = { 0 };
	autoerror struct eb_error *e = NULL;
	struct bnd_verify_result res;
	struct oci_digest first;
	bool added;

	start(&f);
	CHECK_OK(sign(&f, f.two, &added, &e), e);
	CHECK_OK(bnd_open(f.path, &b, &e), e);
	first = b.signatures[0].desc.digest;
	bnd_close(&b);
	CHECK_OK(sign(&f, f.one, &added, &e), e);
	CHECK_OK(bnd_open(f.path, &b, &e), e);
	CHECK_INT(b.n_signatures, 2);
	CHECK_STR(b.signatures[0].desc.digest.text, first.text);
	CHECK_OK(verify(&f, f.one, &res, &e), e);
	CHECK_INT(res.signatures, 2);
	CHECK_INT(res.valid, 1);
	CHECK_OK(verify(&f, f.two, &res, &e), e);
	CHECK_INT(res.valid, 1);
}

/* What is signed when it is built is what signing the built file gives, but for the signature's own
 * random bytes. */
TEST(sign, file_has_the_form_of_one_signed_when_built)
{
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;
	struct stat a, b;
	const char *built;
	bool added;

	start(&f);
	CHECK_OK(sign(&f, f.one, &added, &e), e);
	built = demo_bundle(&f.m, "built.tar", f.one);
	CHECK_INT(stat(f.path, &a), 0);
	CHECK_INT(stat(built, &b), 0);
	CHECK_INT(a.st_size, b.st_size);
}

TEST(sign, damaged_file_is_never_signed_as_it_is)
{
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(good, BUNDLE_BYTES);
	struct bnd_verify_result res;
	bool added;

	start(&f);
	demo_read(f.path, &good);
	for (size_t i = 0; i < good.len; i += 97) {
		good.data[i] ^= 4;
		demo_write(f.path, good.data, good.len);
		/* Damage behind the entries of index.json is put right. */
		if (sign(&f, f.one, &added, &e) >= 0 && verify(&f, f.one, &res, &e) < 0)
			test_fail(__FILE__, __LINE__, "byte %zu: %s", i, e->message);
		eb_error_clear(&e);
		good.data[i] ^= 4;
	}
	demo_write(f.path, good.data, good.len);
	CHECK_OK(sign(&f, f.one, &added, &e), e);
	CHECK(added);
}

TEST(sign, damaged_signature_of_another_is_noticed)
{
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(bare, BUNDLE_BYTES);
	EB_AUTOBUF(good, BUNDLE_BYTES);
	EB_AUTOBUF(after, BUNDLE_BYTES);
	bool added;

	start(&f);
	demo_read(f.path, &bare);
	CHECK_OK(sign(&f, f.one, &added, &e), e);
	demo_read(f.path, &good);
	for (size_t i = bare.len - 1024; i < good.len - 1024; i += 61) {
		good.data[i] ^= 4;
		demo_write(f.path, good.data, good.len);
		CHECK(sign(&f, f.two, &added, &e) < 0);
		eb_error_clear(&e);
		demo_read(f.path, &after);
		CHECK(after.len == good.len && memcmp(after.data, good.data, good.len) == 0);
		good.data[i] ^= 4;
	}
}

TEST(sign, full_index_is_refused)
{
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;
	bool added;
	int r = 0, n = 0;

	start(&f);
	while (r >= 0 && n < 200) {
		EB_CLEANUP(oci_key_free_p) struct oci_key *key = NULL;

		CHECK_OK(oci_key_generate(&key, &e), e);
		r = sign(&f, key, &added, &e);
		n += r >= 0;
	}
	CHECK_FAIL(r, EB_E_LIMIT, "index.json has no room for", e);
	CHECK(n >= 16);
	CHECK_INT(verify(&f, f.one, &(struct bnd_verify_result){ 0 }, NULL), -EB_E_SIGNATURE);
	CHECK_OK(verify(&f, NULL, &(struct bnd_verify_result){ 0 }, &e), e);
}

TEST(sign, file_in_use_is_a_conflict)
{
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;
	autofd int fd = -1;
	bool added;

	start(&f);
	fd = open(f.path, O_RDONLY | O_CLOEXEC);
	CHECK_INT(flock(fd, LOCK_EX), 0);
	CHECK_FAIL(sign(&f, f.one, &added, &e), EB_E_CONFLICT, "is being signed by another", e);
}

/* In a process that dies after `sectors` sectors: true when it was done before. */
static bool sign_until(struct fixture *f, const struct oci_key *key, long sectors)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		bool added;

		sectors_left = sectors;
		_exit(sign(f, key, &added, NULL) < 0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED));
	return WEXITSTATUS(status) == 0;
}

/* The file is `base` and then signed by key: until all of it is written it counts as before or is
 * refused, and the next run makes it right. */
static void check_kills(struct fixture *f, const struct eb_buf *base, const struct oci_key *key)
{
	bool done = false;

	for (long k = 0; !done; k++) {
		autoerror struct eb_error *e = NULL;
		struct bnd_verify_result res;
		bool added;
		int r;

		CHECK(k < 1000);
		demo_write(f->path, base->data, base->len);
		done = sign_until(f, key, k);
		r = verify(f, key, &res, &e);
		if (r < 0 && eb_code_exit_status(r) != 3)
			test_fail(__FILE__, __LINE__, "%ld: %d %s", k, r, e->message);
		eb_error_clear(&e);
		/* Killed once more, while it repairs. */
		sign_until(f, key, k / 2);
		if (sign(f, key, &added, &e) < 0)
			test_fail(__FILE__, __LINE__, "%ld: %s", k, e->message);
		CHECK_OK(verify(f, key, &res, &e), e);
		CHECK_INT(res.valid, 1);
	}
}

TEST(sign, killed_run_is_repaired_by_the_next)
{
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(base, BUNDLE_BYTES);
	struct bnd_verify_result res;
	bool added;

	start(&f);
	demo_read(f.path, &base);
	check_kills(&f, &base, f.one);
	demo_write(f.path, base.data, base.len);
	CHECK_OK(sign(&f, f.one, &added, &e), e);
	demo_read(f.path, &base);
	check_kills(&f, &base, f.two);
	CHECK_OK(verify(&f, f.one, &res, &e), e);
	CHECK_INT(res.signatures, 2);
}

/* What a killed run leaves and what a flipped bit makes of index.json look alike: no signature may
 * go because of the latter. */
TEST(sign, damaged_index_never_costs_a_signature)
{
	enum { INDEX = 1536 };
	EB_CLEANUP(end_p) struct fixture f;
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(base, BUNDLE_BYTES);
	EB_AUTOBUF(now, BUNDLE_BYTES);
	struct bnd_verify_result res;
	size_t text;
	bool added;

	start(&f);
	CHECK_OK(sign(&f, f.one, &added, &e), e);
	demo_read(f.path, &base);
	CHECK_INT(base.data[INDEX], '{');
	text = strcspn(base.data + INDEX, " ");
	for (size_t i = 0; i < text; i += i % 5 ? 1 : 2) {
		char was = base.data[INDEX + i];
		int r;

		base.data[INDEX + i] = (char)(was ^ 1 << i % 7);
		demo_write(f.path, base.data, base.len);
		r = sign(&f, f.two, &added, &e);
		if (r < 0) {
			CHECK_INT(eb_code_exit_status(r), 3);
			demo_read(f.path, &now);
			if (now.len != base.len || memcmp(now.data, base.data, now.len) != 0)
				test_fail(__FILE__, __LINE__, "%zu of %zu: changed by %s", i, text,
					  e->message);
			eb_error_clear(&e);
		} else {
			if (verify(&f, f.one, &res, &e) < 0)
				test_fail(__FILE__, __LINE__, "%zu of %zu: %s", i, text,
					  e->message);
			CHECK_OK(verify(&f, f.two, &res, &e), e);
		}
		base.data[INDEX + i] = was;
	}
}
