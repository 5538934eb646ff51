#!/bin/bash
# registry.sh [BUNDLE]: push, pull and copy with real registries: Debian's (2.8) with TLS and a password, and
# distribution 3, built by tools/get-go-tools.sh. Peers read what was pushed; runs that are killed go on.
. "$(dirname "$0")/lib.sh"
need python3 skopeo docker-registry openssl perl

BUNDLE=$(realpath -m "${1:-$ROOT/out/quickstart.tar}")
ASK=$ROOT/tests/e2e/tools/ask.py
[ -x "$ESS" ] || bail "no '$ESS'; run make"
[ -e "$BUNDLE" ] || bail "no '$BUNDLE'; run make quickstart"
export HOME=$T XDG_RUNTIME_DIR=$T/run DOCKER_CONFIG=$T/docker TMPDIR=$T
unset XDG_CONFIG_HOME REGISTRY_AUTH_FILE
mkdir -p "$XDG_RUNTIME_DIR/containers" "$DOCKER_CONFIG"
ARCH=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')

"$ESS" inspect "$BUNDLE" --json >"$T/inspect.json" || bail "the bundle cannot be inspected"
"$ASK" images "$T/inspect.json" >"$T/images" || bail "no images in it"
ROOT_DIGEST=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["root"]["digest"])' "$T/inspect.json")
NAME=$(python3 -c 'import json, sys; b = json.load(open(sys.argv[1])); print(b["name"] + ":" + b["version"])' "$T/inspect.json")

# says NAME REGEX: the last command did.
says() {
	cp "$OUT" "$T/said"
	check "$1" grep -E -- "$2" "$T/said"
}

# --- the registries ---
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test \
	-addext subjectAltName=IP:127.0.0.1 -keyout "$T/tls.key" -out "$T/tls.pem" 2>/dev/null
perl -e 'print "me:" . crypt("secret", "\$2y\$05\$abcdefghijklmnopqrstuu") . "\n"' >"$T/htpasswd"
grep -q '\$2y' "$T/htpasswd" || bail "no bcrypt in this libcrypt"

config() { # DIR PORT [MORE]
	printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\n'
	printf 'storage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\n%s' "$1" "${3:-}"
}
LOCKED=127.0.0.1:$(free_port)
{
	config "$T/locked"
	printf 'auth: {htpasswd: {realm: test, path: %s}}\n' "$T/htpasswd"
	printf 'http: {addr: "%s", tls: {certificate: %s, key: %s}}\n' "$LOCKED" "$T/tls.pem" "$T/tls.key"
} >"$T/locked.yml"
start locked docker-registry serve "$T/locked.yml"
PLAIN=127.0.0.1:$(free_port)
{
	config "$T/plain"
	printf 'http: {addr: "%s"}\n' "$PLAIN"
} >"$T/plain.yml"
if GO_TOOLS=$("$ROOT/tests/e2e/tools/get-go-tools.sh" registry crane 2>"$T/go-tools.log"); then
	PATH=$GO_TOOLS:$PATH
	start plain registry serve "$T/plain.yml"
else
	note "distribution 3 and crane cannot be built here; Debian's registry takes its place"
	GO_TOOLS=
	start plain docker-registry serve "$T/plain.yml"
fi
wait_for 15 "$ASK" http "http://$PLAIN/v2/" || bail "the registry did not come up" "$T/plain.log"
answers() { curl -sk "https://$LOCKED/v2/" | grep -q UNAUTHORIZED; }
wait_for 15 answers || bail "docker-registry did not come up" "$T/locked.log"

# --- who we are ---
check_rc "a certificate that nobody vouches for: 6" 6 "$ESS" push "$BUNDLE" "$LOCKED/air/gap" --tries 1
says "and says so" certificate
mkdir -p "$T/.config/containers/certs.d/$LOCKED"
cp "$T/tls.pem" "$T/.config/containers/certs.d/$LOCKED/ca.crt"
check_rc "no credentials: 5" 5 "$ESS" push "$BUNDLE" "$LOCKED/air/gap"
says "says how to give them" "hint: ess-bundle login $LOCKED"
auth() { printf '{"auths":{"%s":{"auth":"%s"}}}' "$LOCKED" "$(printf '%s' "$1" | base64)"; }
auth me:wrong >"$T/docker/config.json"
check_rc "a wrong password: 5" 5 "$ESS" push "$BUNDLE" "$LOCKED/air/gap"
! grep -q wrong "$OUT" && ok "which is not shown" || not_ok "which is not shown" "$OUT"
auth me:secret >"$T/docker/config.json"
check_rc "plain http only when asked for: 6" 6 "$ESS" push "$BUNDLE" "$PLAIN/x" --tries 1
check_rc "nobody there: 6" 6 "$ESS" push "$BUNDLE" 127.0.0.1:9/x --tries 1
check_rc "a bad place: 2" 2 "$ESS" push "$BUNDLE" "$PLAIN/UPPER"

