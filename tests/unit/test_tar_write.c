#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/tar_write.h"
#include "testlib.h"

enum { FILLED = 4096 };

/* n bytes: c, with a slash at every place that is in slashes (0 = no place). */
static const char *name_of(size_t n, size_t slash_a, size_t slash_b)
{
	static char text[8][FILLED];
	static unsigned int turn;
	char *s = text[turn++ % 8];

	memset(s, 'n', n);
	if (slash_a)
		s[slash_a] = '/';
	if (slash_b)
		s[slash_b] = '/';
	s[n] = '\0';
	return s;
}

static struct oci_tar_entry file_entry(const char *path)
{
	return (struct oci_tar_entry){ .path = path, .type = '0', .mode = 0644, .mtime_sec = 1 };
}

static void header(const struct oci_tar_entry *e, struct eb_buf *b)
{
	eb_buf_clear(b);
	oci_tar_header(e, b);
	CHECK(!b->overflow);
	CHECK_INT(b->len % 512, 0);
	CHECK_INT(b->len, oci_tar_header_size(e));
}

TEST(tar_write, header_plain_file_bytes)
{
	struct oci_tar_entry e = { .path = "etc/motd",
				   .type = '0',
				   .mode = 0644,
				   .uid = 1000,
				   .gid = 8,
				   .size = 42,
				   .mtime_sec = 1700000000 };
	EB_AUTOBUF(b, 4096);

	header(&e, &b);
	CHECK_INT(b.len, 512);
	CHECK_STR(b.data, "etc/motd");
	CHECK_STR(b.data + 100, "0000644");
	CHECK_STR(b.data + 108, "0001750");
	CHECK_STR(b.data + 116, "0000010");
	CHECK_STR(b.data + 124, "00000000052");
	CHECK_STR(b.data + 136, "14524770400");
	CHECK_INT(memcmp(b.data + 148, "010723\0 ", 8), 0);
	CHECK_INT(b.data[156], '0');
	CHECK_INT(memcmp(b.data + 257,
			 "ustar\0"
			 "00",
			 8),
		  0);
	CHECK_STR(b.data + 265, "");
	CHECK_STR(b.data + 345, "");
	CHECK_INT(oci_tar_member_size(&e), 1024);
}

TEST(tar_write, header_name_lengths_choose_ustar_or_pax)
{
	static const struct {
		size_t len, slash_a, slash_b;
		uint64_t bytes;
	} rows[] = {
		{ 99, 0, 0, 512 },     { 100, 0, 0, 512 },    { 101, 0, 0, 1536 },
		{ 101, 50, 0, 512 },   { 101, 1, 0, 512 },    { 255, 154, 0, 512 },
		{ 256, 155, 0, 512 },  { 257, 156, 0, 1536 }, { 256, 154, 0, 1536 },
		{ 256, 156, 0, 1536 }, { 300, 155, 0, 1536 }, { 255, 20, 0, 1536 },
		{ 200, 20, 120, 512 }, { 150, 10, 140, 512 }, { 2000, 100, 0, 3072 },
	};

	for (size_t i = 0; i < EB_ARRAY_LEN(rows); i++) {
		struct oci_tar_entry e = file_entry(
			name_of(rows[i].len, rows[i].slash_a, rows[i].slash_b));
		EB_AUTOBUF(b, 8192);

		header(&e, &b);
		CHECK_INT(b.len, rows[i].bytes);
		CHECK_INT(b.data[156], b.len == 512 ? '0' : 'x');
	}
}

TEST(tar_write, header_directory_slash_counts)
{
	struct oci_tar_entry e = { .path = name_of(99, 0, 0), .type = '5', .mode = 0755 };
	EB_AUTOBUF(b, 8192);

	header(&e, &b);
	CHECK_INT(b.len, 512);
	CHECK_INT(b.data[99], '/');
	e.path = name_of(100, 0, 0); /* the slash at the end is no place to split */
	header(&e, &b);
	CHECK_INT(b.len, 1536);
	CHECK_HAS(b.data + 512, "n/\n");
	e.path = "";
	header(&e, &b);
	CHECK_STR(b.data, "./");
}

