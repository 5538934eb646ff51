#include <fcntl.h>
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
	/* A reader that left is an error code of write(), not a death between two of them. */
	signal(SIGPIPE, SIG_IGN);
	return cmd_main(argc, argv);
}
