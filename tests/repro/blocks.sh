#!/bin/bash
# blocks.sh: one file more, less or changed in the middle of a layer leaves all of its blocks as they were but
# the one that holds it and at most two others. Seen from outside: in the compressed bytes of whole bundles.
. "$(dirname "$0")/../e2e/lib.sh"
need python3
TOOLS=$ROOT/tests/repro/tools
[ -x "$ESS" ] || bail "no '$ESS'; run make"

blocks() { # COMPRESSION CHANGE...: into $T/blocks
	"$TOOLS/mkinput.py" bulk "$T/in" "${@:2}" &&
		ESS_BUNDLE_CACHE=$T/in/cache "$ESS" build --progress=none --offline --sources "$T/in" --compress "$1" -o "$T/in/out.tar" "$T/in" &&
		"$TOOLS/blocks.py" "$T/in/out.tar" >"$T/blocks"
	local rc=$?
	rm -rf "$T/in"
	return "$rc"
}
# How many blocks of the file $1 are not in the file $2.
others() { grep -cvxFf "$2" "$1"; }
few() { # MOST
	local new gone
	new=$(others "$T/blocks" "$T/$how.before") gone=$(others "$T/$how.before" "$T/blocks")
	echo "of $(wc -l <"$T/$how.before") blocks $gone are gone, $new are new, expected 1 to $1"
	[ "$gone" -ge 1 ] && [ "$gone" -le "$1" ] && [ "$new" -ge 1 ] && [ "$new" -le "$1" ]
}
compare() { # BLOCKS OF ITS OWN, CHANGE, PLACE
	check "$how: $2 file $3 of 600: it builds" blocks "$how" "${@:2}" || return
	check "$how: $2 file $3 of 600: few blocks differ" few $(($1 + 2)) && note "$(cat "$OUT")"
}
for how in zstd gzip; do
	check "$how: the layer has its blocks" blocks "$how" || bail "nothing to compare with" "$OUT"
	mv "$T/blocks" "$T/$how.before"
	note "$(wc -l <"$T/$how.before") blocks, $(cut -d' ' -f2 "$T/$how.before" | xargs) bytes"
	check "$how: they are many enough to show anything" test "$(wc -l <"$T/$how.before")" -ge 10
	compare 1 insert 300
done
how=zstd
# Elsewhere: before, behind and between the large files, at both ends.
for place in 0 59 61 150 271 400 599; do
	compare 1 insert "$place"
done
compare 1 change 120
compare 1 remove 265
# The large ones have two blocks to themselves.
compare 2 insert-large 250
compare 2 change 470
compare 2 remove 330
finish
