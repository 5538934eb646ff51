#!/usr/bin/env python3
"""name-manifest.py LAYOUT DIGEST DIR NAME: an image layout DIR that has the blobs of LAYOUT (the same folder)
and one image, the manifest DIGEST, called NAME; for programs that cannot choose from an index."""
import json, os, sys

layout, digest, out, name = sys.argv[1:]
os.makedirs(out + "/blobs", exist_ok=True)
blob = os.path.join(layout, "blobs", digest.replace(":", "/"))
with open(blob) as f:
    media_type = json.load(f)["mediaType"]
os.symlink(os.path.abspath(layout) + "/blobs/sha256", out + "/blobs/sha256")
with open(out + "/oci-layout", "w") as f:
    f.write('{"imageLayoutVersion":"1.0.0"}')
with open(out + "/index.json", "w") as f:
    json.dump({"schemaVersion": 2, "manifests": [
        {"mediaType": media_type, "digest": digest, "size": os.path.getsize(blob),
         "annotations": {"org.opencontainers.image.ref.name": name}}]}, f)
