#!/bin/bash
# usage: run.sh [--list] [PART]...
# Runs the parts of the suite, keeps their output in out/test-logs/, prints how long each took and, as the last
# line, the sum: "N passed, N failed". Without arguments all parts that are there. Everything is built first;
# then LANES parts (2, or 1 on one processor) run beside each other, the long ones first.
#
#	lint          the house rules                 unit       unit tests
#	warnings      everything built by clang, its warnings errors (in CI gcc's are errors in all parts)
#	unit-asan     unit tests under sanitizers     fuzz       the corpus, replayed under sanitizers
#	solver, shouldfail, repro                     tests/<part>/run.sh, or matrix.sh for repro
#	quickstart    'make quickstart', whose bundle the next ones use
#	e2e/NAME      tests/e2e/NAME.sh
#
# A part says "N passed, N failed[, N skipped]" at its end, or speaks TAP. One that ends with another
# status than 0 without counting a failure counts as one. SKIP_DEPS=1 installs nothing; PART_TIMEOUT is how
# many seconds a part may take (1800).
set -uo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
cd "$ROOT" || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
# For every make below, whoever calls it: with other flags all is built anew, and parts run beside each other.
[ -z "${CI:-}" ] || export WERROR=1
LOGS=out/test-logs
JOBS=$(nproc 2>/dev/null || echo 1)
LANES=${LANES:-$((JOBS > 1 ? 2 : 1))}
LIMIT=(timeout --kill-after=30 "${PART_TIMEOUT:-1800}")
passed=0 failed=0 skipped=0

parts() {
	echo lint warnings unit unit-asan
	compgen -G 'tests/fuzz/fuzz_*.c' | grep -qv /fuzz_main.c && echo fuzz
	[ ! -x tests/solver/run.sh ] || echo solver
	[ ! -x tests/shouldfail/run.sh ] || echo shouldfail
	[ ! -x builder/setup/quickstart.sh ] || echo quickstart
	for script in tests/e2e/*.sh tests/repro/*.sh; do
		case $script in
		*/lib*.sh | */'*.sh') ;;
		*) script=${script#tests/} && echo "${script%.sh}" ;;
		esac
	done
}

build() { make --no-print-directory -j "$JOBS" "$@"; }

