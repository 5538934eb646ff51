# shellcheck shell=bash
# What every end-to-end test sources first: TAP output, a temporary folder, helper processes, cleanup.
#
#	. "$(dirname "$0")/lib.sh"
#	check "the file is there" test -e "$T/file"
#	finish
#
# One check is one TAP line; the output of a failing one follows as comment lines. Whatever was started is
# ended by pid and whatever was put into $T is removed when the test ends, however it ends. The script's
# exit status is 0 only if every check passed.
#
# Set by this file: ROOT (the source tree), T (an empty folder), ESS (the program under test: $ESS_BUNDLE or
# out/ess-bundle). Set to keep $T for a look: KEEP=1.
set -uo pipefail
export LC_ALL=C.UTF-8

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034 # used by the tests
ESS=${ESS_BUNDLE:-$ROOT/out/ess-bundle}
TESTS_RUN=0 TESTS_FAILED=0 TESTS_SKIPPED=0
declare -A HELPERS=()
AT_EXIT=()

# --- TAP ---
tap_comment() { sed 's/^/# /' >&1; }

# ok NAME, not_ok NAME [FILE WITH ITS OUTPUT], skip NAME WHY
ok() {
	TESTS_RUN=$((TESTS_RUN + 1))
	printf 'ok %d - %s\n' "$TESTS_RUN" "$1"
}
not_ok() {
	TESTS_RUN=$((TESTS_RUN + 1)) TESTS_FAILED=$((TESTS_FAILED + 1))
	printf 'not ok %d - %s\n' "$TESTS_RUN" "$1"
	if [ -n "${2:-}" ] && [ -s "$2" ]; then
		tail -n 30 "$2" | tap_comment
	fi
	return 0
}
skip() {
	TESTS_RUN=$((TESTS_RUN + 1)) TESTS_SKIPPED=$((TESTS_SKIPPED + 1))
	printf 'ok %d - %s # SKIP %s\n' "$TESTS_RUN" "$1" "$2"
}
note() { printf '# %s\n' "$*"; }

# A check that cannot be carried on without: says so and ends the script as failed.
bail() {
	printf 'Bail out! %s\n' "$1"
	[ -z "${2:-}" ] || tail -n 60 "$2" | tap_comment
	exit 1
}
# The rest of the script cannot run here at all, and why.
skip_all() {
	printf '1..0 # SKIP %s\n' "$1"
	exit 0
}

# check NAME COMMAND...: ok when it ends with 0. Its stdout and stderr land in $OUT.
check() {
	local name=$1 rc
	shift
	"$@" >"$OUT" 2>&1 </dev/null && rc=0 || rc=$?
	if [ "$rc" = 0 ]; then
		ok "$name"
		return 0
	fi
	echo "exit status $rc of: $*" >>"$OUT"
	not_ok "$name" "$OUT"
	return 1
}
# check_rc NAME STATUS COMMAND...: ok when it ends with just this status.
check_rc() {
	local name=$1 want=$2 rc
	shift 2
	"$@" >"$OUT" 2>&1 </dev/null && rc=0 || rc=$?
	if [ "$rc" = "$want" ]; then
		ok "$name"
		return 0
	fi
	echo "exit status $rc, expected $want, of: $*" >>"$OUT"
	not_ok "$name" "$OUT"
	return 1
}
# check_match NAME REGEX COMMAND...: ok when it ends with 0 and its output has a line that matches.
check_match() {
	local name=$1 regex=$2 rc
	shift 2
	"$@" >"$OUT" 2>&1 </dev/null && rc=0 || rc=$?
	if [ "$rc" = 0 ] && grep -qE -- "$regex" "$OUT"; then
		ok "$name"
		return 0
	fi
	echo "exit status $rc, expected 0 and a line with '$regex', of: $*" >>"$OUT"
	not_ok "$name" "$OUT"
	return 1
}
# check_equal NAME EXPECTED ACTUAL
check_equal() {
	if [ "$2" = "$3" ]; then
		ok "$1"
		return 0
	fi
	printf 'expected: %s\nactual:   %s\n' "$2" "$3" >"$OUT"
	not_ok "$1" "$OUT"
	return 1
}
# check_fails NAME REGEX COMMAND...: ok when it ends with another status than 0 and says why in a line that matches.
check_fails() {
	local name=$1 regex=$2 rc
	shift 2
	"$@" >"$OUT" 2>&1 </dev/null && rc=0 || rc=$?
	if [ "$rc" != 0 ] && grep -qE -- "$regex" "$OUT"; then
		ok "$name"
		return 0
	fi
	echo "exit status $rc, expected another than 0 and a line with '$regex', of: $*" >>"$OUT"
	not_ok "$name" "$OUT"
	return 1
}

# finish: the plan, the totals and the script's exit status. The last line of every test.
finish() {
	printf '1..%d\n' "$TESTS_RUN"
	note "$((TESTS_RUN - TESTS_FAILED - TESTS_SKIPPED)) passed, $TESTS_FAILED failed, $TESTS_SKIPPED skipped"
	[ "$TESTS_FAILED" = 0 ]
	exit
}

# --- helper processes ---
# start NAME COMMAND...: in the background, its output in $T/NAME.log; it also dies when this shell is killed.
start() {
	local name=$1
	shift
	[ -z "${HELPERS[$name]:-}" ] || bail "helper '$name' was started twice"
	setpriv --pdeathsig KILL -- "$@" >"$T/$name.log" 2>&1 </dev/null &
	HELPERS[$name]=$!
}
running() { [ -n "${HELPERS[$1]:-}" ] && kill -0 "${HELPERS[$1]}" 2>/dev/null; }
# stop NAME: asks, and after 5 s insists.
stop() {
	local pid=${HELPERS[$1]:-} i
	[ -n "$pid" ] || return 0
	unset "HELPERS[$1]"
	kill "$pid" 2>/dev/null || :
	for ((i = 0; i < 100; i++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	kill -KILL "$pid" 2>/dev/null || :
	wait "$pid" 2>/dev/null || :
}
# wait_for SECONDS COMMAND...: until it ends with 0.
wait_for() {
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@" >/dev/null 2>&1 </dev/null; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}
# free_port: a TCP port of 127.0.0.1 that nobody listens on now.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
need() { # PROGRAM...: or the whole script is skipped
	local p
	for p; do
		command -v "$p" >/dev/null || skip_all "no $p here; apt-get install it"
	done
}

# --- the end ---
at_exit() { AT_EXIT+=("$1"); }
cleanup() {
	local status=$? i
	trap - EXIT INT TERM HUP
	for ((i = ${#AT_EXIT[@]} - 1; i >= 0; i--)); do
		"${AT_EXIT[i]}" || :
	done
	for i in "${!HELPERS[@]}"; do
		stop "$i"
	done
	if [ "${KEEP:-}" = 1 ]; then
		note "kept: $T"
	else
		rm -rf --one-file-system "$T"
	fi
	exit "$status"
}

PATH=$PATH:/usr/sbin:/sbin
T=$(mktemp -d "${TMPDIR:-/tmp}/ess-e2e.XXXXXX") || exit 1
OUT=$T/.output
chmod 755 "$T"
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
