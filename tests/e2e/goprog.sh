#!/bin/bash
# goprog.sh: images with Go programs and with release archives: what is refused and how, over modules that the
# test makes and serves itself; then LiveKit, the Redis exporter and the web client's archive in real containers.
# The first run compiles LiveKit (3 minutes of CPU time); later ones take it from the user's cache.
# PARTS="bad livekit exporter web" picks some.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-repo.sh"
. "$(dirname "$0")/lib-ctr.sh"
ASK=$ROOT/tests/e2e/tools/ask.py
GO=$(command -v go || :)
[ -n "$GO" ] || PATH=$PATH:/usr/local/go/bin:$(printf '%s:' /usr/lib/go-*/bin)
need go python3
[ -x "$ESS" ] || bail "no '$ESS'; run make"
# said NAME REGEX: what the program of the last check said. said_not NAME REGEX
said() {
	cp "$OUT" "$T/said"
	check_match "$1" "$2" cat "$T/said"
}
said_not() {
	cp "$OUT" "$T/said"
	check_rc "$1" 1 grep -E "$2" "$T/said"
}
http() { ctr_net "$ASK" http "$@"; }
redis() { ctr_net "$ASK" redis 127.0.0.1 6379 "$@"; }

# --- modules of the test's own ---
# The version that a recipe names must be had: the machine's own, so that these tests need no network.
HAVE=$(cd / && GOTOOLCHAIN=local go env GOVERSION)
HAVE=${HAVE%% *}
MODULES='
import json, os, sys, zipfile
base = sys.argv[1]
def put(module, version, **files):
    d = os.path.join(base, module, "@v")
    os.makedirs(d, exist_ok=True)
    with zipfile.ZipFile(os.path.join(d, version + ".zip"), "w") as z:
        for name, text in sorted(files.items()):
            name = name.replace("__", "/").replace("_", ".")
            z.writestr(module + "@" + version + "/" + name, text)
            if name == "go.mod":
                open(os.path.join(d, version + ".mod"), "w").write(text)
    json.dump({"Version": version}, open(os.path.join(d, version + ".info"), "w"))
put("example.org/fork", "v1.1.0", go_mod="module example.org/lib\n\ngo 1.19\n", lib_go="package lib\n\nconst Text = \"from the fork\"\n")
put("example.org/prog", "v1.0.0",
    go_mod="module example.org/prog\n\ngo 1.19\n\nrequire example.org/lib v1.0.0\n\nreplace example.org/lib => example.org/fork v1.1.0\n",
    go_sum="example.org/fork v1.1.0 h1:njQuv4gx23roZkPk/eEHlGFXAafjfsWhNvEyalZlbDI=\nexample.org/fork v1.1.0/go.mod h1:YbOe48e/Kho7urBNLsQwN1WLpUFyyIBJoZWj/vrsXDk=\n",
    cmd__x__main_go="package main\n\nimport \"example.org/lib\"\n\nfunc main() { println(lib.Text) }\n")
'
go_recipe() { # NAME MODULE VERSION PACKAGE TOOLCHAIN
	recipe "$1" <<-END
		version: "1"
		from: plain
		architectures: [$(ctr_arch)]
		go:
		- {module: $2, version: $3, package: $4, path: /usr/bin/x, toolchain: $5}
	END
}
lock() { # CACHE NAME [OPTION]...
	local cache=$1 name=$2
	shift 2
	ess "$cache" ok lock "$RECIPES/$name" "$@"
}
build() { # CACHE NAME FILE [OPTION]...
	local cache=$1 name=$2 file=$3
	shift 3
	ess "$cache" ok image build "$RECIPES/$name" -o "$file" "$@"
}
program() { sed -n 's/.*{arch: [a-z0-9]*, module: example.org\/prog.*size: [0-9]*, sha256: \([0-9a-f]*\)}$/\1/p' "$RECIPES/prog/lock.yaml"; }

