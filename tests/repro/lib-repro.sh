# shellcheck shell=bash
# What the tests of sameness share, sourced after tests/e2e/lib.sh.
#
# A variant is a shell function that builds into $V/out.tar, $V being an empty folder of its own; its name is
# what the TAP line says. Variants run two at a time (PARALLEL), their results are reported in order:
#
#	variant "umask 077" in_umask 077
#	report "$want"
#
# Set here: TREE (a copy of recipes/, bundles/ and tests/repro/ that any user may read), PROGRAM (a copy of $ESS),
# POOL (the packages that the locks name, by path: for --sources).

PARALLEL=${PARALLEL:-2}
TREE=$T/tree PROGRAM=$T/ess-bundle POOL=$T/pool
VARIANTS=()
# Nothing of the caller's may get in unless a variant wants it.
unset SOURCE_DATE_EPOCH TZ XDG_CACHE_HOME

copy_tree() { # DIR
	mkdir -p "$1/tests"
	cp -R "$ROOT/recipes" "$ROOT/bundles" "$1"
	cp -R "$ROOT/tests/repro" "$1/tests"
	chmod -R a+rX "$1"
}

# Where the program keeps its sources unless told otherwise.
cache_dir() { echo "${ESS_BUNDLE_CACHE:-${HOME:-/nonexistent}/.cache/ess-bundle}"; }

# make_pool CACHE DIR [ARCH]: the packages that the locks below $TREE name, taken from CACHE, under their paths.
make_pool() {
	python3 - "$1" "$2" "${3:-}" "$TREE"/recipes/*/lock.yaml <<-'PY'
		import os, re, shutil, sys
		cache, pool, arch, locks = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
		for lock in locks:
		    for line in open(lock):
		        field = dict(re.findall(r'(\w+): "?([^",}]+)', line))
		        # A path that is absolute is one in the image: of a file that is no package.
		        if field.get('path', '/').startswith('/') or 'sha256' not in field or (arch and field.get('arch') != arch):
		            continue
		        source = os.path.join(cache, 'sources/sha256', field['sha256'])
		        to = os.path.join(pool, field['path'])
		        if os.path.exists(to) or not os.path.exists(source):
		            continue
		        os.makedirs(os.path.dirname(to), exist_ok=True)
		        try:
		            os.link(source, to)
		        except OSError:
		            shutil.copyfile(source, to)
	PY
	chmod -R a+rX "$2"
}

# build OPTION... DIR: with a cache of its own, so that everything is read, measured and compressed again.
build() { ESS_BUNDLE_CACHE=$V/cache "$PROGRAM" build --progress=none --offline --sources "$POOL" -o "$V/out.tar" "$@"; }

variant() { # NAME FUNCTION ARGUMENT...
	local n=${#VARIANTS[@]}
	VARIANTS+=("$1")
	shift
	while [ "$(jobs -pr | wc -l)" -ge "$PARALLEL" ]; do
		wait -n || :
	done
	one_variant "$T/variant/$n" "$@" &
}

# In the background: builds, keeps only the sum, and the file itself if it is another than $REFERENCE.
one_variant() {
	V=$1
	shift
	local rc=0 begin=$SECONDS
	mkdir -p "$V"
	chmod 777 "$V"
	("$@") >"$V/stdout" 2>"$V/log" </dev/null || rc=$?
	echo "$((SECONDS - begin))" >"$V/seconds"
	if [ -e "$V/skip" ]; then
		:
	elif [ "$rc" != 0 ]; then
		echo "exit status $rc" >>"$V/log"
	elif [ -e "$V/out.tar" ]; then
		sha256sum "$V/out.tar" | cut -d' ' -f1 >"$V/sum"
		if [ -n "${REFERENCE:-}" ] && ! cmp -s "$V/out.tar" "$REFERENCE"; then
			first_difference "$REFERENCE" "$V/out.tar" >>"$V/log" 2>&1
		fi
	fi
	[ "${KEEP:-}" = 1 ] || rm -rf "$V/cache" "$V/out.tar" "$V/tree"
}
not_here() { # WHY: this variant cannot be built on this machine
	echo "$1" >"$V/skip"
}

first_difference() { # EXPECTED ACTUAL
	cmp "$1" "$2"
	diff <(tar tvf "$1" --utc --full-time) <(tar tvf "$2" --utc --full-time) | head -n 12
}

# report SUM: one TAP line for every variant since the last report.
report() {
	local n v
	wait
	for n in "${!VARIANTS[@]}"; do
		v=$T/variant/$n
		if [ -s "$v/skip" ]; then
			skip "${VARIANTS[n]}" "$(cat "$v/skip")"
		elif [ "$(cat "$v/sum" 2>/dev/null)" = "$1" ]; then
			ok "${VARIANTS[n]}"
		else
			printf 'expected %s, got %s\n' "$1" "$(cat "$v/sum" 2>/dev/null || echo no bundle)" >>"$v/log"
			not_ok "${VARIANTS[n]}" "$v/log"
		fi
		[ -z "${TIMES:-}" ] || note "took $(cat "$v/seconds") s"
	done
	VARIANTS=()
	[ "${KEEP:-}" = 1 ] || rm -rf "$T/variant"
}
