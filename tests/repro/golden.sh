#!/bin/bash
# golden.sh: a bundle of packages that the test itself makes comes out as it did on the day the format was settled.
#
# tests/golden/bundle.txt has what no compression library has a say in (diffIDs, configurations), which always
# must be the same, and for each version of a library that was seen so far the digest of the root and the SHA-256
# of the file. For another version the line to add is shown, and only that one comparison is left out.
#
# If this fails because the format was changed on purpose: raise KEY_FORMAT in builder/engine/image/key.c,
# so that nobody's cache tells of the old one, lock the recipes again, and put the new lines into the file.
. "$(dirname "$0")/../e2e/lib.sh"
need python3
TOOLS=$ROOT/tests/repro/tools
GOLDEN=$ROOT/tests/golden/bundle.txt
[ -x "$ESS" ] || bail "no '$ESS'; run make"
unset SOURCE_DATE_EPOCH

"$TOOLS/mkinput.py" golden "$T/in" || bail "cannot make the packages"
check_equal "the packages are the same" "$(sed -n 's/^packages //p' "$GOLDEN")" \
	"$(cd "$T/in/pool" && sha256sum -- * | sha256sum | cut -d' ' -f1)"
golden() { # HOW
	local how=$1 version root known new
	version=$("$TOOLS/codec-version.py" "$how") || { skip "$how layers" "no library for $how here"; return; }
	check "with $how layers it builds" env ESS_BUNDLE_CACHE="$T/cache-$how" "$ESS" build --progress=none --offline --sources "$T/in" \
		--compress "$how" -o "$T/$how.tar" "$T/in" || return
	root=$(grep '^sha256:' "$OUT" | tail -n 1)
	"$TOOLS/facts.py" "$T/$how.tar" >"$T/$how.facts"
	check "and has the same contents" diff <(grep -E '^(layer|config) ' "$GOLDEN") "$T/$how.facts"
	new="$how $version root $root bundle $(sha256sum "$T/$how.tar" | cut -d' ' -f1)"
	known=$(grep -F "$how $version " "$GOLDEN")
	if [ -n "$known" ]; then
		check_equal "and $how $version makes the same bytes of them" "$known" "$new"
	else
		skip "and $how $version makes the same bytes of them" "never seen; add to tests/golden/bundle.txt: $new"
	fi
}
golden zstd
golden gzip
finish
