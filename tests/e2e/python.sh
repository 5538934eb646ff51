#!/bin/bash
# python.sh: wheels chosen and downloaded by a real pip from a directory, for two architectures, installed
# into images without being run; and wheels that are wrong, refused with a message and never kept.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-repo.sh"
python3 -m pip --version >/dev/null 2>&1 || skip_all "python3 has no pip; apt-get install python3-pip"

repo_start
"$TOOLS/mkwheel.py" "$T/links" || bail "no wheels"
# pip is asked as it is configured: here, for a directory.
export PIP_NO_INDEX=1 PIP_FIND_LINKS=$T/links PIP_NO_CACHE_DIR=1 PIP_CONFIG_FILE=/dev/null
CACHE=$T/cache

# python_recipe NAME REQUIREMENT [KEY: VALUE]...
python_recipe() {
	local name=$1 want=$2
	shift 2
	{
		cat <<-END
			version: "1"
			architectures: [amd64, arm64]
			debian:
			  suites: [{archive: test, suite: demo}]
			  packages: [python3.13, python3-given]
			codecs:
			  - {kind: zstd, package: libzstd1, library: libzstd.so.1}
			path-exclude: ["/usr/local/*/demo/test/*"]
			python:
			  interpreter: python3.13
			  requirements: ["$want"]
			  bytecode: false
		END
		printf '  %s\n' "$@"
	} | recipe "$name"
}

python_recipe good demo==1.0 'provided: [given]'
check "lock chooses wheels for two architectures" ess "$CACHE" ok lock -q "$RECIPES/good"
LOCK=$RECIPES/good/lock.yaml
wheels() { sed -n "s/^- {arch: $1, name: \([a-z-]*\), version: [^,]*, size: [0-9]*, sha256: [0-9a-f]*, file: .*/\1/p" "$LOCK" | tr '\n' ' '; }
check_equal "markers are those of the image: amd64" "demo helper new " "$(wheels amd64)" || tap_comment <"$LOCK"
check_equal "markers are those of the image: arm64" "armed demo helper new " "$(wheels arm64)"
check_match "an architecture's own wheel is taken" 'file: armed-1.0-cp313-cp313-manylinux_2_28_aarch64.whl' cat "$LOCK"
check_equal "the lock names no place" "" "$(grep -E "://|$T" "$LOCK")"
check "an unchanged recipe is locked again the same" ess "$CACHE" ok lock --check -q "$RECIPES/good"

build() { ess "$1" ok image build -q "$RECIPES/good" -o "$2" "${@:3}"; }
check "an image is built from it" build "$CACHE" "$T/a.tar"
check "and again from an empty cache, wheels by pip" build "$T/cache2" "$T/b.tar"
check "to the same bytes" cmp "$T/a.tar" "$T/b.tar"
mkdir "$T/sources" && cp "$T"/links/*.whl "$T/sources/"
offline() { # pip and the index are not there
	PIP_FIND_LINKS=/nonexistent ess "$T/cache3" ok image build -q "$RECIPES/good" -o "$T/c.tar" --sources "$T/sources" --sources "$REPO/test" --offline
}
check "and offline, wheels from a directory" offline
check "to the same bytes" cmp "$T/a.tar" "$T/c.tar"

# --- what is wrong ---
# bad NAME STATUS REGEX: locking it fails so, and the cache stays sound.
bad() {
	local name=$1 status=$2 regex=$3 rc=0
	python_recipe "$name" "$name==1.0" "${@:4}"
	ess "$CACHE" ok lock -q "$RECIPES/$name" >"$OUT" 2>&1 || rc=$?
	if [ "$rc" = "$status" ] && grep -qE -- "$regex" "$OUT" && [ ! -e "$RECIPES/$name/lock.yaml" ]; then
		ok "$name is refused: $regex"
	else
		not_ok "$name is refused with $status: $regex (got $rc)" "$OUT"
	fi
}
bad bad-unlisted 3 "member 'stowaway.py' is not in bad_unlisted-1.0.dist-info/RECORD"
bad bad-record 3 "member 'bad.py' is not what bad_record-1.0.dist-info/RECORD lists"
bad bad-missing 3 "RECORD lists 'ghost.py', which is not there"
bad bad-path 1 "member '../../evil.py': expected a relative path"
bad bad-absolute 1 "member '/etc/evil': expected a relative path"
bad bad-symlink 1 "member 'bad-link': expected a file or directory, found a symbolic link"
bad bad-bomb 7 "member 'bomb': 67108864 bytes out of"
bad bad-scheme 1 "'bad_scheme-1.0.data/etc/passwd': expected purelib, platlib"
bad bad-script 1 "entry_points.txt:2: 'x = os;system:y': expected NAME = MODULE:OBJECT"
bad nothing-like-it 1 "has no 'nothing-like-it==1.0'"

python_recipe sdist demo==1.0
check_fails "what is there as source only is named, with what to do" "'given.*' has no wheel|has no 'given" \
	ess "$CACHE" ok lock -q "$RECIPES/sdist"
check "no setup program has run" test ! -e /tmp/setup-was-run
python_recipe unprovided demo==1.0 'provided: [given, other]'
check_fails "what no package provides is named, with its place" "recipe.yaml:[0-9]+:[0-9]+: python: no Debian package of the image provides the distribution 'other'" \
	ess "$CACHE" ok lock -q "$RECIPES/unprovided"
check_fails "wheels are not chosen offline" "forbids" ess "$CACHE" ok lock -q --update --offline "$RECIPES/good"

# Another file of the same name: pip refuses it by the lock's hash.
cp "$T/links/new-1.0-py3-none-any.whl" "$T/links/helper-1.0-py3-none-any.whl"
rc=0
build "$T/cache4" "$T/d.tar" >"$T/said" 2>&1 || rc=$?
check_equal "a wheel with another hash ends with status 3" 3 "$rc" || tap_comment <"$T/said"
check_match "and says so" 'another file than the lock names' cat "$T/said"
check "nothing of it is kept" test ! -e "$T/cache4/sources/sha256/$(sha256sum "$T/links/helper-1.0-py3-none-any.whl" | cut -d' ' -f1)"
for c in cache cache2 cache4; do
	check "the cache is sound: $c" cache_is_sound "$T/$c"
done
check "nothing is left behind in /tmp" test -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'ess-bundle-pip-*' -newer "$T/port")"
finish
