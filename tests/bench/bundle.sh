#!/bin/bash
# bundle.sh [BUNDLE DEFINITION]: what is done with a whole bundle: building it again, verifying, looking, room on disk.
. "$(dirname "$0")/lib.sh"
DEFINITION=${1:-$ROOT/bundles/quickstart}
ours build || { missing "a bundle" "no ess-bundle build"; exit 0; }
export COSIGN_PASSWORD=''
(cd "$W" && "$ESS" keygen -o "$W/key" >/dev/null)
build() { "$ESS" build "$DEFINITION" --key "$W/key.key" --progress none -o "$1" "${@:2}" >&2; }
build "$W/b.tar" || { missing "a bundle" "ess-bundle build failed"; exit 0; }
MIB=$(stat -c %s "$W/b.tar" | awk '{printf "%.0f", $1 / 1048576}')
say "bundle of $MIB MiB"

# --- no-op rebuild: nothing changed, so nothing may be written ---
before=$(stat -c '%i %Y %Z' "$W/b.tar")
timed "$W/t" : "'$ESS' build '$DEFINITION' --key '$W/key.key' --offline --progress none -o '$W/b.tar'"
row "rebuild of a bundle in which nothing changed" "$(wall "$W/t")" - - s "< 0.1 s"
if [ "$(stat -c '%i %Y %Z' "$W/b.tar")" = "$before" ]; then written=0; else written=1; fi
row "files written by it" $written - - "" "< 1"

# --- verify against hashing the same bytes ---
if have openssl; then
	timed "$W/t" : "'$ESS' verify '$W/b.tar' --key '$W/key.pub'"
	timed "$W/t-peer" : "openssl dgst -sha256 '$W/b.tar'"
	row "verify a bundle of $MIB MiB, processor time" "$(cpu "$W/t")" "openssl dgst -sha256" "$(cpu "$W/t-peer")" s "<= 1.1"
	row "verify a bundle of $MIB MiB, wall clock" "$(wall "$W/t")" "openssl dgst -sha256" "$(wall "$W/t-peer")" s "<= 1.1"
fi

# --- room on disk: a build with a TMPDIR of 1 MiB, and an output folder with room for the output alone ---
# (Unsigned, as two signatures of the same thing differ.)
"$ESS" build "$DEFINITION" --offline --progress none -o "$W/b.tar" >&2
room=$(($(stat -c %s "$W/b.tar") + 65536))
constrained() {
	mount -t tmpfs -o size=1m tmpfs "$W/tmp" && mount -t tmpfs -o "size=$room" tmpfs "$W/out" || return 1
	TMPDIR=$W/tmp "$ESS" build "$DEFINITION" --offline --progress none -o "$W/out/b.tar" >/dev/null
	cmp "$W/out/b.tar" "$W/b.tar"
	echo "$(($(find "$W/out" "$W/tmp" -type f -printf '%s\n' | awk '{n += $1} END {print n + 0}') - $(stat -c %s "$W/b.tar")))" >"$W/extra"
}
mkdir "$W/tmp" "$W/out"
if [ "$(id -u)" = 0 ]; then
	rm -rf "$ESS_BUNDLE_CACHE/derived"
	export -f constrained
	export ESS W room DEFINITION
	if unshare --mount bash -euc constrained >&2; then
		row "bytes on disk beside the output, TMPDIR of 1 MiB" "$(cat "$W/extra")" - - bytes "< 1"
	else
		row "bytes on disk beside the output, TMPDIR of 1 MiB (the build failed)" 999999999 - - bytes "< 1"
	fi
fi
