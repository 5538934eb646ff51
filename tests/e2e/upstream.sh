#!/bin/bash
# upstream.sh: an image that somebody else made is carried as it is, from a registry under its upstream name into
# a bundle, with the digest of its index and with its signature; what was altered on the way is refused.
. "$(dirname "$0")/lib.sh"
need python3 skopeo docker-registry openssl tar
export ESS_BUNDLE_CACHE=$T/cache HOME=$T TMPDIR=$T
unset XDG_CONFIG_HOME REGISTRY_AUTH_FILE XDG_RUNTIME_DIR DOCKER_CONFIG
mkdir -p "$T/make/server" "$T/recipes/server" "$T/bundles/one"

# --- the upstream: an image for two platforms in a registry, and its signature under cosign's tag ---
cat >"$T/make/server/recipe.yaml" <<'EOF'
name: server
version: "1.2"
architectures: [amd64, arm64]
files: [{path: /srv/hello, content: "hello, it is me"}]
config: {entrypoint: [/srv/hello]}
EOF
REG=127.0.0.1:$(free_port)
printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
	"$T/registry" "$REG" >"$T/registry.yml"
start registry docker-registry serve "$T/registry.yml"
"$ESS" lock --progress=none "$T/make/server" >"$T/made" 2>&1 || bail "cannot lock the upstream's image" "$T/made"
"$ESS" image build --progress=none --compress gzip -o "$T/made.tar" "$T/make/server" >"$T/made" 2>&1 ||
	bail "cannot make the upstream's image" "$T/made"
wait_for 15 python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "http://$REG/v2/" ||
	bail "the registry did not come up" "$T/registry.log"
skopeo copy -q --all --preserve-digests --dest-tls-verify=false "oci-archive:$T/made.tar" \
	"docker://$REG/hub/team/server:1.2" >"$T/copied" 2>&1 || bail "cannot push it" "$T/copied"
openssl ecparam -name prime256v1 -genkey -noout -out "$T/key.pem" 2>/dev/null
cat >"$T/sign.py" <<'EOF'
"""Sign an image of a registry as cosign does; prints the digests of its index and of the signature."""
import base64, hashlib, json, subprocess, sys, urllib.request
base, repo, tag, key = sys.argv[1:]
accept = {"Accept": "application/vnd.oci.image.index.v1+json"}
def call(method, path, data=None, headers={}):
    url = path if path.startswith("http") else base + path
    return urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method))
def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()
def blob(data):
    where = call("POST", f"/v2/{repo}/blobs/uploads/", b"").headers["Location"]
    call("PUT", where + ("&" if "?" in where else "?") + "digest=" + digest(data), data,
         {"Content-Type": "application/octet-stream"})
    return {"digest": digest(data), "size": len(data)}
index = digest(call("GET", f"/v2/{repo}/manifests/{tag}", headers=accept).read())
payload = json.dumps({"critical": {"identity": {"docker-reference": repo},
                                   "image": {"docker-manifest-digest": index},
                                   "type": "cosign container image signature"}, "optional": None}).encode()
signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=payload, check=True,
                        stdout=subprocess.PIPE).stdout
layer = {"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", **blob(payload), "annotations":
         {"dev.cosignproject.cosign/signature": base64.b64encode(signed).decode()}}
