#!/bin/sh
# usage: run.sh PROGRAM [LINT]...
# Runs tests/lint/check-*.sh and counts them. Exit status 77 of a check means it was left out, and why.
set -u
case $1 in /*) program=$1 ;; *) program=$(pwd)/$1 ;; esac
shift
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0 skipped=0
for check in tests/lint/check-*.sh; do
	name=${check#tests/lint/check-}
	name=${name%.sh}
	if [ $# -gt 0 ]; then
		case " $* " in *" $name "*) ;; *) continue ;; esac
	fi
	case $name in
	cli) text=$("$check" "$program" 2>&1) ;;
	*) text=$("$check" 2>&1) ;;
	esac
	case $? in
	0)
		echo "ok $name"
		passed=$((passed + 1))
		;;
	77)
		echo "skipped $name: $text"
		skipped=$((skipped + 1))
		continue
		;;
	*)
		echo "FAIL $name"
		failed=$((failed + 1))
		;;
	esac
	[ -z "$text" ] || printf '%s\n' "$text"
done
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ] && [ $passed -gt 0 ]
