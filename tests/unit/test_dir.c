#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "testlib.h"

static void write_file(const char *path, const char *text)
{
	autoerror struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(path, text, strlen(text), 0644, &e), e);
}

static void check_file(const char *path, const char *text)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 1000);

	CHECK_OK(eb_file_read(path, &b, &e), e);
	CHECK_STR(eb_buf_str(&b), text);
}

TEST(dir, path_is_clean)
{
	static const char *const good[] = { "a", "a/b", "...", "a/..b/c." };
	static const char *const bad[] = { "",	    "/a", "a/",	  "a//b", ".",
					   "a/./b", "..", "a/..", "../a" };
	char long_path[4100];

	for (size_t i = 0; i < EB_ARRAY_LEN(good); i++)
		CHECK(eb_path_is_clean(good[i]));
	for (size_t i = 0; i < EB_ARRAY_LEN(bad); i++)
		CHECK(!eb_path_is_clean(bad[i]));
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	CHECK(!eb_path_is_clean(long_path));
}

TEST(dir, open_creates_parents_when_asked)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTODIR(d);

	CHECK_FAIL(eb_dir_open(test_path("a/b"), false, &d, &e), ENOENT, "a/b", e);
	CHECK_INT(d.fd, -1);
	CHECK_OK(eb_dir_open(test_path("a/b"), true, &d, &e), e);
	CHECK(d.fd >= 0);
}

TEST(dir, nothing_leaves_the_directory)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTODIR(d);
	EB_AUTODIR(sub);
	EB_AUTOTMP(t);
	struct stat st;

	CHECK_OK(eb_dir_open(test_path("inside"), true, &d, &e), e);
	write_file(test_path("secret"), "x");
	CHECK_INT(symlink("../secret", test_path("inside/link")), 0);
	CHECK_INT(symlink(test_dir(), test_path("inside/out")), 0);
	CHECK_FAIL(eb_dir_open_file(&d, "../secret", O_RDONLY, 0, &e), EB_E_FORMAT,
		   "is not a path inside", e);
	CHECK(eb_dir_open_file(&d, "link", O_RDONLY, 0, &e) < 0);
	eb_error_clear(&e);
	CHECK(eb_dir_open_file(&d, "out/secret", O_RDONLY, 0, &e) < 0);
	eb_error_clear(&e);
	CHECK(eb_dir_sub(&d, "out/new", true, 0755, &sub, &e) < 0);
	eb_error_clear(&e);
	CHECK(eb_tmpfile_open(&d, "out/new", 0644, &t, &e) < 0);
	eb_error_clear(&e);
	CHECK(stat(test_path("new"), &st) < 0 && errno == ENOENT);
}

TEST(dir, sub_makes_each_missing_part)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTODIR(d);
	EB_AUTODIR(sub);

	CHECK_OK(eb_dir_open(test_dir(), false, &d, &e), e);
	CHECK_FAIL(eb_dir_sub(&d, "x/y/z", false, 0755, &sub, &e), ENOENT, "x/y/z", e);
	CHECK_OK(eb_dir_sub(&d, "x/y/z", true, 0755, &sub, &e), e);
	CHECK_OK(eb_dir_write(&sub, "f", "hi", 2, 0600, &e), e);
	check_file(test_path("x/y/z/f"), "hi");
}

TEST(dir, write_replaces_whole_file_and_leaves_no_other)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTODIR(d);
	EB_AUTOBUF(b, 100);

	CHECK_OK(eb_dir_open(test_path("d"), true, &d, &e), e);
	CHECK_OK(eb_dir_write(&d, "f", "first", 5, 0644, &e), e);
	CHECK_OK(eb_dir_write(&d, "f", "second", 6, 0644, &e), e);
	CHECK_OK(eb_dir_read(&d, "f", &b, &e), e);
	CHECK_STR(eb_buf_str(&b), "second");
	CHECK_INT(unlink(test_path("d/f")), 0);
	CHECK_INT(rmdir(test_path("d")), 0); /* fails if a temporary file was left */
}

TEST(dir, read_is_limited_and_refuses_directories)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOBUF(b, 3);

	write_file(test_path("f"), "four");
	CHECK_FAIL(eb_file_read(test_path("f"), &b, &e), EB_E_LIMIT, "is larger than 3 bytes", e);
	CHECK_FAIL(eb_file_read(test_dir(), &b, &e), EISDIR, "is a directory", e);
	CHECK_FAIL(eb_file_read(test_path("none"), &b, &e), ENOENT, "none", e);
}

TEST(dir, tmpfile_unpublished_leaves_nothing)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOTMP(t);

	CHECK_INT(mkdir(test_path("d"), 0700), 0);
	CHECK_OK(eb_tmpfile_open(NULL, test_path("d/f"), 0644, &t, &e), e);
	CHECK_INT(write(t.fd, "x", 1), 1);
	eb_tmpfile_release(&t);
	CHECK_INT(rmdir(test_path("d")), 0);
}

