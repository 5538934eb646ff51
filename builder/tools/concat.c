#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/error.h"
#include "base/secret.h"
#include "tools/tool.h"

enum { OPT_TARGET, MAX_BYTES = 64 * 1024 * 1024 };

static int append(int fd, const struct eb_buf *b, const char *target, struct eb_error **err)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(fd, b->data + at, b->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return eb_throw_errno(err, "write '%s'", target);
		at += (size_t)n;
	}
	return 0;
}

static int run(const struct tool_args *a, struct eb_error **err)
{
	const char *target = a->values[OPT_TARGET];
	autofd int fd = open(target, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	int r = 0;

	if (fd < 0)
		return eb_throw_errno(err, "open '%s'", target);
	for (size_t i = 0; a->operands[i] && r >= 0; i++) {
		EB_CLEANUP(eb_buf_wipe_p) struct eb_buf b = { .cap = MAX_BYTES };

		r = eb_file_read(a->operands[i], &b, err);
		if (r >= 0)
			r = append(fd, &b, target, err);
	}
	return r < 0 ? r : 0;
}

const struct tool tool_concat = {
	.name = "concat",
	.summary = "append files to one",
	.operands = "FILE...",
	.options = { [OPT_TARGET] = { "target", "FILE", "where to; made with mode 0644", true } },
	.run = run,
};
