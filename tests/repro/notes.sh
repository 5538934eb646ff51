#!/bin/bash
# notes.sh: the cache notes what layers came out as, so that they need not be measured again. A note that is wrong,
# or was made with another compression library, costs time; it never gets into a lock and never stays in the way.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/lib-repro.sh"
need python3 dpkg-deb
[ -x "$ESS" ] || bail "no '$ESS'; run make"
IN=$T/in
USERS=$(cache_dir)
export ESS_BUNDLE_CACHE=$T/cache
"$ROOT/tests/repro/tools/mkinput.py" golden "$IN" || bail "cannot make the packages"

build() { "$ESS" build --progress=none --offline --sources "$IN" -o "$1" "$IN"; }
lock() { "$ESS" lock --progress=none --offline --sources "$IN" "$IN/recipes/lower"; }
sum() { sha256sum "$1" | cut -d' ' -f1; }
# Every note says something else, with a checksum that is right.
spoil() {
	python3 - "$ESS_BUNDLE_CACHE"/derived/stage-*/* <<-'PY'
		import hashlib, json, sys
		for path in sys.argv[1:]:
		    layers = json.loads(open(path, 'rb').read().split(b'\n', 1)[1])
		    for layer in layers:
		        layer['digest'] = 'sha256:' + hashlib.sha256(layer['digest'].encode()).hexdigest()
		    text = json.dumps(layers, sort_keys=True, separators=(',', ':')).encode()
		    open(path, 'wb').write(b'sha256:' + hashlib.sha256(text).hexdigest().encode() + b'\n' + text)
	PY
}

# --- building ---
check "a bundle builds" build "$T/1.tar" || bail "nothing to compare with" "$OUT"
spoil
check_rc "with notes that are wrong it does not come out as noted" 3 build "$T/2.tar"
cp "$OUT" "$T/refused"
check_match "the message says what to do" 'hint: .*run the same command again' cat "$T/refused"
check "nothing is left of it" test ! -e "$T/2.tar"
check "after that it builds" build "$T/2.tar"
check "the same bytes" cmp "$T/1.tar" "$T/2.tar"

# --- locking ---
cp "$IN/recipes/lower/lock.yaml" "$T/lock.yaml"
check "a lock gets its results" lock
check_match "they are in it" '^results:' cat "$IN/recipes/lower/lock.yaml"
mv "$IN/recipes/lower/lock.yaml" "$T/locked.yaml"
cp "$T/lock.yaml" "$IN/recipes/lower/lock.yaml"
spoil
check "with wrong notes, too" lock
check "it is the same lock" cmp "$T/locked.yaml" "$IN/recipes/lower/lock.yaml"
cp "$T/lock.yaml" "$IN/recipes/lower/lock.yaml"

# --- another library on the same machine, as after an upgrade ---
other_library() {
	local sha256
	sha256=$(grep -h 'kind: zstd' "$ROOT/recipes/base/lock.yaml" | grep "arch: $(dpkg --print-architecture)" | sed 's/.*sha256: \([0-9a-f]*\).*/\1/')
	[ -e "$USERS/sources/sha256/$sha256" ] || return
	dpkg-deb -x "$USERS/sources/sha256/$sha256" "$T/library" && dirname "$(find "$T/library" -name 'libzstd.so.1')"
}
rm -r "$ESS_BUNDLE_CACHE/derived"
if OTHER=$(other_library) && [ -n "$OTHER" ]; then
	check "with the system's library it builds" build "$T/3.tar"
	check "with another that has taken its place, too" env LD_LIBRARY_PATH="$OTHER" "$ESS" build --progress=none --offline --sources "$IN" -o "$T/4.tar" "$IN"
	rm -r "$ESS_BUNDLE_CACHE/derived"
	check "and without notes" env LD_LIBRARY_PATH="$OTHER" "$ESS" build --progress=none --offline --sources "$IN" -o "$T/5.tar" "$IN"
	check "the same" cmp "$T/4.tar" "$T/5.tar"
	check "with the first again" build "$T/6.tar"
	check "the same as before" cmp "$T/3.tar" "$T/6.tar"
else
	skip "another library" "the locked one is not in the cache '$USERS'; build the quickstart"
fi
finish