TEST(dir, tmpfile_without_replace_keeps_the_old_file)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOTMP(t);

	write_file(test_path("f"), "old");
	CHECK_OK(eb_tmpfile_open(NULL, test_path("f"), 0644, &t, &e), e);
	CHECK_INT(write(t.fd, "new", 3), 3);
	CHECK_FAIL(eb_tmpfile_publish(&t, false, &e), EEXIST, "give '", e);
	check_file(test_path("f"), "old");
	CHECK_OK(eb_tmpfile_publish(&t, true, &e), e);
	check_file(test_path("f"), "new");
}

TEST(dir, tmpfile_needs_a_file_name)
{
	autoerror struct eb_error *e = NULL;
	EB_AUTOTMP(t);

	CHECK_FAIL(eb_tmpfile_open(NULL, test_path("d/"), 0644, &t, &e), EISDIR,
		   "does not name a file", e);
	CHECK_FAIL(eb_tmpfile_open(NULL, "..", 0644, &t, &e), EISDIR, "does not name a file", e);
	CHECK_FAIL(eb_tmpfile_open(NULL, test_path("no/such/f"), 0644, &t, &e), ENOENT,
		   "open the directory of", e);
}

/* A fifo stands for the devices, which only root can make. */
TEST(dir, tmpfile_never_takes_the_place_of_a_device)
{
	autoerror struct eb_error *e = NULL;
	struct stat st;
	EB_AUTOTMP(t);

	CHECK_INT(mkfifo(test_path("fifo"), 0600), 0);
	CHECK_INT(symlink("fifo", test_path("link")), 0);
	CHECK_INT(mkdir(test_path("d"), 0700), 0);
	CHECK_FAIL(eb_file_write(test_path("fifo"), "x", 1, 0600, &e), EB_E_CONFLICT,
		   "is a device, pipe or socket", e);
	CHECK_FAIL(eb_file_write(test_path("link"), "x", 1, 0600, &e), EB_E_CONFLICT,
		   "is a device, pipe or socket", e);
	CHECK_INT(lstat(test_path("fifo"), &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_INT(lstat(test_path("link"), &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_FAIL(eb_tmpfile_open(NULL, test_path("d"), 0600, &t, &e), EISDIR, "is a directory",
		   e);
}

/* As on a file system without O_TMPFILE, for this process and for good. */
static bool deny_nameless_files(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { EB_ARRAY_LEN(code), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

/* 0 when a name that somebody else took is left alone: neither written to nor used. */
static int use_taken_names(const char *path)
{
	struct eb_tmpfile first = { .fd = -1, .dirfd = -1 }, t = { .fd = -1, .dirfd = -1 };
	unsigned int pid, counter;
	struct stat st;
	char next[64];
	int fd;

	if (!deny_nameless_files())
		return 77;
	if (eb_tmpfile_open(NULL, path, 0600, &first, NULL) < 0 || first.nameless ||
	    sscanf(first.temp_name, ".f.%u-%u.tmp", &pid, &counter) != 2)
		return 1;
	snprintf(next, sizeof(next), ".f.%u-%u.tmp", pid, counter + 1);
	fd = openat(first.dirfd, next, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, "theirs", 6) != 6)
		return 2;
	if (eb_tmpfile_open(NULL, path, 0600, &t, NULL) < 0)
		return 3;
	if (strcmp(t.temp_name, next) == 0 || fstat(t.fd, &st) < 0 || (st.st_mode & 0077))
		return 4;
	if (fstat(fd, &st) < 0 || st.st_size != 6)
		return 5;
	eb_tmpfile_release(&t);
	eb_tmpfile_release(&first);
	return 0;
}

TEST(dir, tmpfile_with_a_name_is_always_a_new_file)
{
	const char *path = test_path("f");
	int status = -1;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		_exit(use_taken_names(path));
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) != 77) /* where filters of system calls are not to be had */
		CHECK_INT(WEXITSTATUS(status), 0);
}

/* 0 when a file can be published where /proc is not mounted. */
static int write_without_proc(const char *path)
{
	if ((unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/proc", "tmpfs", 0, NULL) < 0)
		return 77;
	if (access("/proc/self", F_OK) == 0)
		return 1;
	return eb_file_write(path, "text", 4, 0644, NULL) < 0 ? 2 : 0;
}

TEST(dir, files_are_published_without_proc)
{
	EB_AUTOBUF(b, 100);
	const char *path = test_path("f");
	int status = -1;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		_exit(write_without_proc(path));
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		test_skip("no mounts of one's own here");
	CHECK_INT(WEXITSTATUS(status), 0);
	CHECK_INT(eb_file_read(path, &b, NULL), 0);
	CHECK_STR(eb_buf_str(&b), "text");
}
