#!/bin/bash
# run.sh [PART]...: run the benchmarks (image compress bundle memory serve transfers) and print their table on stdout; with -o FILE
# also into FILE, with the date and the machine on top. RUNS=3 for a quick look.
OUTPUT=
if [ "${1:-}" = -o ]; then
	OUTPUT=$2
	shift 2
fi
. "$(dirname "$0")/lib.sh"
[ $# -gt 0 ] || set -- compress bundle image memory serve transfers
export BENCH_ROWS=$W/rows.tsv
: >"$BENCH_ROWS"
for part; do
	say "== $part"
	"$ROOT/tests/bench/$part.sh" || missing "$part" "its script ended with $?"
done
report() {
	printf '# Benchmarks\n\n%s, %s, %s processors (%s), %s, ess-bundle %s, load %s. Medians of %s runs.\n\n' \
		"$(date -u +%F)" "$(. /etc/os-release && echo "$PRETTY_NAME")" "$(nproc)" \
		"$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" "$(uname -m)" \
		"$("$ESS" version 2>/dev/null | awk 'NR == 1 {print $NF}')" "$(cut -d' ' -f1 /proc/loadavg)" "$RUNS"
	printf 'Made by `make bench`. A ratio is ours to the peer'\''s, in the same run on the same input.\n\n'
	python3 "$ROOT/tests/bench/measure.py" table "$BENCH_ROWS"
}
report
[ -z "$OUTPUT" ] || report >"$OUTPUT"
