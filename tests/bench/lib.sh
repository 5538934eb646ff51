# shellcheck shell=bash
# What the benchmarks share: timing, rows of the result table, a working folder. Source it first.
#
# A row compares what we do with what a peer does on the same input in the same run (or with a limit), against a
# budget; run.sh prints the rows as a table. Nothing here is a test: a missed budget is shown, not a failure.
# Set-up: BENCH_DIR (default out/bench; keep it between runs, it holds what was fetched), RUNS (default 5).
set -euo pipefail
export LC_ALL=C.UTF-8
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
ESS=${ESS_BUNDLE:-$ROOT/out/ess-bundle}
DIR=${BENCH_DIR:-$ROOT/out/bench}
RUNS=${RUNS:-5}
ROWS=${BENCH_ROWS:-$DIR/rows.tsv}
PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$DIR"
export ESS_BUNDLE_CACHE=$DIR/cache
W=$(mktemp -d "$DIR/work.XXXXXX")
bench_cleanup() { rm -rf --one-file-system "$W"; }
trap bench_cleanup EXIT

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null; }

# timed RESULT PREPARE COMMAND: run the shell text COMMAND $RUNS times, PREPARE before each. RESULT gets the
# medians: seconds of wall clock and of processor time (user and system).
timed() {
	if have hyperfine; then
		hyperfine --show-output --runs "$RUNS" --warmup 1 --prepare "$2" --export-json "$W/hyperfine.json" "$3" \
			>"$W/hyperfine.log" 2>&1 || { tail -n 30 "$W/hyperfine.log" >&2; return 1; }
		python3 - "$W/hyperfine.json" >"$1" <<-'PY'
			import json, sys
			r = json.load(open(sys.argv[1]))["results"][0]
			print("%.4f %.4f" % (r["median"], r["user"] + r["system"]))
		PY
	else
		python3 "$ROOT/tests/bench/measure.py" time "$RUNS" "$2" "$3" >"$1"
	fi
}
# peak COMMAND...: its largest resident set in KiB (of the largest process), output discarded.
peak() { python3 "$ROOT/tests/bench/measure.py" peak "$@"; }

# row WHAT OURS PEER(name) PEER(value) UNIT BUDGET: BUDGET is `<= N` or `>= N` for the ratio ours/peer, or
# `< N UNIT` for ours alone with - - as peer; empty: only shown.
row() {
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$ROWS"
	say "  $1: $2 $5, ${3/#-/}${4/#-/}"
}
wall() { cut -d' ' -f1 "$1"; }
cpu() { cut -d' ' -f2 "$1"; }
missing() { # WHAT WHY
	printf '%s\t-\t-\t-\t-\tnot measured: %s\n' "$1" "$2" >>"$ROWS"
	say "  $1: not measured: $2"
}
ours() { [ -x "$ESS" ] && "$ESS" "$@" --help >/dev/null 2>&1; }
