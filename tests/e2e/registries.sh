#!/bin/bash
# registries.sh [BUNDLE]: registries as they stand at sites: Debian's (2.8) with a token server, and one behind an
# nginx that takes small bodies only. What we write is read by skopeo, podman, crane, regctl and oras, from the
# registry and from layouts, and we read what they write. PARTS="token peers small" picks some.
. "$(dirname "$0")/lib.sh"
need python3 skopeo docker-registry openssl jq

BUNDLE=$(realpath -m "${1:-$ROOT/out/quickstart.tar}")
ASK=$ROOT/tests/e2e/tools/ask.py
[ -x "$ESS" ] || bail "no '$ESS'; run make"
[ -e "$BUNDLE" ] || bail "no '$BUNDLE'; run make quickstart"
export HOME=$T XDG_RUNTIME_DIR=$T/run DOCKER_CONFIG=$T/docker TMPDIR=$T
unset XDG_CONFIG_HOME REGISTRY_AUTH_FILE
mkdir -p "$XDG_RUNTIME_DIR/containers" "$DOCKER_CONFIG"

"$ESS" inspect "$BUNDLE" --json >"$T/inspect.json" || bail "the bundle cannot be inspected"
"$ASK" images "$T/inspect.json" >"$T/images" || bail "no images in it"
read -r _ REF DIGEST <"$T/images"
NAME=$(jq -r '.name + ":" + .version' "$T/inspect.json")
ARCH=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
if GO_TOOLS=$("$ROOT/tests/e2e/tools/get-go-tools.sh" crane regctl oras 2>"$T/go-tools.log"); then
	PATH=$GO_TOOLS:$PATH
else
	note "crane, regctl and oras cannot be built here:"
	tail -n 5 "$T/go-tools.log" | tap_comment
	GO_TOOLS=
fi
have() { [ -n "$GO_TOOLS" ] && command -v "$1" >/dev/null; }

# --- the registries ---
registry() { # NAME HOST: without credentials; more of its configuration from standard input
	{
		printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\n'
		printf 'storage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' "$T/$1" "$2"
		cat
	} >"$T/$1.yml"
	start "$1" docker-registry serve "$T/$1.yml"
	wait_for 15 "$ASK" http "http://$2/v2/" || bail "docker-registry did not come up" "$T/$1.log"
}
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tokens -keyout "$T/token.key" -out "$T/token.pem" 2>/dev/null
start tokens "$ROOT/tests/e2e/tools/tokend.py" "$T/token.key" "$T/token.pem" "$T/token.port"
wait_for 10 test -s "$T/token.port" || bail "the token server did not come up" "$T/tokens.log"
HOST=127.0.0.1:$(free_port)
registry locked "$HOST" <<-END
	auth: {token: {realm: "http://127.0.0.1:$(cat "$T/token.port")/token", service: test-registry, issuer: test-issuer, rootcertbundle: $T/token.pem}}
END
# The same storage without tokens: crane asks no token server on an address like 127.0.0.1.
PLAIN=127.0.0.1:$(free_port)
printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
	"$T/locked" "$PLAIN" >"$T/plain.yml"
start plain docker-registry serve "$T/plain.yml"
wait_for 15 "$ASK" http "http://$PLAIN/v2/" || bail "docker-registry did not come up" "$T/plain.log"
ess() { "$ESS" "$@" --plain-http; }
login() { printf '%s\n' "$1" | ess login "$HOST" -u me --password-stdin; }
at() { echo "$HOST/$1/${REF#*/}"; } # REPOSITORY: the first image, below it

# --- tokens ---
test_token() {
	check_rc "no credentials: 5" 5 ess push "$BUNDLE" "$HOST/site" --tries 1
	check_rc "login with a wrong password: 5" 5 login wrong
	check "login" login sesame
	check "push" ess push "$BUNDLE" "$HOST/site"
	check_match "a second push has nothing to do" '"bytes_sent": 0' ess push "$BUNDLE" "$HOST/site" --json
	check "pull" ess pull "$HOST/site/$NAME" -o "$T/back.tar"
	check "gives the same file" cmp "$BUNDLE" "$T/back.tar"
	rm -f "$T/back.tar"
	check "tags" ess tags "$HOST/site/${NAME%%:*}"
	check_rc "what the token does not allow: 5" 5 ess push "$BUNDLE" "$HOST/closed/site" --tries 1
	: >"$T/tokens.log"
	check_match "between repositories blobs are mounted" '"blobs_sent": 0' ess copy "$(at site)" "$(at open)" --json
	check "with one token for both" grep -E '^GET me .*repository:open/[^ ]*push.*repository:site/|^GET me .*repository:site/.*repository:open/[^ ]*push' "$T/tokens.log"
	"$ESS" logout "$HOST" >"$OUT" 2>&1
	check "nobody needs a name to pull what is open" ess copy "$(at open)" "oci:$T/open:x"
	check_rc "but for the rest: 5" 5 ess copy "$(at site)" "oci:$T/site:x"
	check_rc "and for writing: 5" 5 ess copy "$(at open)" "$(at open/mine)"
	# An identity token, as `docker login` keeps it for clouds.
	printf '{"auths":{"%s":{"auth":"%s","identitytoken":"sesame-refresh"}}}' "$HOST" "$(printf '<token>:' | base64)" >"$DOCKER_CONFIG/config.json"
	check "an identity token" ess copy "$(at site)" "$(at open/mine)"
	check "is exchanged by POST" grep -q '^POST me .*repository:' "$T/tokens.log"
	check_rc "no password and no token is in any log" 1 grep -E sesame "$T/tokens.log" "$T/locked.log"
	rm -f "$DOCKER_CONFIG/config.json"
	check "login again" login sesame
}

