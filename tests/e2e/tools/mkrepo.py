#!/usr/bin/env python3
"""mkrepo.py DIR [hostile|harmless [REGEX]]: a small signed Debian archive, made anew with a key that is thrown away.

    DIR/test/dists/demo/InRelease    and variants of it: .unsigned .other-key .expired .older .newer
                                     .other-suite .no-date .packages (lists a wrong hash of Packages)
    DIR/test/pool/...                its packages, for amd64 and arm64; with "hostile" those of hostile.py,
                                     with "harmless" good ones of the same names
    DIR/keyring.gpg, DIR/other.gpg   the key that signed it, and one that did not

The contents depend on nothing but this file and the machine's libzstd; dates are relative to now.
"""
import ctypes.util, hashlib, os, platform, random, subprocess, sys, tempfile, time

from deb import control_text, deb, tar, tree

ARCHES = ("amd64", "arm64")
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
HOST = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def libzstd(arch):
    """The machine's own library for the machine, so that it can be loaded; something else for others."""
    if arch == HOST:
        for where in (f"/usr/lib/{TRIPLETS[arch]}/libzstd.so.1", "/usr/lib64/libzstd.so.1",
                      "/usr/lib/libzstd.so.1", ctypes.util.find_library("zstd") or ""):
            if os.path.exists(where):
                with open(where, "rb") as f:
                    return f.read()
    return b"a library for " + arch.encode()


def fields(name, version="1", arch="all", **more):
    return {"Package": name, "Version": version, "Architecture": arch,
            **{k.replace("_", "-"): v for k, v in more.items()},
            "Maintainer": "Test <test@example.org>", "Description": "test package"}


def files(name, more):
    return {f"usr/share/doc/{name}/copyright": b"public domain\n", **more}


def packages():
    """(fields, bytes) of each package."""
    def make(f, more, how="xz"):
        return f, deb(f, tar(tree(files(f["Package"], more))), how=how)

    yield make(fields("base-data"), {"etc/motd": b"hello\n", "usr/lib/os-release": b"ID=test\n",
                                     "usr/share/zoneinfo/UTC": b"TZif2", "usr/bin/sh": b"#!\n"})
    yield make(fields("app-data", Source="app"),
               {f"usr/share/app/{i:04}.txt": f"number {i}\n".encode() for i in range(1500)}, "gz")
    yield make(fields("needs-missing", Depends="not-there"), {})
    yield make(fields("twin-a"), {"usr/share/twin": b"a\n"})
    yield make(fields("twin-b"), {"usr/share/twin": b"b\n"})
    yield make(fields("raised"), {"usr/bin/raised": (b"#!\n", 0o4755)})
    yield make(fields("only-amd64", arch="amd64"), {"usr/bin/only": b"#!\n"})
    for a in ARCHES:
        yield make(fields("core", arch=a, Depends="base-data"),
                   {"usr/bin/core": (noise("core" + a, 400_000), 0o755)})
        yield make(fields("app", arch=a, Depends="core (>= 1), app-data (= 1)"),
                   {"usr/bin/app": (noise("app" + a, 900_000), 0o755), "usr/bin/start": "app"})
        # What wheels are chosen for, and a distribution that comes as a package.
        yield make(fields("libc6", "2.41-12", a), {})
        yield make(fields("python3.13", "3.13.5-2", a, Depends="libc6"), {"usr/bin/python3.13": (b"#!\n", 0o755)})
        yield make(fields("python3-given", "2.5-1", a, Depends="python3.13"), {
            "usr/lib/python3/dist-packages/given.py": b"",
            "usr/lib/python3/dist-packages/Given-2.5.dist-info/METADATA": b"Name: Given\nVersion: 2.5\n"})
        yield make(fields("libzstd1", arch=a),
                   {f"usr/lib/{TRIPLETS[a]}/libzstd.so.1.5": libzstd(a),
                    f"usr/lib/{TRIPLETS[a]}/libzstd.so.1": "libzstd.so.1.5"})


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def add_packages(root, made):
    """Writes the pool; returns {arch: Packages}."""
    index = {a: b"" for a in ARCHES}
    for f, data in made:
        path = f"pool/{f['Package']}_{f['Version']}_{f['Architecture']}.deb"
        write(f"{root}/{path}", data)
        stanza = control_text({**f, "Filename": path, "Size": len(data),
                               "SHA256": hashlib.sha256(data).hexdigest()}) + b"\n"
        for a in ARCHES:
            if f["Architecture"] in (a, "all"):
                index[a] += stanza
    return index


class Keys:
    def __init__(self, home):
        self.home = home

    def gpg(self, *args, text=None):
        return subprocess.run(["gpg", "--homedir", self.home, "--batch", "--quiet", "--yes", "--passphrase", "",
                               *args], input=text, stdout=subprocess.PIPE, check=True).stdout

    def make(self, name, path):
        self.gpg("--quick-gen-key", f"{name} <{name}@example.org>", "ed25519", "sign", "never")
        write(path, self.gpg("--export", f"{name}@example.org"))

    def sign(self, text, name="archive"):
        return self.gpg("--local-user", f"{name}@example.org", "--digest-algo", "SHA512", "--clearsign", text=text)


def release(listed, *, suite="demo", date=-3600, until=7 * 86400, with_date=True):
    def when(offset):
        return time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.gmtime(time.time() + offset))

    head = {"Origin": "Example", "Suite": suite, "Codename": suite, "Architectures": "all amd64 arm64",
            "Components": "main", "Valid-Until": when(until)}
    if with_date:
        head["Date"] = when(date)
    lines = "".join(f" {digest} {size} {path}\n" for path, (digest, size) in sorted(listed.items()))
    return control_text(head) + b"SHA256:\n" + lines.encode()


def main():
    top = sys.argv[1]
    root, suite = f"{top}/test", f"{top}/test/dists/demo"
    made = list(packages())
    if sys.argv[2:]:
        import hostile
        made += hostile.packages(fields, "".join(sys.argv[3:]), sys.argv[2] == "harmless")
    listed = {}
    for arch, text in add_packages(root, made).items():
        path = f"main/binary-{arch}/Packages"
        write(f"{suite}/{path}", text)
        listed[path] = (hashlib.sha256(text).hexdigest(), len(text))
    wrong = {path: ("0" * 64, size) for path, (_, size) in listed.items()}
    with tempfile.TemporaryDirectory() as home:
        keys = Keys(home)
        keys.make("archive", f"{top}/keyring.gpg")
        keys.make("other", f"{top}/other.gpg")
        plain = release(listed)
        for suffix, text in {"": keys.sign(plain), ".unsigned": plain, ".other-key": keys.sign(plain, "other"),
                             ".expired": keys.sign(release(listed, until=-86400)),
                             ".older": keys.sign(release(listed, date=-30 * 86400)),
                             ".newer": keys.sign(release(listed, date=-60)),
                             ".other-suite": keys.sign(release(listed, suite="another")),
                             ".no-date": keys.sign(release(listed, with_date=False)),
                             ".packages": keys.sign(release(wrong))}.items():
            write(f"{suite}/InRelease{suffix}", text)
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


main()
