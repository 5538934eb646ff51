#!/bin/bash
# memory.sh [GIB]: the largest resident set of each verb on a bundle of 4 GiB that does not compress.
. "$(dirname "$0")/lib.sh"
GIB=${1:-4}
ours build || { missing "peak memory" "no ess-bundle build"; exit 0; }
export COSIGN_PASSWORD=''
ARCH=$(dpkg --print-architecture)
avail=$(df --output=avail -B1G "$DIR" | tail -n 1)
[ "$avail" -gt $((GIB * 3 + 1)) ] || { missing "peak memory" "needs $((GIB * 3 + 1)) GiB of disk in $DIR"; exit 0; }

# Two images, one with half of the bytes in one file, the other in files of 1 MiB; random, from a fixed seed.
random() { openssl enc -aes-128-ctr -K "$(printf '%032x' "$1")" -iv 00000000000000000000000000000000 -in /dev/zero 2>/dev/null | head -c "$2" || :; }
mkdir -p "$W"/{large,many,bundle}
random 1 $((GIB << 29)) >"$W/large/data"
random 2 $((GIB << 29)) | split -a 4 -b 1M - "$W/many/part-"
for r in large many; do
	printf 'name: %s\nsummary: bytes that do not compress\nversion: "1"\narchitectures: [%s]\nfiles:\n' $r "$ARCH" >"$W/$r/recipe.yaml"
	for f in "$W/$r"/*; do
		[ "${f##*/}" = recipe.yaml ] || printf '  - {path: /data/%s, source: %s}\n' "${f##*/}" "${f##*/}" >>"$W/$r/recipe.yaml"
	done
	"$ESS" lock "$W/$r" --offline >&2 || { missing "peak memory" "ess-bundle lock failed"; exit 0; }
done
printf 'name: big\nversion: "1"\nregistry: bench.internal\nimages:\n  - {recipe: ../large}\n  - {recipe: ../many}\n' >"$W/bundle/bundle.yaml"
"$ESS" keygen -o "$W/key" >/dev/null

verb() { # NAME COMMAND...
	local name=$1 kib
	shift
	"$ESS" "$1" --help >/dev/null 2>&1 || { missing "peak memory of $name, $GIB GiB" "no such verb"; return 0; }
	kib=$(peak "$ESS" "$@") || { missing "peak memory of $name, $GIB GiB" "failed"; return 0; }
	row "peak memory of $name, bundle of $GIB GiB" "$(awk -v k="$kib" 'BEGIN {printf "%.1f", k / 1024}')" - - MiB "< 64 MiB"
}
verb build build "$W/bundle" --key "$W/key.key" --offline --progress none -o "$W/big.tar"
rm -rf "$W/large/data" "$W"/many/part-*
verb verify verify "$W/big.tar" --key "$W/key.pub"
verb inspect inspect "$W/big.tar" --json
verb sign sign "$W/big.tar" --key "$W/key.key"
verb diff diff "$W/big.tar" "$W/big.tar"
verb unpack unpack "$W/big.tar" -o "$W/unpacked"