run_part() {
	case $1 in
	lint) build out/ess-bundle && build lint ;;
	warnings) build CC=clang WERROR=1 out-clang/ess-bundle out-clang/unit-tests && echo "1 passed, 0 failed" ;;
	unit) build out/unit-tests out/ess-bundle && "${LIMIT[@]}" out/unit-tests ;;
	unit-asan)
		build SAN=address,undefined out-address-undefined/unit-tests &&
			UBSAN_OPTIONS=print_stacktrace=1 "${LIMIT[@]}" out-address-undefined/unit-tests
		;;
	fuzz) build fuzz-replay ;;
	quickstart) "${LIMIT[@]}" make --no-print-directory quickstart && echo "1 passed, 0 failed" ;;
	e2e/* | repro/*) build all && "${LIMIT[@]}" "tests/$1.sh" ;;
	*)
		if [ ! -x "tests/$1/run.sh" ]; then
			echo "there is no part '$1'; 'tests/run.sh --list' names them"
			return 2
		fi
		build all && "${LIMIT[@]}" "tests/$1/run.sh"
		;;
	esac
}

# Adds a log's numbers to the sum; $1 log, $2 exit status. Prints "passed failed skipped".
count() {
	awk -v status="$2" '
	/^ok( |$)/ { tap = 1; if (/# *SKIP/) s++; else p++ }
	/^not ok( |$)/ { tap = 1; f++ }
	/^Bail out!/ { tap = 1; f++ }
	/^1\.\.[0-9]+/ { split($1, plan, "\\.\\."); planned = plan[2] + 0; has_plan = 1; if (planned == 0 && /SKIP/) { tap = 1; s++ } }
	/^[0-9]+ passed, [0-9]+ failed/ { sum = $0 }
	END {
		if (sum) {
			n = split(sum, w, " ")
			p = w[1]; f = w[3]; s = n >= 6 ? w[5] : 0
		} else if (tap && has_plan && planned > 0 && planned != p + f + s && f == 0) {
			f = 1
		}
		if (status != 0 && f + 0 == 0)
			f = 1
		if (p + f + s == 0)
			f = 1
		print p + 0, f + 0, s + 0
	}' "$1"
}

# Runs part $1 and leaves its line, and of a failed one the end of its log, in $LOGS/*.line and the numbers in *.sum.
one() {
	local part=$1 base=$LOGS/${1//\//-} log status begin took p f s
	log=$base.log
	begin=$(date +%s%N)
	run_part "$part" >"$log" 2>&1 </dev/null && status=0 || status=$?
	took=$(awk -v ns=$(($(date +%s%N) - begin)) 'BEGIN { printf "%.1f", ns / 1e9 }')
	read -r p f s < <(count "$log" "$status")
	{
		printf '%-4s %-28s %5d passed %3d failed %3d skipped %8s s\n' "$([ "$f" = 0 ] && echo ok || echo FAIL)" "$part" "$p" "$f" "$s" "$took"
		if [ "$f" != 0 ]; then
			echo "     --- end of $log"
			{ grep -E '^(not ok|FAIL|Bail out)' "$log" | head -n 20; tail -n 30 "$log"; } | cut -c1-300 | sed 's/^/     /'
			echo "     ---"
		fi
		[ "$s" = 0 ] || { grep -E '# *SKIP|^SKIP |^skipped ' "$log" | head -n 20 | cut -c1-200 | sed 's/^/     /' || :; }
	} >"$base.line"
	echo "$p $f $s" >"$base.sum"
}

# Prints what part $1 came to and adds it up; a part that left no sum was killed and counts as failed.
report() {
	local base=$LOGS/${1//\//-} p=0 f=1 s=0
	[ ! -s "$base.sum" ] || read -r p f s <"$base.sum"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	cat "$base.line" 2>/dev/null || echo "FAIL $1: it came to no end"
	rm -f "$base.sum" "$base.line"
}

# run_lanes LANES PART...: so many at once; each is reported when it has ended.
run_lanes() {
	local lanes=$1 part pid
	local -A running=()
	shift
	for part; do
		if [ "${#running[@]}" -ge "$lanes" ]; then
			wait -n -p pid "${!running[@]}"
			report "${running[$pid]}"
			unset "running[$pid]"
		fi
		rm -f "$LOGS/${part//\//-}".{sum,line}
		one "$part" &
		running[$!]=$part
	done
	while [ "${#running[@]}" -gt 0 ]; do
		wait -n -p pid "${!running[@]}"
		report "${running[$pid]}"
		unset "running[$pid]"
	done
}

# The parts on stdin, the long ones first, so that none of them runs alone at the end.
long_first() {
	awk 'BEGIN { split("e2e/roots e2e/registry e2e/peers repro/matrix unit-asan e2e/altered fuzz unit", long) }
	{ there[$1] = 1; part[++n] = $1 }
	END {
		for (i = 1; i in long; i++)
			if (long[i] in there) { print long[i]; done[long[i]] = 1 }
		for (i = 1; i <= n; i++)
			if (!(part[i] in done)) print part[i]
	}'
}

if [ "${1:-}" = --list ]; then
	parts
	exit
fi
if [ -z "${SKIP_DEPS:-}" ] && ! builder/setup/install-deps.sh test; then
	echo "FAIL install-deps"
	echo "0 passed, 1 failed"
	exit 1
fi
mkdir -p "$LOGS"
[ $# -gt 0 ] || mapfile -t all < <(parts | tr ' ' '\n')
begin=$SECONDS
wanted=("${@:-${all[@]}}")
# What several parts would build at the same time is built once, and the bundle that most of them use is made.
first=() rest=()
for part in "${wanted[@]}"; do
	case $part in
	lint | warnings | quickstart) first+=("$part") ;;
	*) rest+=("$part") ;;
	esac
done
if ! build all out/unit-tests >"$LOGS/build.log" 2>&1; then
	tail -n 40 "$LOGS/build.log"
	echo "0 passed, 1 failed"
	exit 1
fi
run_lanes 1 "${first[@]}"
mapfile -t rest < <(printf '%s\n' "${rest[@]}" | sed '/^$/d' | long_first)
run_lanes "$LANES" "${rest[@]}"
echo "total $((SECONDS - begin)) s, logs in $LOGS"
[ "$skipped" = 0 ] || echo "$skipped skipped, each with its reason above"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
