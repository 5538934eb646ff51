#!/usr/bin/env python3
"""bend.py list FILE            the places of a bundle, one a line: kind, member, offset, tab-separated
bend.py flip FILE OFFSET BIT  turn one bit around; the same again puts it back

Kinds: header (of the tar), layout, index, index-room (blanks after it), tool, root, manifest, config, layer,
definition, source, signature, padding, end (the blocks of zeros).
"""
import json, sys, tarfile

BUNDLE = "application/vnd.ess.bundle.v1"


def kinds(tar):
    """{member: kind}, as the documents say it."""
    def blob(digest):
        return "blobs/sha256/" + digest.split(":")[1]

    def load(name):
        return json.load(tar.extractfile(name))

    def walk(desc, kind):
        name = blob(desc["digest"])
        if name in found:
            return
        found[name] = kind
        doc = load(name)
        for child in doc.get("manifests", ()):
            walk(child, "manifest")
        if "config" in doc:
            found.setdefault(blob(doc["config"]["digest"]), "signature" if kind == "signature" else "config")
        for child in doc.get("layers", ()):
            part = child["mediaType"].removeprefix(BUNDLE).strip("+.").split("+")[0]
            found[blob(child["digest"])] = "signature" if kind == "signature" else \
                "layer" if "image.layer" in child["mediaType"] else \
                {"definition": "definition", "tool": "tool"}.get(part.split(".")[0], "source")

    found = {"oci-layout": "layout", "index.json": "index", "ess-bundle": "tool"}
    for desc in load("index.json")["manifests"]:
        notes = desc.get("annotations", {})
        walk(desc, "root" if any(k.endswith(".root") for k in notes) else
             "signature" if any("cosign" in k or k.endswith(".signs") for k in notes) else "manifest")
    return found


def places(path):
    with tarfile.open(path) as tar:
        found = kinds(tar)
        end = 0
        for m in tar.getmembers():
            for at in (0, 50, 100, 124, 136, 148, 156, 257, 345, 511):
                yield "header", m.name, m.offset + at
            kind = found.get(m.name, "other")
            if kind == "index":
                with open(path, "rb") as f:
                    f.seek(m.offset_data)
                    used = len(f.read(m.size).rstrip())
                yield from ((kind, m.name, m.offset_data + at) for at in (0, used // 3, used // 2, used - 1))
                yield from (("index-room", m.name, m.offset_data + at) for at in (used + 1, m.size - 1))
            else:
                yield from ((kind, m.name, m.offset_data + at) for at in sorted({0, m.size // 3, m.size // 2, m.size - 1}))
            end = m.offset_data + -(-m.size // 512) * 512
            if m.size % 512:
                yield "padding", m.name, m.offset_data + m.size
                yield "padding", m.name, end - 1
        yield "end", "-", end
        yield "end", "-", end + 1023


if sys.argv[1] == "list":
    for place in places(sys.argv[2]):
        print(*place, sep="\t")
else:
    with open(sys.argv[2], "r+b") as f:
        f.seek(int(sys.argv[3]))
        byte = f.read(1)[0]
        f.seek(int(sys.argv[3]))
        f.write(bytes((byte ^ 1 << int(sys.argv[4]),)))
