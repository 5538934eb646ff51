#!/bin/bash
# transfers.sh: push, pull and copy through tools/faultproxy.py, which stands between them and a real registry and
# does what networks, proxies and other registries do. Each either ends with the right bytes, or fails with a
# message that names image, blob, host, attempt and bytes, and the right status. No credential leaves its host.
. "$(dirname "$0")/lib.sh"
need python3 docker-registry curl
[ -x "$ESS" ] || bail "no '$ESS'; run make"
TOOLS=$ROOT/tests/e2e/tools
export HOME=$T XDG_RUNTIME_DIR=$T/run DOCKER_CONFIG=$T/docker TMPDIR=$T ESS_BUNDLE_CACHE=$T/cache SOURCE_DATE_EPOCH=1
unset XDG_CONFIG_HOME REGISTRY_AUTH_FILE
mkdir -p "$DOCKER_CONFIG"

# --- a bundle of random bytes: two layers, 6 MB and 3 KB ---
mkdir "$T/big" "$T/small"
python3 - "$T" <<-'PY'
	import random, sys
	r = random.Random(5)
	for name, size in ("big/one", 4000000), ("big/two", 2000000), ("small/three", 3000):
	    open(sys.argv[1] + "/" + name, "wb").write(r.randbytes(size))
PY
recipe() { # NAME FILE...
	{
		printf 'name: %s\ndescription: Random bytes\nversion: "1"\narchitectures: [amd64]\nfiles:\n' "$1"
		for f in "${@:2}"; do printf -- '- {path: /%s, source: %s}\n' "$f" "$f"; done
	} >"$T/$1/recipe.yaml"
}
recipe big one two
recipe small three
printf 'name: mini\nversion: "1"\nsummary: Random bytes\nregistry: mini.invalid\nimages:\n- {recipe: big}\n- {recipe: small}\ncompression: zstd\n' >"$T/bundle.yaml"
BUNDLE=$T/mini.tar
(cd "$T" && "$ESS" lock --offline big && "$ESS" lock --offline small && "$ESS" build --offline -o "$BUNDLE" .) >"$T/build.log" 2>&1 ||
	bail "no bundle" "$T/build.log"
BLOB=$("$ESS" inspect "$BUNDLE" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["images"][0]["layers"][0]["digest"])')

# --- a registry, the proxy before it, and a host that nothing may be told ---
REG=127.0.0.1:$(free_port) PROXY=127.0.0.1:$(free_port) OTHER=127.0.0.2:$(free_port)
cat >"$T/registry.yml" <<-YAML
	version: 0.1
	log: {level: error, accesslog: {disabled: true}}
	storage: {filesystem: {rootdirectory: $T/registry}, delete: {enabled: true}}
	http: {addr: "$REG"}
YAML
start registry docker-registry serve "$T/registry.yml"
start proxy "$TOOLS/faultproxy.py" "$REG" "$PROXY" "$T/proxy.json"
start other "$TOOLS/faultproxy.py" "$REG" "$OTHER" "$T/other.json"
for h in "$REG" "$PROXY" "$OTHER"; do
	wait_for 15 curl -sf "http://$h/v2/" || bail "$h did not come up" "$T/proxy.log"
done

rules() { # RULE...: JSON each; what was logged before is forgotten
	local all
	all=$(IFS=,; echo "$*")
	curl -sf -X PUT --data-binary "[$all]" "http://$PROXY/_rules" || bail "bad rules: $all"
	: >"$T/proxy.json"
	: >"$T/other.json"
}
# logged FILE EXPRESSION: of the requests `q` that were made.
logged() {
	python3 - "$1" "$2" <<-'PY'
		import json, sys
		q = [json.loads(line) for line in open(sys.argv[1])]
		print(eval(sys.argv[2]))
	PY
}
FAST=(--plain-http --tries 3 --timeout 1)
N=0
# shellcheck disable=SC2120 # with arguments in some places only
push() { "$ESS" push "$BUNDLE" "$PROXY/p$N" "${FAST[@]}" "$@"; }
pull() { "$ESS" pull "$PROXY/p0/mini:1" -o "$T/back.tar" "${FAST[@]}" "$@"; }