TEST(tar_write, header_pax_block_is_canonical)
{
	static const struct oci_xattr xattrs[] = {
		{ "security.capability", "\1\0\0\2\0=\n", 7 },
		{ "user.a", "", 0 },
	};
	struct oci_tar_entry e = { .path = "usr/bin/ping",
				   .type = '0',
				   .mode = 04755,
				   .uid = 3000000,
				   .gid = 4000000,
				   .size = 8589934592,
				   .mtime_sec = -5,
				   .xattrs = xattrs,
				   .n_xattrs = 2 };
	static const char want[] = "44 SCHILY.xattr.security.capability=\1\0\0\2\0=\n\n"
				   "24 SCHILY.xattr.user.a=\n"
				   "15 gid=4000000\n12 mtime=-5\n19 size=8589934592\n"
				   "15 uid=3000000\n";
	EB_AUTOBUF(b, 8192);

	header(&e, &b);
	CHECK_STR(b.data, "PaxHeaders/ping");
	CHECK_INT(b.data[156], 'x');
	CHECK_STR(b.data + 136, "00000000000");
	CHECK_INT(memcmp(b.data + 512, want, sizeof(want)), 0);
	CHECK_STR(b.data + 1024, "usr/bin/ping");
	CHECK_STR(b.data + 1024 + 108, "0000000");
	CHECK_STR(b.data + 1024 + 124, "00000000000");
	CHECK_INT(oci_tar_member_size(&e), 1536 + 8589934592);
}

TEST(tar_write, header_pax_name_is_cut_and_has_mtime)
{
	struct oci_tar_entry e = file_entry(name_of(300, 0, 0));
	EB_AUTOBUF(b, 8192);

	e.mtime_sec = 8;
	header(&e, &b);
	CHECK_INT(strnlen(b.data, 101) > 100, 1);
	CHECK_INT(strncmp(b.data, "PaxHeaders/nnn", 14), 0);
	CHECK_STR(b.data + 136, "00000000010");
}

TEST(tar_write, header_record_length_counts_its_own_digits)
{
	EB_AUTOBUF(b, 16384);

	/* The record's length has one digit more than the length without itself, and not. */
	for (size_t n = 101; n < 1100; n++) {
		struct oci_tar_entry e = file_entry(name_of(n, 0, 0));
		unsigned long len;

		header(&e, &b);
		CHECK_INT(sscanf(b.data + 512, "%lu path=", &len), 1);
		CHECK_INT(b.data[512 + len - 1], '\n');
		CHECK_INT(b.data[512 + len - 2], 'n');
		CHECK(len % 512 == 0 || b.data[512 + len] == 0);
	}
}

TEST(tar_write, header_limits_of_ustar_numbers)
{
	struct oci_tar_entry e = file_entry("a");
	EB_AUTOBUF(b, 8192);

	e.uid = e.gid = 2097151;
	e.size = 8589934591;
	e.mtime_sec = 8589934591;
	header(&e, &b);
	CHECK_INT(b.len, 512);
	CHECK_STR(b.data + 124, "77777777777");
	e.uid++;
	header(&e, &b);
	CHECK_INT(b.len, 1536);
	e.uid = 0;
	e.mtime_sec++;
	header(&e, &b);
	CHECK_HAS(b.data + 512, "20 mtime=8589934592\n");
	e.mtime_sec = INT64_MIN;
	header(&e, &b);
	CHECK_HAS(b.data + 512, "30 mtime=-9223372036854775808\n");
}

TEST(tar_write, header_links_have_no_size)
{
	struct oci_tar_entry e = {
		.path = "l", .type = '1', .mode = 0644, .size = 77, .link = name_of(100, 50, 0)
	};
	EB_AUTOBUF(b, 8192);

	header(&e, &b);
	CHECK_INT(b.len, 512);
	CHECK_STR(b.data + 124, "00000000000");
	CHECK_INT(oci_tar_member_size(&e), 512);
	e.type = '2';
	e.link = name_of(101, 50, 0);
	header(&e, &b);
	CHECK_INT(b.len, 1536);
	CHECK_HAS(b.data + 512, "115 linkpath=nnn");
}

/* ---- what other programs read ---- */

static const struct oci_xattr peer_xattr = { "user.note", "caf\xc3\xa9", 5 };

static size_t peer_entries(struct oci_tar_entry *e)
{
	size_t n = 0;
	struct oci_tar_entry link = { .type = '2', .mode = 0777, .mtime_sec = 1 };

	e[n++] = (struct oci_tar_entry){ .path = "dir", .type = '5', .mode = 01777 };
	e[n++] = file_entry(name_of(99, 0, 0));
	e[n++] = file_entry(name_of(255, 154, 0));
	e[n++] = file_entry(name_of(256, 155, 0));
	e[n++] = file_entry(name_of(300, 155, 0));
	e[n++] = file_entry("gr\xc3\xbc\xc3\x9f"
			    "e/\xe6\x97\xa5");
	link.path = "link100";
	link.link = name_of(100, 0, 0);
	e[n++] = link;
	link.path = "link101";
	link.link = name_of(101, 0, 0);
	e[n++] = link;
	e[n] = file_entry("ids");
	e[n].uid = 3000000;
	e[n++].mtime_sec = -86400;
	e[n] = file_entry("xattr");
	e[n].xattrs = &peer_xattr;
	e[n++].n_xattrs = 1;
	link.path = "hard";
	link.link = "ids";
	link.type = '1';
	e[n++] = link;
	e[n] = file_entry("big");
	e[n++].size = 8589934592; /* a hole in the file */
	e[n] = file_entry("almost");
	e[n++].size = 8589934591;
	return n;
}

