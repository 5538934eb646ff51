#!/bin/sh
# usage: analyzer-findings.sh LOG: prints the findings of gcc -fanalyzer in LOG that
# tests/analyzer-explained.txt does not explain, and fails if there are any.
set -eu
cd "$(dirname "$0")/.."
grep -E 'warning:.*\[-Wanalyzer' "$1" | sed -E 's/:[0-9]+:[0-9]+: warning: /: /; s/ \[CWE.*//' | sort -u >"$1.found" || :
grep -vE '^(#|$)' tests/analyzer-explained.txt | sort -u >"$1.explained" || :
bad=0
if comm -23 "$1.found" "$1.explained" | grep .; then
	echo "not explained in tests/analyzer-explained.txt; lines are in $1"
	bad=1
fi
if comm -13 "$1.found" "$1.explained" | grep .; then
	echo "explained, but not found any more (another compiler's words?)"
fi
exit $bad
