#include "bundle/files.h"

#include "mkbundle.h"
#include "tar_build.h"
#include "testlib.h"

struct fixture {
	struct mkb *m;
	struct bnd_bundle b;
	struct bnd_layers l;
	struct bnd_paths *files;
};

static void put(struct eb_buf *b, char type, const char *path, const char *link, uint32_t mode)
{
	struct oci_tar_entry e = {
		.path = path, .type = type, .mode = mode, .link = link, .mtime_sec = 1000
	};

	tb_member(b, &e, NULL);
}

static int load(struct fixture *f, struct eb_error **e)
{
	mkb_platform(f->m, "amd64", NULL);
	mkb_image(f->m, "h/x:1");
	mkb_write(f->m, test_path("b.tar"));
	mkb_free(f->m);
	CHECK_OK(bnd_open(test_path("b.tar"), &f->b, e), *e);
	CHECK_OK(bnd_layers_open(&f->b, &f->b.images[0].platforms[0], &f->l, e), *e);
	return bnd_files_load(&f->l, &f->files, e);
}

static void release(struct fixture *f)
{
	bnd_paths_free(f->files);
	bnd_layers_release(&f->l);
	bnd_close(&f->b);
}

static char type_of(const struct fixture *f, const char *path)
{
	const struct bnd_file *x = bnd_paths_find(f->files, path);

	return x && x->type ? x->type : '-';
}

TEST(files, load_applies_whiteouts_as_unpacking_does)
{
	EB_AUTOBUF(lower, 1 << 20);
	EB_AUTOBUF(upper, 1 << 20);
	struct fixture f = { .m = mkb_new() };
	struct eb_error *e = NULL;

	tb_file(&lower, "a", "1");
	tb_file(&lower, "dir/one", "1");
	tb_file(&lower, "dir-not/one", "1");
	put(&lower, '5', "was-dir", NULL, 0755);
	tb_file(&lower, "was-dir/x", "1");
	put(&lower, '5', "opaque", NULL, 0700);
	tb_file(&lower, "opaque/old", "1");
	mkb_layer(f.m, &lower, NULL, EB_CODEC_NONE);
	tb_file(&upper, ".wh.a", "");
	tb_file(&upper, ".wh.dir", "");
	tb_file(&upper, "opaque/new", "2");
	tb_file(&upper, "opaque/.wh..wh..opq", "");
	tb_file(&upper, "was-dir", "2");
	mkb_layer(f.m, &upper, NULL, EB_CODEC_ZSTD);
	CHECK_OK(load(&f, &e), e);
	CHECK_INT(type_of(&f, "a"), '-');
	CHECK_INT(type_of(&f, "dir/one"), '-');
	CHECK_INT(type_of(&f, "dir-not/one"), '0');
	CHECK_INT(type_of(&f, "opaque"), '5');
	CHECK_INT(type_of(&f, "opaque/old"), '-');
	CHECK_INT(type_of(&f, "opaque/new"), '0');
	CHECK_INT(type_of(&f, "was-dir"), '0');
	CHECK_INT(type_of(&f, "was-dir/x"), '-');
	CHECK_INT(((struct bnd_file *)bnd_paths_find(f.files, "opaque/new"))->layer, 1);
	release(&f);
}

TEST(files, load_gives_hard_links_the_content_of_their_file)
{
	EB_AUTOBUF(tar, 1 << 20);
	struct fixture f = { .m = mkb_new() };
	struct eb_error *e = NULL;
	const struct bnd_file *a, *b;
	char hex[65], want[65];

	tb_file(&tar, "a", "content");
	put(&tar, '1', "b", "a", 0600);
	mkb_layer(f.m, &tar, NULL, EB_CODEC_GZIP);
	CHECK_OK(load(&f, &e), e);
	a = bnd_paths_find(f.files, "a");
	b = bnd_paths_find(f.files, "b");
	eb_hex(a->content, 32, hex);
	eb_sha256_hex("content", 7, want);
	CHECK_STR(hex, want);
	CHECK_INT(a->n_blocks, 1);
	CHECK_INT(b->size, 7);
	CHECK_INT(bnd_file_changes(a, b), BND_FILE_TYPE);
	release(&f);
}

TEST(files, load_refuses_hard_link_to_nothing)
{
	EB_AUTOBUF(tar, 1 << 20);
	struct fixture f = { .m = mkb_new() };
	struct eb_error *e = NULL;

	put(&tar, '1', "b", "missing", 0600);
	mkb_layer(f.m, &tar, "things", EB_CODEC_NONE);
	CHECK_FAIL(load(&f, &e), EB_E_FORMAT, "layer 0 (things): hard link to 'missing'", e);
	release(&f);
}

TEST(files, changes_tells_each_attribute_apart)
{
	const struct bnd_file a = { .type = '2', .link = "x" };
	struct bnd_file b;

	CHECK_INT(bnd_file_changes(&a, &a), 0);
	b = a, b.type = '0', b.link = NULL;
	CHECK_INT(bnd_file_changes(&a, &b), BND_FILE_TYPE);
	b = a, b.size = 1;
	CHECK_INT(bnd_file_changes(&a, &b), BND_FILE_CONTENT);
	b = a, b.content[31] = 1;
	CHECK_INT(bnd_file_changes(&a, &b), BND_FILE_CONTENT);
	b = a, b.mode = 1;
	CHECK_INT(bnd_file_changes(&a, &b), BND_FILE_MODE);
	b = a, b.gid = 1;
	CHECK_INT(bnd_file_changes(&a, &b), BND_FILE_OWNER);
	b = a, b.link = "y";
	CHECK_INT(bnd_file_changes(&a, &b), BND_FILE_LINK);
	b = a, b.xattrs[0] = 1;
	CHECK_INT(bnd_file_changes(&a, &b), BND_FILE_XATTRS);
	b = a, b.mtime_sec = -1;
	CHECK_INT(bnd_file_changes(&a, &b), BND_FILE_MTIME);
}