static const char *write_peer_tar(const struct oci_tar_entry *e, size_t n)
{
	const char *path = test_path("peer.tar");
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	uint64_t at = 0;

	CHECK(fd >= 0);
	for (size_t i = 0; i < n; i++) {
		EB_AUTOBUF(b, 8192);

		oci_tar_header(&e[i], &b);
		CHECK_INT(pwrite(fd, b.data, b.len, (off_t)at), b.len);
		at += oci_tar_member_size(&e[i]);
	}
	CHECK_INT(ftruncate(fd, (off_t)(at + OCI_TAR_END_BYTES)), 0);
	close(fd);
	return path;
}

/* stdout of a program, or a skipped test when it is not installed. */
static char *output_of(char *const argv[])
{
	EB_AUTOBUF(b, 1 << 20);
	int p[2], status;
	char tmp[4096];
	ssize_t got;
	pid_t pid;

	CHECK_INT(pipe(p), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(p[1], 1);
		setenv("TZ", "UTC", 1);
		setenv("LC_ALL", "C.UTF-8", 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(p[1]);
	while ((got = read(p[0], tmp, sizeof(tmp))) > 0)
		eb_buf_add(&b, tmp, (size_t)got);
	close(p[0]);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		test_skip("the program is not installed");
	CHECK_INT(status, 0);
	return eb_buf_take(&b);
}

static void check_listing(const char *program)
{
	struct oci_tar_entry e[16];
	size_t n = peer_entries(e);
	char *argv[] = { (char *)program, (char *)"-tf", (char *)write_peer_tar(e, n), NULL };
	autofree char *text = NULL;
	EB_AUTOBUF(want, 8192);

	for (size_t i = 0; i < n; i++)
		eb_buf_addf(&want, "%s%s\n", e[i].path, e[i].type == '5' ? "/" : "");
	text = output_of(argv);
	CHECK_STR(text, eb_buf_str(&want));
}

TEST(tar_write, gnu_tar_lists_the_same_names)
{
	char *const argv[] = { (char *)"tar", (char *)"--version", NULL };
	autofree char *version = output_of(argv);

	if (!strstr(version, "GNU"))
		test_skip("tar is not GNU tar");
	setenv("TAR_OPTIONS", "--quoting-style=literal", 1);
	check_listing("tar");
	unsetenv("TAR_OPTIONS");
}

TEST(tar_write, bsdtar_lists_the_same_names)
{
	char *const argv[] = { (char *)"bsdtar", (char *)"--version", NULL };
	autofree char *version = output_of(argv);

	CHECK(version != NULL);
	check_listing("bsdtar");
}

TEST(tar_write, python_tarfile_reads_the_same_values)
{
	static const char script[] =
		"import sys, tarfile\n"
		"for m in tarfile.open(sys.argv[1], 'r:'):\n"
		"    print(m.name, m.type.decode(), oct(m.mode)[2:], m.uid, m.gid, m.size,\n"
		"          int(m.mtime), m.linkname, m.pax_headers.get('SCHILY.xattr.user.note', "
		"''))\n";
	struct oci_tar_entry e[16];
	size_t n = peer_entries(e);
	char *argv[] = { (char *)"python3", (char *)"-c", (char *)script,
			 (char *)write_peer_tar(e, n), NULL };
	autofree char *text = output_of(argv);
	EB_AUTOBUF(want, 8192);

	for (size_t i = 0; i < n; i++)
		eb_buf_addf(&want, "%s %c %o %u %u %llu %lld %s %s\n", e[i].path, e[i].type,
			    e[i].mode, e[i].uid, e[i].gid, (unsigned long long)e[i].size,
			    (long long)e[i].mtime_sec, e[i].link ? e[i].link : "",
			    e[i].n_xattrs ? (const char *)e[i].xattrs->value : "");
	CHECK_STR(text, eb_buf_str(&want));
}
