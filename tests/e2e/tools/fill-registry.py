#!/usr/bin/env python3
"""fill-registry.py HOST image REPO TAG...      an index of three platforms for each tag; prints "TAG DIGEST" lines
fill-registry.py HOST big REPO TAG MIB          the same with one random layer of so many MiB in each platform
fill-registry.py HOST sign REPO DIGEST          a signature under cosign's tag
fill-registry.py HOST refer REPO DIGEST         a document that names it as its subject, listed under the fall-back tag
fill-registry.py HOST retag REPO FROM TO        one more name"""
import gzip, hashlib, io, json, sys, tarfile, urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def ask(method, url, data=None, kind="application/octet-stream"):
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": kind, "Accept": MANIFEST + ", " + INDEX})
    return urllib.request.urlopen(request)


class Repository:
    def __init__(self, host, name):
        self.base = "http://%s/v2/%s/" % (host, name)

    def blob(self, data, kind):
        place = ask("POST", self.base + "blobs/uploads/", b"").headers["Location"]
        ask("PUT", place + "&digest=" + digest(data), data).close()
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def document(self, kind, value, version=None):
        data = json.dumps({"schemaVersion": 2, "mediaType": kind, **value}).encode()
        ask("PUT", self.base + "manifests/" + (version or digest(data)), data, kind).close()
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def manifest(self, arch, texts, version=None, **more):
        layers = []
        diffs = []
        for text in texts:
            tar = io.BytesIO()
            with tarfile.open(fileobj=tar, mode="w") as t:
                member = tarfile.TarInfo("f")
                member.size = len(text)
                t.addfile(member, io.BytesIO(text))
            diffs.append(digest(tar.getvalue()))
            layers.append(self.blob(gzip.compress(tar.getvalue(), 1, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip"))
        config = json.dumps({"architecture": arch, "os": "linux", "rootfs": {"type": "layers", "diff_ids": diffs}}).encode()
        config = self.blob(config, "application/vnd.oci.image.config.v1+json")
        return self.document(MANIFEST, {"config": config, "layers": layers, **more}, version)

    def image(self, tag, extra=None):
        items = []
        for arch in ("amd64", "arm64", "s390x"):
            one = self.manifest(arch, [b"base " + arch.encode(), extra or (tag + arch).encode()])
            items.append({**one, "platform": {"os": "linux", "architecture": arch}})
        print(tag, self.document(INDEX, {"manifests": items}, tag)["digest"])


def main(host, what, name, *args):
    repo = Repository(host, name)
    if what == "image":
        for tag in args:
            repo.image(tag)
    elif what == "big":
        with open("/dev/urandom", "rb") as f:
            repo.image(args[0], f.read(int(args[1]) << 20))
    elif what == "sign":
        repo.manifest("none", [b"signature"], args[0].replace(":", "-") + ".sig")
    elif what == "refer":
        old = ask("GET", repo.base + "manifests/" + args[0])
        subject = {"mediaType": old.headers["Content-Type"], "digest": args[0], "size": len(old.read())}
        one = repo.manifest("none", [b"list of parts"], subject=subject, artifactType="application/x-parts")
        repo.document(INDEX, {"manifests": [{**one, "artifactType": "application/x-parts"}]}, args[0].replace(":", "-"))
    elif what == "retag":
        old = ask("GET", repo.base + "manifests/" + args[0])
        ask("PUT", repo.base + "manifests/" + args[1], old.read(), old.headers["Content-Type"]).close()


main(*sys.argv[1:])
