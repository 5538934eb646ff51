#!/bin/sh
# usage: analyzer-findings.sh EXPLAINED LOG: prints the findings in LOG, of gcc -fanalyzer or of clang-tidy, that
# the list EXPLAINED does not have, and fails if there are any. Lines are left out of both, since they move.
set -eu
cd "$(dirname "$0")/.."
explained=$1 log=$2
root=$(pwd)
{
	grep -E 'warning:.*\[-Wanalyzer|(error|warning): .*-warnings-as-errors\]|error: .*\[clang-diagnostic' "$log" || :
} | sed -E -e "s|^$root/||" -e 's/:[0-9]+:[0-9]+: (warning|error): /: /' -e 's/ \[[^]]*\]//g' | sort -u >"$log.found"
grep -vE '^(#|$)' "$explained" | sort -u >"$log.explained" || :
if comm -13 "$log.found" "$log.explained" | grep . >"$log.idle"; then
	echo "explained, but not found by this version or on these files:"
	cat "$log.idle"
fi
if comm -23 "$log.found" "$log.explained" | grep . >"$log.new"; then
	echo "not explained in $explained; the lines are in $log:"
	cat "$log.new"
	exit 1
fi
