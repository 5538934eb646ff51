# shellcheck shell=bash
# A Debian archive of the tests' own, on 127.0.0.1, with faults on demand, and recipes that use it.
#
#	. "$(dirname "$0")/lib.sh"; . "$(dirname "$0")/lib-repo.sh"
#	repo_start [hostile]
#	recipe NAME <<END ... END       recipes/NAME/recipe.yaml, a name is put in front
#	ess CACHE URL-RULE lock ...     runs the program with the archive as its mirror
#
# Nothing else is asked: the machine's own apt configuration has no archive "test", and the snapshot
# service is switched off. See tools/faultd.py for the rules of URLs.
TOOLS=$ROOT/tests/e2e/tools
REPO=$T/repo
RECIPES=$T/recipes
need python3 gpg gpgv

repo_start() {
	export PYTHONDONTWRITEBYTECODE=1
	# The agent's socket must have a short path, whatever TMPDIR is.
	TMPDIR=/tmp "$TOOLS/mkrepo.py" "$REPO" "$@" >"$OUT" 2>&1 || bail "the archive could not be made" "$OUT"
	start faultd "$TOOLS/faultd.py" "$REPO" "$T/port" "$T/requests"
	wait_for 10 test -s "$T/port" || bail "the server did not come up" "$T/faultd.log"
	PORT=$(cat "$T/port")
	mkdir -p "$RECIPES"
}

# recipe NAME: the rest of it on stdin.
recipe() {
	mkdir -p "$RECIPES/$1"
	{
		echo "name: $1"
		cat
	} >"$RECIPES/$1/recipe.yaml"
}
# The usual two, and a bundle of both.
usual_recipes() {
	recipe plain <<-END
		version: "1"
		architectures: [amd64, arm64]
		debian:
		  suites: [{archive: test, suite: demo}]
		  packages: [core]
		codecs:
		  - {kind: zstd, package: libzstd1, library: libzstd.so.1}
	END
	recipe app <<-END
		version: {package: app}
		from: plain
		debian:
		  packages: [app]
		config:
		  entrypoint: [/usr/bin/app]
	END
	mkdir -p "$T/bundle"
	cat >"$T/bundle/bundle.yaml" <<-END
		name: small
		version: "1"
		registry: ess.invalid
		images:
		  - {recipe: ../recipes/plain}
		  - {recipe: ../recipes/app}
	END
}

# ess CACHE RULE COMMAND...: RULE is the first part of the mirror's URLs, "ok" for a good one; more than
# one is separated by commas. Options of the tries come from TRIES; WRAP is put before the program.
TRIES="--timeout 2 --tries 2"
WRAP=(/usr/bin/env)
ess() {
	local cache=$1 rules=$2 args=() r
	shift 2
	for r in ${rules//,/ }; do
		args+=(--mirror "http://127.0.0.1:$PORT/$r")
	done
	local command=("$1")
	shift
	if [ "${command[0]}" = image ]; then
		command+=("$1")
		shift
	fi
	[ "${command[0]}" != lock ] || args+=(--keyring "$REPO/keyring.gpg")
	# shellcheck disable=SC2086 # several words
	ESS_BUNDLE_CACHE=$cache "${WRAP[@]}" "$ESS" "${command[@]}" "${args[@]}" --no-snapshot $TRIES "$@"
}

# cache_is_sound CACHE: every source has the hash that it is called by, every derived file its own.
cache_is_sound() {
	"$TOOLS/check-cache.py" "$1"
}
