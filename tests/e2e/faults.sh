#!/bin/bash
# faults.sh: what goes wrong with mirrors, disks and files is told in words that help, with the exit status
# that scripts rely on; nothing half-written stays, and the next good run gives the same bytes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-repo.sh"
TRIES="--timeout 1 --tries 2 -q"
STATE=$T/state
SMALL=(unshare -m)
[ "$(id -u)" = 0 ] || SMALL=(unshare -rm)

# refused NAME STATUS REGEX... -- COMMAND...: it ends with this status, and each regex is found in what it says.
refused() {
	local name=$1 want=$2 res=() re rc wrong=
	shift 2
	while [ "$1" != -- ]; do
		res+=("$1")
		shift
	done
	shift
	"$@" >"$OUT" 2>&1 </dev/null && rc=0 || rc=$?
	[ "$rc" = "$want" ] || wrong="exit status $rc, expected $want"
	for re in "${res[@]}"; do
		grep -qE -- "$re" "$OUT" || wrong="$wrong; not said: $re"
	done
	if [ -z "$wrong" ]; then
		ok "$name"
		return 0
	fi
	echo "$wrong, of: $*" >>"$OUT"
	not_ok "$name" "$OUT"
	return 1
}
# A new state for each case: a copy of the recipes and an empty folder for the output.
fresh() {
	rm -rf "$STATE"
	mkdir -p "$STATE/out" "$STATE/cache"
	cp -a "$RECIPES" "$T/bundle" "$STATE/"
	[ "${1:-}" != cached ] || cp -a "$T/cache/." "$STATE/cache/"
}
build() { # RULE
	ess "$STATE/cache" "$1" build -o "$STATE/out/x.tar" "$STATE/bundle"
}
# After a failure: nothing under the output's name or beside it, a sound cache, and then it works.
nothing_left() { [ -z "$(ls -A "$STATE/out")" ] && cache_is_sound "$STATE/cache"; }
works_again() { # NAME
	check "$1: nothing half-written is left" nothing_left
	check_equal "$1: the next run gives the same bundle" "$DIGEST" "$(build ok 2>"$OUT" | tail -n 1)"
}
locks_are_the_same() {
	local name
	for name in plain app; do
		cmp "$RECIPES/$name/lock.yaml" "$STATE/recipes/$name/lock.yaml" || return 1
	done
}

repo_start
usual_recipes
check "the recipes are locked" ess "$T/cache" ok lock "$T/bundle" || bail "no locks" "$OUT"
DIGEST=$(ess "$T/cache" ok build -o "$T/good.tar" "$T/bundle" 2>"$OUT" | tail -n 1)
check_match "a bundle is built" '^sha256:' echo "$DIGEST" || bail "no bundle" "$OUT"

# --- mirrors ---
test_mirror() { # WHAT RULE STATUS REGEX...
	local what=$1 rule=$2 status=$3
	shift 3
	fresh
	refused "a mirror with $what" "$status" 'package core 1 \((amd64|arm64)\)' '127\.0\.0\.1' '  hint: ' "$@" -- build "$rule"
	works_again "a mirror with $what"
}
test_mirror "a cut package" cut~core_1_amd64 3 'expected 402[0-9]{3} bytes, found 201[0-9]{3}' 'hint: .*--mirror'
test_mirror "an altered package" alter~core_1_amd64 3 'expected sha256:[0-9a-f]{64}, found sha256:[0-9a-f]{64}' 'hint: .*--mirror'
test_mirror "too long a package" grow~core_1_amd64 3 'expected at most 402[0-9]{3}' 'hint: .*--mirror'
test_mirror "a web page for a package" html~core_1_amd64 3 'expected 402[0-9]{3} bytes, found 44' 'web page'
test_mirror "a package that stalls" stall~core_1_amd64 6 'attempt 2 of 2' 'no byte for 1 s' '201[0-9]{3} of 402[0-9]{3} bytes'
test_mirror "no answer" silent~core_1_amd64 6 'no byte for 1 s'
test_mirror "status 500" status~core_1_amd64~500 6 'attempt 2 of 2: HTTP 500'
test_mirror "no such package" status~core_1_amd64~404 4 'HTTP 404' 'hint: .*--mirror'
test_mirror "status 403" status~core_1_amd64~403 5 'HTTP 403'
test_mirror "a redirect loop" loop~core_1_amd64 6 'more than 5 redirects'
test_mirror "broken connections" drop-all~core_1_amd64~10000 6 '20000 of 402[0-9]{3} bytes' 'hint: .*is kept'