# What came through is what was sent: asked of the registry itself.
same_there() {
	rm -f "$T/back.tar"
	rules
	"$ESS" pull "$REG/p$N/mini:1" -o "$T/back.tar" --plain-http --quiet && cmp "$BUNDLE" "$T/back.tar"
}
pushes() { # NAME RULE...: in spite of that
	N=$((N + 1))
	rules "${@:2}"
	check "push: $1" push && check "push: $1: the right bytes" same_there
}
push_fails() { # NAME STATUS REGEX RULE...
	N=$((N + 1))
	rules "${@:4}"
	check_rc "push: $1: $2" "$2" push --tries 2 || return
	cp "$OUT" "$T/said"
	check "push: $1: says so" grep -E -- "$3" "$T/said"
}
pulls() { # NAME RULE...
	rm -f "$T"/back.tar*
	rules "${@:2}"
	check "pull: $1" pull && check "pull: $1: the right bytes" cmp "$BUNDLE" "$T/back.tar"
}
pull_fails() { # NAME STATUS REGEX RULE...
	rm -f "$T"/back.tar*
	rules "${@:4}"
	check_rc "pull: $1: $2" "$2" pull --tries 2 || return
	cp "$OUT" "$T/said"
	check "pull: $1: says so" grep -E -- "$3" "$T/said"
	check "pull: $1: no file" test ! -e "$T/back.tar"
}
B='"path":"blobs/sha256"'
U='"path":"/blobs/uploads/."'
rules
check "push without faults" push

# --- pull ---
pulls "drop after some bytes" '{"method":"GET",'"$B"',"cut_answer":1000000,"times":2}'
pulls "drop before the first byte of the body" '{"method":"GET",'"$B"',"cut_answer":0}'
pulls "silence" '{"method":"GET",'"$B"',"stall_answer":2000000}'
pulls "503 of documents" '{"path":"manifests","status":503,"times":2}'
pulls "500 and 502 of blobs" '{"method":"GET",'"$B"',"status":500}' '{"method":"GET",'"$B"',"status":502}'
pulls "429 with Retry-After" '{"status":429,"headers":{"Retry-After":"1"},"times":2}'
check "pull: which was obeyed" grep -q '"status": 429' "$T/proxy.json"
pulls "a blob with a wrong byte, once" '{"method":"GET","path":"'"$BLOB"'","alter":1}'
pulls "a truncated blob whose length agrees" '{"method":"GET","path":"'"$BLOB"'","truncate":1000}'
pulls "a Content-Length that is too large" '{"method":"GET","path":"'"$BLOB"'","longer":10}'
pulls "answers in drops" '{"method":"GET","path":"manifests","slow_answer":4000,"slow_head":1,"times":3}'
pulls "no Docker-Content-Digest anywhere" '{"edit":{"drop":["Docker-Content-Digest"]},"times":-1}'
pulls "no Content-Length, no ETag of documents" '{"method":"HEAD","edit":{"drop":["Content-Length","ETag","Docker-Content-Digest"]},"times":-1}'
pulls "blobs at another host" '{"method":"GET",'"$B"',"redirect":"http://'"$OTHER"'","times":-1}'
pull_fails "a blob that is wrong each time" 3 "p0/mini.*blob sha256:[0-9a-f]{64}" '{"method":"GET","path":"'"$BLOB"'","alter":1,"times":-1}'
pull_fails "a manifest with a wrong byte" 3 "manifest sha256:[0-9a-f]{64} of $PROXY/p0/mini" '{"method":"GET","path":"manifests/sha256","alter":1,"times":-1}'
pull_fails "a page in place of a manifest" 6 'manifest .*web page' '{"path":"manifests","status":200,"type":"text/html","body":"<html>log in</html>","times":-1}'
pull_fails "a page in place of a blob" 6 "blob $BLOB of $PROXY/p0/mini: .*web page" '{"path":"'"$BLOB"'","status":200,"type":"text/html","body":"<html>log in</html>","times":-1}'
pull_fails "503 for ever" 6 "blob sha256:[0-9a-f]{64} of $PROXY/p0/mini: GET .*attempt 2 of 2: HTTP 503" '{"method":"GET",'"$B"',"status":503,"times":-1}'
pull_fails "drop for ever" 6 'attempt 2 of 2: .*; 1000 of [0-9]+ bytes' '{"method":"GET","path":"'"$BLOB"'","cut_answer":1000}' '{"method":"GET","path":"'"$BLOB"'","cut_answer":0,"times":-1}'
pull_fails "silence for ever" 6 'attempt 2 of 2: no byte for 1 s' '{"method":"GET","path":"'"$BLOB"'","stall_answer":0,"times":-1}'
pull_fails "a Content-Length that is too large each time" 3 "blob $BLOB of $PROXY/p0/mini: .*more than the [0-9]+ bytes" '{"method":"GET","path":"'"$BLOB"'","longer":10,"times":-1}'
pull_fails "a blob that is gone" 4 "blob $BLOB of $PROXY/p0/mini" '{"method":"GET","path":"'"$BLOB"'","status":404,"times":-1}'

