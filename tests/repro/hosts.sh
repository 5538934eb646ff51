#!/bin/bash
# hosts.sh: the program made on Debian 12 and on Debian 13, with the libraries of each, builds the same bytes as here.
#
# Each host is a root that minroot.sh makes, with what is needed to build and nothing else. It is kept in out/roots/
# for the next time; the first takes a few minutes. HOSTS="bookworm trixie" picks. Needs root and mmdebstrap.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/lib-repro.sh"
HOSTS=${HOSTS:-bookworm trixie}
TOOLS=$ROOT/tests/e2e/tools
ROOTS=$ROOT/out/roots
[ "$(id -u)" = 0 ] || skip_all "making roots needs root"
unshare --mount true 2>/dev/null || skip_all "no mount namespaces here"
need python3 mmdebstrap
[ -x "$ESS" ] || bail "no '$ESS'; run make"
install -m 755 "$ESS" "$PROGRAM"
copy_tree "$TREE"

# host SUITE: prints the folder of a root in which the program can be compiled
host() {
	local dir
	dir=$ROOTS/build-$1-$(sha256sum <"$ROOT/builder/setup/packages" | cut -c1-12)
	if [ ! -d "$dir" ]; then
		rm -rf --one-file-system "$ROOTS/build-$1-"*
		"$TOOLS/minroot.sh" "$1" "$dir.part" >&2 &&
			"$TOOLS/in-root.sh" --archives "$ROOTS/archives-$1" "$dir.part" "$ROOT" builder/setup/install-deps.sh build >&2 || return
		mv "$dir.part" "$dir"
	fi
	echo "$dir"
}
IN_HOST='
set -eu
make --no-print-directory -j"$(nproc)" all >&2
mkdir -p /result
for how in zstd gzip; do
	out/ess-bundle build --progress=none --offline --sources /pool --compress $how -o /result/$how.tar bundles/quickstart >&2
done
out/ess-bundle lock --check --progress=none --offline --sources /pool bundles/quickstart >&2
. /etc/os-release
echo "$PRETTY_NAME, $(gcc --version | head -n 1), $(pkg-config --modversion zlib libzstd libarchive | xargs)" >/result/about
'
in_host() { # DIR
	rm -rf --one-file-system "$1/src" "$1/pool" "$1/result" "$1/root/.cache"
	cp -al "$POOL" "$1/pool" 2>/dev/null || cp -R "$POOL" "$1/pool"
	"$TOOLS/in-root.sh" "$1" "$ROOT" sh -c "$IN_HOST"
}
sum() { sha256sum "$1" | cut -d' ' -f1; }

CACHE=$(cache_dir)
check "here it builds" "$PROGRAM" build --progress=none -o "$T/zstd.tar" "$TREE/bundles/quickstart" || bail "nothing to compare with" "$OUT"
make_pool "$CACHE" "$POOL"
check "and with gzip layers" "$PROGRAM" build --progress=none --offline --compress gzip -o "$T/gzip.tar" "$TREE/bundles/quickstart" || :
note "here: $(. /etc/os-release && echo "$PRETTY_NAME")"
for suite in $HOSTS; do
	host "$suite" >"$T/$suite.dir" 2>"$T/$suite.log" || bail "no root of $suite" "$T/$suite.log"
	dir=$(cat "$T/$suite.dir")
	check "in $suite it is made, builds, and what comes out is what the locks say" in_host "$dir" || continue
	note "$suite: $(cat "$dir/result/about")"
	for how in zstd gzip; do
		check_equal "$suite has the same bytes, $how" "$(sum "$T/$how.tar")" "$(sum "$dir/result/$how.tar")" ||
			first_difference "$T/$how.tar" "$dir/result/$how.tar" | tap_comment
	done
	rm -rf --one-file-system "$dir/src" "$dir/pool" "$dir/result" "$dir/root/.cache"
done
finish