test_bad() {
	local sum file
	repo_start
	usual_recipes
	python3 -c "$MODULES" "$T/proxy" || bail "no modules"
	export GOPROXY=file://$T/proxy GOSUMDB=off GOFLAGS=-mod=vendor GOAMD64=v3
	go_recipe prog example.org/prog v1.0.0 ./cmd/x "$HAVE"
	check "a module with a replace line is locked" lock "$T/c1" prog || return
	check_match "its lock names what replaces it, by its sum" '^- \{module: example.org/fork, version: v1.1.0, h1: "?h1:njQuv4g' cat "$RECIPES/prog/lock.yaml"
	check_match "and the toolchain" "toolchain: $HAVE," cat "$RECIPES/prog/lock.yaml"
	check_rc "no host or path of the configuration is in it" 1 grep -F "$T" "$RECIPES/prog/lock.yaml"
	check "it is built" build "$T/c1" prog "$T/prog.tar"
	printf 'name: small\nversion: "1"\nregistry: ess.invalid\nimages:\n  - {recipe: ../recipes/prog}\n' >"$T/bundle/bundle.yaml"
	check "so is a bundle of it" ess "$T/c1" ok build "$T/bundle" -o "$T/bundle.tar" --arch "$(ctr_arch)"
	check_match "its modules are listed" 'example.org/fork.*v1.1.0' "$ESS" inspect --packages "$T/bundle.tar"
	sum=$(program)
	cp "$T/c1/sources/sha256/$sum" "$T/x" && chmod 755 "$T/x"
	check_match "the program runs" 'from the fork' "$T/x"
	check_match "the program is static and stripped" 'statically linked.*stripped' file "$T/x"
	check_rc "no path of this machine is in the program" 1 grep -aF "$T" "$T/x"
	cp "$RECIPES/prog/lock.yaml" "$T/lock.yaml"
	TMPDIR=$T/c1 check "the same comes out in another cache, on one thread" lock "$T/an/other/place" prog --update -j1
	check "byte by byte" cmp "$T/lock.yaml" "$RECIPES/prog/lock.yaml"

	# Of the cache only what the lock names is needed, and nothing else is asked for.
	check_match "a lock that matches is not made again" 'unchanged' lock "$T/c1" prog --check
	check "--offline builds from the cache" build "$T/c1" prog "$T/prog2.tar" --offline
	check "the same image" cmp "$T/prog.tar" "$T/prog2.tar"
	chmod -R u+w "$T/c1/sources" && rm "$T/c1/sources/sha256/$sum"
	check "--offline compiles what is gone from cached modules" build "$T/c1" prog "$T/prog3.tar" --offline
	check "the same image again" cmp "$T/prog.tar" "$T/prog3.tar"
	check_rc "--offline without a cache: status 4" 4 build "$T/c-empty" prog "$T/no.tar" --offline
	mkdir -p "$T/dir" && cp "$T/x" "$T/dir/$sum"
	rm -f "$T/prog3.tar"

	# Bad input.
	file=$T/c1/go/mod/example.org/fork@v1.1.0/lib.go
	chmod u+w "$file" && sed -i 's/fork/evil/' "$file" && rm -f "$T/c1/sources/sha256/$sum"
	check_rc "a module altered in the cache: status 3" 3 build "$T/c1" prog "$T/no.tar"
	said "it is named" 'Go module example.org/fork v1.1.0: expected h1:njQuv4g.*found h1:'
	check "it is fetched anew by the next run" build "$T/c1" prog "$T/prog4.tar"
	check "and gives the same image" cmp "$T/prog.tar" "$T/prog4.tar"
	check "nothing else was left in the cache" cache_is_sound "$T/c1"
	sed -i "s/sha256: $sum/sha256: ${sum//[0-9]/1}/" "$RECIPES/prog/lock.yaml"
	check_rc "a lock that says another result: status 3" 3 build "$T/c1" prog "$T/no.tar"
	said "program, architecture and toolchain are named" "Go program ./cmd/x of example.org/prog v1.0.0 \\($(ctr_arch), $HAVE\\): expected sha256:1?"
	cp "$T/lock.yaml" "$RECIPES/prog/lock.yaml"

	go_recipe missing example.org/nothing v1.0.0 . "$HAVE"
	check_rc "a module that is nowhere: status 4" 4 lock "$T/c1" missing
	said "it is named with its place in the recipe" 'missing/recipe.yaml:[0-9]+:[0-9]+: Go module example.org/nothing v1.0.0'
	go_recipe other example.org/prog v1.0.0 ./cmd/none "$HAVE"
	check_rc "a package that is not in it: status 4" 4 lock "$T/c1" other
	go_recipe old example.org/prog v1.0.0 ./cmd/x go1.99.7
	check_rc "a toolchain that cannot be had: status 4" 4 lock "$T/c1" old
	said "what to install is said" 'install Go 1.99.7'
	rm -f "$T/c1/sources/sha256/$sum"
	mkdir -p "$T/bin"
	for p in env python3 gpgv sh; do ln -sf "$(command -v "$p")" "$T/bin/$p"; done
	PATH=$T/bin check_rc "no Go at all: status 4" 4 build "$T/c1" prog "$T/no.tar"
	said "what to install is said then, too" 'apt-get install golang-go'
	PATH=$T/bin check "a program of a --sources directory needs no Go" build "$T/c1" prog "$T/prog5.tar" --sources "$T/dir"
	check "it is the same" cmp "$T/prog.tar" "$T/prog5.tar"
	rm -rf "$T/c1/go/mod" "$T/c1/sources/sha256/$sum"
	GOPROXY=https://user:secret@127.0.0.1:1/mods check_rc "a module proxy that does not answer: status 6" 6 build "$T/c1" prog "$T/no.tar"
	said_not "its address is not shown" '127.0.0.1|secret'
	check "cache list counts modules" env ESS_BUNDLE_CACHE="$T/an/other/place" "$ESS" cache list
	said "as a kind of their own" '[1-9][0-9]*  modules'
	check "cache gc" env ESS_BUNDLE_CACHE="$T/an/other/place" "$ESS" cache gc --keep-for "$RECIPES"
	check_rc "removes what only compiling needs" 1 test -e "$T/an/other/place/go/mod"
	check "and keeps the program" test -e "$T/an/other/place/sources/sha256/$sum"
	unset GOPROXY GOSUMDB GOFLAGS GOAMD64
}

