#include <fcntl.h>
#include <malloc.h>
#include <signal.h>

#include "cli/cmd.h"

/* A descriptor of ours must never become 0, 1 or 2: what is meant for the user would go into it. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR); /* not O_CLOEXEC: children need them too */
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv)
{
	fill_standard_descriptors();
	/* Dictionaries and blocks go back to the system when freed, whatever was freed before them:
	 * without this glibc raises the bound by itself and keeps them. Saves an eighth of the
	 * peak. */
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	/* A reader that left is an error code of write(), not a death between two of them. */
	signal(SIGPIPE, SIG_IGN);
	/* The same for a file that may not grow any more: EFBIG says so, with the file's name. */
	signal(SIGXFSZ, SIG_IGN);
	return cmd_main(argc, argv);
}
