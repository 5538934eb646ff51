#!/bin/bash
# upstream.sh: an image that somebody else made is carried as it is, from a registry under its upstream name into
# a bundle and into another registry, with the digest of its index, its attestations and what hangs on it; what was
# altered on the way is refused.
. "$(dirname "$0")/lib.sh"
need python3 skopeo docker-registry openssl tar curl
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
cat >"$T/publish.py" <<'EOF'
"""What an upstream adds to its image of a registry: attestations in the index as BuildKit makes them, signatures and
attestations as cosign keeps them, an SBOM that refers to the image, and a signature that refers to the SBOM. Prints
the digests of the index, the .sig, the .att, the SBOM, its signature, the amd64 image and its attestation."""
import base64, hashlib, json, subprocess, sys, urllib.request
base, repo, tag, key = sys.argv[1:]
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
def call(method, path, data=None, headers={}):
    url = path if path.startswith("http") else base + path
    return urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method))
def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()
def blob(data, media_type, **more):
    where = call("POST", f"/v2/{repo}/blobs/uploads/", b"").headers["Location"]
    call("PUT", where + ("&" if "?" in where else "?") + "digest=" + digest(data), data,
         {"Content-Type": "application/octet-stream"})
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}
def put(doc, version=None):
    # Not in anybody's canonical form, so that whoever writes it anew is found out.
    data = json.dumps(doc, indent=3).encode()
    call("PUT", f"/v2/{repo}/manifests/{version or digest(data)}", data, {"Content-Type": doc["mediaType"]})
    return {"mediaType": doc["mediaType"], "digest": digest(data), "size": len(data)}
def manifest(config, layers, **more):
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **more}
def image_config(layers):
    return blob(json.dumps({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {
        "type": "layers", "diff_ids": [l["digest"] for l in layers]}}).encode(), "application/vnd.oci.image.config.v1+json")
index = json.load(call("GET", f"/v2/{repo}/manifests/{tag}", headers={"Accept": INDEX}))
for platform in list(index["manifests"]):
    layers = [blob(json.dumps({"_type": "https://in-toto.io/Statement/v0.1", "subject": platform["digest"]}).encode(),
                   "application/vnd.in-toto+json", annotations={"in-toto.io/predicate-type": "https://spdx.dev/Document"})]
    index["manifests"].append({**put(manifest(image_config(layers), layers)),
        "platform": {"architecture": "unknown", "os": "unknown"}, "annotations": {
        "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": platform["digest"]}})
top = put(index, tag)
def signed(data):
    return base64.b64encode(subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=data, check=True,
                                           stdout=subprocess.PIPE).stdout).decode()
payload = json.dumps({"critical": {"identity": {"docker-reference": repo},
                                   "image": {"docker-manifest-digest": top["digest"]},
                                   "type": "cosign container image signature"}, "optional": None}).encode()
layers = [blob(payload, "application/vnd.dev.cosign.simplesigning.v1+json",
               annotations={"dev.cosignproject.cosign/signature": signed(payload)})]
beside = top["digest"].replace(":", "-")
sig = put(manifest(image_config(layers), layers), beside + ".sig")
layers = [blob(b'{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}',
               "application/vnd.dsse.envelope.v1+json")]
