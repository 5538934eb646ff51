#!/bin/sh
# flake.nix gives the programs and libraries that builder/setup/packages names for Debian, and no others; where
# the names differ, nix-names.txt says how.
set -eu
cd "$(dirname "$0")/../.."
packages=builder/setup/packages names=tests/lint/nix-names.txt flake=flake.nix

found=$(awk -v packages="$packages" -v names="$names" -v flake="$flake" '
function complain(file, line, text) { print file ":" line ": nix: " text }
FILENAME == names {
	if (!/^#/ && NF) { nix[$1] = $2; at[$1] = FNR }
	next
}
FILENAME == packages {
	if (/^#/ || !NF)
		next
	split($1, one, "|")
	debian = one[1]
	name = debian
	sub(/-dev$/, "", name)
	if (debian in nix) {
		name = nix[debian]
		used[debian] = 1
	}
	if (name != "-") { want[name] = FNR; of[name] = debian }
	next
}
/with pkgs; *\[/ { inside = 1; sub(/.*with pkgs; *\[/, "") }
inside {
	last = /]/
	sub(/].*/, "")
	for (i = 1; i <= NF; i++)
		have[$i] = FNR
	inside = !last
}
END {
	for (name in want)
		if (!(name in have))
			complain(packages, want[name], of[name] " is not in " flake " (as " name "?); see " names)
	for (name in have)
		if (!(name in want))
			complain(flake, have[name], name " is not in " packages)
	for (debian in nix)
		if (!(debian in used))
			complain(names, at[debian], debian " is not in " packages)
}' "$names" "$packages" "$flake" | sort)
[ -z "$found" ] || { printf '%s\n' "$found" && exit 1; }
