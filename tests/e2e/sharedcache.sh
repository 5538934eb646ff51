#!/bin/bash
# sharedcache.sh: what one machine has built, another takes from a registry instead of building it, and gets the same
# bytes; a cache that is wrong, damaged, forbidden or gone changes nothing but the time. A Go program with it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-repo.sh"
GO=$(command -v go || :)
[ -n "$GO" ] || PATH=$PATH:/usr/local/go/bin:$(printf '%s:' /usr/lib/go-*/bin)
need docker-registry go
export HOME=$T TMPDIR=$T
unset XDG_CONFIG_HOME REGISTRY_AUTH_FILE XDG_RUNTIME_DIR DOCKER_CONFIG
GOMODCACHE=$T/gomod GOFLAGS=-modcacherw
export GOMODCACHE GOFLAGS
REG=127.0.0.1:$(free_port)
printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp: {addr: "%s"}\n' \
	"$T/registry" "$REG" >"$T/registry.yml"
start registry docker-registry serve "$T/registry.yml"
wait_for 15 python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "http://$REG/v2/" ||
	bail "the registry did not come up" "$T/registry.log"

# --- a bundle: two images of packages, one of them with a Go program of a module served from a directory ---
repo_start
usual_recipes
VERSION=$(cd / && GOTOOLCHAIN=local go env GOVERSION)
python3 - "$T/proxy" <<'EOF'
import json, os, sys, zipfile
d = os.path.join(sys.argv[1], "example.org/prog/@v")
os.makedirs(d)
mod = "module example.org/prog\n\ngo 1.19\n"
with zipfile.ZipFile(d + "/v1.0.0.zip", "w") as z:
    z.writestr("example.org/prog@v1.0.0/go.mod", mod)
    z.writestr("example.org/prog@v1.0.0/main.go", 'package main\n\nfunc main() { println("shared") }\n')
open(d + "/v1.0.0.mod", "w").write(mod)
json.dump({"Version": "v1.0.0"}, open(d + "/v1.0.0.info", "w"))
EOF
export GOPROXY=file://$T/proxy GONOSUMDB='*' GONOSUMCHECK=1 GOFLAGS="-modcacherw -mod=mod" GONOSUMDB
cat >>"$RECIPES/app/recipe.yaml" <<END
architectures: [amd64]
go:
- {module: example.org/prog, version: v1.0.0, package: ., path: /usr/bin/prog, toolchain: ${VERSION%% *}}
END
check "it is locked" ess "$T/first" ok lock --progress=none "$T/bundle" || bail "no locks" "$OUT"
NONE=(--progress=plain)
check "the first machine builds and keeps it" ess "$T/first" ok build "${NONE[@]}" --cache-to "$REG/team/cache" -o "$T/first.tar" "$T/bundle"
cp "$OUT" "$T/said"
check "it says how much" grep -E "shared cache: 0 results taken, [0-9]+ kept" "$T/said"
check "once more to another file: all is there" ess "$T/first" ok build "${NONE[@]}" --cache-to "$REG/team/cache" -o "$T/again.tar" "$T/bundle"
cp "$OUT" "$T/said"
check "nothing is kept twice" grep -F "0 results taken, 0 kept" "$T/said"

# From here on there is no archive, no module and no compiler.
stop faultd
second() { # CACHE OPTION...
	local cache=$1
	shift
	rm -rf "$cache"
	rm -f "$T/second.tar"
	env PATH=/usr/bin:/bin GOPROXY=off GO=/nonexistent ESS_BUNDLE_CACHE="$cache" "$ESS" build "${NONE[@]}" --no-snapshot --tries 1 --timeout 3 \
		--mirror "http://127.0.0.1:$PORT/ok" -o "$T/second.tar" "$@" "$T/bundle"
}
check_rc "alone, the second machine has no sources: 6" 6 second "$T/second"
check "with the cache it needs none" second "$T/second" --cache-from "$REG/team/cache"
cp "$OUT" "$T/said"
check "it says so" grep -E "shared cache: [1-9][0-9]* results taken, 0 kept" "$T/said"
check "and has the same bytes" cmp "$T/first.tar" "$T/second.tar"
check_equal "no package was fetched" "" "$(grep -ho 'sha256: [0-9a-f]*, path' "$RECIPES"/*/lock.yaml | cut -c9-72 | while read -r h; do ls "$T/second/sources/sha256/$h" 2>/dev/null; done)"
check "the second of two places has it" second "$T/third" --cache-from "$REG/nobody" --cache-from "http://$REG/team/cache"
check "the cache it filled is sound" cache_is_sound "$T/second"

# --- what goes wrong costs time, no more; the first machine's sources are there again ---
with_sources() {
	rm -f "$T/second.tar"
	rm -rf "$T/fourth"
	cp -a "$T/first" "$T/fourth"
	ESS_BUNDLE_CACHE=$T/fourth "$ESS" build "${NONE[@]}" --no-snapshot --tries 1 --timeout 3 -o "$T/second.tar" "$@" "$T/bundle"
}
warned() { # NAME REGEX
	cp "$OUT" "$T/said"
	check "$1: a warning" grep -E "warning: shared cache .*$2.*built without it" "$T/said"
	check "$1: the same bytes" cmp "$T/first.tar" "$T/second.tar"
}
check "a cache that nobody has: built" with_sources --cache-from "127.0.0.1:9/cache" --cache-to "127.0.0.1:9/cache"
warned "nobody there" "127.0.0.1:9"
check_rc "offline it is refused: 4" 4 with_sources --offline --cache-from "$REG/team/cache"
check_rc "a place with a tag is none: 2" 2 with_sources --cache-from "$REG/team/cache:1"
check_rc "nor is a host alone: 2" 2 with_sources --cache-to "$REG"
find "$T/registry" -path '*blobs*' -name data -size +1k -exec sh -c 'printf x | dd of="$1" bs=1 seek=700 conv=notrunc 2>/dev/null' - {} \;
check "a cache whose blobs were altered: built" with_sources --cache-from "$REG/team/cache"
warned "altered blobs" "sha256"
check "no blob of it was kept" cache_is_sound "$T/fourth"

# --- two processes at once ---
rm -rf "$T/both" "$T/gomod"
cp -a "$T/first" "$T/both"
rm -rf "$T/both/derived" "$T/x.tar"
export ESS_BUNDLE_CACHE=$T/both
"$ESS" build --progress=plain --offline -o "$T/x.tar" "$T/bundle" >"$T/one" 2>&1 &
ONE=$!
"$ESS" build --progress=plain --offline -o "$T/x.tar" "$T/bundle" >"$T/two" 2>&1 &
wait $ONE && wait $! && ok "two builds of one file at once succeed" || not_ok "two builds of one file at once succeed" "$T/two"
check_equal "one of them had nothing to do" 1 "$(cat "$T/one" "$T/two" | grep -c 'up to date')"
finish