config = {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(json.dumps(
    {"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}).encode())}
doc = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                  "config": config, "layers": [layer]}).encode()
call("PUT", f"/v2/{repo}/manifests/{index.replace(':', '-')}.sig", doc,
     {"Content-Type": "application/vnd.oci.image.manifest.v1+json"})
print(index, digest(doc))
EOF
read -r INDEX SIG < <(python3 "$T/sign.py" "http://$REG" hub/team/server 1.2 "$T/key.pem")
[ -n "$SIG" ] || bail "cannot sign it"

# A way to it on which things happen: $T/alter names a blob to change, with $T/html a page answers for everything.
start way python3 -c '
import http.server, os, sys, urllib.error, urllib.request
base, port, work = sys.argv[1:]
class Way(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self):
        if os.path.exists(work + "/html"):
            return self.give(200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Sign in</title>")
        headers = {k: v for k, v in self.headers.items() if k in ("Accept", "Range")}
        try:
            a = urllib.request.urlopen(urllib.request.Request(base + self.path, headers=headers, method=self.command))
        except urllib.error.HTTPError as e:
            a = e
        body = a.read()
        alter = open(work + "/alter").read().strip() if os.path.exists(work + "/alter") else "nothing"
        if alter in self.path and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.give(a.status, {k: v for k, v in a.headers.items() if k in ("Content-Type", "Docker-Content-Digest")}, body)
    do_HEAD = do_GET
    def give(self, status, headers, body):
        self.send_response(status)
        for k, v in headers.items(): self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET": self.wfile.write(body)
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Way)
open(port, "w").write(str(s.server_port))
s.serve_forever()' "http://$REG" "$T/port" "$T"
wait_for 10 test -s "$T/port" || bail "the way did not come up"
WAY=127.0.0.1:$(cat "$T/port")

# --- our side ---
recipe() { # ARCHITECTURES [DIGEST]
	printf 'name: server\nimage: {ref: "up.example.org/team/server:1.2", digest: "%s"}\narchitectures: [%s]\n' \
		"${2:-$INDEX}" "$1" >"$T/recipes/server/recipe.yaml"
}
printf 'name: one\nversion: "1"\nregistry: ess.internal\nimages: [{recipe: ../../recipes/server}]\n' \
	>"$T/bundles/one/bundle.yaml"
NET=(--registry-mirror "up.example.org=$WAY/hub" --tries 1 --timeout 5 --progress=none)
lock() { "$ESS" lock "${NET[@]}" "$@" "$T/recipes/server"; }
build() { "$ESS" build --progress=none -o "$T/one.tar" "$@" "$T/bundles/one"; }
said() { # NAME REGEX: the last command did
	cp "$OUT" "$T/said"
	check "$1" grep -E -- "$2" "$T/said"
}

touch "$T/html"
recipe "amd64, arm64"
check_rc "a web page instead of an image: 6" 6 lock
said "it says that it is no registry's answer" "image 'server' \(up.example.org/team/server:1.2\).*web page"
rm "$T/html"
recipe "amd64, armhf"
check_rc "a platform that the index lacks: 4" 4 lock
said "and names place, platform and those there are" 'recipe.yaml:2:.*not there for linux/armhf; its index lists amd64, arm64'
recipe "amd64, arm64"
check "it is locked" lock
check "with its signature" grep -E "kind: signature, signs: $INDEX, .*${SIG#sha256:}" "$T/recipes/server/lock.yaml"
check "the lock matches" lock --check --offline

LAYER=$(sed -n 's/.*arch: amd64, kind: layer,.*sha256: \([0-9a-f]*\)}/\1/p' "$T/recipes/server/lock.yaml" | head -n 1)
rm -rf "$T/cache"
echo "$LAYER" >"$T/alter"
check_rc "one byte of a layer altered on the way: 3" 3 build "${NET[@]}"
said "it names image and blob" "image 'server' .*blob sha256:$LAYER"
check_rc "nothing wrong was kept" 1 test -e "$T/cache/sources/sha256/$LAYER"
echo "${INDEX#sha256:}" >"$T/alter"
rm -rf "$T/cache"
check_rc "one byte of the index altered on the way: 3" 3 build "${NET[@]}"
rm "$T/alter"
check "it is built" build "${NET[@]}"
cp "$T/one.tar" "$T/first.tar"
"$ESS" inspect --json "$T/one.tar" >"$T/inspect.json"
check "the digest of its index is the upstream's" grep -F "\"$INDEX\"" "$T/inspect.json"
check "the signature is in it, byte for byte" sh -c \
	"tar -xOf '$T/one.tar' 'blobs/sha256/${SIG#sha256:}' | sha256sum | grep -q '${SIG#sha256:}'"
check "verify agrees" "$ESS" verify --digests-only "$T/one.tar"
check "rebuild gives the same" "$ESS" rebuild --compare --offline --progress=none "$T/one.tar"
rm "$T/one.tar"
check "offline from the cache: the same bytes" sh -c \
	"'$ESS' build --progress=none --offline -o '$T/one.tar' '$T/bundles/one' && cmp '$T/one.tar' '$T/first.tar'"
mv "$T/cache" "$T/kept"
rm "$T/one.tar"
check_rc "offline without it: 4" 4 build --offline
check "offline from --sources: the same bytes" sh -c \
	"'$ESS' build --progress=none --offline --sources '$T/kept' -o '$T/one.tar' '$T/bundles/one' && cmp '$T/one.tar' '$T/first.tar'"

check "it is pushed" "$ESS" push --progress=none --plain-http "$T/one.tar" "$REG/air"
python3 -c 'import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(urllib.request.Request(
	sys.argv[1], headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})).read())' \
	"http://$REG/v2/air/server/manifests/${INDEX/:/-}.sig" >"$T/sig" 2>"$T/why" || note "$(tail -n 1 "$T/why")"
check "and its signature is under cosign's tag again" sh -c "sha256sum '$T/sig' | grep -q '${SIG#sha256:}'"

# --- one platform of two ---
recipe amd64
check "locked for one platform" lock
check "and built" build "${NET[@]}"
"$ESS" inspect --json "$T/one.tar" >"$T/inspect.json"
check "the index keeps its digest" grep -F "\"$INDEX\"" "$T/inspect.json"
check "verify accepts it" "$ESS" verify --digests-only "$T/one.tar"
check_match "inspect tells" "1 more in its index" "$ESS" inspect "$T/one.tar"
check "it unpacks" "$ESS" unpack --digests-only --no-same-owner --image server --platform linux/amd64 -o "$T/unpacked" "$T/one.tar"
check "to what upstream put in" grep -q "it is me" "$T/unpacked/srv/hello"
check_rc "a registry would not take it: 1" 1 "$ESS" push --progress=none --plain-http "$T/one.tar" "$REG/part"
said "push says why" "1 platforms that its index lists are not in the bundle"
check_rc "diff reads both: 1, they differ" 1 "$ESS" diff "$T/first.tar" "$T/one.tar"
finish
