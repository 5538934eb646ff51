#!/bin/sh
# usage: coverage-summary.sh DIR: lines run per source, the least covered first, by gcov alone.
set -eu
cd "$(dirname "$0")/.."
find "$1/obj/oci" "$1/obj/builder" -name '*.gcda' -exec gcov --no-output {} + 2>/dev/null |
	awk -F "'" '
	/^File/ { file = $2 }
	/^Lines executed:/ && file ~ /^(oci|builder)\/.*\.c$/ {
		split($0, p, "[:%]")
		n = $0
		sub(/.* of /, "", n)
		if (!(file in lines) || p[2] > percent[file]) { percent[file] = p[2]; lines[file] = n }
		file = ""
	}
	END {
		for (f in lines) { printf "%6.2f%% of %5d  %s\n", percent[f], lines[f], f; run += percent[f] * lines[f] / 100; all += lines[f] }
		if (all) printf "%6.2f%% of %5d  in all\n", run * 100 / all, all
	}' | sort -n