# --- push and pull ---
test_both() { # WHAT HOST OPTION...
	local what=$1 host=$2 sent
	shift 2
	check "$what: plan" "$ESS" push "$BUNDLE" "$host/air/gap" "$@" --plan --json
	sent=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["bytes_sent"])' <(sed -n '/^{/,/^}/p' "$OUT"))
	check_equal "$what: nothing was written" "" \
		"$(find "$T/$what" -path '*/air/*' \( -name link -o -name data \) 2>/dev/null)"
	check "$what: push" "$ESS" push "$BUNDLE" "$host/air/gap" "$@" --json
	check_equal "$what: as planned" "$sent" \
		"$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["bytes_sent"])' <(sed -n '/^{/,/^}/p' "$OUT"))"
	check_match "$what: a second push has nothing to do" '"bytes_sent": 0' "$ESS" push "$BUNDLE" "$host/air/gap" "$@" --json
	check "$what: pull" "$ESS" pull "$host/air/gap/$NAME" -o "$T/back.tar" "$@"
	check "$what: it is the same file" cmp "$BUNDLE" "$T/back.tar"
	rm -f "$T/back.tar"
	check "$what: pull by digest" "$ESS" pull "$host/air/gap/${NAME%%:*}@$ROOT_DIGEST" -o "$T/back.tar" "$@"
	check "$what: it is the same file again" cmp "$BUNDLE" "$T/back.tar"
	rm -f "$T/back.tar"
}
test_both locked "$LOCKED"
test_both plain "$PLAIN" --plain-http
check_rc "what is not there: 4" 4 "$ESS" pull "$PLAIN/air/gap/nothing:1" -o "$T/back.tar" --plain-http
check "and leaves nothing behind" test ! -e "$T/back.tar" -a ! -e "$T/back.tar.part"

