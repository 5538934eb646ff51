#!/bin/sh
# Command table, help and manual pages say the same: each command has a page, the page's OPTIONS are exactly
# the table's, help names every option and stays within 80 columns, completion scripts are well-formed.
# usage: check-cli.sh PROGRAM
set -eu
program=$1
case $program in /*) ;; *) program=$(pwd)/$program ;; esac
cd "$(dirname "$0")/../.."
bad=0
say() {
	echo "$1"
	bad=1
}

json=$("$program" __cli-json)
# "-o, --output FILE" lines as a page and help show them.
options_of() {
	printf '%s' "$json" | jq -r "$1"' | (if .letter != "" then "-" + .letter + ", " else "" end)
		+ "--" + .name + (if .arg then " " + .arg else "" end)' | sort
}
# The headings of a page's OPTIONS: "*-o*, *--output* _FILE_" with the markup taken off.
options_in_page() {
	awk '/^# / { inside = $0 == "# OPTIONS" } inside && /^\*-/' "$1" | sed -e 's/[*_]//g' -e 's/\\//g' | sort
}
compare() { # PAGE JQ
	want=$(options_of "$2")
	have=$(options_in_page "$1")
	[ "$want" != "$have" ] || return 0
	say "$1:1: cli: OPTIONS differ from the command table:"
	printf '%s\n%s\n' "$want" "$have" | sort | uniq -u | sed 's/^/    /'
}
check_help() { # WORDS...
	if ! text=$("$program" "$@" --help 2>/dev/null); then
		say "builder/cli: cli: '$* --help' fails"
		return
	fi
	printf '%s\n' "$text" | awk -v c="$*" 'length($0) > 80 { printf "builder/cli:%d: cli: help of \"%s\" is wider than 80: %s\n", NR, c, $0; bad = 1 } END { exit bad }' || bad=1
	if [ -n "$("$program" "$@" --help 2>&1 >/dev/null)" ]; then
		say "builder/cli: cli: help of '$*' writes to stderr"
	fi
}

compare builder/man/ess-bundle.1.scd '.common[]'
check_help
commands=$(printf '%s' "$json" | jq -r '.commands[] | select(.hidden | not) | .name' | tr ' ' '+')
for c in $commands; do
	name=$(echo "$c" | tr '+' ' ')
	page=builder/man/ess-bundle-$(echo "$c" | tr '+' '-').1.scd
	# shellcheck disable=SC2086 # one or two words
	check_help $name
	query=".commands[] | select(.name == \"$name\")"
	summary=$(printf '%s' "$json" | jq -r "$query | .summary")
	synopsis=$(printf '%s' "$json" | jq -r "$query | .synopsis")
	[ "${#summary}" -le 60 ] || say "builder/cli: cli: summary of '$name' is longer than 60"
	if [ ! -e "$page" ]; then
		say "$page:1: cli: no manual page for '$name'"
		continue
	fi
	compare "$page" "$query | .options[]"
	grep -qF -e "- $summary" "$page" || say "$page:1: cli: NAME lacks the table's summary '$summary'"
	sed 's/[*_]//g; s/\\//g' "$page" | grep -qF -e "ess-bundle $name $synopsis" ||
		say "$page:1: cli: SYNOPSIS is not the table's 'ess-bundle $name $synopsis'"
	grep -qF "ess-bundle-$(echo "$c" | tr '+' '-')" builder/man/ess-bundle.1.scd ||
		say "builder/man/ess-bundle.1.scd:1: cli: does not name ess-bundle-$(echo "$c" | tr '+' '-')"
done
for page in builder/man/ess-bundle-*.1.scd; do
	found=
	for c in $commands; do
		[ "$page" != "builder/man/ess-bundle-$(echo "$c" | tr '+' '-').1.scd" ] || found=1
	done
	[ -n "$found" ] || say "$page:1: cli: there is no such command"
done
for page in builder/man/*.scd; do
	scdoc <"$page" >/dev/null || say "$page:1: cli: scdoc refuses it"
done
"$program" completion bash | bash -n || say "builder/cli/completion.c:1: cli: bash refuses its completion"
if command -v zsh >/dev/null; then
	"$program" completion zsh | zsh -n || say "builder/cli/completion.c:1: cli: zsh refuses its completion"
fi
if command -v fish >/dev/null; then
	"$program" completion fish | fish -n || say "builder/cli/completion.c:1: cli: fish refuses its completion"
fi
exit $bad
