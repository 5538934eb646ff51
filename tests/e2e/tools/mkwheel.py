#!/usr/bin/env python3
"""mkwheel.py DIR: wheels, good ones and one of each kind of bad one, and a source distribution.

    demo 1.0        needs helper, and for Python 3.13 alone: new; for arm64 alone: armed; a script
    bad-NAME 1.0    wrong in one way: see below
    given           only a source distribution
"""
import base64, hashlib, io, os, sys, tarfile, zipfile


def record_line(path, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"


def wheel(out, name, files, requires=(), tag="py3-none-any", change=None, compress=zipfile.ZIP_DEFLATED):
    """change(files, record) -> record: what is wrong with it."""
    plain = name.replace("-", "_")
    info = f"{plain}-1.0.dist-info"
    files = dict(files)
    files[f"{info}/METADATA"] = (f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" +
                                 "".join(f"Requires-Dist: {r}\n" for r in requires)).encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    record = "".join(record_line(p, d) for p, d in files.items()) + f"{info}/RECORD,,\n"
    if change:
        record = change(files, record)
    files[f"{info}/RECORD"] = record.encode()
    with zipfile.ZipFile(os.path.join(out, f"{plain}-1.0-{tag}.whl"), "w", compress) as z:
        for path, data in files.items():
            member = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            member.external_attr = 0o100644 << 16
            member.compress_type = compress
            if path.endswith("link"):
                member.external_attr = 0o120777 << 16
            z.writestr(member, data)


def added(path, data):
    def change(files, record):
        files[path] = data
        return record + record_line(path, data)
    return change


def unlisted(files, record):
    files["stowaway.py"] = b"x\n"
    return record


def altered(files, record):
    files["bad.py"] = b"y\n"
    return record


def main(out):
    os.makedirs(out, exist_ok=True)
    wheel(out, "helper", {"helper.py": b"h = 1\n"})
    wheel(out, "new", {"new.py": b""})
    for machine in ("x86_64", "aarch64"):
        wheel(out, "armed", {"armed.py": machine.encode()}, tag=f"cp313-cp313-manylinux_2_28_{machine}")
    wheel(out, "demo", {"demo/__init__.py": b"def main():\n    pass\n", "demo/test/test_demo.py": b"",
                        "demo-1.0.data/scripts/demo-script": b"#!python\nprint(1)\n",
                        "demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\ndemo = demo:main\n",
                        "demo-1.0.dist-info/licenses/LICENSE": b"public domain\n"},
          ["helper", 'new; python_version == "3.13"', 'old; python_version < "3.13"',
           'armed; platform_machine == "aarch64"', "given>=2"])
    bad = {"bad.py": b"x\n"}
    wheel(out, "bad-unlisted", bad, change=unlisted)
    wheel(out, "bad-record", bad, change=altered)
    wheel(out, "bad-missing", bad, change=lambda files, record: record + "ghost.py,sha256=x,1\n")
    wheel(out, "bad-path", bad, change=added("../../evil.py", b"x\n"))
    wheel(out, "bad-absolute", bad, change=added("/etc/evil", b"x\n"))
    wheel(out, "bad-symlink", bad, change=added("bad-link", b"/etc/passwd"))
    wheel(out, "bad-bomb", bad, change=added("bomb", bytes(64 << 20)))
    wheel(out, "bad-scheme", bad, change=added("bad_scheme-1.0.data/etc/passwd", b"x\n"))
    wheel(out, "bad-script", bad, change=added("bad_script-1.0.dist-info/entry_points.txt",
                                               b"[console_scripts]\nx = os;system:y\n"))
    with tarfile.open(os.path.join(out, "given-2.5.tar.gz"), "w:gz") as t:
        for path, text in (("given-2.5/PKG-INFO", b"Metadata-Version: 2.1\nName: given\nVersion: 2.5\n"),
                           ("given-2.5/setup.py", b"open('/tmp/setup-was-run', 'w')\nraise SystemExit('never run')\n")):
            member = tarfile.TarInfo(path)
            member.size = len(text)
            t.addfile(member, io.BytesIO(text))


main(*sys.argv[1:])
