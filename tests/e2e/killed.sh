#!/bin/bash
# killed.sh: kill -9 at any moment of lock, fetching, build and sign leaves nothing that is trusted wrongly and
# nothing half-written, and the next run gives what an undisturbed one gives.
#
# Half of the kills come at a random time, half as the program enters a call that changes files (strace puts
# the signal there). KILLS is how many runs are started to be killed (100, in CI 40); SEED chooses the moments.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-repo.sh"
need timeout
KILLS=${KILLS:-$([ -n "${CI:-}" ] && echo 40 || echo 100)}
SEED=${SEED:-$RANDOM}
TRIES="--timeout 5 --tries 4 -q"
export COSIGN_PASSWORD=
STATE=$T/state
CALLS=(linkat renameat renameat2 fsync fdatasync ftruncate fallocate pwrite64 mkdirat unlinkat fchmod flock write)

repo_start
usual_recipes
check "the recipes are locked" ess "$T/cache" ok lock "$T/bundle" || bail "no locks" "$OUT"
build_to() { # CACHE RULE FILE
	ess "$1" "$2" build -o "$3" "$STATE/bundle"
}
STATE=$T build_to "$T/cache" ok "$T/good.tar" >"$T/digest" 2>"$OUT" || bail "no bundle" "$OUT"
DIGEST=$(tail -n 1 "$T/digest")
for key in key other; do
	check "a key is made" "$ESS" keygen -o "$T/$key" || bail "no key" "$OUT"
done
mkdir "$T/before"
tar -C "$T/before" -xf "$T/good.tar" || bail "tar cannot read the bundle"
SLOW=slow~.deb~4000000

# --- what is killed ---
# reset_KIND [old]: the state before; run_KIND: the command; left_KIND: is what a kill left good?
# again_KIND: the next run, which must give the right result.
reset_lock() {
	rm -rf "$STATE"
	mkdir -p "$STATE"
	cp -a "$RECIPES" "$T/bundle" "$STATE/"
	[ "${1:-}" = old ] || rm "$STATE"/recipes/*/lock.yaml
}
run_lock() { ess "$STATE/cache" "$SLOW" lock --update "$STATE/bundle"; }
left_lock() {
	local name
	for name in plain app; do
		[ ! -e "$STATE/recipes/$name/lock.yaml" ] || cmp "$RECIPES/$name/lock.yaml" "$STATE/recipes/$name/lock.yaml" || return 1
	done
}
again_lock() { ess "$STATE/cache" ok lock --update "$STATE/bundle" && diff -r "$RECIPES" "$STATE/recipes"; }

reset_fetch() {
	rm -rf "$STATE"
	mkdir -p "$STATE/out"
	cp -a "$RECIPES" "$T/bundle" "$STATE/"
	[ "${1:-}" != old ] || echo older >"$STATE/out/x.tar"
}
run_fetch() { build_to "$STATE/cache" "$SLOW" "$STATE/out/x.tar"; }
# Nothing, the older one, or the whole new one.
left_fetch() {
	[ ! -e "$STATE/out/x.tar" ] || [ "$(head -c 6 "$STATE/out/x.tar")" = older ] || cmp "$T/good.tar" "$STATE/out/x.tar"
}
again_fetch() {
	[ "$(build_to "$STATE/cache" ok "$STATE/out/x.tar" | tail -n 1)" = "$DIGEST" ] && cmp "$T/good.tar" "$STATE/out/x.tar" &&
		[ "$(ls -A "$STATE/out")" = x.tar ]
}

reset_build() {
	reset_fetch "$@"
	cp -a "$T/cache" "$STATE/cache"
	rm -rf "$STATE/cache/derived"
}
run_build() { build_to "$STATE/cache" ok "$STATE/out/x.tar"; }
left_build() { left_fetch; }
again_build() { again_fetch; }

reset_sign() {
	reset_fetch
	cp "$T/good.tar" "$STATE/out/x.tar"
	mkdir "$STATE/cache"
	[ "${1:-}" != old ] || "$ESS" sign -q --key "$T/other.key" "$STATE/out/x.tar" >/dev/null
}
run_sign() { "${WRAP[@]}" "$ESS" sign -q --key "$T/key.key" "$STATE/out/x.tar"; }
# Signed or not, every byte that is there is right, and a signature that was there is still good. Or half a
# signature is there: that is refused and the way out named, and nothing that was there before has changed.
left_sign() {
	if "$ESS" verify -q --digests-only "$STATE/out/x.tar" >"$T/verify.log" 2>&1; then
		[ -z "$old" ] || "$ESS" verify -q --key "$T/other.pub" "$STATE/out/x.tar"
		return
	fi
	rm -rf "$T/left"
	mkdir "$T/left"
	cat "$T/verify.log"
	tar -C "$T/left" -xf "$STATE/out/x.tar" 2>/dev/null
	diff -r "$T/before/blobs" "$T/left/blobs" >"$T/diff"
	grep -q "hint: .*'ess-bundle sign'" "$T/verify.log" && ! grep -v '^Only in [^ ]*/left/' "$T/diff"
}
again_sign() {
	run_sign && "$ESS" verify --key "$T/key.pub" "$STATE/out/x.tar" && tar -tf "$STATE/out/x.tar" &&
		"$ESS" inspect --json "$STATE/out/x.tar" | grep -q "\"$DIGEST\"" && { [ -z "$old" ] || "$ESS" verify --key "$T/other.pub" "$STATE/out/x.tar"; } &&
		[ "$(ls -A "$STATE/out")" = x.tar ]
}

