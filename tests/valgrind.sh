#!/bin/sh
# usage: valgrind.sh PROGRAM [ARGUMENT]...: runs the unit tests under valgrind. Each process has its own log in
# out/valgrind/. In the first one everything counts: errors, leaks, failing tests. Processes that tests fork end in
# the middle of things, or are killed there, so what they have not freed is no leak; errors count there, too.
set -u
cd "$(dirname "$0")/.." || exit 1
logs=out/valgrind
rm -rf "$logs"
mkdir -p "$logs"
valgrind --quiet --leak-check=full --show-leak-kinds=definite,indirect --log-file="$logs/%p" "$@" &
pid=$!
wait "$pid"
status=$?
bad=0
for log in "$logs"/*; do
	grep -q '^==' "$log" || continue
	if [ "$log" = "$logs/$pid" ]; then
		cat "$log"
		bad=$((bad + 1))
	elif grep -Eq 'Invalid (read|write|free)|[Uu]ninitialised|Mismatched free|overlap in|Syscall param' "$log"; then
		echo "in a process that was forked:"
		cat "$log"
		bad=$((bad + 1))
	fi
done
echo "valgrind: the tests ended with $status, $bad processes with findings, logs in $logs"
[ "$status" = 0 ] && [ "$bad" = 0 ]