# --- peers ---
pod() { podman --root "$T/podman" --runroot "$T/podman-run" --storage-driver vfs --cgroup-manager cgroupfs "$@"; }
regctl_() { regctl --host "reg=$HOST,tls=disabled" -v error "$@"; }
raw_digest() { sha256sum | sed 's/^/sha256:/; s/ .*//'; }
# ours NAME PLACE: we read what NAME wrote, all of it, and it is the image that it was
ours() { check_match "we read what $1 wrote: $2" "^$DIGEST\$" ess copy -q "${3:-$2}" "oci:$T/read:x"; }
config_of() { # IMAGE ID of this platform in a layout of ours
	local m
	m=$(jq -r --arg a "$ARCH" '.manifests[] | select(.platform.architecture == $a) | .digest' "$1/blobs/${DIGEST/://}")
	jq -r .config.digest "$1/blobs/${m/://}"
}
test_peers() {
	local from to=$HOST/peers
	from=$(at site)
	[ -e "$XDG_RUNTIME_DIR/containers/auth.json" ] || check "login" login sesame
	ess copy -q "bundle:$BUNDLE:$REF" "$from" >/dev/null
	cp "$XDG_RUNTIME_DIR/containers/auth.json" "$DOCKER_CONFIG/config.json"
	check "a layout of ours" copy_layout
	check_equal "skopeo reads what we pushed" "$DIGEST" "$(skopeo inspect --raw --tls-verify=false "docker://$from" | raw_digest)"
	check "and all of it" skopeo copy -q --all --src-tls-verify=false "docker://$from" "oci:$T/skopeo:x"
	ours skopeo "oci:$T/skopeo:x"
	check "skopeo pushes" skopeo copy -q --all --dest-tls-verify=false "oci:$T/layout:x" "docker://$to/skopeo:1"
	ours skopeo "$to/skopeo:1"
	check "skopeo writes an archive" skopeo copy -q --all "oci:$T/layout:x" "oci-archive:$T/skopeo.tar:x"
	ours skopeo "oci-archive:$T/skopeo.tar:x"
	test_podman "$from" "$to"
	if [ -z "$GO_TOOLS" ]; then
		skip "crane, regctl and oras" "they cannot be built here"
		return
	fi
	check_match "crane reads what we pushed" "^$DIGEST\$" crane digest "$PLAIN/${from#*/}"
	check "and all of it" crane pull --format oci "$PLAIN/${from#*/}" "$T/crane"
	ours crane "oci:$T/crane"
	check "crane pushes" crane push --index "$T/crane" "$PLAIN/peers/crane:1"
	check "crane pulls that" crane manifest "$PLAIN/peers/crane:1"
	check "we read what crane pushed" ess copy "$PLAIN/peers/crane:1" "oci:$T/read:crane"
	check "crane copies" crane copy "$PLAIN/${from#*/}" "$PLAIN/peers/crane:2"
	ours crane "$PLAIN/peers/crane:2"
	check "crane writes an archive of docker save" crane pull --platform "linux/$ARCH" "$PLAIN/${from#*/}" "$T/crane.tar"
	check_match "which we read" "^$(config_of "$T/layout")\$" ess copy -q "docker-archive:$T/crane.tar" "docker-archive:$T/crane2.tar"
	check "and it reads ours" crane push "$T/crane2.tar" "$PLAIN/peers/crane:3"
	check "an archive of docker save goes into a registry" ess copy "docker-archive:$T/crane.tar" "$PLAIN/peers/docker:1"
	check_match "crane finds it valid" '^PASS' crane validate --fast --remote "$PLAIN/peers/docker:1" # it knows gzip only, the layers are zstd
	check "one of ours, with plain layers, as well" ess copy "docker-archive:$T/crane2.tar" "$PLAIN/peers/docker:2"
	check_match "crane exports it" '^etc/os-release|^usr/lib/os-release' sh -c "crane export '$PLAIN/peers/docker:2' - | tar tf -"
	check_match "regctl reads what we pushed" "^$DIGEST\$" regctl_ image digest "$from"
	check "and all of it" regctl_ image copy "$from" "ocidir://$T/regctl:x"
	ours regctl "oci:$T/regctl:x"
	check "regctl pushes" regctl_ image copy "ocidir://$T/layout:x" "$to/regctl:1"
	ours regctl "$to/regctl:1"
	check "regctl writes an archive" regctl_ image export "$from" "$T/regctl.tar"
	ours regctl "oci-archive:$T/regctl.tar"
	check "and reads ours" regctl_ image import "$to/regctl:2" "$T/layout.tar"
	ours regctl "$to/regctl:2"
	check_match "oras reads what we pushed" "^$DIGEST\$" oras resolve --plain-http "$from"
	check "and all of it" oras copy -r --from-plain-http --to-oci-layout "$from" "$T/oras:x"
	ours oras "oci:$T/oras:x"
	check "oras pushes" oras copy --from-oci-layout --to-plain-http "$T/layout:x" "$to/oras:1"
	ours oras "$to/oras:1"
	check "oras reads our archive" oras copy --from-oci-layout --to-plain-http "$T/layout.tar:x" "$to/oras:2"
	check "oras pushes what is no image" in_dir oras push --plain-http --artifact-type application/x.test "$to/oras:3" inspect.json
	check "we copy that, too" ess copy "$to/oras:3" "$to/oras-copy:3"
	check "and oras has it back" oras pull --plain-http -o "$T/artifact" "$to/oras-copy:3"
}
in_dir() { (cd "$T" && "$@"); }
copy_layout() { "$ESS" copy "bundle:$BUNDLE:$REF" "oci:$T/layout:x" && "$ESS" copy "oci:$T/layout:x" "oci-archive:$T/layout.tar:x"; }
test_podman() { # FROM TO
	command -v podman >/dev/null || { skip "podman" "no podman; apt-get install podman"; return; }
	check "podman pulls what we pushed" pod pull -q --tls-verify=false "$1"
	check_match "under its ID" "^$(config_of "$T/layout")\$" pod images --no-trunc --format '{{.ID}}'
	check "podman pushes" pod push -q --tls-verify=false "$1" "$2/podman:1"
	check "we read what it wrote" ess copy "$2/podman:1" "docker-archive:$T/podman.tar"
	check_equal "the same image" "$(config_of "$T/layout")" "sha256:$(tar -xOf "$T/podman.tar" manifest.json | jq -r '.[0].Config' | sed 's/\.json//')"
}