test_recovery() { # WHAT RULE
	fresh
	check_equal "$1 does no harm" "$DIGEST" "$(build "$2" 2>"$OUT" | tail -n 1)"
}
test_recovery "one broken connection" drop~core_1_amd64~100000~once
check_match "it goes on at the byte it had" 'drop~core_1_amd64~100000~once/.*core_1_amd64.deb bytes=100000-' cat "$T/requests"
test_recovery "one broken connection to a server without ranges" norange~core_1_amd64~100000~once
test_recovery "one 503 with Retry-After" retry~core_1_amd64~~once
test_recovery "a mirror with altered packages before a good one" alter~.deb,ok
test_recovery "a failing mirror before a good one" status~.deb~500,ok
fresh
build drop-all~core_1_amd64~10000 >"$OUT" 2>&1
build ok >"$OUT" 2>&1
check_match "the next run goes on where the last one stopped" '/ok/.*core_1_amd64.deb bytes=20000-' cat "$T/requests"

# --- archives ---
relock() { # RULE OPTION...
	local rule=$1
	shift
	ess "$STATE/cache" "$rule" lock --update "$@" "$STATE/bundle"
}
test_archive() { # WHAT RULE STATUS REGEX...
	local what=$1 rule=$2 status=$3
	shift 3
	fresh
	refused "an archive $what" "$status" 'of test/demo' "$@" -- relock "$rule"
	check "an archive $what: the locks stay as they are" locks_are_the_same
	check "an archive $what: nothing false is in the cache" cache_is_sound "$STATE/cache"
}
test_archive "that is not signed" as~InRelease~.unsigned 3 'not signed' 'expected .-----BEGIN PGP SIGNED MESSAGE-----' 'hint: '
test_archive "signed by another key" as~InRelease~.other-key 3 'unknown, expired or revoked' 'hint: .*--keyring'
test_archive "with an altered InRelease" alter~InRelease 3 'InRelease'
test_archive "with a cut InRelease" cut~InRelease 3 'InRelease'
test_archive "with a web page for InRelease" html~InRelease 3 'not signed' 'found .*<!DOCTYPE html>' 'hint: '
test_archive "that is expired" as~InRelease~.expired 3 'expired at 20[-0-9T:]+Z, now is 20' 'hint: '
test_archive "older than what the lock saw" as~InRelease~.older 3 'is of 20.*, but the lock has seen one of 20' 'hint: .*--mirror'
test_archive "of another suite" as~InRelease~.other-suite 3 "suite 'another'.*; expected 'demo'" 'hint: '
test_archive "without a date" as~InRelease~.no-date 1 'no Date'
test_archive "with another Packages than listed" as~InRelease~.packages 3 'Packages' 'expected sha256:0{64}, found sha256:[0-9a-f]{64}'
test_archive "with altered Packages" alter~Packages 3 'Packages' 'expected sha256:'
test_archive "with cut Packages" cut~Packages 3 'Packages' 'expected [0-9]+ bytes, found [0-9]+'
test_archive "with status 500 for InRelease" status~InRelease~500 6 'HTTP 500' 'hint: '
test_archive "without InRelease" status~InRelease~404 4 'HTTP 404' 'hint: '
test_archive "whose InRelease stalls" stall~InRelease 6 'no byte for 1 s' 'hint: '
fresh
check "a good archive is asked after a bad one" relock as~InRelease~.older,as~InRelease~.other-key,ok
check "and gives the same locks" locks_are_the_same
fresh
refused "the machine's own keyring does not know the archive's key" 3 'InRelease of test/demo' 'hint: .*--keyring' -- \
	env ESS_BUNDLE_CACHE="$STATE/cache" "$ESS" lock -u --mirror "http://127.0.0.1:$PORT/ok" --no-snapshot \
	--keyring "$REPO/other.gpg" "$STATE/bundle"
