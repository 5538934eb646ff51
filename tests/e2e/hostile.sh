#!/bin/bash
# hostile.sh: packages made to do harm (tools/hostile.py) are refused by lock and build with a message that
# names package, member and limit, in little memory; nothing half-written is left and the cache is sound.
# ONLY=REGEX picks some of them, BUILT=REGEX those that are built, too.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-repo.sh"
need zstd time setpriv
TRIES="--timeout 5 --tries 1 -q"
# What the largest one may take: a dictionary of 64 MiB, a list of members of 48 MiB and its copy.
PEAK_KIB=$((200 * 1024))
PEAK_FILE=$T/peak
# The largest resident set of what is run, which has 20 s.
WRAP=(/usr/bin/time -q -f %M -o "$PEAK_FILE" timeout 20)
BUILT=${BUILT:-^(name-up$|name-abs|through|twice|whiteout|hard-n|node-b|pax-huge|sparse-old|many-m|long-n|bomb-|dict|window|cut-xz|tar-no|control-(o|b)|ar-(magic|many))}
worst=0 worst_case=none

repo_start hostile "${ONLY:-}"
TMPDIR=/tmp "$TOOLS/mkrepo.py" "$T/harmless" harmless "${ONLY:-}" >"$OUT" 2>&1 || bail "the archive could not be made" "$OUT"
"$TOOLS/hostile.py" | awk -F "\t" -v only="^${ONLY:-}" "\$1 ~ only" >"$T/cases" || bail "no such case"

# hostile_recipe NAME: an image of this one package.
hostile_recipe() {
	recipe "i-$1" <<-END
		version: "1"
		architectures: [amd64]
		debian:
		  suites: [{archive: test, suite: demo}]
		  packages: [h-$1]
		codecs:
		  - {kind: zstd, package: libzstd1, library: libzstd.so.1}
	END
}

# refused NAME STATUS REGEX... -- COMMAND...: as told, within the memory, and in no more than 20 s.
refused() {
	local name=$1 want=$2 res=() re rc peak wrong=
	shift 2
	while [ "$1" != -- ]; do
		res+=("$1")
		shift
	done
	shift
	rm -f "$PEAK_FILE"
	"$@" >"$OUT" 2>&1 </dev/null && rc=0 || rc=$?
	[[ $rc =~ ^($want)$ ]] || wrong="exit status $rc, expected $want"
	for re in "${res[@]}"; do
		grep -qE -- "$re" "$OUT" || wrong="$wrong; not said: $re"
	done
	peak=$(tail -n 1 "$PEAK_FILE")
	if [ "${peak:-0}" -gt "$worst" ]; then
		worst=$peak worst_case=$name
	fi
	[ "${peak:-$PEAK_KIB}" -lt "$PEAK_KIB" ] || wrong="$wrong; $peak KiB of memory at the peak"
	! LC_ALL=C grep -q $'[\001-\010\013-\037\177]' "$OUT" || wrong="$wrong; control characters"
	[ "$(wc -c <"$OUT")" -lt 4000 ] || wrong="$wrong; a message of $(wc -c <"$OUT") bytes"
	if [ -z "$wrong" ]; then
		ok "$name"
		return 0
	fi
	cut -c1-300 "$OUT" >"$OUT.cut"
	echo "$wrong, of: $*" >>"$OUT.cut"
	not_ok "$name" "$OUT.cut"
	return 1
}

test_lock() { # NAME STATUS REGEX...
	local name=$1 recipe=$RECIPES/i-$1
	hostile_recipe "$name"
	refused "lock: $name" "$2" "h-$name" "${@:3}" -- ess "$T/cache" ok lock "$recipe"
	[ ! -e "$recipe/lock.yaml" ] || not_ok "lock: $name: no lock is written"
}

# The lock of the harmless one of the same name, with the size and hash of the hostile one and
# without results, so that all is made again.
test_build() { # NAME STATUS REGEX...
	local name=$1 recipe=$RECIPES/i-$1 deb size sha256
	deb=$REPO/test/pool/h-${name}_1_all.deb
	size=$(stat -c %s "$deb")
	sha256=$(sha256sum "$deb" | cut -d' ' -f1)
	REPO=$T/harmless PORT=$HARMLESS_PORT ess "$T/cache" ok lock "$recipe" >"$OUT" 2>&1 || {
		not_ok "build: $name: the harmless one is locked" "$OUT"
		return
	}
	sed -i -E "/name: h-$name,/s/size: [0-9]+, sha256: [0-9a-f]+/size: $size, sha256: $sha256/; /^results:/,\$d" "$recipe/lock.yaml"
	grep -q "$sha256" "$recipe/lock.yaml" || bail "the lock has another form" "$recipe/lock.yaml"
	refused "build: $name" "$2" "h-$name" "${@:3}" -- ess "$T/cache" ok image build -o "$T/out/x.tar" "$recipe"
	[ -z "$(ls -A "$T/out")" ] || not_ok "build: $name: nothing is left"
	rm -rf "$T/out"
	mkdir "$T/out"
}

start harmless "$TOOLS/faultd.py" "$T/harmless" "$T/harmless.port"
wait_for 10 test -s "$T/harmless.port" || bail "the server did not come up" "$T/harmless.log"
HARMLESS_PORT=$(cat "$T/harmless.port")
mkdir "$T/out"
while IFS=$'\t' read -r -a line; do
	test_lock "${line[@]}"
	[[ ! ${line[0]} =~ $BUILT ]] || test_build "${line[@]}"
done <"$T/cases"
note "$worst KiB at the peak, of $worst_case"

# --- what looks hostile and is only odd: links and names mean something inside the image alone ---
ODD=$T/odd
mkdir -p "$ODD"
odd_recipe() {
	hostile_recipe odd
	ess "$T/cache" ok lock "$RECIPES/i-odd" && ess "$T/cache" ok image build -o "$T/odd.tar" "$RECIPES/i-odd"
}
if [ -z "${ONLY:-}" ]; then
	check "a package with links above the root is taken" odd_recipe
	tar -C "$ODD" -xf "$T/odd.tar"
	for blob in "$ODD"/blobs/sha256/*; do
		zstd -q -d -c "$blob" 2>/dev/null | tar -tvf - 2>/dev/null
	done >"$T/odd.list"
	check_match "the link stays as it was" ' out -> \.\./\.\./\.\./\.\./etc$' cat "$T/odd.list"
	check_match "what goes through it lands inside the image" ' etc/through$' cat "$T/odd.list"
	check "and not on this machine" test ! -e /etc/through
fi
check "the cache is sound" cache_is_sound "$T/cache"
check "nothing but packages, locks and recipes is left" test -z "$(find "$T/cache" "$RECIPES" -name '*.tmp' -o -name '*.partial*')"

finish
