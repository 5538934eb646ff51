#!/usr/bin/env python3
"""mkimage.py OUT.tar NAME [--user UID] [--cmd WORD]... LAYER:ROOTDIR...

Writes an OCI image layout as one tar, for trying out what the readers around us accept. LAYER says how the
layer made of ROOTDIR is packed: `zstd` and `gzip` in blocks of 64 KiB, each a zstd frame or gzip member of
its own, as our images have them (only smaller); `zstd1` and `gzip1` in one; `tar` not at all."""
import argparse, gzip, hashlib, io, json, os, platform, subprocess, tarfile

BLOCK = 64 * 1024
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
OCI = "application/vnd.oci.image."


def blocks(raw, whole):
    step = len(raw) if whole else BLOCK
    return [raw[i:i + step] for i in range(0, len(raw), step)]


def zstd(raw):
    return subprocess.run(["zstd", "-q", "-c"], input=raw, stdout=subprocess.PIPE, check=True).stdout


def pack(kind, raw):
    if kind == "tar":
        return raw, "layer.v1.tar"
    whole = kind.endswith("1")
    if kind.startswith("zstd"):
        return b"".join(zstd(b) for b in blocks(raw, whole)), "layer.v1.tar+zstd"
    return b"".join(gzip.compress(b, 6, mtime=0) for b in blocks(raw, whole)), "layer.v1.tar+gzip"


def clean(member):
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def layer_tar(root):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in sorted(os.listdir(root)):
            tar.add(os.path.join(root, entry), entry, filter=clean)
    return raw.getvalue()


def main():
    args = argparse.ArgumentParser()
    args.add_argument("out")
    args.add_argument("name")
    args.add_argument("--user", default="")
    args.add_argument("--cmd", action="append", default=[])
    args.add_argument("layers", nargs="+")
    args = args.parse_args()

    blobs = {}

    def put(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": OCI + media_type, "digest": "sha256:" + digest, "size": len(data)}

    layers, diff_ids = [], []
    for spec in args.layers:
        kind, root = spec.split(":", 1)
        raw = layer_tar(root)
        diff_ids.append("sha256:" + hashlib.sha256(raw).hexdigest())
        layers.append(put(*pack(kind, raw)))
    config = {"Env": ["PATH=/usr/bin:/bin"], "Cmd": args.cmd, "WorkingDir": "/", "User": args.user}
    config = put(json.dumps({"architecture": ARCH, "os": "linux", "config": config,
                             "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode(), "config.v1+json")
    manifest = put(json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                               "config": config, "layers": layers}).encode(), "manifest.v1+json")
    manifest["platform"] = {"architecture": ARCH, "os": "linux"}
    manifest["annotations"] = {"io.containerd.image.name": args.name,
                               "org.opencontainers.image.ref.name": args.name}
    with tarfile.open(args.out, "w", format=tarfile.PAX_FORMAT) as tar:
        def add(name, data):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        add("index.json", json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode())
        for digest, data in blobs.items():
            add("blobs/sha256/" + digest, data)


if __name__ == "__main__":
    main()
