#!/bin/bash
# matrix.sh: one bundle, built in as many circumstances as we can think of, has one SHA-256.
#
# Most of them build the small bundle beside this script for one architecture; the whole quickstart is built
# twice, the second time with everything changed at once. MATRIX=full builds the quickstart in every variant.
# Without what compilers and interpreters make of other sources than Debian's, which takes minutes: MATRIX=cold
# builds all of the quickstart, once more with everything fetched anew, and that again without a network. TIMES=1 says how long each took, KEEP=1 keeps what was built.
# The packages come from the program's own cache, or the network when they are not in there.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/lib-repro.sh"
need python3 setpriv

MATRIX=${MATRIX:-}
[ -x "$ESS" ] || bail "no '$ESS'; run make"
install -m 755 "$ESS" "$PROGRAM"
copy_tree "$TREE"
[ -n "$MATRIX" ] || printf '  - livekit-server\n  - synapse\n' >>"$TREE/bundles/quickstart/bundle.yaml"
export COSIGN_PASSWORD=

# --- the circumstances ---
small() { build --arch amd64 "$@"; }
[ "$MATRIX" = full ] && small() { build "$@"; }
BUNDLE=tests/repro/bundle
[ "$MATRIX" = full ] && BUNDLE=bundles/quickstart
SMALL=$BUNDLE