# --- push ---
pushes "reset amid a PATCH" '{"method":"PATCH","cut_request":1500000,"times":2}'
pushes "reset amid a PUT" '{"method":"PUT",'"$U"',"cut_request":100,"times":2}'
[ "${KILLS:-0}" = 0 ] || pushes "silence amid a PUT" '{"method":"PUT",'"$U"',"stall_request":0}'
pushes "the answer to a PATCH is lost" '{"method":"PATCH","no_answer":1}'
pushes "the answer to a PUT is lost" '{"method":"PUT",'"$U"',"no_answer":1}'
pushes "the answer to the PUT of a document is lost" '{"method":"PUT","path":"manifests","no_answer":1,"times":2}'
pushes "the answer to a POST is lost" '{"method":"POST","no_answer":1}'
pushes "500, 502 and 503 storms" '{"method":"POST","status":503,"times":2}' '{"method":"PATCH","status":500}' '{"method":"PATCH","status":502}' '{"method":"PUT","status":503,"times":2}' '{"method":"HEAD","status":502,"times":2}'
pushes "429 with Retry-After" '{"method":"PATCH","status":429,"headers":{"Retry-After":"1"}}' '{"method":"PUT","status":429,"headers":{"Retry-After":"1"}}' '{"method":"HEAD","status":429,"headers":{"Retry-After":"1"}}'
pushes "429 before the body was read" '{"method":"PATCH","status":429,"early":true,"headers":{"Retry-After":"1"}}'
pushes "relative Locations" '{"edit":{"location":"relative"},"times":-1}'
pushes "Locations with a query" '{"edit":{"location":"query"},"times":-1}'
pushes "201 to a PATCH" '{"method":"PATCH","edit":{"status":201},"times":-1}'
pushes "204 to a PATCH" '{"method":"PATCH","edit":{"status":204},"times":-1}'
pushes "no Range, no digest, no Location but of POST" '{"method":"POST","edit":{"drop":["Range","Docker-Content-Digest"]},"times":-1}' '{"method":"PUT","edit":{"drop":["Location","Range","Docker-Content-Digest"]},"times":-1}' '{"method":"PATCH","edit":{"drop":["Range"]},"times":-1}'
pushes "a proxy that takes 1 MB at most" '{"limit":1000000}'
pushes "PATCH is unknown" '{"method":"PATCH","status":405,"times":-1}'
pushes "a small least chunk" '{"method":"POST","edit":{"set":{"OCI-Chunk-Min-Length":"3000000"}},"times":-1}'
push_fails "no Location" 6 "image mini.invalid/.*blob sha256:[0-9a-f]{64} of $PROXY/p[0-9]+/.* no Location" '{"method":"POST","edit":{"drop":["Location"]},"times":-1}'
push_fails "a page in place of an upload" 6 "image mini.invalid/.*blob sha256:[0-9a-f]{64} of $PROXY/p[0-9]+/" '{"method":"POST","status":200,"type":"text/html","body":"<html>log in</html>","times":-1}'
push_fails "403 of an upload" 5 "image .*blob sha256:[0-9a-f]{64} of $PROXY/p[0-9]+/.*HTTP 403 DENIED: not yours" '{"method":"POST","status":403,"type":"application/json","body":"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"not yours\"}]}","times":-1}'
push_fails "503 for ever" 6 "image mini.invalid/.*blob sha256:[0-9a-f]{64} of $PROXY/p[0-9]+/.*attempt 2 of 2.*0 of [0-9]+ bytes" '{"method":"PATCH","status":503,"times":-1}'
push_fails "reset for ever" 6 "blob sha256:[0-9a-f]{64} of $PROXY/p[0-9]+/.*sent [0-9]+ of [0-9]+ bytes.*attempt 2 of 2; the registry has [0-9]+ of [0-9]+ bytes" '{"method":"PATCH","cut_request":1000,"times":-1}'
push_fails "too large for the registry" 7 'blob sha256:.*HTTP 413' '{"method":"PATCH","status":413,"times":-1}' '{"method":"PUT",'"$U"',"status":413,"times":-1}'
push_fails "a registry that stores something else" 3 "image mini.invalid/.*manifest .* of $PROXY/p[0-9]+/.*stored it as sha256:0{64}" '{"method":"PUT","path":"manifests","edit":{"drop":["Docker-Content-Digest"],"set":{"Docker-Content-Digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}},"times":-1}'

