#!/bin/bash
# roots.sh [SUITE]...: on a minimal Debian 12 and a minimal Debian 13, where nothing is installed, `make quickstart`
# installs what it needs, builds, makes the bundle; a user who is not root gets the same bytes, and so do both releases.
# Both are compared with what is built here: three sets of compiler and libraries, one set of bytes.
# Slow (minutes, and some hundred megabytes of packages the first time, kept in out/roots); needs root.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
need mmdebstrap
[ $# -gt 0 ] || set -- bookworm trixie
TOOLS=$ROOT/tests/e2e/tools

inside() { # SUITE [OPTION]... COMMAND...
	local suite=$1 options=()
	shift
	while [ "${1#--}" != "$1" ]; do
		options+=("$1" "$2")
		shift 2
	done
	"$TOOLS/in-root.sh" --archives "$ROOT/out/roots/archives-$suite" "${options[@]}" "$T/$suite" "$ROOT" "$@"
}
# The part of the bundle that a signature does not change, and without one all of it.
# An image from an empty cache; all of it from root's, or every program would be compiled a second time.
build_as_user() {
	inside "$1" --user 1234 sh -euc 'out/ess-bundle image build recipes/redis --progress none -o "$HOME/redis.tar"' || return
	rm -rf "$T/$1/home/tester/.cache"
	cp -a "$T/$1/root/.cache" "$T/$1/home/tester/.cache" && chown -R 1234:1234 "$T/$1/home/tester/.cache" || return
	inside "$1" --user 1234 sh -euc '
		out/ess-bundle build bundles/quickstart --progress none -o "$HOME/b.tar"
		sha256sum <"$HOME/b.tar" >"$HOME/sum"'
}
build_as_root() {
	inside "$1" sh -euc '
		umask 077
		cd /tmp
		TZ=Asia/Kathmandu /src/out/ess-bundle build /src/bundles/quickstart -j 1 --offline --progress none -o b.tar
		sha256sum <b.tar >sum
		/src/out/ess-bundle build /src/bundles/quickstart --compress gzip --offline --progress none -o g.tar
		sha256sum <g.tar >sum.gzip
		/src/out/ess-bundle lock --check --offline --progress none /src/bundles/quickstart'
}
build_here() {
	"$ESS" build --progress none -o "$T/b.tar" "$ROOT/bundles/quickstart" &&
		"$ESS" build --progress none --offline --compress gzip -o "$T/g.tar" "$ROOT/bundles/quickstart"
}
# What Go compiled here is taken there: both hosts' go would be the very toolchain that the lock names, and takes
# minutes for each. Nothing else comes from this machine.
lend_programs() { # SUITE
	local from=${ESS_BUNDLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ess-bundle} to=$T/$1/root/.cache/ess-bundle sum
	mkdir -p "$to/derived" "$to/sources/sha256"
	cp -r "$from/derived/go-1" "$to/derived/" || return
	sed -n 's/.* toolchain: go.*, sha256: \([0-9a-f]\{64\}\).*/\1/p' "$ROOT"/recipes/*/lock.yaml | while read -r sum; do
		cp "$from/sources/sha256/$sum" "$to/sources/sha256/" || exit
	done
}
about() { # SUITE
	inside "$1" sh -c '. /etc/os-release
		echo "$PRETTY_NAME, $(gcc --version | head -n 1), $(pkg-config --modversion zlib libzstd libarchive | xargs)"'
}

check "it builds here" build_here || bail "nothing to compare with" "$OUT"
sha256sum <"$T/b.tar" >"$T/sum"
sha256sum <"$T/g.tar" >"$T/sum.gzip"

for suite; do
	if ! check "a minimal root of $suite can be made" "$TOOLS/minroot.sh" "$suite" "$T/$suite"; then
		continue
	fi
	note "packages in it: $(grep -c '^Status: install ok installed' "$T/$suite/var/lib/dpkg/status")"
	check "$suite: make gets installed, the one thing that cannot install itself" inside "$suite" \
		sh -c 'sh builder/setup/install-deps.sh build'
	check "$suite: programs that Go compiled here are taken there" lend_programs "$suite"
	begin=$SECONDS
	check "$suite: make quickstart" inside "$suite" make quickstart || continue
	note "after $((SECONDS - begin)) s"
	check "$suite: a second time is quick and writes nothing" inside "$suite" sh -euc '
		before=$(stat -c "%i %Y" out/quickstart.tar)
		make quickstart
		test "$before" = "$(stat -c "%i %Y" out/quickstart.tar)"'
	check "$suite: from another folder as well" inside "$suite" make -C / -f /src/Makefile quickstart
	note "$(about "$suite")"
	check "$suite: as root, elsewhere, one thread, another umask and time zone, offline; gzip; the locks" build_as_root "$suite"
	check "$suite: as a user, an image from an empty cache, all of it from a full one" build_as_user "$suite"
	check_equal "$suite: the bytes are those that come out here" "$(cat "$T/sum")" "$(cat "$T/$suite/tmp/sum")"
	check_equal "$suite: the user's as well" "$(cat "$T/sum")" "$(cat "$T/$suite/home/tester/sum")"
	check_equal "$suite: and with gzip" "$(cat "$T/sum.gzip")" "$(cat "$T/$suite/tmp/sum.gzip")"
done
finish