# --- real images ---
image_of() { # NAME [OPTION]...: build and import; sets REF
	local name=$1 recipes=${RECIPE_DIR:-$ROOT/recipes}
	shift
	check "$name is built" "$ESS" image build "$recipes/$name" -o "$T/$name.tar" --arch "$(ctr_arch)" "$@" || return
	check "$name is imported" ctr_import "$T/$name.tar" || return
	REF=$(ctr_images | grep "/$name:" | head -n 1)
}
ctr_once() { [ -n "${CTR_PID:-}" ] || ctr_up; }

test_livekit() {
	ctr_once
	image_of livekit-server || return
	mkdir -p "$T/livekit"
	cat >"$T/livekit/config.yaml" <<-END
		port: 7880
		bind_addresses: [127.0.0.1]
		prometheus: {port: 6789}
		rtc: {tcp_port: 7881, udp_port: 7882, use_external_ip: false, node_ip: 127.0.0.1}
		key_file: /conf/keys.yaml
		room: {auto_create: false}
	END
	echo "matrix-rtc: $(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')" >"$T/livekit/keys.yaml"
	# It refuses keys that others may read.
	chown 10030:10030 "$T/livekit"/* && chmod 600 "$T/livekit"/*
	check_match "livekit-server: says its version" '1\.13\.5' ctr_run "$REF" lk0 -- /livekit-server --version
	check "livekit-server: starts" ctr_start "$REF" livekit --bind "$T/livekit:/conf" -- /livekit-server --config /conf/config.yaml
	wait_for 20 http http://127.0.0.1:7880/
	check_match "livekit-server: answers on 7880" '^OK' http http://127.0.0.1:7880/ || tap_comment <"$T/livekit.log"
	check_match "livekit-server: wants a token for its API" '^HTTP 401' http http://127.0.0.1:7880/rtc/validate || tap_comment <"$T/livekit.log"
	check_match "livekit-server: serves metrics" '^(livekit|go)_' http http://127.0.0.1:6789/metrics
	check_match "livekit-server: runs as uid 10030" '^10030 10030 10030 10030$' ctr_status livekit Uid
	check_equal "livekit-server: stops by itself" 0 "$(ctr_stop livekit SIGTERM)" || tap_comment <"$T/livekit.log"
}

test_exporter() {
	local server
	ctr_once
	image_of redis || return
	server=$REF
	image_of redis-exporter || return
	printf '127.0.0.1 localhost\n' >"$T/hosts"
	check "redis-exporter: the server starts" ctr_start "$server" redis --tmpfs /data:mode=700,uid=10002,gid=10002 -- \
		/usr/bin/redis-server --save "" --bind 127.0.0.1
	wait_for 10 redis PING
	redis SET word value >/dev/null
	check "redis-exporter: starts with the command of its image" ctr_start "$REF" exporter --bind "$T/hosts:/etc/hosts"
	wait_for 10 http http://127.0.0.1:9121/metrics
	check_match "redis-exporter: has reached the server" '^redis_up 1$' http http://127.0.0.1:9121/metrics || tap_comment <"$T/exporter.log"
	check_match "redis-exporter: counts its keys" '^redis_db_keys\{db="db0"\} 1$' http http://127.0.0.1:9121/metrics
	check_match "redis-exporter: runs as uid 10002" '^10002 ' ctr_status exporter Uid
	ctr_stop exporter >/dev/null
	ctr_stop redis >/dev/null
}

# The release archive's shape: one directory, files with hashes in their names below it.
test_web() {
	local dir=$T/element-v1.12.25 sum
	ctr_once
	mkdir -p "$dir/bundles/abc123" "$dir/i18n" "$T/web-sources" "$T/web-recipes"
	echo '<!doctype html><title>Element</title>' >"$dir/index.html"
	echo '{"brand":"stand-in"}' >"$dir/config.sample.json"
	echo '{"default_server_config":{"m.homeserver":{"base_url":"https://synapse.example.org"}}}' >"$dir/config.json"
	echo 'v1.12.25' >"$dir/version"
	echo 'export default 1' >"$dir/bundles/abc123/bundle.js"
	: >"$dir/bundles/abc123/app.wasm"
	echo '{"a":"b"}' >"$dir/i18n/en_EN.abc123.json"
	tar -C "$T" --sort=name --owner=1001 --group=127 -czf "$T/web-sources/element-v1.12.25.tar.gz" element-v1.12.25
	sum=$(sha256sum <"$T/web-sources/element-v1.12.25.tar.gz" | cut -d' ' -f1)
	cp -r "$ROOT/recipes/base" "$ROOT/recipes/nginx" "$ROOT/recipes/element-web-nginx" "$T/web-recipes/"
	cp -r "$T/web-recipes" "$T/web-as-is"
	sed -i "s/sha256: [0-9a-f]\{64\}/sha256: $sum/" "$T/web-recipes/element-web-nginx/recipe.yaml"
	check "element-web-nginx: is locked with a stand-in" "$ESS" lock "$T/web-recipes/element-web-nginx" --sources "$T/web-sources" || return
	check_fails "element-web-nginx: an archive with another sum is refused" 'element-web.* expected sha256:14d7f2671eb1' \
		"$ESS" lock "$T/web-as-is/element-web-nginx" --offline --sources "$T/web-sources"
	RECIPE_DIR=$T/web-recipes image_of element-web-nginx --sources "$T/web-sources" || return
	echo '{"brand":"mounted"}' >"$T/config.json"
	check "element-web-nginx: starts with the command of its image" ctr_start "$REF" web --tmpfs /tmp --bind "$T/config.json:/app/config.json"
	wait_for 10 http http://127.0.0.1:8080/health
	check_match "element-web-nginx: serves /" '<title>Element</title>' http http://127.0.0.1:8080/ || tap_comment <"$T/web.log"
	check_match "element-web-nginx: and nobody keeps it" '^cache-control: no-cache$' http http://127.0.0.1:8080/
	check_match "element-web-nginx: nobody frames it" "^content-security-policy: frame-ancestors 'self'$" http http://127.0.0.1:8080/
	check_match "element-web-nginx: serves the mounted /config.json" '"brand":"mounted"' http http://127.0.0.1:8080/config.json
	check_match "element-web-nginx: serves bundles" '^content-type: (application|text)/javascript' http http://127.0.0.1:8080/bundles/abc123/bundle.js
	check_match "element-web-nginx: answers the probe" '^HTTP 200' http http://127.0.0.1:8080/health
	check_match "element-web-nginx: runs as uid 10004" '^10004 10004 10004 10004$' ctr_status web Uid
	check_equal "element-web-nginx: stops gracefully" 0 "$(ctr_stop web SIGQUIT)" || tap_comment <"$T/web.log"
}

for part in ${PARTS:-bad livekit exporter web}; do
	"test_$part"
done
finish