# --- peers ---
while read -r name ref digest _; do
	path=${ref#*/}
	check_equal "skopeo sees $name with our digest" "$digest" \
		"sha256:$(skopeo inspect --raw --tls-verify=false "docker://$PLAIN/air/gap/$path" | sha256sum | cut -d' ' -f1)"
	[ -z "$GO_TOOLS" ] || check "crane validates $name" \
		crane validate --fast --insecure --platform "linux/$ARCH" --remote "$PLAIN/air/gap/$path"
done <"$T/images"
read -r _ REF _ <"$T/images"
check "skopeo copies one out, all platforms" \
	skopeo copy --all --src-tls-verify=false "docker://$PLAIN/air/gap/${REF#*/}" "oci:$T/out"

# --- copy, in all directions ---
digest_is() { # NAME DIGEST COMMAND...: its last line is that digest
	check "$1" "${@:3}"
	check_equal "$1: the digest stays" "$2" "$(tail -n 1 "$OUT")"
}
read -r _ REF DIGEST _ <"$T/images"
SRC=$PLAIN/air/gap/${REF#*/}
digest_is "copy inside a registry" "$DIGEST" "$ESS" copy "$SRC" "$PLAIN/copy/one:1" --plain-http
digest_is "copy into a folder" "$DIGEST" "$ESS" copy "$SRC" "oci:$T/l:one" --plain-http
digest_is "copy from there into a file" "$DIGEST" "$ESS" copy "oci:$T/l:one" "oci-archive:$T/one.tar:x"
check_equal "skopeo reads that" "$DIGEST" \
	"sha256:$(skopeo inspect --raw "oci-archive:$T/one.tar:x" | sha256sum | cut -d' ' -f1)"
check "skopeo writes a layout of it" skopeo copy --all "oci-archive:$T/one.tar:x" "oci:$T/by-skopeo"
digest_is "which we read" "$DIGEST" "$ESS" copy "oci:$T/by-skopeo" "$PLAIN/copy/back:1" --plain-http
check "skopeo copies into the registry" skopeo copy --all --dest-tls-verify=false "oci:$T/by-skopeo" "docker://$PLAIN/copy/skopeo:1"
digest_is "which we read, too" "$DIGEST" "$ESS" copy "$PLAIN/copy/skopeo:1" "oci-archive:$T/two.tar" --plain-http
check "all images of a bundle" "$ESS" copy "$BUNDLE" "oci-archive:$T/all.tar"
check_equal "have their names, by tag and by digest" "$((2 * $(wc -l <"$T/images")))" "$(tar -xOf "$T/all.tar" index.json | grep -o io.containerd.image.name | wc -l)"
rm -rf "$T/all.tar" "$T/one.tar" "$T/two.tar" "$T/by-skopeo"
check_rc "which of them is to be said: 2" 2 "$ESS" copy "$BUNDLE" "$PLAIN/copy/which" --plain-http
check "with what hangs on it" "$ESS" copy "$PLAIN/air/gap/$NAME" "$PLAIN/copy/all:1" --referrers --plain-http
check_match "its signatures are there" '^sha256-[0-9a-f]{64}\.sig$' "$ESS" tags "$PLAIN/copy/all" --plain-http
digest_is "one platform alone" "$DIGEST" "$ESS" copy "$SRC" "$PLAIN/copy/one:1" --plain-http
check_match "has another digest, which is said" 'alone: the digest is' "$ESS" copy "$SRC" "$PLAIN/copy/arch:1" --platform "linux/$ARCH" --plain-http
check_rc "no such platform: 4" 4 "$ESS" copy "$SRC" "$PLAIN/copy/arch:1" --platform plan9/mips --plain-http

# --- tags, delete, login, logout ---
check_match "tags" '^1$' "$ESS" tags "$PLAIN/copy/one" --plain-http
check_rc "the last tag is kept: 9" 9 "$ESS" delete "$PLAIN/copy/one:1" --plain-http
check "but for --force" "$ESS" delete "$PLAIN/copy/one@$DIGEST" --force --plain-http
check_rc "then it is gone: 4" 4 "$ESS" copy "$PLAIN/copy/one:1" "oci:$T/gone" --plain-http
rm "$T/docker/config.json"
login() { printf '%s\n' "$1" | "$ESS" login "$LOCKED" -u me --password-stdin; }
check_rc "login with a wrong password: 5" 5 login wrong
check "login" login secret
check_equal "for nobody else to read" 600 "$(stat -c %a "$XDG_RUNTIME_DIR/containers/auth.json")"
check "and it is used" "$ESS" tags "$LOCKED/air/gap/${NAME%%:*}"
check "skopeo can use it, too" skopeo list-tags --tls-verify=false "docker://$LOCKED/air/gap/${NAME%%:*}"
check "logout" "$ESS" logout "$LOCKED"
check_rc "and it is forgotten: 5" 5 "$ESS" tags "$LOCKED/air/gap/${NAME%%:*}"
check_rc "twice is once too often: 4" 4 "$ESS" logout "$LOCKED"

# --- killed ---
# Restarted until it is through: each time from where the last one was.
killed_until_done() { # FILE OR EMPTY, COMMAND...
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		timeout --signal=KILL "0.$i" "$ESS" "$@" >>"$T/killed.log" 2>&1 && return 0
	done
	"$ESS" "$@" >>"$T/killed.log" 2>&1
}
check "push, killed again and again" killed_until_done push "$BUNDLE" "$PLAIN/killed" --plain-http --max-rate 200M
check "what it left is whole" "$ESS" pull "$PLAIN/killed/$NAME" -o "$T/back.tar" --plain-http
check "the same file" cmp "$BUNDLE" "$T/back.tar"
rm -f "$T/back.tar"
check "pull, killed again and again" killed_until_done pull "$PLAIN/killed/$NAME" -o "$T/back.tar" --plain-http
check "gives the same file" cmp "$BUNDLE" "$T/back.tar"
check "and leaves nothing beside it" test ! -e "$T/back.tar.part"

# --- damage ---
damage() {
	cp "$BUNDLE" "$T/damaged.tar"
	python3 - "$T/damaged.tar" <<-'PY'
		import sys
		with open(sys.argv[1], "r+b") as f:
		    f.seek(-200000, 2)
		    b = f.read(1)
		    f.seek(-200000, 2)
		    f.write(bytes([b[0] ^ 1]))
	PY
}
damage
check_rc "a damaged bundle is not pushed: 3" 3 "$ESS" push "$T/damaged.tar" "$PLAIN/damaged" --plain-http
says "which names the blob" 'blob sha256:[0-9a-f]{64}'
finish
