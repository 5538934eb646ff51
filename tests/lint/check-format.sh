#!/bin/sh
# clang-format over the whole tree. Its versions disagree in small things, so version 14 decides; exit status
# 77 says that another one is installed.
set -eu
cd "$(dirname "$0")/../.."
for f in clang-format-14 clang-format; do
	if command -v $f >/dev/null && $f --version | grep -q 'version 14\.'; then
		find oci builder tests -name '*.[ch]' -print0 | sort -z | xargs -0 $f --dry-run -Werror 2>&1 |
			grep -E 'error:' | sed 's/ error: code should be clang-formatted.*/ format: run make format/' |
			grep . && exit 1
		exit 0
	fi
done
echo "clang-format 14 is not installed"
exit 77
