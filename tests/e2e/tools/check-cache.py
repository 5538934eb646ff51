#!/usr/bin/env python3
"""check-cache.py CACHE: every file that a later run would trust is what its name or first line says."""
import hashlib, os, re, sys

bad = 0


def say(path, what):
    global bad
    bad += 1
    print(f"{path}: {what}")


def files(where):
    for folder, _, names in os.walk(where):
        for name in names:
            yield os.path.join(folder, name), name


cache = sys.argv[1]
for path, name in files(f"{cache}/sources"):
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    if not re.fullmatch("[0-9a-f]{64}", name):
        # Of a process that was killed; nobody reads it.
        if not re.fullmatch(r"\..*\.tmp", name):
            say(path, "no digest")
    elif digest != name:
        say(path, f"has digest {digest}")
for path, name in files(f"{cache}/derived"):
    if re.fullmatch(r"\..*\.tmp", name):
        continue
    with open(path, "rb") as f:
        stamp, data = f.readline(), f.read()
    if stamp != b"sha256:" + hashlib.sha256(data).hexdigest().encode() + b"\n":
        say(path, "does not match its first line")
sys.exit(bad != 0)
