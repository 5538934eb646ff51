#!/bin/sh
# What the documents point to is there: links between files, paths of this tree, unit tests by their name
# ("verify.any_flipped_bit_is_refused", where test_verify.c exists).
set -eu
cd "$(dirname "$0")/../.."
bad=0
docs=$(find . -name '*.md' ! -path './out*' ! -path './.git/*' | sed 's,^\./,,' | sort)

missing() { # FILE WHAT
	line=$(grep -nF -e "$2" "$1" | head -n 1 | cut -d: -f1)
	echo "$1:${line:-1}: docs: there is no $2"
	bad=1
}
# Where a heading's link leads, as the usual renderers spell it.
anchors() {
	sed -n 's/^##* //p' "$1" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-'
}

for f in $docs; do
	dir=$(dirname "$f")
	for link in $(grep -o ']([^) ]*)' "$f" | sed 's/^](//; s/)$//' | grep -v '^[a-z]*:' | sort -u || :); do
		to=$dir/${link%%#*}
		[ -n "${link%%#*}" ] || to=$f
		if [ ! -e "$to" ]; then
			missing "$f" "$link"
		elif [ "$link" != "${link#*#}" ] && ! anchors "$to" | grep -qx -e "${link#*#}"; then
			missing "$f" "$link"
		fi
	done
	# Not patterns and placeholders, nor what a build makes.
	for path in $(grep -oE '`(builder|bundles|oci|recipes|tests)/[A-Za-z0-9_./-]+`' "$f" | tr -d '`' | grep -vE '/[A-Z]+(/|$)|_x\.' | sort -u || :); do
		[ -e "$path" ] || missing "$f" "$path"
	done
	for name in $(grep -oE '`[a-z_0-9]+\.[a-z0-9]+(_[a-z0-9]+)+`' "$f" | tr -d '`' | sort -u || :); do
		suite=${name%%.*} test=${name#*.}
		t=tests/unit/test_$suite.c
		[ ! -e "$t" ] || grep -q "^TEST($suite, $test)" "$t" || missing "$f" "$name"
	done
done
exit $bad
