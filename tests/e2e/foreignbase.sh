#!/bin/bash
# foreignbase.sh: an image is built on one of somebody else's: their layers come first, byte for byte, ours on top;
# our recipe sees their files, accounts and configuration, and what others unpack is what we unpack.
. "$(dirname "$0")/lib.sh"
need python3 skopeo docker-registry umoci tar
export ESS_BUNDLE_CACHE=$T/cache HOME=$T TMPDIR=$T
unset XDG_CONFIG_HOME REGISTRY_AUTH_FILE XDG_RUNTIME_DIR DOCKER_CONFIG
mkdir -p "$T/recipes/theirs" "$T/recipes/ours" "$T/bundles/one"

# --- the upstream: two layers, the second hiding and replacing parts of the first, with Docker's media types ---
REG=127.0.0.1:$(free_port)
printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
	"$T/registry" "$REG" >"$T/registry.yml"
start registry docker-registry serve "$T/registry.yml"
wait_for 15 python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "http://$REG/v2/" ||
	bail "the registry did not come up" "$T/registry.log"
cat >"$T/publish.py" <<'EOF'
"""Put an image of two layers into a registry; prints the digest of its index and those of its layers."""
import gzip, hashlib, io, json, sys, tarfile, urllib.request
base, repo = sys.argv[1:]
def call(method, path, data=None, headers={}):
    url = path if path.startswith("http") else base + path
    return urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method))
def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()
def blob(data, media_type):
    where = call("POST", f"/v2/{repo}/blobs/uploads/", b"").headers["Location"]
    call("PUT", where + ("&" if "?" in where else "?") + "digest=" + digest(data), data,
         {"Content-Type": "application/octet-stream"})
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}
def put(doc, version=None):
    data = json.dumps(doc, indent=2).encode()
    call("PUT", f"/v2/{repo}/manifests/{version or digest(data)}", data, {"Content-Type": doc["mediaType"]})
    return {"mediaType": doc["mediaType"], "digest": digest(data), "size": len(data)}
