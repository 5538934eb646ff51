#include "bundle/extract.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/remove.h"
#include "base/stream.h"
#include "image/tar_read.h"
#include "tar_build.h"
#include "testlib.h"

/* An extraction into "root" below the test's directory. */
struct fixture {
	struct bnd_extract *x;
	struct bnd_extract_result result;
	int fd;
};

static void begin(struct fixture *f, bool same_owner)
{
	struct bnd_extract_options o = { .same_owner = same_owner };

	CHECK_INT(mkdir(test_path("root"), 0700), 0);
	f->fd = open(test_path("root"), O_RDONLY | O_DIRECTORY);
	CHECK(f->fd >= 0);
	f->x = bnd_extract_new(f->fd, &o);
}

/* Ends the tar in b, applies it, and begins b anew. */
static int layer(struct fixture *f, struct eb_buf *b, struct eb_error **e)
{
	EB_CLEANUP(oci_tar_reader_free_p) struct oci_tar_reader *t = NULL;
	EB_AUTOBUF(copy, 64 << 20);
	int r;

	tb_end(b);
	eb_buf_add(&copy, b->data, b->len);
	eb_buf_clear(b);
	CHECK_INT(oci_tar_open(eb_reader_mem(copy.data, copy.len), OCI_TAR_PLAIN,
			       &oci_tar_default_limits, &t, e),
		  0);
	r = bnd_extract_layer(f->x, t, e);
	return r;
}

static void end(struct fixture *f)
{
	struct eb_error *e = NULL;

	if (f->x)
		CHECK_OK(bnd_extract_finish(f->x, &f->result, &e), e);
	f->x = bnd_extract_free(f->x);
	close(f->fd);
}

/* After a failure: drop it. */
static void drop(struct fixture *f)
{
	f->x = bnd_extract_free(f->x);
	close(f->fd);
}

