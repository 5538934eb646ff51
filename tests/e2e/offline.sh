#!/bin/bash
# offline.sh: with --offline no command opens a socket of any kind, nor does one that finds all it needs in
# --sources; watched by strace, in a network namespace without even a loopback where one can be had.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-repo.sh"
need strace
strace -f -qq -o /dev/null true 2>"$OUT" || skip_all "strace is not allowed to watch here"
ALONE=()
unshare -n true 2>/dev/null && ALONE=(unshare -n)
[ "${#ALONE[@]}" != 0 ] || note "no network namespace of one's own: strace alone watches"
TRACE=$T/trace
STATE=$T/state
export COSIGN_PASSWORD=

repo_start
usual_recipes
check "the recipes are locked" ess "$T/cache" ok lock "$T/bundle" || bail "no locks" "$OUT"
"$ESS" keygen -o "$T/key" >"$OUT" 2>&1 || bail "no key" "$OUT"
DIGEST=$(ess "$T/cache" ok build -q --key "$T/key.key" -o "$T/good.tar" "$T/bundle" 2>"$OUT" | tail -n 1)
[ -n "$DIGEST" ] || bail "no bundle" "$OUT"
stop faultd

# fresh [cached]: recipes with their locks, and an empty cache or a full one.
fresh() {
	rm -rf "$STATE"
	mkdir -p "$STATE/cache"
	cp -a "$RECIPES" "$T/bundle" "$STATE/"
	[ "${1:-}" != cached ] || cp -a "$T/cache/." "$STATE/cache/"
}
# watched COMMAND...: its status, its standard output; what it does with sockets in $TRACE.
watched() {
	ESS_BUNDLE_CACHE=$STATE/cache strace -f -qq -e trace=%network -e signal=none -o "$TRACE" "${ALONE[@]}" "$ESS" "$@" 2>"$T/said"
}
no_socket() { # NAME
	if [ -s "$TRACE" ]; then
		not_ok "$1: no socket is opened" "$TRACE"
	else
		ok "$1: no socket is opened"
	fi
}
works() { # NAME COMMAND...: and its last line is the digest.
	local name=$1
	shift
	check_equal "$name" "$DIGEST" "$(watched "$@" | tail -n 1)" || tap_comment <"$T/said"
	no_socket "$name"
}
lock_works() { # NAME COMMAND...
	local name=$1 recipe
	shift
	check "$name" watched "$@" || tap_comment <"$T/said"
	no_socket "$name"
	for recipe in plain app; do
		check "$name: the lock of $recipe is the same" cmp "$RECIPES/$recipe/lock.yaml" "$STATE/recipes/$recipe/lock.yaml"
	done
}

# The test itself: a command that asks a mirror has to be seen.
fresh
watched build -q --no-snapshot --tries 1 --mirror http://127.0.0.1:9/ok -o "$STATE/x.tar" "$STATE/bundle" >"$OUT"
check "a command that may ask a mirror is seen to" grep -q 'socket(AF_INET' "$TRACE"

fresh
rm "$STATE"/recipes/*/lock.yaml
lock_works "lock --offline with --sources" lock -q --offline --keyring "$REPO/keyring.gpg" --sources "$REPO" "$STATE/bundle"
works "build --offline from what lock left in the cache" build -q --offline -o "$STATE/x.tar" "$STATE/bundle"
fresh
lock_works "lock --offline --update with --sources" lock -q --offline --update --keyring "$REPO/keyring.gpg" --sources "$REPO" \
	"$STATE/bundle"
fresh
works "build --offline with --sources" build -q --offline --sources "$REPO" -o "$STATE/x.tar" "$STATE/bundle"
works "the same again" build -q --offline --sources "$REPO" -o "$STATE/x.tar" "$STATE/bundle"
fresh
works "build with --sources that hold all" build -q --no-snapshot --sources "$REPO" -o "$STATE/x.tar" "$STATE/bundle"
fresh cached
works "build --offline from the cache" build -q --offline -o "$STATE/x.tar" "$STATE/bundle"
works "rebuild --compare --offline" rebuild -q --compare --offline "$T/good.tar"
for command in "verify --key $T/key.pub $T/good.tar" "inspect --packages $T/good.tar" "diff --files $T/good.tar $STATE/x.tar" \
	"unpack --key $T/key.pub -o $STATE/layout $T/good.tar" "sign --key $T/key.key $STATE/x.tar" "cache list" "cache verify" \
	"keygen -o $STATE/key"; do
	# shellcheck disable=SC2086 # several words
	check "${command%% *}" watched $command || tap_comment <"$T/said"
	no_socket "${command%% *}"
done

# --- what is not there ---
fresh
rm "$STATE"/recipes/*/lock.yaml
missing() { watched lock -q --offline --keyring "$REPO/keyring.gpg" "$STATE/bundle"; }
check_rc "lock --offline without sources has status 4" 4 missing
check "and names what is missing" grep -q "InRelease of test/demo" "$T/said"
no_socket "lock --offline without sources"
fresh
missing() { watched build -q --offline -o "$STATE/x.tar" "$STATE/bundle"; }
check_rc "build --offline with an empty cache has status 4" 4 missing
check "and names the package" grep -Eq "package (core|base-data|libzstd1) " "$T/said"
check "and what to do" grep -q "hint: .*--sources" "$T/said"
no_socket "build --offline with an empty cache"
finish