# --- not too fast ---
timed() { # NAME LEAST MOST(seconds) COMMAND...
	local begin took
	begin=$(date +%s%N)
	check "$1" "${@:4}"
	took=$((($(date +%s%N) - begin) / 1000000))
	check "$1: in $took ms" test "$took" -ge "$(($2 * 1000))" -a "$took" -le "$(($3 * 1000))"
}
N=$((N + 1))
rules
timed "push 12 MB at 10 MB a second" 1 20 push --max-rate 10M
rm -f "$T"/back.tar*
timed "pull 12 MB at 10 MB a second" 1 20 "$ESS" pull "$PROXY/p$N/mini:1" -o "$T/back.tar" "${FAST[@]}" --max-rate 10M
N=$((N + 1))
rules '{"crowd":2}'
check "push: the same with many at once" push --parallel 32 --tries 5
cp "$OUT" "$T/said"
check "push: which says what is tried again" grep -E 'attempt 1 of 5: HTTP 429; next in [0-9]+ ms' "$T/said"
check "push: and is refused a few times only" test "$(logged "$T/proxy.json" 'sum(1 for x in q if x["rule"] == "crowd")')" -lt 20

# --- a look before ---
N=$((N + 1))
rules
check_match "push --plan: the repositories take it" "^writable +$PROXY/p$N/small\$" push --plan
check_equal "push --plan: and were asked no more than that" 0 "$(logged "$T/proxy.json" 'sum(x["in"] for x in q)')"
rules '{"method":"POST","path":"p'"$N"'/small/","status":403,"times":-1}'
check_rc "push --plan: one repository refuses: 5" 5 push --plan
cp "$OUT" "$T/said"
check "push --plan: that one" grep -E "^refused +$PROXY/p$N/small\$" "$T/said"
check "push --plan: and the others do not" grep -E "^writable +$PROXY/p$N/big\$" "$T/said"
rm -f "$T"/back.tar*
rules
check_match "pull --plan: what is missing" '"bytes_missing": 120[0-9]{5},' pull --plan --json
check "pull --plan: no file" test ! -e "$T/back.tar" -a ! -e "$T/back.tar.part"

# --- credentials ---
printf '{"auths":{"%s":{"auth":"%s"}}}' "$PROXY" "$(printf me:s3cret | base64)" >"$T/docker/config.json"
AUTH='{"auth":12,"user":"me:s3cret"}'
pushes "tokens that end after a dozen requests, and amid an upload" "$AUTH" '{"method":"PATCH","cut_request":1500000}'
pulls "with such tokens" "$AUTH" '{"method":"GET",'"$B"',"cut_answer":1000000,"times":2}'
pulls "with a token, and blobs at another host" '{"auth":0,"user":"me:s3cret"}' '{"method":"GET",'"$B"',"redirect":"http://'"$OTHER"'","times":-1}'
check "who was asked for blobs" test "$(logged "$T/other.json" 'len(q)')" -gt 0
check_equal "and was told nothing" 0 "$(logged "$T/other.json" 'sum(1 for x in q if x["auth"])')"
check "while the registry was" test "$(logged "$T/proxy.json" 'sum(1 for x in q if "token-" in x["auth"])')" -gt 0
pushes "with a token, and uploads at another host" '{"auth":0,"user":"me:s3cret"}' '{"method":"PATCH","redirect":"http://'"$OTHER"'","times":-1}'
rules '{"auth":0,"user":"me:s3cret"}' '{"method":"PATCH","cut_request":1000,"times":-1}'
N=$((N + 1))
check_rc "a push that fails, at its noisiest: 6" 6 push --tries 2 -v -v -v
check "does not show the password or a token" bash -c '! grep -E "s3cret|token-[0-9]|$(printf me:s3cret | base64)" "$1"' - "$OUT"
rm "$T/docker/config.json"

