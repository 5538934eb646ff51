#!/bin/sh
# Installs the Debian packages that are missing, and nothing else; asks nothing.
#
#   install-deps.sh [--list] build|quickstart|test|dev...
#
# quickstart includes build; test includes both; dev includes all. --list only prints what is missing.
# Works when the package lists are empty or stale. sudo is used only by a user who is not root.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
list_only=
if [ "${1:-}" = --list ]; then
	list_only=1
	shift
fi
purposes=
asked=$(printf ' %s' "$@")
[ $# -gt 0 ] || set -- ''
for purpose; do
	case $purpose in
	build) purposes="$purposes build" ;;
	quickstart) purposes="$purposes build quickstart" ;;
	test) purposes="$purposes build quickstart test" ;;
	dev) purposes="$purposes build quickstart test dev" ;;
	*)
		echo "usage: $0 [--list] build|quickstart|test|dev..." >&2
		exit 2
		;;
	esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "install-deps: no apt-get here; the programs named in $here/packages are taken to be there" >&2
	exit 0
fi

is_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}
# Prints the first of the alternatives that apt can install.
candidate() {
	for p in $(echo "$1" | tr '|' ' '); do
		if apt-cache policy "$p" 2>/dev/null | grep -q '^  Candidate: [^(]'; then
			echo "$p"
			return 0
		fi
	done
	return 1
}
as_root() {
	if [ "$(id -u)" = 0 ]; then
		DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo DEBIAN_FRONTEND=noninteractive "$@"
	fi
}
updated=
update() {
	[ -z "$updated" ] || return 1
	updated=1
	as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >&2
}
# Fills $names; false when apt knows none of some package's alternatives.
resolve() {
	names=
	for m in $missing; do
		if ! n=$(candidate "$m"); then
			unknown=$m
			return 1
		fi
		names="$names $n"
	done
}
# Quiet unless it fails.
install() {
	log=$(mktemp)
	# shellcheck disable=SC2086 # a list of words
	if as_root apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
		-o Dpkg::Options::=--force-confold install $names >"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	tail -n 30 "$log" >&2
	rm -f "$log"
	return 1
}

missing=
for purpose in $(echo "$purposes" | tr ' ' '\n' | sort -u); do
	names=$(awk -v want="$purpose" '!/^#/ && $2 == want { print $1 }' "$here/packages")
	for p in $names; do
		found=
		for a in $(echo "$p" | tr '|' ' '); do
			! is_installed "$a" || found=1
		done
		[ -n "$found" ] || missing="$missing $p"
	done
done
missing=${missing# }
if [ -z "$missing" ]; then
	exit 0
fi
if [ -n "$list_only" ]; then
	echo "$missing" | tr ' ' '\n'
	exit 0
fi

if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
	echo "install-deps: packages are missing, and this is neither root nor is there sudo:" >&2
	echo "$missing" | fold -s -w 76 | sed 's/^ */  /; s/ *$//' >&2
	echo "have them installed: as root, sh $here/install-deps.sh$asked" >&2
	exit 1
fi
if ! resolve; then
	echo "install-deps: refreshing the package lists" >&2
	update || true
	if ! resolve; then
		echo "install-deps: apt knows no package $unknown" >&2
		exit 1
	fi
fi
echo "install-deps: installing $(echo "$names" | wc -w) packages and what they need, about a minute:" >&2
echo "$names" | fold -s -w 76 | sed 's/^ */  /; s/ *$//' >&2
# Stale lists name files that are gone: refresh them and try once more.
if ! install; then
	update && resolve && install
fi
