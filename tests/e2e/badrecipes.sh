#!/bin/bash
# badrecipes.sh: what is wrong in a recipe is told with its place (file:line:column), what was expected, and the
# nearest name that would do; nothing is locked then.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-repo.sh"
TRIES="--timeout 5 --tries 2 -q"
repo_start
usual_recipes
check "good recipes are locked" ess "$T/cache" ok lock "$T/bundle" || bail "no locks" "$OUT"

# bad WHAT STATUS REGEX...: the rest of the recipe on stdin, its first line is line 2. "AT n:m" stands for a place.
bad() {
	local what=$1 want=$2 re rc wrong=
	shift 2
	rm -rf "$RECIPES/bad"
	recipe bad
	ess "$T/cache" ok lock "$RECIPES/bad" >"$OUT" 2>&1 </dev/null && rc=0 || rc=$?
	[ "$rc" = "$want" ] || wrong="exit status $rc, expected $want"
	for re; do
		re=${re/#AT /recipes/bad/recipe\\.yaml:}
		grep -qE -- "$re" "$OUT" || wrong="$wrong; not said: $re"
	done
	[ ! -e "$RECIPES/bad/lock.yaml" ] || wrong="$wrong; there is a lock"
	if [ -z "$wrong" ]; then
		ok "$what"
	else
		echo "$wrong" >>"$OUT"
		not_ok "$what" "$OUT"
	fi
}
SUITES='debian:
  suites: [{archive: test, suite: demo}]'

# --- its form ---
bad "an unknown key" 1 "AT 3:1: " "'enviroment'|'packges'|'architecture'" "architectures" <<-END
	version: "1"
	architecture: [amd64]
END
bad "an unknown key further down" 1 "AT 4:3: " "'packagess'" "'?packages'?" <<-END
	version: "1"
	debian:
	  packagess: [core]
END
bad "a wrong type" 1 "AT 3:9: " "expected" <<-END
	version: "1"
	debian: [core]
END
bad "a word for a list" 1 "AT 4:13: " "expected a list" <<-END
	version: "1"
	debian:
	  packages: core
END
bad "a word for a flag" 1 "AT 5:15: " "true or false" <<-END
	version: "1"
	$SUITES
	  recommends: perhaps
END
bad "an architecture that does not exist" 1 "AT 3:24: " "'amd46'" "amd64" <<-END
	version: "1"
	architectures: [arm64, amd46]
END
bad "a mode that is none" 1 "AT 3:[0-9]+: " "'0999'" "octal" <<-END
	version: "1"
	files: [{path: /x, content: x, mode: "0999"}]
END
bad "a user id out of range" 1 "AT 3:[0-9]+: " "4294967296|5000000000" <<-END
	version: "1"
	users: [{name: u, uid: 5000000000}]
END
bad "a path that is not absolute" 1 "AT 3:16: " "'etc/x'" "/" <<-END
	version: "1"
	files: [{path: etc/x, content: x}]
END
bad "a path that climbs out of the root" 1 "AT 3:16: " "'/\.\./etc/x'" <<-END
	version: "1"
	files: [{path: /../etc/x, content: x}]
END
bad "a source outside of the recipe's folder" 1 "AT 3:[0-9]+: " "'\.\./\.\./secret'" <<-END
	version: "1"
	files: [{path: /x, source: ../../secret}]
END
bad "a link out of the root" 1 "AT 3:[0-9]+: " "\.\./\.\./\.\./x" <<-END
	version: "1"
	links: [{path: /usr/bin/x, target: ../../../x}]
END
bad "a tab" 1 "AT 4:1: |recipe\.yaml:4:2: " < <(printf 'version: "1"\nconfig:\n\tuser: x\n')
bad "an unclosed list" 1 "AT [0-9]+:[0-9]+: " <<-END
	version: "1"
	architectures: [amd64
END
bad "a signal that does not exist" 1 "AT 4:16: " "'SIGTREM'" "SIGTERM" <<-END
	version: "1"
	config:
	  stop-signal: SIGTREM
END

# --- other recipes ---
bad "a parent that does not exist" 1 "AT 3:7: " "'plainn'" "plain" <<-END
	version: "1"
	from: plainn
END
recipe ring <<-END
	version: "1"
	from: bad
END
bad "a cycle" 1 "AT 3:7: |ring/recipe\.yaml:3:7: " "bad.*ring.*bad|ring.*bad.*ring" <<-END
	version: "1"
	from: ring
END
rm -rf "$RECIPES/ring"
bad "itself as its parent" 1 "AT 3:7: " "bad" <<-END
	version: "1"
	from: bad
END
bad "no suites and no parent" 1 "AT [0-9]+:[0-9]+: " "suite" <<-END
	version: "1"
	debian:
	  packages: [core]
END

# --- what the archive has ---
bad "a package that does not exist" 4 "AT 5:14: " "'coer'" "did you mean 'core'|nearest.*core|'core'" <<-END
	version: "1"
	$SUITES
	  packages: [coer]
END
bad "a version that does not exist" 4 "AT 5:14: " "core" "2" <<-END
	version: "1"
	$SUITES
	  packages: [core=2]
END
bad "a package that this architecture lacks" 4 "AT 5:20: " "only-amd64" "arm64" <<-END
	version: "1"
	$SUITES
	  packages: [core, only-amd64]
END
bad "a dependency that cannot be met" 1 "AT 5:14: " "needs-missing" "not-there" <<-END
	version: "1"
	$SUITES
	  packages: [needs-missing]
END
bad "an excluded package that is wanted" 1 "AT 5:14: |AT 6:13: " "core" <<-END
	version: "1"
	$SUITES
	  packages: [core]
	  exclude: [core]
END
bad "an archive that no mirror has" 4 "nosuch/demo" "hint: " <<-END
	version: "1"
	debian:
	  suites: [{archive: nosuch, suite: demo}]
	  packages: [core]
END
bad "a suite that the archive lacks" 4 "test/dmeo" "hint: .*recipe\.yaml:4" <<-END
	version: "1"
	debian:
	  suites: [{archive: test, suite: dmeo}]
	  packages: [core]
END
bad "a component that the archive lacks" 1 "AT 4:12: " "component 'mian'" "has: main" <<-END
	version: "1"
	debian:
	  suites: [{archive: test, suite: demo, components: [mian]}]
	  packages: [core]
END
bad "a codec's package that does not exist" 4 "AT 6:[0-9]+: " "'libzstd2'" "'libzstd1'" <<-END
	version: "1"
	$SUITES
	codecs:
	  - {kind: zstd, package: libzstd2, library: libzstd.so.1}
END
bad "a codec's library that its package lacks" 1 "AT 6:[0-9]+: " "libzstd\.so\.9" "libzstd1" <<-END
	version: "1"
	$SUITES
	codecs:
	  - {kind: zstd, package: libzstd1, library: libzstd.so.9}
END
bad "a version of a package that the image lacks" 1 "AT 2:10: " "'cor' is not in the image" "did you mean 'core'" <<-END
	version: {package: cor}
	$SUITES
	  packages: [core]
END

# --- the files of the image ---
bad "one file of two packages" 9 "usr/share/twin" "twin-a" "twin-b" "AT 5:22: " "hint: " <<-END
	version: "1"
	$SUITES
	  packages: [twin-a, twin-b]
END
bad "a file that a package has" 9 "AT 6:" "usr/bin/core" "core" "hint: .*replace" <<-END
	version: "1"
	$SUITES
	  packages: [core]
	files: [{path: /usr/bin/core, content: x}]
END
bad "one file twice" 1 "AT 3:[0-9]+: " "'/x'" <<-END
	version: "1"
	files: [{path: /x, content: a}, {path: /x, content: b}]
END
bad "a file below a file" 9 "AT 6:[0-9]+: " "usr/bin/core" <<-END
	version: "1"
	$SUITES
	  packages: [core]
	files: [{path: /usr/bin/core/x, content: x}]
END
bad "a source that is not there" 1 "AT 3:[0-9]+: " "files/x" <<-END
	version: "1"
	files: [{path: /x, source: files/x}]
END
bad "a fix-up that does not exist" 4 "AT 3:10: " "'paswd'" "passwd" <<-END
	version: "1"
	fixups: [paswd]
END
bad "permissions of what is not there" 1 "AT 6:[0-9]+: " "there is no '/usr/bin/coer'" "/usr/bin/core" <<-END
	version: "1"
	$SUITES
	  packages: [core]
	permissions: [{path: /usr/bin/coer, mode: "0700"}]
END
bad "a pattern to remove that matches nothing" 1 "AT 6:10: " "'/usr/share/mna/\*'" <<-END
	version: "1"
	$SUITES
	  packages: [core]
	remove: [/usr/share/mna/*]
END
bad "an owner that is not defined" 1 "AT 3:[0-9]+: " "'nobody:nobody'|'nobody'" <<-END
	version: "1"
	files: [{path: /x, content: a, owner: "nobody:nobody"}]
END

# --- the folder ---
check_rc "no recipe there" 4 ess "$T/cache" ok lock "$T/nowhere"
check_fails "which is named" "$T/nowhere" ess "$T/cache" ok lock "$T/nowhere"
mkdir "$T/empty"
check_fails "an empty folder" "$T/empty/(recipe|bundle)\.yaml" ess "$T/cache" ok lock "$T/empty"
mkdir "$T/badbundle"
printf 'name: b\nversion: "1"\nregistry: ess.invalid\nimages: [{recipe: ../recipes/plainn}]\n' >"$T/badbundle/bundle.yaml"
check_fails "a bundle with a recipe that is not there" 'badbundle/bundle\.yaml:4:[0-9]+' ess "$T/cache" ok build -o "$T/x.tar" "$T/badbundle"
finish
