#!/bin/sh
# Every library source has its unit tests in tests/unit/test_<file>.c; lock_parse.c and lock_diff.c may share
# test_lock.c; else tests/lint/covered-by.txt says which test covers it and why.
set -eu
cd "$(dirname "$0")/../.."
bad=0
list=tests/lint/covered-by.txt

for c in $(find oci builder/engine -name '*.c' | sort); do
	t=tests/unit/test_$(basename "$c")
	[ ! -e "$t" ] && [ ! -e "${t%_*}.c" ] || continue
	by=$(awk -v c="$c" '!/^#/ && $1 == c { print $2 }' "$list")
	if [ -z "$by" ]; then
		echo "$c:1: tests: neither $t nor a line in $list"
		bad=1
	elif [ ! -e "$by" ]; then
		echo "$list:1: tests: $c is said to be covered by $by, which does not exist"
		bad=1
	fi
done
listed=$(awk '!/^#/ && NF { print $1 }' "$list")
for c in $listed; do
	if [ ! -e "$c" ]; then
		echo "$list:1: tests: $c does not exist"
		bad=1
	elif [ -e "tests/unit/test_$(basename "$c")" ]; then
		echo "$list:1: tests: $c has unit tests of its own: drop the line"
		bad=1
	fi
done
exit $bad