# --- killed ---
# At random moments; the next run goes on. Debian's registry forgets an upload that broke off amid a request, so this
# is for one that does not. KILLS=100 for long (that has slow cases above, too); SEED for what happened before.
KILLS=${KILLS:-4}
RANDOM=${SEED:-$RANDOM}
SEED=$RANDOM
RANDOM=$SEED
note "SEED=$SEED KILLS=$KILLS"
if GO_TOOLS=$("$TOOLS/get-go-tools.sh" registry 2>"$T/go-tools.log"); then
	stop registry
	sed -i "s,$T/registry,$T/registry3," "$T/registry.yml"
	start registry3 "$GO_TOOLS/registry" serve "$T/registry.yml"
	wait_for 15 curl -sf "http://$REG/v2/" || bail "distribution 3 did not come up" "$T/registry3.log"
	rules
	N=300
	LENGTH=$({ time push >/dev/null 2>&1; } 2>&1 | awk '/^real/ {split($2, t, /[ms]/); print t[1] * 60 + t[2]}')
	WHOLE=$(logged "$T/proxy.json" 'sum(x["in"] for x in q if x["method"] in ("PATCH", "PUT"))')
	# killed_after COMMAND...: at a random moment of its time
	killed_after() {
		local after
		after=$(awk -v r="$RANDOM" -v l="$LENGTH" 'BEGIN {printf "%.3f", 0.01 + l * r / 32768}')
		{ timeout --signal=KILL "$after" "$@" >>"$T/killed.log" 2>&1; } 2>/dev/null
	}
	lost=0 most=0 worked=0 resumed=0
	for ((i = 0; i < KILLS; i++)); do
		N=$((N + 1))
		rules
		killed_after "$ESS" push "$BUNDLE" "$PROXY/p$N" "${FAST[@]}"
		push >"$OUT" 2>&1 || break
		sent=$(logged "$T/proxy.json" 'sum(x["in"] for x in q if x["method"] in ("PATCH", "PUT"))')
		lost=$((lost + sent - WHOLE))
		[ "$(logged "$T/proxy.json" 'sum(1 for x in q if x["method"] == "GET" and "/uploads/" in x["path"])')" = 0 ] || resumed=$((resumed + 1))
		[ "$((sent - WHOLE))" -le "$most" ] || most=$((sent - WHOLE))
		worked=$((worked + 1))
	done
	check_equal "push, killed and run again: all came through" "$KILLS" "$worked"
	note "$resumed of them amid a blob, which went on; sent again after a kill: $((lost / (KILLS > 0 ? KILLS : 1))) bytes on average, $most at most, of $WHOLE"
	check "push: less than a megabyte was sent again each time" test "$most" -lt 1000000
	check "push: the last of them is whole" same_there
	check_equal "push: notes are nobody else's to read" "" "$(find "$ESS_BUNDLE_CACHE/uploads" -type f ! -perm 600)"
	# What is in the file counts as had, in pages that are not zero.
	worked=0 most=0 lost=0
	for ((i = 0; i < KILLS; i++)); do
		rm -f "$T"/back.tar*
		killed_after "$ESS" pull "$PROXY/p$N/mini:1" -o "$T/back.tar" "${FAST[@]}"
		had=$(python3 -c 'import os, sys
p = sys.argv[1]
d = open(p, "rb").read() if os.path.exists(p) else b""
print(sum(4096 for i in range(0, len(d), 4096) if d[i:i + 4096].strip(b"\0")))' "$T/back.tar.part")
		[ ! -e "$T/back.tar" ] || had=
		"$ESS" pull "$PROXY/p$N/mini:1" -o "$T/back.tar" "${FAST[@]}" --json >"$T/pulled.json" 2>"$OUT" && cmp "$BUNDLE" "$T/back.tar" >"$OUT" 2>&1 || break
		worked=$((worked + 1))
		[ -n "$had" ] || continue
		lost=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["bytes_fetched"] + int(sys.argv[2]) - int(sys.argv[3]))' "$T/pulled.json" "$had" "$(stat -c %s "$BUNDLE")")
		[ "$lost" -le "$most" ] || most=$lost
	done
	check_equal "pull, killed and run again: the same file each time" "$KILLS" "$worked"
	check "pull: next to nothing was fetched again ($most bytes at most)" test "$most" -lt 100000
else
	skip "push, killed and run again" "distribution 3 cannot be built here"
fi
finish