plain() { small "$@" "$TREE/$BUNDLE"; }
warm() { plain && rm "$V/out.tar" && plain; }
under() { # COMMAND...: plain in a shell that the command starts
	export V PROGRAM POOL TREE BUNDLE
	export -f build small plain
	"$@" bash -c plain
}
with_env() { under env "$@"; } # NAME=VALUE... or -u NAME
below() { # DIR BUNDLE: everything by relative paths
	cd "$TREE/$1" || return
	PROGRAM=$(realpath --relative-to=. "$PROGRAM")
	POOL=$(realpath --relative-to=. "$POOL")
	V=$(realpath --relative-to=. "$V")
	small "$2"
}
through_link() {
	mkdir "$V/dir" && ln -s "$TREE" "$V/dir/link" && ln -s "dir/link/$BUNDLE" "$V/bundle" && small "$V/bundle/"
}
deep() {
	local i d=$V/tree
	for ((i = 0; i < 20; i++)); do
		d=$d/a-name-that-is-rather-long-$i
	done
	mkdir -p "$d" && cp -R "$TREE/." "$d" && small "$d/$BUNDLE"
}
env_relock() {
	export V PROGRAM POOL TREE
	export -f relock
	env "$@" bash -c relock
}
in_umask() { (umask "$1" && plain); }
private_checkout() { # modes and times of a checkout that was made under umask 077
	cp -R "$TREE" "$V/tree" && chmod -R go-rwx,u-x+X "$V/tree" && find "$V/tree" -exec touch -hd 1999-12-31T12:00:00 {} + &&
		small "$V/tree/$BUNDLE"
}
group_writable() {
	cp -R "$TREE" "$V/tree" && chmod -R a+rwX "$V/tree" && find "$V/tree" -exec touch -hd 2040-01-01T12:00:00 {} + &&
		small "$V/tree/$BUNDLE"
}
as_user() { # UID, when this is root
	[ "$(id -u)" = 0 ] || { not_here "not root, so this is an unprivileged user anyway"; return; }
	under setpriv --reuid "$1" --regid "$1" --clear-groups --inh-caps=-all --bounding-set=-all --
}
as_root_of_a_namespace() {
	unshare --user --map-root-user true 2>/dev/null || { not_here "no user namespaces"; return; }
	under unshare --user --map-root-user --
}
in_order() { # FILE-SYSTEM ORDER: a copy of the tree whose entries were made in this order
	local dir=$V/tree
	if [ "$1" = tmpfs ]; then
		[ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && [ -w /dev/shm ] || { not_here "/dev/shm is no tmpfs"; return; }
		dir=$(mktemp -d /dev/shm/ess-repro.XXXXXX) || return
		trap 'rm -rf "$dir"' EXIT
	else
		mkdir "$dir"
	fi
	(cd "$TREE" && find . -print0 | sort -z "$2" | while IFS= read -r -d '' f; do
		if [ -d "$f" ]; then mkdir -p "$dir/$f"; else mkdir -p "$dir/${f%/*}" && cp "$f" "$dir/$f"; fi
	done)
	small "$dir/$BUNDLE"
}
output_on_tmpfs() {
	[ -w /dev/shm ] || { not_here "no /dev/shm"; return; }
	local dir
	dir=$(mktemp -d /dev/shm/ess-repro.XXXXXX) || return
	trap 'rm -rf "$dir"' EXIT
	plain -o "$dir/x.tar" && cp "$dir/x.tar" "$V/out.tar"
}
over_an_old_one() { head -c 30000000 /dev/zero >"$V/out.tar" && plain; }
built_by() { # OUT CC OPT EXTRA
	command -v "$2" >/dev/null || { not_here "no $2"; return; }
	env -u MAKEFLAGS -u MFLAGS make -C "$ROOT" --no-print-directory OUT="$1" CC="$2" OPT="$3" EXTRA_CFLAGS="$4" "$1/ess-bundle" >&2 || return
	PROGRAM=$ROOT/$1/ess-bundle
	plain
}
at_time() { # TIME
	command -v faketime >/dev/null || { not_here "no faketime; apt-get install it"; return; }
	under faketime "$1"
}
read_only_sources() {
	[ "$(id -u)" = 0 ] || { not_here "mounting needs root"; return; }
	under unshare --mount --propagation private bash -c '
		for d in "$POOL" "$TREE"; do
			mount --bind "$d" "$d" && mount -o remount,bind,ro "$d" && ! touch "$d/x" 2>/dev/null || exit
		done
		exec "$@"' sh
}
from_a_cache() { # another cache as the source
	build() { ESS_BUNDLE_CACHE=$V/cache "$PROGRAM" build --progress=none --offline --sources "$CACHE" -o "$V/out.tar" "$@"; }
	plain
}
warm_cache() { # the program's own, with whatever it has noted
	build() { ESS_BUNDLE_CACHE=$CACHE "$PROGRAM" build --progress=none --offline -o "$V/out.tar" "$@"; }
	plain
}
without_derived() { plain && rm -r "$V/cache/derived" "$V/out.tar" && plain; }
few_files() { (ulimit -n 64 && ulimit -s 1024 && plain -j 7); }
on_one_processor() { under taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')"; }
in_pipe() { (exec 0<&- 3</dev/null 4</dev/null && plain --json --verbose | cat >/dev/null); }
two_at_once() { # that share a cold cache
	local rc=0
	plain -o "$V/other.tar" &
	plain || rc=$?
	wait $! || rc=$?
	cmp "$V/out.tar" "$V/other.tar" && rm "$V/other.tar" && return "$rc"
}
compressed_by() { plain --compress "$@"; }
everything_else() { # the other way round than the reference
	cd / || return
	local odd=(env TZ=Asia/Kathmandu LC_ALL=tr_TR.UTF-8 LANG=ja_JP.eucJP HOME=/nonexistent MALLOC_PERTURB_=90)
	cp -R "$TREE" "$V/tree" && chmod -R go-rwx "$V/tree" && TREE=$V/tree
	umask 077
	if [ "$(id -u)" = 0 ]; then
		chown -R 65534:65534 "$V"
		odd+=(setpriv --reuid 65534 --regid 65534 --clear-groups --)
	fi
	export V PROGRAM POOL TREE
	export -f build
	"${odd[@]}" bash -c 'build -j 7 "$TREE/bundles/quickstart"'
}

# --- the sources: fetched once, as a user would, into the cache that the user has ---
CACHE=$(cache_dir)
ls "$TREE"/recipes/base/lock.yaml >/dev/null 2>&1 || bail "recipes/ has no locks; run 'out/ess-bundle lock'"
fill=("$PROGRAM" build --progress=none -o "$T/quickstart.tar" "$TREE/bundles/quickstart")
check "the quickstart builds" env ESS_BUNDLE_CACHE="$CACHE" "${fill[@]}" || bail "nothing to compare with" "$OUT"
QUICKSTART=$(sha256sum "$T/quickstart.tar" | cut -d' ' -f1)
QUICKSTART_ROOT=$(tail -n 1 "$OUT")
make_pool "$CACHE" "$POOL"

REFERENCE=$T/reference.tar
V=$T/first
mkdir "$V"
check "the bundle for the comparison builds" plain || bail "nothing to compare with" "$OUT"
ROOT_DIGEST=$(tail -n 1 "$OUT")
mv "$V/out.tar" "$REFERENCE"
check "and is sound" "$PROGRAM" verify --digests-only "$REFERENCE" || :
WANT=$(sha256sum "$REFERENCE" | cut -d' ' -f1)

variant "again" plain
variant "on 1 thread" plain -j 1
variant "on 2 threads" plain -j 2
variant "on 7 threads" plain -j 7
variant "on one processor" on_one_processor
variant "twice from one cache" warm
variant "from the user's cache" warm_cache
variant "from another cache" from_a_cache
variant "from a cache without derived files" without_derived
variant "by two at once that share a cold cache" two_at_once
variant "in the bundle's folder, by relative paths" below "$BUNDLE" .
variant "in another folder, by relative paths" below recipes/base "../../$BUNDLE"
variant "through symbolic links" through_link
variant "from a folder deep down" deep
variant "from a checkout made under umask 077, of 1999" private_checkout
variant "from a checkout that all may write to, of 2040" group_writable
variant "from a tree made in order" in_order disk -s
variant "from a tree made in reverse order" in_order disk -r
variant "from a tmpfs, made in order" in_order tmpfs -s
variant "from a tmpfs, made in reverse order" in_order tmpfs -r
variant "from read-only sources and recipes" read_only_sources
variant "onto a tmpfs" output_on_tmpfs
variant "over an older, larger file" over_an_old_one
variant "TZ=Pacific/Kiritimati" with_env TZ=Pacific/Kiritimati
variant "TZ=<-11>11, LC_ALL=tr_TR.UTF-8" with_env 'TZ=<-11>11' LC_ALL=tr_TR.UTF-8 LANG=de_DE.ISO-8859-1
variant "LC_ALL=C" with_env LC_ALL=C LANG=C LANGUAGE=
variant "umask 077" in_umask 077
variant "umask 000" in_umask 000
variant "HOME unset" with_env -u HOME -u USER -u LOGNAME
variant "HOME elsewhere, TERM and NO_COLOR set" with_env HOME=/nonexistent TERM=xterm NO_COLOR=1 TMPDIR=/nonexistent
variant "as uid 65534" as_user 65534
variant "as uid 1234567" as_user 1234567
variant "as root of a user namespace" as_root_of_a_namespace
variant "with few files and a small stack" few_files
variant "with memory that is never zero" with_env MALLOC_PERTURB_=165
variant "with stdin closed, output to a pipe, as JSON" in_pipe
variant "in 2001" at_time '2001-09-09 01:46:40'
variant "in 2040" at_time '2040-02-29 23:59:59'
variant "by a program made by clang" built_by out-clang clang -O2 ''
variant "by a program made without optimisation" built_by out-O0 gcc -O0 '-U_FORTIFY_SOURCE'
report "$WANT"

# --- gzip layers ---
V=$T/gzip
mkdir "$V"
check "with gzip layers it builds" compressed_by gzip || bail "nothing to compare with" "$OUT"
ZSTD=$REFERENCE REFERENCE=$V/out.tar
check_fails "and is another bundle" differ cmp "$ZSTD" "$REFERENCE"
GZIP=$(sha256sum "$REFERENCE" | cut -d' ' -f1)
variant "gzip layers on 1 thread" compressed_by gzip -j 1
variant "gzip layers on 7 threads" compressed_by gzip -j 7
report "$GZIP"
REFERENCE=$ZSTD

# --- the clock that counts ---
# One image, so that there is one lock whose time it is.
mkdir "$TREE/tests/repro/one"
sed '/nginx/d; /^tool/d' "$TREE/tests/repro/bundle/bundle.yaml" >"$TREE/tests/repro/one/bundle.yaml"
EPOCH=$(sed -n 's/^epoch: //p' "$TREE/recipes/base/lock.yaml")
BUNDLE=tests/repro/one
V=$T/one
mkdir "$V"
check "one image alone builds" plain || bail "nothing to compare with" "$OUT"
ONE=$(sha256sum "$V/out.tar" | cut -d' ' -f1)
REFERENCE=$V/out.tar
variant "SOURCE_DATE_EPOCH as in the lock" with_env "SOURCE_DATE_EPOCH=$EPOCH"
report "$ONE"
REFERENCE=
V=$T/clock
mkdir "$V"
check "SOURCE_DATE_EPOCH of 2000" with_env SOURCE_DATE_EPOCH=946684800 || bail "nothing to compare with" "$OUT"
OLD=$(sha256sum "$V/out.tar" | cut -d' ' -f1)
check_fails "gives another bundle" differ cmp "$V/out.tar" "$T/one/out.tar"
no_time_after() { # SECONDS BUNDLE: of any member
	tar tvf "$2" --utc --full-time | awk '{ print $4 "T" $5 "Z" }' | sort -u | while read -r t; do
		[ "$(date -d "$t" +%s)" -le "$1" ] || { echo "$t"; return 1; }
	done
}
check "in which nothing is newer" no_time_after 946684800 "$V/out.tar"
variant "which is the same again" with_env SOURCE_DATE_EPOCH=946684800 TZ=America/St_Johns
report "$OLD"

# --- what the locks say came out, comes out; a lock has a clock of its own ---
relock() { ESS_BUNDLE_CACHE=$V/cache "$PROGRAM" lock --check --progress=none --offline --sources "$POOL" "$TREE/bundles/quickstart"; }
V=$T/lock
mkdir "$V"
check "the results in all locks come out again, whatever SOURCE_DATE_EPOCH says" env_relock SOURCE_DATE_EPOCH=946684800 || :

# --- architectures, in any order ---
both() { build --arch "$1" "$TREE/$BUNDLE"; }
V=$T/arches
mkdir "$V"
check "for two architectures it builds" both amd64,arm64 || bail "nothing to compare with" "$OUT"
REFERENCE=$V/out.tar
variant "for the same two, named the other way round" both arm64,amd64
variant "for all that the recipe has" build "$TREE/$BUNDLE"
report "$(sha256sum "$REFERENCE" | cut -d' ' -f1)"

# --- signatures are not in what they sign ---
"$PROGRAM" keygen -o "$T/key" >"$T/keygen.log" 2>&1 || bail "no key" "$T/keygen.log"
V=$T/signed
mkdir "$V"
check_equal "a signed bundle has the same root" "$ROOT_DIGEST" \
	"$(BUNDLE=$SMALL; plain --key "$T/key.key" 2>"$OUT" | tail -n 1)"

# --- the whole quickstart, with everything changed at once ---
REFERENCE=$T/quickstart.tar
variant "the quickstart as another user, elsewhere, another locale, umask and time zone" everything_else
report "$QUICKSTART"

# --- with sources fetched anew, from empty caches, and then without a network ---
fetched() {
	local whole=("$PROGRAM" build --progress=none -o "$V/out.tar" "$TREE/bundles/quickstart")
	export ESS_BUNDLE_CACHE=$V/cache
	"${whole[@]}" && mv "$V/out.tar" "$V/first.tar" && rm -r "$V/cache/derived" &&
		unshare --net "${whole[@]}" --offline && cmp "$V/first.tar" "$V/out.tar"
}
if [ "$MATRIX" = full ] || [ "$MATRIX" = cold ]; then
	variant "the quickstart with all sources fetched anew, and made again without a network" fetched
	report "$QUICKSTART"
fi
note "quickstart sha256:$QUICKSTART, root $QUICKSTART_ROOT"
finish