refused "there is no such keyring" 4 "keyring '.*/nowhere.gpg'" 'No such file' -- \
	env ESS_BUNDLE_CACHE="$STATE/cache" "$ESS" lock -u --mirror "http://127.0.0.1:$PORT/ok" --no-snapshot \
	--keyring "$T/nowhere.gpg" "$STATE/bundle"
mkdir "$T/no-programs"
# shellcheck disable=SC2123 # for the programs that it looks for
without_gpgv() { (PATH=$T/no-programs && relock ok); }
refused "without gpgv nothing is locked" 4 'gpgv' 'hint: .*install' -- without_gpgv
refused "nobody listens" 6 '127\.0\.0\.1' 'hint: ' -- env ESS_BUNDLE_CACHE="$STATE/empty" "$ESS" build --mirror http://127.0.0.1:1 \
	--no-snapshot --tries 1 -o "$STATE/out/x.tar" "$STATE/bundle"
refused "offline with an empty cache" 4 'package .* is not in the cache .*7 missing' '--offline' 'hint: .*without --offline' -- \
	ess "$STATE/cache2" ok build --offline -o "$STATE/out/x.tar" "$STATE/bundle"

# --- files of the cache ---
one_source() { # PATTERN: its file in the cache
	echo "$STATE/cache/sources/sha256/$(sed -n "s/.*size: [0-9]*, sha256: \([0-9a-f]*\), path: pool\/$1.*/\1/p" \
		"$STATE"/recipes/*/lock.yaml | head -n 1)"
}
alter() { python3 -c '
import os, sys
for path in sys.argv[1:]:
    os.chmod(path, 0o644)
    with open(path, "r+b") as f:
        n = os.path.getsize(path)
        f.seek(n // 2)
        b = f.read(1)
        f.seek(n // 2)
        f.write(bytes([b[0] ^ 1]))' "$@"; }
test_damage() { # WHAT HOW
	local file
	fresh cached
	rm -rf "$STATE/cache/derived/stage-1"
	file=$(one_source core_1_amd64)
	"$2" "$file"
	refused "a cached package that was $1" 3 'package core 1 \(amd64\)' "cache file '.*/sources/sha256/[0-9a-f]{64}' is damaged" \
		'expected .*, found ' 'hint: .*again' -- build ok
	works_again "a cached package that was $1"
}
test_damage altered alter
fresh cached
chmod u+w "$(one_source core_1_amd64)"
truncate -s -1000 "$(one_source core_1_amd64)"
check_equal "a cached package that was cut is fetched again" "$DIGEST" "$(build ok 2>"$OUT" | tail -n 1)"
check "and is whole then" cache_is_sound "$STATE/cache"
fresh cached
find "$STATE/cache/derived" -type f -exec chmod u+w {} +
# shellcheck disable=SC2046 # names without spaces
alter $(find "$STATE/cache/derived" -type f)
check_equal "damaged derived files are made anew" "$DIGEST" "$(build ok 2>"$OUT" | tail -n 1)"
check "and do not change what is locked" relock ok
check "which is the same" locks_are_the_same
fresh cached
find "$STATE/cache/derived" -type f -exec truncate -s 10 {} +
check_equal "cut derived files are made anew" "$DIGEST" "$(build ok 2>"$OUT" | tail -n 1)"
fresh cached
mkdir -p "$STATE/cache/partial"
head -c 100000 /dev/urandom >"$STATE/cache/partial/$(basename "$(one_source core_1_amd64)")"
rm "$(one_source core_1_amd64)"
check_equal "a partial download that is rubbish is started anew" "$DIGEST" "$(build ok 2>"$OUT" | tail -n 1)"

# --- locks ---
test_lock() { # WHAT STATUS SED-SCRIPT REGEX...
	local what=$1 status=$2 script=$3
	shift 3
	fresh cached
	sed -i "$script" "$STATE/recipes/app/lock.yaml"
	refused "a lock $what" "$status" 'app' "$@" -- build ok
	check "a lock $what: nothing is written" nothing_left
}
test_lock "that is cut" 1 '8,$d; 7s/.\{60\}$//' 'recipes/app/lock\.yaml:[0-9]+:[0-9]+: '
test_lock "that is empty" 1 'd' 'recipes/app/lock\.yaml'
test_lock "with an unknown word" 1 's/^format: 1/format: 1\nhurry: yes/' 'lock\.yaml:[0-9]+:[0-9]+: .*hurry'
test_lock "of a later format" 1 's/^format: 1/format: 99/' 'lock\.yaml:[0-9]+:[0-9]+: ' '99'
test_lock "with a bad digest" 1 '0,/sha256: [0-9a-f]*/s/sha256: [0-9a-f]*/sha256: 123/' 'lock\.yaml:[0-9]+:[0-9]+: ' "'?123"
test_lock "with a path that climbs" 1 '0,/path: pool/s//path: ..\/..\/pool/' 'lock\.yaml:[0-9]+:[0-9]+: ' '\.\./\.\./pool'
test_lock "for another recipe" 9 's/^recipe: app/recipe: other/' "lock\.yaml is the lock of 'other', expected 'app'"
test_lock "that does not answer its recipe" 9 's/^inputs: ./inputs: 0/; s/^inputs: 00/inputs: 01/' 'hint: .*ess-bundle lock'
test_lock "with another manifest than the build's" 9 's/manifest: sha256:......../manifest: sha256:00000000/' \
	"image 'app' .*manifest comes out as sha256:[0-9a-f]{64}, .*expects sha256:00000000" 'hint: .*ess-bundle lock'
test_lock "with another configuration than the build's" 9 's/config: sha256:......../config: sha256:00000000/' \
	"image 'app' .*configuration comes out as sha256:" 'hint: .*ess-bundle lock'
test_lock "with another layer than its manifest" 9 's/ digest: sha256:......../ digest: sha256:00000000/' 'hint: .*ess-bundle lock'
fresh cached
sed -i 's|/usr/bin/app|/usr/bin/start|' "$STATE/recipes/app/recipe.yaml"
refused "a recipe whose entrypoint was changed since" 9 'configuration comes out as' 'hint: .*ess-bundle lock' -- build ok
fresh cached
rm "$STATE/recipes/app/lock.yaml"
refused "no lock" 4 "recipes/app/lock\.yaml" 'hint: .*ess-bundle lock' -- build ok

# --- where the output goes ---
fresh cached
refused "the output's folder is missing" 4 "no/such/x\.tar" 'No such file or directory' -- \
	ess "$STATE/cache" ok build -o "$STATE/no/such/x.tar" "$STATE/bundle"
fresh
refused "the output is looked at before anything is fetched" 4 "no/such/x\.tar" -- \
	ess "$STATE/cache" status~.deb~500 build -o "$STATE/no/such/x.tar" "$STATE/bundle"
refused "and that it is no device" 9 "'/dev/null' is a device, pipe or socket" 'hint: ' -- \
	ess "$STATE/cache" status~.deb~500 build -o /dev/null "$STATE/bundle"
mkdir "$STATE/out/x.tar"
refused "the output is a folder" 1 "out/x\.tar'?" '[Dd]irectory' -- build ok
rmdir "$STATE/out/x.tar"
works_again "the output was a folder"
echo precious >"$STATE/out/x.tar"
rm -rf "$STATE/cache"
build cut~core_1_amd64 >"$OUT" 2>&1
check_equal "a failing build leaves an older output alone" precious "$(cat "$STATE/out/x.tar")"

# as_nobody COMMAND...: as somebody for whom permissions count
if [ "$(id -u)" = 0 ]; then
	as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"; }
else
	as_nobody() { "$@"; }
fi
if as_nobody "$ESS" version >/dev/null 2>&1 && chmod 755 "$T"; then
	fresh cached
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$STATE"
	nobody_builds() { as_nobody env ESS_BUNDLE_CACHE="$STATE/cache" "$ESS" build -q --no-snapshot -o "$STATE/out/x.tar" "$STATE/bundle"; }
	chmod 555 "$STATE/out"
	refused "the output's folder may not be written to" 5 'out/x\.tar' 'Permission denied' -- nobody_builds
	chmod 755 "$STATE/out"
	chmod 500 "$STATE/cache"
	refused "the cache may not be written to" 5 "cache '.*/cache' cannot be written to: Permission denied" 'hint: .*ESS_BUNDLE_CACHE' -- nobody_builds
	chmod 700 "$STATE/cache"
	chmod 000 "$STATE/recipes/app/lock.yaml"
	refused "the lock may not be read" 5 'app/lock\.yaml.*Permission denied' -- nobody_builds
	chmod 644 "$STATE/recipes/app/lock.yaml"
	check "and then it works" nobody_builds
	if [ "$(id -u)" = 0 ]; then
		chown 0:0 "$STATE/cache"
		chmod 755 "$STATE/cache"
		refused "the cache belongs to somebody else" 5 "cache '.*' belongs to uid 0, this is uid 65534" 'hint: .*ESS_BUNDLE_CACHE' -- nobody_builds
	fi
else
	skip "permissions of the output and the cache" "nobody cannot run the program here"
fi
fresh
echo file >"$STATE/notdir"
refused "the cache is a file" 1 "cache '.*/notdir'" 'hint: .*ESS_BUNDLE_CACHE' -- \
	ess "$STATE/notdir" ok build -o "$STATE/out/x.tar" "$STATE/bundle"
refused "the cache is below a file" 1 "cache '.*/notdir/below'" 'hint: .*ESS_BUNDLE_CACHE' -- \
	ess "$STATE/notdir/below" ok build -o "$STATE/out/x.tar" "$STATE/bundle"

# --- no space ---
# small_fs SIZE FOLDER COMMAND...: FOLDER has so much room; then it gets more and `build ok` is tried.
small_fs() {
	export -f ess build
	export T ESS STATE PORT TRIES REPO
	# shellcheck disable=SC2016 # for the inner shell
	"${SMALL[@]}" bash -c '
		size=$1 folder=$2
		shift 2
		mount -t tmpfs -o "size=$size,mode=700" none "$folder" || exit 99
		"$@"
		rc=$?
		echo "left: $(find "$STATE/out" -mindepth 1 | tr "\n" " ")"
		mount -o remount,size=64M "$folder" || exit 99
		[ "$rc" = 0 ] || echo "then: $(build ok 2>&1 | tail -n 1)"
		exit "$rc"' small "$@"
}
if "${SMALL[@]}" mount -t tmpfs none /mnt 2>/dev/null; then
	for size in 4k 64k 1M 2M 2600k; do
		fresh cached
		refused "$size for the output" 7 'out/x\.tar' 'No space left' '[0-9]+ bytes' 'hint: ' 'left: $' "then: $DIGEST" -- \
			small_fs "$size" "$STATE/out" build ok
	done
	for size in 4k 16k 256k 512k 1M 2M; do
		fresh
		refused "$size for the cache" 7 "cache|state/cache" 'No space left' 'hint: .*ESS_BUNDLE_CACHE' 'left: $' "then: $DIGEST" -- \
			small_fs "$size" "$STATE/cache" build ok
	done
	for size in 4k 16k 256k 1M; do
		fresh
		refused "$size for the cache of lock" 7 'No space left' 'hint: .*ESS_BUNDLE_CACHE' "then: $DIGEST" -- \
			small_fs "$size" "$STATE/cache" ess "$STATE/cache" ok lock --update "$STATE/bundle"
		check "$size for the cache of lock: the locks stay as they are" locks_are_the_same
	done
	test_readonly() { # shellcheck disable=SC2016
		"${SMALL[@]}" bash -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 99; shift; "$@"' ro "$@"
	}
	export -f ess build
	fresh cached
	refused "a read-only cache" 1 "cache '.*' cannot be written to: Read-only" 'hint: .*ESS_BUNDLE_CACHE' -- \
		test_readonly "$STATE/cache" bash -c 'build ok'
	refused "a read-only output" 1 'out/x\.tar' 'Read-only' -- test_readonly "$STATE/out" bash -c 'build ok'
else
	skip "no space left" "no tmpfs can be mounted here"
fi
finish