static const char *content(const char *rel)
{
	static char text[256];
	int fd = open(test_path("root/%s", rel), O_RDONLY | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return "(missing)";
	text[n] = '\0';
	return text;
}

static void put(struct eb_buf *b, char type, const char *path, const char *link, uint32_t mode)
{
	struct oci_tar_entry e = {
		.path = path, .type = type, .mode = mode, .link = link, .mtime_sec = 1000
	};

	tb_member(b, &e, NULL);
}

TEST(extract, layer_writes_files_links_and_times)
{
	EB_AUTOBUF(b, 1 << 20);
	struct fixture f = { 0 };
	struct eb_error *e = NULL;
	struct stat st, other;
	char link[32] = "";

	begin(&f, false);
	put(&b, '5', "bin", NULL, 0555);
	tb_file(&b, "bin/a", "alpha");
	put(&b, '2', "bin/b", "a", 0777);
	put(&b, '2', "bin/out", "/etc/passwd", 0777);
	put(&b, '1', "c", "bin/a", 0644);
	put(&b, '6', "pipe", NULL, 0640);
	tb_file(&b, "implied/by/path", "x");
	CHECK_OK(layer(&f, &b, &e), e);
	end(&f);
	CHECK_STR(content("bin/a"), "alpha");
	CHECK_INT(readlink(test_path("root/bin/b"), link, sizeof(link) - 1), 1);
	CHECK_STR(link, "a");
	CHECK_INT(lstat(test_path("root/bin/out"), &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_INT(st.st_mtime, 1000);
	CHECK_INT(stat(test_path("root/bin/a"), &st), 0);
	CHECK_INT(st.st_mtime, 1);
	CHECK_INT(stat(test_path("root/c"), &other), 0);
	CHECK_INT(st.st_ino, other.st_ino);
	CHECK_INT(stat(test_path("root/bin"), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0755);
	CHECK_INT(st.st_mtime, 1000);
	CHECK_INT(stat(test_path("root/pipe"), &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_INT(stat(test_path("root/implied/by"), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0755);
	CHECK_INT(stat(test_path("root"), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0755);
	CHECK_INT(f.result.members, 7);
	CHECK_INT(f.result.bytes, 6);
}

TEST(extract, layer_without_owner_drops_setid_and_keeps_access)
{
	EB_AUTOBUF(b, 1 << 20);
	struct fixture f = { 0 };
	struct eb_error *e = NULL;
	struct oci_tar_entry su = { .path = "su", .type = '0', .mode = 06111, .uid = 12 };
	struct stat st;

	begin(&f, false);
	tb_member(&b, &su, "");
	put(&b, '5', "locked", NULL, 0000);
	tb_file(&b, "locked/in", "y");
	CHECK_OK(layer(&f, &b, &e), e);
	end(&f);
	CHECK_INT(stat(test_path("root/su"), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0711);
	CHECK_INT(st.st_uid, geteuid());
	CHECK_INT(f.result.dropped_setid, 1);
	CHECK_STR(content("locked/in"), "y");
}

TEST(extract, layer_with_owner_keeps_owner_setid_and_capability)
{
	static const unsigned char cap[20] = { 0x01, 0, 0, 0x02, 0, 0x04 };
	const struct oci_xattr xattr = { "security.capability", cap, sizeof(cap) };
	const struct oci_xattr other = { "trusted.overlay.opaque", "y", 1 };
	EB_AUTOBUF(b, 1 << 20);
	struct fixture f = { 0 };
	struct eb_error *e = NULL;
	struct oci_tar_entry su = {
		.path = "d/su", .type = '0', .mode = 04755, .uid = 12, .gid = 34
	};
	struct oci_tar_entry ping = {
		.path = "d/ping", .type = '0', .mode = 0755, .xattrs = &xattr, .n_xattrs = 1
	};
	struct oci_tar_entry dir = {
		.path = "d", .type = '5', .mode = 02000, .gid = 7, .xattrs = &other, .n_xattrs = 1
	};
	unsigned char got[32];
	struct stat st;

	if (geteuid() != 0)
		test_skip("needs root");
	begin(&f, true);
	tb_member(&b, &dir, NULL);
	tb_member(&b, &su, "");
	tb_member(&b, &ping, "");
	CHECK_OK(layer(&f, &b, &e), e);
	end(&f);
	CHECK_INT(stat(test_path("root/d/su"), &st), 0);
	CHECK_INT(st.st_mode & 07777, 04755);
	CHECK_INT(st.st_uid, 12);
	CHECK_INT(st.st_gid, 34);
	CHECK_INT(stat(test_path("root/d"), &st), 0);
	CHECK_INT(st.st_mode & 07777, 02000);
	CHECK_INT(st.st_gid, 7);
	if (f.result.dropped_xattrs == 1) { /* 2 where the file system or container has none */
		CHECK_INT(
			getxattr(test_path("root/d/ping"), "security.capability", got, sizeof(got)),
			20);
		CHECK_INT(memcmp(got, cap, 20), 0);
	}
	CHECK(getxattr(test_path("root/d"), other.name, got, sizeof(got)) < 0);
}

TEST(extract, whiteouts_hide_lower_layers_only)
{
	EB_AUTOBUF(b, 1 << 20);
	struct fixture f = { 0 };
	struct eb_error *e = NULL;

	begin(&f, false);
	tb_file(&b, "a", "1");
	tb_file(&b, "dir/one", "1");
	tb_file(&b, "dir/sub/two", "1");
	tb_file(&b, "opaque/old", "1");
	tb_file(&b, "opaque/deep/old", "1");
	tb_file(&b, "both/old", "1");
	CHECK_OK(layer(&f, &b, &e), e);
	tb_file(&b, ".wh.a", "");
	tb_file(&b, ".wh.dir", "");
	tb_file(&b, ".wh.never", "");
	tb_file(&b, "nowhere/.wh.never", "");
	/* Made by this layer, so not hidden by its own whiteouts, in either order. */
	tb_file(&b, "opaque/new", "2");
	tb_file(&b, "opaque/.wh..wh..opq", "");
	tb_file(&b, "both/new", "2");
	tb_file(&b, ".wh.both", "");
	tb_file(&b, ".wh..wh.plnk", "");
	CHECK_OK(layer(&f, &b, &e), e);
	end(&f);
	CHECK_STR(content("a"), "(missing)");
	CHECK_INT(access(test_path("root/dir"), F_OK), -1);
	CHECK_STR(content("opaque/new"), "2");
	CHECK_INT(access(test_path("root/opaque/old"), F_OK), -1);
	CHECK_INT(access(test_path("root/opaque/deep"), F_OK), -1);
	CHECK_STR(content("both/new"), "2");
	CHECK_INT(access(test_path("root/both/old"), F_OK), -1);
	CHECK_INT(access(test_path("root/.wh..wh.plnk"), F_OK), -1);
	CHECK_INT(access(test_path("root/nowhere"), F_OK), -1);
}

TEST(extract, opaque_root_hides_everything_below)
{
	EB_AUTOBUF(b, 1 << 20);
	struct fixture f = { 0 };
	struct eb_error *e = NULL;

	begin(&f, false);
	tb_file(&b, "a/b", "1");
	CHECK_OK(layer(&f, &b, &e), e);
	tb_file(&b, "c", "2");
	tb_file(&b, ".wh..wh..opq", "");
	CHECK_OK(layer(&f, &b, &e), e);
	end(&f);
	CHECK_INT(access(test_path("root/a"), F_OK), -1);
	CHECK_STR(content("c"), "2");
}

TEST(extract, later_layers_replace_files_links_and_directories)
{
	EB_AUTOBUF(b, 1 << 20);
	struct fixture f = { 0 };
	struct eb_error *e = NULL;
	struct stat st;

	begin(&f, false);
	tb_file(&b, "file", "1");
	put(&b, '1', "same", "file", 0644);
	tb_file(&b, "dir/x", "1");
	put(&b, '2', "link", "file", 0777);
	put(&b, '5', "kept", NULL, 0700);
	tb_file(&b, "kept/x", "1");
	CHECK_OK(layer(&f, &b, &e), e);
	tb_file(&b, "file", "2");
	tb_file(&b, "dir", "now a file");
	tb_file(&b, "link", "2");
	put(&b, '5', "kept", NULL, 0750);
	CHECK_OK(layer(&f, &b, &e), e);
	end(&f);
	CHECK_STR(content("file"), "2");
	CHECK_STR(content("same"), "1");
	CHECK_STR(content("dir"), "now a file");
	CHECK_STR(content("link"), "2");
	CHECK_STR(content("kept/x"), "1");
	CHECK_INT(stat(test_path("root/kept"), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0750);
}

/* ---- hostile ---- */

TEST(extract, path_through_link_is_refused)
{
	static const char *const targets[] = { "..", "/tmp", ".", "real" };

	for (size_t i = 0; i < EB_ARRAY_LEN(targets); i++) {
		EB_AUTOBUF(b, 1 << 20);
		struct fixture f = { 0 };
		struct eb_error *e = NULL;

		begin(&f, false);
		put(&b, '5', "real", NULL, 0755);
		put(&b, '2', "door", targets[i], 0777);
		tb_file(&b, "door/escaped", "x");
		CHECK_FAIL(layer(&f, &b, &e), EB_E_FORMAT, "'door' is a link or file", e);
		/* The same from a later layer, for a hard link and for a whiteout. */
		put(&b, '1', "door/hard", "door", 0644);
		CHECK_FAIL(layer(&f, &b, &e), EB_E_FORMAT, "'door' is a link or file", e);
		tb_file(&b, "door/.wh.real", "");
		CHECK_FAIL(layer(&f, &b, &e), EB_E_FORMAT, "'door' is a link or file", e);
		tb_file(&b, "door/.wh..wh..opq", "");
		CHECK_OK(layer(&f, &b, &e), e);
		drop(&f);
		CHECK_INT(access(test_path("root/real"), F_OK), 0);
		CHECK_INT(access(test_path("escaped"), F_OK), -1);
		CHECK_INT(access("/tmp/escaped", F_OK), -1);
		CHECK_OK(eb_remove_tree(AT_FDCWD, test_path("root"), &e), e);
	}
}

TEST(extract, file_over_link_replaces_the_link)
{
	EB_AUTOBUF(b, 1 << 20);
	struct fixture f = { 0 };
	struct eb_error *e = NULL;

	CHECK_OK(eb_file_write(test_path("victim"), "safe", 4, 0644, &e), e);
	begin(&f, false);
	put(&b, '2', "x", "../victim", 0777);
	tb_file(&b, "x", "overwritten");
	CHECK_OK(layer(&f, &b, &e), e);
	put(&b, '2', "x", "../victim", 0777);
	put(&b, '5', "x", NULL, 0700);
	CHECK_OK(layer(&f, &b, &e), e);
	end(&f);
	EB_AUTOBUF(text, 100);
	CHECK_OK(eb_file_read(test_path("victim"), &text, &e), e);
	CHECK_STR(eb_buf_str(&text), "safe");
}

TEST(extract, hard_link_to_foreign_file_is_refused)
{
	EB_AUTOBUF(b, 1 << 20);
	struct fixture f = { 0 };
	struct eb_error *e = NULL;

	begin(&f, false);
	put(&b, '1', "x", "missing", 0644);
	CHECK_FAIL(layer(&f, &b, &e), EB_E_FORMAT, "'missing' is no file of this image", e);
	put(&b, '5', "d", NULL, 0755);
	put(&b, '1', "x", "d", 0644);
	CHECK_FAIL(layer(&f, &b, &e), EB_E_FORMAT, "'d' is no file of this image", e);
	tb_file(&b, "gone", "1");
	CHECK_OK(layer(&f, &b, &e), e);
	tb_file(&b, ".wh.gone", "");
	put(&b, '1', "x", "gone", 0644);
	CHECK_FAIL(layer(&f, &b, &e), EB_E_FORMAT, "'gone' is no file of this image", e);
	tb_file(&b, "self", "1");
	put(&b, '1', "self", "self", 0644);
	CHECK_FAIL(layer(&f, &b, &e), EB_E_FORMAT, "hard link to itself", e);
	drop(&f);
}

TEST(extract, hard_link_to_link_links_the_link)
{
	EB_AUTOBUF(b, 1 << 20);
	struct fixture f = { 0 };
	struct eb_error *e = NULL;
	struct stat st;

	CHECK_OK(eb_file_write(test_path("victim"), "safe", 4, 0644, &e), e);
	begin(&f, false);
	put(&b, '2', "door", "../victim", 0777);
	put(&b, '1', "copy", "door", 0777);
	CHECK_OK(layer(&f, &b, &e), e);
	end(&f);
	CHECK_INT(lstat(test_path("root/copy"), &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_INT(stat(test_path("victim"), &st), 0);
	CHECK_INT(st.st_nlink, 1);
}

/* One member, and what is wrong with it. */
static void refused(const char *name, char type, const char *link, int code, const char *part)
{
	EB_AUTOBUF(b, 1 << 20);
	struct fixture f = { 0 };
	struct eb_error *e = NULL;

	begin(&f, false);
	tb_header(&b, name, type, link, 0);
	CHECK_FAIL(layer(&f, &b, &e), code, part, e);
	drop(&f);
	CHECK_OK(eb_remove_tree(AT_FDCWD, test_path("root"), &e), e);
}

TEST(extract, hostile_members_are_refused)
{
	refused("../escaped", '0', "", EB_E_FORMAT, "'..' component");
	refused("a/../../escaped", '0', "", EB_E_FORMAT, "'..' component");
	refused("/etc/escaped", '0', "", EB_E_FORMAT, "is absolute");
	refused("x", '1', "/etc/passwd", EB_E_FORMAT, "is absolute");
	refused("x", '1', "../victim", EB_E_FORMAT, "'..' component");
	refused("dev/sda", '4', "", EB_E_UNSUPPORTED, "device node");
	refused("dev/null", '3', "", EB_E_UNSUPPORTED, "device node");
	refused(".wh...", '0', "", EB_E_FORMAT, "whiteout of a directory that is not in it");
	refused("a/.wh..", '0', "", EB_E_FORMAT, "whiteout of a directory that is not in it");
	refused(".wh.", '0', "", EB_E_FORMAT, "whiteout of nothing");
	refused(".wh.a/b", '0', "", EB_E_FORMAT, "inside a whiteout");
	CHECK_INT(access(test_path("escaped"), F_OK), -1);
}

TEST(extract, deep_nesting_is_limited_and_removable)
{
	EB_AUTOBUF(b, 4 << 20);
	EB_AUTOBUF(path, 8192);
	struct fixture f = { 0 };
	struct eb_error *e = NULL;

	begin(&f, false);
	for (int i = 0; i < 256; i++)
		eb_buf_adds(&path, i ? "/d" : "d");
	tb_file(&b, eb_buf_str(&path), "deep");
	CHECK_OK(layer(&f, &b, &e), e);
	tb_file(&b, ".wh.d", "");
	CHECK_OK(layer(&f, &b, &e), e);
	CHECK_INT(access(test_path("root/d"), F_OK), -1);
	eb_buf_adds(&path, "/d");
	tb_file(&b, eb_buf_str(&path), "too deep");
	CHECK_FAIL(layer(&f, &b, &e), EB_E_LIMIT, "'depth'", e);
	drop(&f);
}