# --- how it is killed ---
timed() { # COMMAND...: how many microseconds it takes
	local begin=$EPOCHREALTIME
	"$@" >"$OUT" 2>&1 </dev/null || return 1
	echo $((${EPOCHREALTIME/./} - ${begin/./}))
}
random() { # BELOW
	echo $(((RANDOM << 15 | RANDOM) % $1))
}
# The wrapper of the next run: kill -9 somewhere in TIME microseconds.
in_time() { # TIME
	local us
	us=$(random "$1")
	WRAP=(timeout -s KILL "$((us / 1000000)).$(printf %06d $((us % 1000000)))")
	how="after $us us"
}
# Or as it enters the Nth of one kind of call, of as many as an undisturbed run makes.
in_call() { # FILE of "calls name"
	local calls name nth
	read -r calls name < <(sed -n "$(($(random "$(wc -l <"$1")") + 1))p" "$1")
	nth=$(($(random "$calls") + 1))
	WRAP=(strace -f -qq -o /dev/null -e "trace=$name" -e "inject=$name:signal=KILL:when=$nth")
	how="in $name number $nth"
}
count_calls() { # KIND FILE
	local list
	list=$(IFS=,; echo "${CALLS[*]}")
	"reset_$1"
	WRAP=(strace -f -qq -o "$T/trace" -e "trace=$list" -e signal=none)
	"run_$1" >"$OUT" 2>&1 </dev/null
	WRAP=(env)
	# Per thread, as strace counts: the most that one thread makes.
	sed -nE 's/^([0-9]+) +([a-z0-9_]+)\(.*/\1 \2/p' "$T/trace" | sort | uniq -c |
		awk '{ if ($1 > most[$3]) most[$3] = $1 } END { for (n in most) print most[n], n }' | sort >"$2"
}

# The signal may find gpgv, which makes the same calls: then the program has to say so and to end by itself.
child_was_killed() { # LOG
	grep -q ': gpgv ended by signal 9$' "$1"
}
# What a process that was killed may leave in the cache: its own temporary files, no more.
clean_enough() { # KIND
	cache_is_sound "$STATE/cache" && "left_$1"
}
one() { # KIND NUMBER
	local kind=$1 old='' rc how
	[ $(($2 % 4)) -lt 2 ] || old=old
	"reset_$kind" $old
	if [ $(($2 % 2)) = 0 ] || [ ! -s "$T/calls.$kind" ]; then
		in_time "$TIME"
	else
		in_call "$T/calls.$kind"
	fi
	"run_$kind" >"$T/killed.log" 2>&1 </dev/null && rc=0 || rc=$?
	WRAP=(env)
	[ "$rc" != 137 ] || killed=$((killed + 1))
	if [ "$rc" != 137 ] && [ "$rc" != 0 ] && ! child_was_killed "$T/killed.log"; then
		{
			echo "$kind $how: ended with status $rc:"
			cat "$T/killed.log"
		} >>"$T/bad"
	elif ! clean_enough "$kind" >"$OUT" 2>&1; then
		{
			echo "$kind $how: what is left is not right:"
			cat "$OUT"
		} >>"$T/bad"
	elif ! "again_$kind" >"$OUT" 2>&1 </dev/null; then
		{
			echo "$kind $how: the next run does not come out right:"
			cat "$OUT"
		} >>"$T/bad"
	elif [ -n "$(find "$STATE/cache/partial" -type f 2>/dev/null)" ] || ! cache_is_sound "$STATE/cache" >"$OUT"; then
		{
			echo "$kind $how: the cache after the next run:"
			ls -lA "$STATE/cache/partial"
		} >>"$T/bad"
	fi
	find "$STATE" -name '*.tmp' >>"$T/left-over"
}
many() { # KIND HOW-MANY
	local i
	killed=0
	: >"$T/bad"
	: >"$T/left-over"
	"reset_$1"
	TIME=$(timed "run_$1") || {
		not_ok "$1: an undisturbed run" "$OUT"
		return
	}
	! command -v strace >/dev/null || count_calls "$1" "$T/calls.$1"
	for ((i = 0; i < $2; i++)); do
		one "$1" "$i"
	done
	if [ -s "$T/bad" ]; then
		not_ok "$1: $killed of $2 runs killed, SEED=$SEED" "$T/bad"
	else
		ok "$1: $killed of $2 runs killed, SEED=$SEED, nothing wrong is left and the next run is right"
	fi
	check "$1: no temporary file is left" test ! -s "$T/left-over" || sort "$T/left-over" | uniq -c | tap_comment
	check "$1: enough of the runs were really killed" test "$((killed * 2))" -ge "$2"
}
command -v strace >/dev/null || note "no strace: all kills are at random times"
RANDOM=$SEED
many lock $((KILLS / 4))
many fetch $((KILLS / 4))
many build $((KILLS / 4))
many sign $((KILLS - 3 * (KILLS / 4)))
finish
