/* Replays inputs through a fuzz target without libFuzzer: fuzz_x FILE|DIRECTORY... A directory
 * gives all files below it in sorted order. The empty input is always tried too. Prints how many
 * inputs ran; with -v each one's name before it runs, to see which one a crash belongs to. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT = 64 << 20 };

static char **paths;
static size_t n_paths;

static int collect(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (flag != FTW_F)
		return 0;
	paths = reallocarray(paths, n_paths + 1, sizeof(*paths));
	if (!paths)
		abort();
	paths[n_paths++] = eb_xstrdup(path);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool replay(const char *path)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	autofree uint8_t *data = NULL;
	struct stat st;
	size_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > MAX_INPUT) {
		fprintf(stderr, "%s: cannot be read or is too large\n", path);
		return false;
	}
	/* Exactly as large as the input, so that a read past its end is seen. */
	data = eb_xmalloc((size_t)st.st_size + (st.st_size == 0));
	while (n < (size_t)st.st_size) {
		ssize_t k = read(fd, data + n, (size_t)st.st_size - n);

		if (k <= 0) {
			fprintf(stderr, "%s: cannot be read\n", path);
			return false;
		}
		n += (size_t)k;
	}
	LLVMFuzzerTestOneInput(data, n);
	return true;
}

int main(int argc, char **argv)
{
	bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	size_t failed = 0;

	for (int i = verbose ? 2 : 1; i < argc; i++) {
		if (nftw(argv[i], collect, 16, FTW_PHYS) < 0) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
			return 2;
		}
	}
	if (n_paths)
		qsort(paths, n_paths, sizeof(*paths), by_name);
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (size_t i = 0; i < n_paths; i++) {
		if (verbose)
			fprintf(stderr, "%s\n", paths[i]);
		failed += !replay(paths[i]);
		free(paths[i]);
	}
	free(paths);
	printf("%zu\n", n_paths + 1 - failed);
	return failed ? 1 : 0;
}
