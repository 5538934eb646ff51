#!/bin/bash
# minroot.sh SUITE DIR: a fresh minimal Debian root in DIR, for SUITE = bookworm, trixie...
#
# It has what debootstrap calls minbase and a working apt configuration, nothing else: the machine on which
# `make quickstart` has to work. What is made is kept in out/roots/SUITE-ARCH.tar, so a second root takes only
# the unpacking; FRESH=1 makes it anew. VARIANT=apt is smaller still, RESULT=tar stops at the tar,
# RESULT=sources at the lines for sources.list (DIR is then not used).
# The mirror, and how apt is to talk to it, is taken from this machine's own apt configuration.
# Needs root, mmdebstrap. Measured: 18 s to make, 1 s to unpack again (180 MB bookworm, 130 MB trixie).
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../../.." && pwd)
[ $# = 2 ] || { echo "usage: minroot.sh SUITE DIR" >&2; exit 2; }
SUITE=$1 DIR=$2
VARIANT=${VARIANT:-minbase}
ARCH=$(dpkg --print-architecture)
CACHE=${ROOTS_DIR:-$ROOT/out/roots}
TAR=$CACHE/$SUITE-$ARCH${VARIANT/#minbase/}.tar
[ "${RESULT:-}" = sources ] || [ "$(id -u)" = 0 ] || { echo "minroot.sh: needs root" >&2; exit 1; }
! [ -e "$DIR" ] || [ -z "$(ls -A "$DIR")" ] || { echo "minroot.sh: '$DIR' is not empty" >&2; exit 1; }

# The machine's mirror of Debian (main) and of its security updates, whatever release the machine itself runs.
sites() { apt-get indextargets --format '$(SITE) $(RELEASE) $(ORIGIN)' 'Created-By: Packages' | sort -u; }
site() { # -e REGEX of the release
	sites | awk -v re="$1" '$2 ~ re && ($3 == "Debian" || $3 == "") {print $1; exit}'
}
sources() {
	local main security
	main=$(site '^[a-z]+(-updates)?$') security=$(site '-security$|/updates$')
	[ -n "$main" ] || { echo "minroot.sh: this machine's apt has no Debian mirror; run apt-get update and look at: apt-get indextargets" >&2; return 1; }
	echo "deb $main $SUITE main"
	case $SUITE in sid | unstable | testing) return 0 ;; esac
	echo "deb $main $SUITE-updates main"
	[ -z "$security" ] || echo "deb $security $SUITE-security main"
}

make_tar() {
	local options=() line list
	# How the machine's apt reaches its mirror: proxy, certificates, validity of the index files.
	while read -r line; do
		options+=(--aptopt="$line")
	done < <(apt-config dump --no-empty | grep -E '^Acquire::(https?::|Check-|Max-|Retries|Allow)' || :)
	list=$(sources)
	mkdir -p "$CACHE"
	exec 9>"$TAR.lock"
	flock 9
	[ -e "$TAR" ] && [ -z "${FRESH:-}" ] && return 0
	# TMPDIR: the root is made there before it becomes a tar.
	TMPDIR=$CACHE mmdebstrap --quiet --variant="$VARIANT" --architectures="$ARCH" "${options[@]}" \
		--format=tar "$SUITE" "$TAR.tmp" - <<<"$list" >&2
	mv "$TAR.tmp" "$TAR"
}

if [ "${RESULT:-}" = sources ]; then
	sources
	exit
fi
if [ ! -e "$TAR" ] || [ -n "${FRESH:-}" ]; then
	make_tar
fi
if [ "${RESULT:-}" = tar ]; then
	echo "$TAR"
	exit
fi
mkdir -p "$DIR"
tar -C "$DIR" --numeric-owner --xattrs --xattrs-include='*' -xf "$TAR"