# --- small bodies ---
test_small() {
	local back front
	command -v nginx >/dev/null || { skip "small bodies" "no nginx; apt-get install nginx-light"; return; }
	back=127.0.0.1:$(free_port) front=127.0.0.1:$(free_port)
	registry small "$back" </dev/null
	mkdir -p "$T/nginx"
	cat >"$T/nginx.conf" <<-END
		daemon off; worker_processes 1; pid $T/nginx/pid; error_log $T/nginx/error warn;
		events { worker_connections 256; }
		http {
			access_log $T/nginx/access; client_body_temp_path $T/nginx/body; proxy_temp_path $T/nginx/proxy;
			fastcgi_temp_path $T/nginx/f; uwsgi_temp_path $T/nginx/u; scgi_temp_path $T/nginx/s;
			server {
				listen $front; client_max_body_size 1m;
				location /v2/ { proxy_pass http://$back; proxy_set_header Host \$http_host; }
			}
		}
	END
	start nginx nginx -e "$T/nginx/error" -c "$T/nginx.conf"
	wait_for 10 "$ASK" http "http://$front/v2/" || bail "nginx did not come up" "$T/nginx.log"
	check "push through a proxy that takes a mebibyte at once" ess push "$BUNDLE" "$front/site"
	check "which has refused more" grep -q ' 413 ' "$T/nginx/access"
	check "all has arrived" ess pull "$back/site/$NAME" -o "$T/back.tar"
	check "the same file" cmp "$BUNDLE" "$T/back.tar"
	rm -f "$T/back.tar"
	# Too small for any chunk: then it is said.
	sed -i 's/client_max_body_size 1m/client_max_body_size 8k/' "$T/nginx.conf"
	kill -HUP "${HELPERS[nginx]}"
	sleep 0.3
	check_rc "one that takes next to nothing: 7" 7 ess push "$BUNDLE" "$front/tiny" --tries 1
	cp "$OUT" "$T/said"
	check "which names the limit" grep -iE '413|larger than .* takes|limit' "$T/said"
}

for part in ${PARTS:-token peers small}; do
	"test_$part"
done
finish