def layer(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, kind, what, mode, *uid in members:
            m = tarfile.TarInfo(path)
            m.mode, m.mtime, m.type = mode, 1700000000, kind
            m.uid = m.gid = uid[0] if uid else 0
            if kind == tarfile.REGTYPE:
                m.size = len(what)
                tar.addfile(m, io.BytesIO(what.encode()))
            else:
                m.linkname = what
                tar.addfile(m)
    return out.getvalue()
F, D, L, H = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
layers = [layer(("etc", D, "", 0o755), ("etc/passwd", F, "root:x:0:0:root:/root:/bin/sh\ntheirs:x:1000:1000::/srv:/bin/sh\n", 0o644),
                ("etc/group", F, "root:x:0:\ntheirs:x:1000:\n", 0o644), ("etc/motd", F, "theirs\n", 0o644),
                ("lib", L, "usr/lib", 0o777), ("usr/lib/one", F, "one\n", 0o644), ("usr/bin/su", F, "su\n", 0o4755),
                ("usr/bin/also", H, "usr/bin/su", 0o4755), ("srv/data", F, "data\n", 0o600, 1000),
                ("opt/old/a", F, "a\n", 0o644), ("opt/old/b", F, "b\n", 0o644), ("var/x", F, "x\n", 0o644)),
          layer(("opt/old/c", F, "c\n", 0o644), ("opt/old/.wh..wh..opq", F, "", 0o644), ("var/.wh.x", F, "", 0o644),
                ("etc/motd", F, "theirs, again\n", 0o640), ("usr/lib/two", F, "two\n", 0o644), ("srv", D, "", 0o750, 1000))]
packed = [blob(gzip.compress(l, mtime=0), "application/vnd.docker.image.rootfs.diff.tar.gzip") for l in layers]
config = blob(json.dumps({"architecture": "amd64", "os": "linux", "created": "2024-02-03T04:05:06Z",
    "config": {"Env": ["PATH=/usr/bin", "THEIRS=1"], "Entrypoint": ["/usr/bin/su"], "Cmd": ["-x"], "User": "theirs", "WorkingDir": "/srv"},
    "rootfs": {"type": "layers", "diff_ids": [digest(l) for l in layers]},
    "history": [{"created_by": "ADD one"}, {"created_by": "ENV x", "empty_layer": True}, {"created_by": "ADD two"}]}).encode(),
    "application/vnd.docker.container.image.v1+json")
manifest = put({"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": config, "layers": packed})
index = put({"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json", "manifests": [
    {**manifest, "platform": {"architecture": "amd64", "os": "linux"}}]}, "3")
print(index["digest"], *(p["digest"] for p in packed))
EOF
read -r INDEX ONE TWO < <(python3 "$T/publish.py" "http://$REG" team/theirs)
[ -n "$TWO" ] || bail "cannot make the upstream's image"

printf 'name: theirs\nimage: {ref: "%s/team/theirs:3", digest: "%s"}\narchitectures: [amd64]\n' "$REG" "$INDEX" >"$T/recipes/theirs/recipe.yaml"
cat >"$T/recipes/ours/recipe.yaml" <<'EOF'
name: ours
version: "1"
from: theirs
users: [{name: ours, uid: 2000, gid: 2000, home: /srv}]
fixups: [passwd]
files:
- {path: /etc/motd, content: "ours\n", replace: true}
- {path: /lib/three, content: "three\n"}
- {path: /opt/new, content: "new\n", owner: "2000:2000"}
remove: [/usr/lib/one]
permissions: [{path: /srv/data, mode: "0640"}]
config: {user: "2000", entrypoint: [/opt/new], env: {OURS: "2"}}
EOF
printf 'name: one\nversion: "1"\nregistry: ess.internal\nimages: [{recipe: ../../recipes/ours}, {recipe: ../../recipes/theirs}]\n' \
	>"$T/bundles/one/bundle.yaml"
NET=(--tries 1 --timeout 5 --progress=none)
check "the base is locked" "$ESS" lock "${NET[@]}" "$T/recipes/theirs"
check "the image on it is locked" "$ESS" lock "${NET[@]}" "$T/recipes/ours"
check "both are built" "$ESS" build "${NET[@]}" --compress gzip -o "$T/one.tar" "$T/bundles/one"
check "verify agrees" "$ESS" verify --digests-only "$T/one.tar"
check "rebuild gives the same" "$ESS" rebuild --compare --offline --progress=none "$T/one.tar"
mv "$T/one.tar" "$T/first.tar"
check "offline from the cache: the same bytes" sh -c \
	"'$ESS' build --progress=none --offline --compress gzip -o '$T/one.tar' '$T/bundles/one' && cmp '$T/one.tar' '$T/first.tar'"

# --- what it is ---
check "skopeo takes it out" skopeo copy -q --override-arch amd64 "oci-archive:$T/one.tar:ess.internal/ours:1" "oci:$T/oci:1"
python3 - "$T/oci" >"$T/facts" <<'EOF'
import json, sys
def read(d):
    return json.load(open(f"{sys.argv[1]}/blobs/{d.replace(':', '/')}"))
m = read(json.load(open(sys.argv[1] + "/index.json"))["manifests"][0]["digest"])
c = read(m["config"]["digest"])
print("layers", *(l["digest"] for l in m["layers"][:2]))
print("types", *sorted({l["mediaType"] for l in m["layers"]}))
print("config", json.dumps(c["config"], sort_keys=True))
print("history", *(h["created_by"] for h in c["history"][:2]), sep="|")
print("created", c["created"])
print("base", m["annotations"].get("org.opencontainers.image.base.digest"))
EOF
says() { check "$1" grep -F -x -- "$2" "$T/facts"; }
says "their layers come first, as they are" "layers $ONE $TWO"
says "with OCI's names for them" "types application/vnd.oci.image.layer.v1.tar+gzip"
says "their configuration, with ours over it" 'config {"Entrypoint": ["/opt/new"], "Env": ["OURS=2", "PATH=/usr/bin", "THEIRS=1"], "User": "2000", "WorkingDir": "/srv"}'
says "their history" "history|ADD one|ADD two"
says "it is as old as the newest that is in it" "created 2024-02-03T04:05:06Z"
says "and says what it is built on" "base $INDEX"

# Without an owner there are no set-id bits.
listed() { (cd "$1" && find . -mindepth 1 -printf '%P %y %m %l\n' | sed 's/ [2467]\([0-7][0-7][0-7]\) / \1 /' | sort && find . -type f -printf '%P ' -exec md5sum {} \; | sed 's/ [^ ]*$//' | sort); }
check "we unpack it" "$ESS" unpack --digests-only --no-same-owner --image ours -o "$T/unpacked" "$T/one.tar"
check "umoci unpacks it" umoci unpack --rootless --image "$T/oci:1" "$T/umoci"
listed "$T/unpacked" >"$T/we"
listed "$T/umoci/rootfs" >"$T/they"
check "to the same files" diff "$T/we" "$T/they"
check "ours is in the place of theirs" grep -qx ours "$T/unpacked/etc/motd"
check "behind their link" grep -qx three "$T/unpacked/usr/lib/three"
check_rc "what we remove is gone" 1 test -e "$T/unpacked/usr/lib/one"
check_equal "as is what they hid" "c" "$(ls "$T/unpacked/opt/old")"
check_equal "accounts of both" "root theirs ours nobody" "$(cut -d: -f1 "$T/unpacked/etc/passwd" | tr '\n' ' ' | sed 's/ $//')"

# --- what goes wrong ---
sed -i 's/, replace: true//' "$T/recipes/ours/recipe.yaml"
check_rc "a file that they have already: 9" 9 "$ESS" lock "${NET[@]}" "$T/recipes/ours"
cp "$OUT" "$T/said"
check "it says whose" grep -q "etc/motd.*theirs layer 1" "$T/said"
rm -rf "$T/cache"
sed -i 's/"ours\\n"}/"ours\\n", replace: true}/' "$T/recipes/ours/recipe.yaml"
check_rc "offline without their layers: 4" 4 "$ESS" build --offline --progress=none --compress gzip -o "$T/one.tar" "$T/bundles/one"
sed -i "s/$INDEX/sha256:$(printf '%064d' 1)/" "$T/recipes/theirs/recipe.yaml"
check_rc "another base than the lock's: 9" 9 "$ESS" build "${NET[@]}" --compress gzip -o "$T/one.tar" "$T/bundles/one"
finish
