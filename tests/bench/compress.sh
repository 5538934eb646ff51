#!/bin/bash
# compress.sh [MIB]: how fast a layer is compressed, against the codec alone on the same bytes at the same level.
# Our time includes reading the files, writing the tar, hashing it twice, and writing the image; the codec alone
# reads one file and throws its output away. Both use all processors.
. "$(dirname "$0")/lib.sh"
SIZE_MIB=${1:-48} # all files of a recipe together may have 64
ours image build || { missing "compression of a layer" "no ess-bundle image build"; exit 0; }
have zstd || { missing "compression of a layer" "no zstd"; exit 0; }

# Real files: programs and libraries of this machine, as many as make up the size.
mkdir -p "$W/bench/files"
find /usr/lib /usr/bin -xdev -type f -size +16k -size -4M 2>/dev/null | LC_ALL=C sort |
	tr '\n' '\0' | xargs -0 cat 2>/dev/null | head -c "${SIZE_MIB}M" >"$W/bench/files/data" || :
split -b 16M "$W/bench/files/data" "$W/bench/files/part-"
rm "$W/bench/files/data"
{
	printf 'name: bench\nsummary: files to compress\nversion: "1"\narchitectures: [%s]\nfiles:\n' "$(dpkg --print-architecture)"
	for f in "$W"/bench/files/part-*; do
		printf '  - {path: /data/%s, source: files/%s}\n' "${f##*/}" "${f##*/}"
	done
} >"$W/bench/recipe.yaml"
"$ESS" lock "$W/bench" --offline >&2 || { missing "compression of a layer" "ess-bundle lock failed"; exit 0; }

level=$(sed -n 's/.*kind: zstd, level: \([0-9]*\),.*/\1/p' "$ROOT"/recipes/*/lock.yaml | head -n 1)
level=${level:-9}
timed "$W/t-ours" "rm -rf '$W/o.tar' '$ESS_BUNDLE_CACHE/derived'" \
	"'$ESS' image build '$W/bench' --offline --compress zstd --progress none -o '$W/o.tar'"
timed "$W/t-peer" : "cat '$W'/bench/files/part-* | zstd -q -$level -T0 -c >/dev/null"
mibs() { awk -v s="$1" -v n="$SIZE_MIB" 'BEGIN {printf "%.1f", n / s}'; }
row "compression of a layer of $SIZE_MIB MiB, level $level" "$(mibs "$(wall "$W/t-ours")")" "zstd -T0" "$(mibs "$(wall "$W/t-peer")")" MiB/s ">= 0.9"
row "the same, processor time" "$(cpu "$W/t-ours")" "zstd -T0" "$(cpu "$W/t-peer")" s ""
row "its size" "$(stat -c %s "$W/o.tar" | awk '{printf "%.1f", $1 / 1048576}')" "zstd -T0" \
	"$(cat "$W"/bench/files/part-* | zstd -q -"$level" -T0 -c | wc -c | awk '{printf "%.1f", $1 / 1048576}')" MiB ""
