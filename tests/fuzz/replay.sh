#!/bin/sh
# usage: replay.sh DIR [NAME]: run every fuzz program of DIR over its corpus, count inputs.
set -u
cd "$(dirname "$0")/../.." || exit 1
programs=$1
passed=0 failed=0
for source in tests/fuzz/fuzz_*.c; do
	name=${source#tests/fuzz/fuzz_}
	name=${name%.c}
	[ "$name" != main ] || continue
	[ -z "${2:-}" ] || [ "$2" = "$name" ] || continue
	corpus=tests/fuzz/corpus/$name
	if [ ! -d "$corpus" ]; then
		echo "FAIL $name: no corpus in $corpus"
		failed=$((failed + 1))
		continue
	fi
	if n=$("$programs/$name" "$corpus" 2>/dev/null); then
		echo "ok $name: $n inputs"
		passed=$((passed + n))
	else
		echo "FAIL $name, at the last input named:"
		failed=$((failed + 1))
		"$programs/$name" -v "$corpus" 2>&1 | tail -n 60
	fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
