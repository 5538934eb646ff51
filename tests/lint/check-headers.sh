#!/bin/sh
# Every header compiles alone, with the include paths of its folder.
set -eu
cd "$(dirname "$0")/../.."
cflags=$(pkg-config --cflags libarchive libcrypto jansson libcurl yaml-0.1 libsolv 2>/dev/null || :)
bad=0
for h in $(find oci builder tests -name '*.h' ! -name compat.h | sort); do
	case $h in
	oci/*) inc='-Ioci' ;;
	builder/engine/*) inc='-Ioci -Ibuilder/engine' ;;
	builder/cli/* | builder/tools/*) inc='-Ioci -Ibuilder/engine -Ibuilder' ;;
	*) inc='-Ioci -Ibuilder/engine -Ibuilder -Itests/unit' ;;
	esac
	if [ "$(sed -n '/^#pragma once$/p' "$h" | wc -l)" != 1 ]; then
		echo "$h:1: headers: no '#pragma once'"
		bad=1
	fi
	# shellcheck disable=SC2086 # lists of flags
	if ! "${CC:-gcc}" -std=gnu17 -fsyntax-only -Wall -Wextra -Werror -Wno-unused-function -DEB_CLI=1 \
		-include oci/base/compat.h $inc $cflags -x c -include "$h" /dev/null; then
		echo "$h:1: headers: does not compile alone"
		bad=1
	fi
done
exit $bad