att = put(manifest(image_config(layers), layers), beside + ".att")
def refer(subject, kind, data):
    """As clients do where the registry keeps no list of referrers."""
    d = put(manifest(blob(b"{}", EMPTY), [blob(data, kind)], artifactType=kind, subject=subject))
    put({"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**d, "artifactType": kind}]},
        subject["digest"].replace(":", "-"))
    return d
sbom = refer(top, "application/spdx+json", b'{"spdxVersion":"SPDX-2.3"}')
about = refer(sbom, "application/vnd.example.signature", b"signed, me")
print(*(d["digest"] for d in (top, sig, att, sbom, about, index["manifests"][0], index["manifests"][2])))
EOF
read -r INDEX SIG ATT SBOM ABOUT AMD64 PROV < <(python3 "$T/publish.py" "http://$REG" hub/team/server 1.2 "$T/key.pem")
[ -n "$PROV" ] || bail "cannot sign it"

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
	cp "$T/said" "$OUT"
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
for what in "signature $SIG" "attestations under cosign's tag $ATT" "SBOM that refers to it $SBOM" \
	"signature of that $ABOUT" "attestation of a platform $PROV"; do
	check "in it, byte for byte: ${what% *}" sh -c \
		"tar -xOf '$T/one.tar' 'blobs/sha256/${what##*:}' | sha256sum | grep -q '${what##*:}'"
done
check_match "inspect tells" "linux/amd64 linux/arm64/v8 \+2 attestations \+4 that hang on it" "$ESS" inspect "$T/one.tar"
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
fetched() { # REPOSITORY VERSION: the digest of what is there
	python3 -c 'import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(urllib.request.Request(
	sys.argv[1], headers={"Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"})).read())' \
		"http://$1/manifests/$2" 2>/dev/null | sha256sum | sed 's/\([0-9a-f]*\).*/sha256:\1/'
}
AIR=$REG/v2/air/server
check_equal "the image has its digest there" "$INDEX" "$(fetched "$AIR" 1.2)"
check_equal "its attestation is there" "$PROV" "$(fetched "$AIR" "$PROV")"
check_equal "its signature is under cosign's tag again" "$SIG" "$(fetched "$AIR" "${INDEX/:/-}.sig")"
check_equal "and so are the attestations" "$ATT" "$(fetched "$AIR" "${INDEX/:/-}.att")"
refers() { # REPOSITORY SUBJECT: who is in the list of its referrers
	python3 -c 'import json, sys, urllib.request; print(*(m["digest"] for m in json.load(urllib.request.urlopen(urllib.request.Request(
	sys.argv[1], headers={"Accept": "application/vnd.oci.image.index.v1+json"})))["manifests"]))' "http://$1/manifests/${2/:/-}"
}
check_equal "the SBOM refers to it again" "$SBOM" "$(refers "$AIR" "$INDEX")"
check_equal "and its signature to the SBOM" "$ABOUT" "$(refers "$AIR" "$SBOM")"
check "pull gives the same file" sh -c \
	"'$ESS' pull --progress=none --plain-http -o '$T/back.tar' '$REG/air/one:1' && cmp '$T/back.tar' '$T/one.tar'"

# serve has it all as well; its list of referrers is an API.
start serve "$ESS" serve --listen 127.0.0.1:0 "$T/first.tar"
wait_for 10 grep -q '^http' "$T/serve.log" || bail "serve did not come up" "$T/serve.log"
OURS=$(sed -n 's,^http://\([0-9.:]*\).*,\1,p' "$T/serve.log" | head -n 1)/v2/server
check_equal "serve has the image" "$INDEX" "$(fetched "$OURS" 1.2)"
check_equal "and its signature" "$SIG" "$(fetched "$OURS" "${INDEX/:/-}.sig")"
check_equal "and the attestations" "$ATT" "$(fetched "$OURS" "${INDEX/:/-}.att")"
check_match "and who refers to it" "$SBOM" curl -s "http://${OURS%/server}/server/referrers/$INDEX"

# --- the manifest of one platform, without an index ---
recipe "amd64, arm64" "$AMD64"
check_rc "a manifest is for one platform: 1" 1 lock
said "it says for which" "is the manifest of amd64 alone"
recipe amd64 "$AMD64"
check "locked" lock
check "and built" build "${NET[@]}"
check "rebuild gives the same" "$ESS" rebuild --compare --offline --progress=none "$T/one.tar"
check "it unpacks" "$ESS" unpack --digests-only --no-same-owner --image server -o "$T/unpacked1" "$T/one.tar"
check "to what upstream put in" grep -q "it is me" "$T/unpacked1/srv/hello"
check "it is pushed" "$ESS" push --progress=none --plain-http "$T/one.tar" "$REG/single"
check_equal "with its digest" "$AMD64" "$(fetched "$REG/v2/single/server" 1.2)"
check "pull gives the same file" sh -c \
	"rm '$T/back.tar'; '$ESS' pull --progress=none --plain-http -o '$T/back.tar' '$REG/single/one:1' && cmp '$T/back.tar' '$T/one.tar'"

