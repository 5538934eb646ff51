#!/bin/sh
# A file has at most 900 lines, a function at most 100 lines and a complexity of 20. No exceptions.
set -eu
cd "$(dirname "$0")/../.."
bad=0

files=$(find oci builder tests -name '*.[ch]' | sort)
# shellcheck disable=SC2086 # a list of files
wc -l $files | awk '$2 != "total" && $1 > 900 { printf "%s:901: size: %d lines, at most 900: split it by concept\n", $2, $1; bad = 1 } END { exit bad }' || bad=1

# pmccabe: modified complexity (a switch counts once), traditional, statements, first line, lines, place.
# shellcheck disable=SC2086
pmccabe $files 2>/dev/null | awk -F '\t' '
{
	place = $6
	sub(/\([0-9]+\)/, ":" $4, place)
	name = place
	sub(/^[^ ]* /, "", name)
	sub(/:? .*/, "", place)
	if ($5 > 100) { printf "%s: size: %s has %d lines, at most 100\n", place, name, $5; bad = 1 }
	if ($1 > 20) { printf "%s: complexity: %s has %d, at most 20\n", place, name, $1; bad = 1 }
}
END { exit bad }' || bad=1
exit $bad