# --- one platform of two ---
recipe amd64
check "locked for one platform" lock
check "and built" build "${NET[@]}"
"$ESS" inspect --json "$T/one.tar" >"$T/inspect.json"
check "the index keeps its digest" grep -F "\"$INDEX\"" "$T/inspect.json"
check "verify accepts it" "$ESS" verify --digests-only "$T/one.tar"
check_match "inspect tells" "\\+1 attestations \\+4 that hang on it \\(2 more in its index" "$ESS" inspect "$T/one.tar"
check "it unpacks" "$ESS" unpack --digests-only --no-same-owner --image server --platform linux/amd64 -o "$T/unpacked" "$T/one.tar"
check "to what upstream put in" grep -q "it is me" "$T/unpacked/srv/hello"
check_rc "docker-registry 2.8 does not take it: 6" 6 "$ESS" push --progress=none --plain-http "$T/one.tar" "$REG/part"
said "push says why, and what to do" "lists 2 manifests that are not in the bundle.*--sparse=rewrite"
check "with a shorter index it does" "$ESS" push --progress=none --plain-http --sparse=rewrite "$T/one.tar" "$REG/part"
said "but not without a warning" "its index was rewritten"
said "nor with the bundle" "'pull' will not find it"
check "skopeo gets the platform" skopeo copy -q --src-tls-verify=false --override-arch amd64 "docker://$REG/part/server:1.2" "oci:$T/part:x"
check "its manifest is the upstream's" test -e "$T/part/blobs/sha256/${AMD64#sha256:}"
check_equal "with its attestation" "$PROV" "$(fetched "$REG/v2/part/server" "$PROV")"
check "once more: nothing to do" "$ESS" push --progress=none --plain-http --sparse=rewrite "$T/one.tar" "$REG/part"
said "nothing was sent" "^there .*server:1.2"

# Distribution 3 refuses it as well, but can be told to take it; what is whole it takes in any case.
start_registry3() { # NAME VALIDATION: its address in REG3
	REG3=127.0.0.1:$(free_port)
	printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n%s\n' \
		"$T/$1" "$REG3" "$2" >"$T/$1.yml"
	start "$1" "$GO_TOOLS/registry" serve "$T/$1.yml"
	wait_for 15 python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "http://$REG3/v2/" ||
		bail "$1 did not come up" "$T/$1.log"
}
if GO_TOOLS=$("$ROOT/tests/e2e/tools/get-go-tools.sh" registry 2>"$T/go-tools.log"); then
	start_registry3 strict ""
	check_rc "distribution 3 does not take it: 6" 6 "$ESS" push --progress=none --plain-http "$T/one.tar" "$REG3/part"
	check "it takes what is whole" "$ESS" push --progress=none --plain-http "$T/first.tar" "$REG3/whole"
	check_equal "as it is" "$INDEX" "$(fetched "$REG3/v2/whole/server" 1.2)"
	check_equal "with who refers to it" "$SBOM" "$(refers "$REG3/v2/whole/server" "$INDEX")"
	start_registry3 lenient 'validation: {manifests: {indexes: {platforms: none}}}'
	check "distribution 3 can be told to take it" "$ESS" push --progress=none --plain-http "$T/one.tar" "$REG3/part"
	check_equal "as it is" "$INDEX" "$(fetched "$REG3/v2/part/server" 1.2)"
	check_equal "with its signature" "$SIG" "$(fetched "$REG3/v2/part/server" "${INDEX/:/-}.sig")"
	check "pull gives the same file" sh -c \
		"rm '$T/back.tar'; '$ESS' pull --progress=none --plain-http -o '$T/back.tar' '$REG3/part/one:1' && cmp '$T/back.tar' '$T/one.tar'"
else
	not_ok "distribution 3 could not be built" "$T/go-tools.log"
fi
check_rc "diff reads both: 1, they differ" 1 "$ESS" diff "$T/first.tar" "$T/one.tar"
finish
