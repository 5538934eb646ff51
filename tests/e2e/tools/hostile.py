#!/usr/bin/env python3
"""hostile.py: Debian packages that nobody should read without limits, one for each way of being wrong.

As a program it prints them, one a line: name, exit status, and regexes that the message must match,
separated by tabs. packages() makes them for mkrepo.py; of the same names, but harmless, with good=True.
"""
import functools, gzip, io, lzma, random, re, struct, subprocess, tarfile, zlib

from deb import control_text, deb, entry, member, pack, tar, tree

MIB = 1 << 20
LIMIT, FORMAT, CONFLICT = "7", "1", "9"
CASES = {}


def noise(size):
    return random.Random(size).randbytes(size)


def case(name, status, *says, **more):
    """Says how the package is to be refused; the function gives what deb_of() takes."""
    def add(make):
        CASES[name] = (status, says, functools.partial(make, **more))
        return make
    return add


def data(*entries, **more):
    """A package whose data.tar has these entries."""
    return {"data": tar(list(entries), **more)}


def file(path, text=b"x", **more):
    return entry(path, text, **more)


def link(path, target, kind=tarfile.LNKTYPE):
    return entry(path, kind=kind, mode=0o777, link=target)


# --- names that leave the root, or have two spellings ---
for _name, _path, _says in (("up", "../etc/passwd", "'\\.\\.' component"), ("up-inside", "usr/../../etc/passwd", "'\\.\\.' component"),
                            ("up-only", "..", "'\\.\\.' component"), ("absolute", "/etc/passwd", "is absolute"),
                            ("absolute-twice", "//etc/passwd", "is absolute"), ("empty-part", "usr//bin/x", "simplest form"),
                            ("dot-part", "usr/./x", "simplest form")):
    @case("name-" + _name, FORMAT, "data\\.tar", "'[^']*%s'" % _path.replace(".", "\\."), _says, path=_path)
    def _(path):
        return data(file(path))


@case("below-file", CONFLICT, "/usr/x/y")
def _():
    return data(file("usr/x"), file("usr/x/y"))


@case("twice", CONFLICT, "/usr/x", "file of package .* meets file of")
def _():
    return data(file("usr/x", b"one"), file("usr/x", b"two"))


@case("file-and-directory", CONFLICT, "/usr/x")
def _():
    return data(file("usr/x"), entry("usr/x/"))


@case("whiteout", FORMAT, "etc/\\.wh\\.passwd", "whiteout")
def _():
    return data(file("etc/.wh.passwd", b""))


@case("opaque", FORMAT, "usr/\\.wh\\.\\.wh\\.\\.opq", "whiteout")
def _():
    return data(file("usr/.wh..wh..opq", b""))


# --- links ---
for _name, _target, _says in (("absolute", "/etc/shadow", "hard link target '/etc/shadow' is absolute"),
                              ("up", "../etc/shadow", "hard link target '\\.\\./etc/shadow' has a '\\.\\.' component"),
                              ("nothing", "usr/nothing", "hard link to 'usr/nothing'"), ("itself", "usr/x", "hard link to 'usr/x'"),
                              ("later", "usr/z", "hard link to 'usr/z'"), ("directory", "usr/d", "hard link to 'usr/d'"),
                              ("empty", "", "of an unknown type")):
    @case("hard-" + _name, FORMAT, "usr/x|hard link target|data\\.tar", _says, target=_target)
    def _(target):
        return data(entry("usr/d/"), link("usr/x", target), file("usr/z"))


@case("symlink-empty", FORMAT, "data\\.tar", "usr/x", "to nothing")
def _():
    return data(link("usr/x", "", tarfile.SYMTYPE))


@case("symlink-long", LIMIT, "data\\.tar", "limit 'path_bytes'")
def _():
    return data(link("usr/x", "t" * 5000, tarfile.SYMTYPE))


# --- what images do not hold ---
for _name, _kind, _says in (("character", tarfile.CHRTYPE, "a device node"), ("block", tarfile.BLKTYPE, "a device node"),
                            ("fifo", tarfile.FIFOTYPE, "type '6'")):
    @case("node-" + _name, FORMAT, "data\\.tar", _says, kind=_kind)
    def _(kind):
        return data(entry("dev/node", kind=kind, devmajor=8, devminor=0))


# --- headers ---
def raw(name=b"usr/x", size=0, kind=b"0", mode=b"0000644", link=b"", uid=b"0000000", magic=b"ustar\x0000", size_field=None):
    """One header block, whatever is in it."""
    if size_field is None:
        size_field = b"%011o" % size if size < 8 << 30 else b"\x80\0\0\0" + struct.pack(">Q", size)
    block = bytearray(name.ljust(100, b"\0") + mode.ljust(8, b"\0") + uid.ljust(8, b"\0") + b"0000000\0" + size_field.ljust(12, b"\0") +
                      b"14254040000\0" + b" " * 8 + kind + link.ljust(100, b"\0") + magic).ljust(512, b"\0")
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(text):
    return text + b"\0" * (-len(text) % 512)


def record(key, value):
    body = b" %s=%s\n" % (key, value)
    size = len(body) + 1
    while len(b"%d" % size) + len(body) != size:
        size = len(b"%d" % size) + len(body)
    return b"%d%s" % (size, body)


def pax(*records, kind=b"x"):
    text = b"".join(records)
    return raw(b"PaxHeaders/x", len(text), kind) + padded(text)


END = b"\0" * 1024


@case("pax-huge", LIMIT, "data\\.tar", "limit 'header_bytes'")
def _():
    return {"data": pax(record(b"comment", b"c" * 3 * MIB)) + raw() + END}


@case("pax-many", LIMIT, "data\\.tar", "limit 'header_bytes'")
def _():
    return {"data": pax(*(record(b"SCHILY.xattr.user.%d" % i, b"v") for i in range(90000))) + raw() + END}


@case("pax-headers-many", "1|7", "data\\.tar", "limit 'header_bytes'|damaged")
def _():
    return {"data": pax(record(b"comment", b"c")) * 5000 + raw() + END}


@case("pax-path-long", LIMIT, "data\\.tar", "limit 'path_bytes'")
def _():
    return {"data": pax(record(b"path", b"p/" * 4000 + b"p")) + raw() + END}


@case("pax-size-huge", LIMIT, "data\\.tar", "limit 'total_bytes'")
def _():
    return {"data": pax(record(b"size", b"%d" % (1 << 50))) + raw() + END}


@case("pax-malformed", FORMAT, "data\\.tar")
def _():
    return {"data": pax(b"999999999999 path=x\n") + raw() + END}


@case("pax-xattr-huge", LIMIT, "data\\.tar", "limit 'header_bytes'")
def _():
    return {"data": pax(record(b"SCHILY.xattr.user.x", b"v" * 2 * MIB)) + raw() + END}


@case("pax-never-ends", "1|7", "data\\.tar")
def _():
    return {"data": raw(b"PaxHeaders/x", 1 << 40, b"x")}


@case("long-name-huge", LIMIT, "data\\.tar", "limit '(header|path)_bytes'")
def _():
    return {"data": raw(b"././@LongLink", 5 * MIB, b"L") + padded(b"n" * 5 * MIB) + raw() + END}


@case("component-long", LIMIT, "name of 300 bytes, at most 255")
def _():
    return data(file("usr/" + "n" * 300))


@case("size-negative", FORMAT, "data\\.tar")
def _():
    return {"data": raw(size_field=b"\xff" * 12) + END}


@case("size-huge", LIMIT, "data\\.tar", "limit 'total_bytes'")
def _():
    return {"data": raw(size=1 << 62) + END}


@case("uid-huge", FORMAT, "data\\.tar", "uid")
def _():
    return {"data": pax(record(b"uid", b"4294967295")) + raw() + END}


@case("header-damaged", FORMAT, "data\\.tar")
def _():
    return {"data": raw(b"usr/a") + raw().replace(b"usr/x", b"usr/y") + END}


@case("sparse-old", FORMAT, "data\\.tar", "usr/x", "sparse")
def _():
    block = bytearray(raw(kind=b"S", magic=b"ustar  \0"))
    block[386:410] = b"%011o\0%011o\0" % (1 << 32, 0)
    block[483:495] = b"%011o\0" % (1 << 32)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return {"data": bytes(block) + END}


@case("sparse-new", FORMAT, "data\\.tar", "usr/x|GNUSparse", "sparse")
def _():
    size = b"%d" % (1 << 40)
    return {"data": pax(record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.minor", b"0"), record(b"GNU.sparse.name", b"usr/x"),
                        record(b"GNU.sparse.realsize", size)) + raw(b"GNUSparse/x", 512) + padded(b"1\n%s\n0\n" % size) + END}


# --- how many, how deep, how much ---
@case("deep-path", LIMIT, "data\\.tar", "limit 'depth'")
def _():
    return data(entry("d/" * 2000))


@case("deep-directories", LIMIT, "data\\.tar", "limit 'depth'")
def _():
    return data(*(entry("d/" * n) for n in range(1, 2000)))


@case("many-members", LIMIT, "data\\.tar", "limit 'entries'")
def _():
    head, out = raw(b"f0000000"), io.BytesIO()
    base = sum(head[:148]) + 8 * 32 + sum(head[156:]) - sum(b"0000000")
    for i in range(251000):
        digits = b"%07d" % i
        out.write(head[:1] + digits + head[8:148] + b"%06o\0 " % (base + sum(digits)) + head[156:])
    return {"data": out.getvalue() + END, "how": "gz"}


@case("long-names", LIMIT, "data\\.tar", "limit 'index_bytes'")
def _():
    parts = (pax(record(b"path", b"%06d" % i + (b"/" + b"n" * 200) * 19)) + raw() for i in range(14000))
    return {"data": b"".join(parts) + END, "how": "gz"}


@case("large-attributes", LIMIT, "data\\.tar", "limit 'index_bytes'")
def _():
    head = pax(record(b"SCHILY.xattr.user.x", noise(1000) + b"v" * 900_000))
    return {"data": b"".join(head + raw(b"usr/%d" % i) for i in range(70)) + END, "how": "gz"}


@case("many-attributes", LIMIT, "data\\.tar", "attributes")
def _():
    return {"data": pax(*(record(b"SCHILY.xattr.user.%d" % i, b"v") for i in range(100))) + raw() + END}


def zeros(size):
    return raw(b"usr/zeros", size) + b"\0" * size + END


for _how in ("gz", "xz", "zst", "bz2"):
    @case("bomb-" + _how, LIMIT, "data\\.tar", "1000 times", how=_how)
    def _(how):
        return {"packed": {"gz": lambda b: gzip.compress(b, 9, mtime=0), "xz": lambda b: lzma.compress(b, preset=6),
                           "zst": lambda b: pack(b, "zst"), "bz2": lambda b: pack(b, "bz2")}[how](zeros(64 * MIB)), "how": how}


@case("bomb-twice", FORMAT, "data\\.tar")
def _():
    return {"packed": gzip.compress(gzip.compress(zeros(MIB))), "how": "gz"}


def with_dictionary(packed, bits):
    """An .xz stream whose first block asks for a dictionary of another size."""
    out = bytearray(packed)
    size = (out[12] + 1) * 4
    out[16] = bits
    out[12 + size - 4:12 + size] = struct.pack("<I", zlib.crc32(out[12:12 + size - 4]))
    return bytes(out)


@case("dictionary-xz", LIMIT, "data\\.tar", "limit 'dictionary'")
def _():
    return {"packed": with_dictionary(lzma.compress(zeros(MIB), preset=0), 38), "how": "xz"}


@case("window-zst", LIMIT, "data\\.tar", "limit 'window'")
def _():
    run = subprocess.run(["zstd", "-q", "-c", "--ultra", "--long=30", "-3"], input=noise(MIB) * 3, stdout=subprocess.PIPE, check=True)
    return {"packed": run.stdout, "how": "zst"}


@case("zst-skippable", FORMAT, "data\\.tar")
def _():
    return {"packed": (b"\x50\x2a\x4d\x18" + struct.pack("<I", 100) + b"\0" * 100) * 1000, "how": "zst"}


# --- streams that end badly ---
for _how in ("gz", "xz", "zst", "bz2"):
    @case("cut-" + _how, FORMAT, "data\\.tar", how=_how)
    def _(how):
        whole = pack(tar([file("usr/x", noise(5000))]), how)
        return {"packed": whole[:len(whole) - 100], "how": how}

    @case("trailing-" + _how, FORMAT, "data\\.tar", how=_how)
    def _(how):
        return {"packed": pack(tar([file("usr/x")]), how) + b"and something else", "how": how}

    @case("not-" + _how, FORMAT, "data\\.tar", how=_how)
    def _(how):
        return {"packed": b"this is not compressed at all", "how": how}

    @case("empty-" + _how, FORMAT, "data\\.tar", how=_how)
    def _(how):
        return {"packed": b"", "how": how}


@case("tar-cut", FORMAT, "data\\.tar", "damaged or truncated|ends early")
def _():
    return {"data": tar([file("usr/x", b"x" * 5000)])[:2000]}


@case("tar-no-end", FORMAT, "data\\.tar", "without the end-of-archive")
def _():
    return {"data": raw()}


@case("tar-goes-on", FORMAT, "data\\.tar", "bytes follow the end")
def _():
    return {"data": raw() + END + raw(b"hidden") + END}


@case("tar-noise", FORMAT, "data\\.tar")
def _():
    return {"data": noise(100_000)}


# --- control.tar ---
def control(fields, *more, own=True):
    own = [entry("./control", control_text(fields))] if own else []
    return tar(own + list(more))


def control_case(name, status, *says):
    def add(make):
        CASES["control-" + name] = (status, says, lambda: {"control": make})
        return make
    return add


@control_case("bomb", LIMIT, "control\\.tar", "1000 times|limit")
def _(fields):
    return lzma.compress(tar([file("./control", b"\0" * 80 * MIB)]))


@control_case("large", LIMIT, "control\\.tar", "limit 'total_bytes'")
def _(fields):
    return lzma.compress(control(fields, file("./md5sums", noise(256 * 1024) * 280)), preset=0)


@control_case("sums-large", LIMIT, "control\\.tar", "conffiles", "limit 'total_bytes'")
def _(fields):
    text = noise(256 * 1024).replace(b"\0", b"1")
    return lzma.compress(control(fields, file("./md5sums", text * 255), file("./conffiles", text)), preset=0)


@control_case("members", LIMIT, "control\\.tar", "limit 'entries'")
def _(fields):
    return lzma.compress(control(fields, *(file("./f%d" % i) for i in range(300))))


@control_case("twice", FORMAT, "control\\.tar", "'control'", "is there twice")
def _(fields):
    return lzma.compress(control(fields, file("./control", control_text({**fields, "Version": "2"}))))


@control_case("link", FORMAT, "control\\.tar", "'control'", "no regular file")
def _(fields):
    return lzma.compress(control(fields, link("./control", "/etc/shadow", tarfile.SYMTYPE), own=False))


@control_case("missing", FORMAT, "control\\.tar", "has no file 'control'")
def _(fields):
    return lzma.compress(control(fields, file("./md5sums", b""), own=False))


@control_case("nul", FORMAT, "control\\.tar|control", "NUL")
def _(fields):
    return lzma.compress(control(fields, file("./control", control_text(fields) + b"X: \0\n"), own=False))


@control_case("other-name", FORMAT, "calls itself 'another'")
def _(fields):
    return lzma.compress(control(fields, file("./control", control_text({**fields, "Package": "another"})), own=False))


@control_case("other-version", FORMAT, "[Vv]ersion", "'9'")
def _(fields):
    return lzma.compress(control(fields, file("./control", control_text({**fields, "Version": "9"})), own=False))


@control_case("other-architecture", FORMAT, "[Aa]rchitecture", "'s390x'")
def _(fields):
    return lzma.compress(control(fields, file("./control", control_text({**fields, "Architecture": "s390x"})), own=False))


@control_case("no-text", FORMAT, "control")
def _(fields):
    return lzma.compress(control(fields, file("./control", b"\xff\xfe not a stanza"), own=False))


@control_case("dictionary", LIMIT, "control\\.tar", "limit 'dictionary'")
def _(fields):
    return with_dictionary(lzma.compress(control(fields), preset=0), 40)


@control_case("up", FORMAT, "control\\.tar", "'\\.\\.' component")
def _(fields):
    return lzma.compress(control(fields, file("../control")))


# --- ar ---
def ar_case(name, status, *says):
    def add(make):
        CASES["ar-" + name] = (status, says, lambda: {"ar": make})
        return make
    return add


def patched(offset, by):
    return lambda good, parts: good[:offset] + by + good[offset + len(by):]


HEAD = 8 + 60 + 4  # of the second member
for _name, _says, _make in (
        ("magic", "!<arch>", patched(0, b"!<ARCH>\n")), ("thin", "!<arch>", patched(0, b"!<thin>\n")),
        ("magic-only", "found nothing", lambda good, parts: good[:8]),
        ("cut-in-header", "ends inside the member header", lambda good, parts: good[:HEAD + 30]),
        ("cut-in-member", "ends", lambda good, parts: good[:HEAD + 100]),
        ("header-end", "member header does not end", patched(HEAD + 58, b"xx")),
        ("size-text", "ar member at offset [0-9]+: size", patched(HEAD + 48, b"12x4      ")),
        ("size-negative", "ar member at offset [0-9]+: size", patched(HEAD + 48, b"-1        ")),
        ("size-huge", "control\\.tar|ends", patched(HEAD + 48, b"9999999999")),
        ("name-slash", "member name", patched(HEAD, b"../x            ")),
        ("name-empty", "without a name", patched(HEAD, b" " * 16)),
        ("name-gnu", "expected control\\.tar|member name", patched(HEAD, b"//              ")),
        ("name-bsd", "expected control\\.tar|member name", patched(HEAD, b"#1/20           ")),
        ("other-first", "expected debian-binary", lambda good, parts: good[:8] + parts[1] + parts[0] + parts[2]),
        ("data-first", "expected control\\.tar", lambda good, parts: good[:8] + parts[0] + parts[2] + parts[1]),
        ("data-missing", "without data\\.tar", lambda good, parts: good[:8] + parts[0] + parts[1]),
        ("data-twice", "after the package's data", lambda good, parts: good + parts[2]),
        ("goes-on", "member header|after the package's data|ar member", lambda good, parts: good + b"x" * 200),
        ("format-3", "package format 3\\.0", patched(8 + 60, b"3.0\n")),
        ("lzma", "data\\.tar\\.lzma", lambda good, parts:
         good[:8] + parts[0] + parts[1] + member("data.tar.lzma", b"x" * 20))):
    ar_case(_name, FORMAT, _says)(_make)


@ar_case("many", LIMIT, "more than 32 members")
def _(good, parts):
    return good[:8] + parts[0] + member("_ignored", b"") * 100 + parts[1] + parts[2]


@ar_case("padding", FORMAT, "padding at offset")
def _(good, parts):
    return good[:8] + parts[0] + member("_odd", b"x")[:-1] + b"y" + parts[1] + parts[2]


def build(fields, made):
    """The bytes of one package."""
    how = made.get("how", "xz")
    if "ar" in made:
        head = member("debian-binary", b"2.0\n")
        control_part = member("control.tar.xz", lzma.compress(control(fields)))
        data_part = member("data.tar.xz", lzma.compress(tar(tree({"usr/x": b"x"}))))
        return made["ar"](b"!<arch>\n" + head + control_part + data_part, (head, control_part, data_part))
    if "control" in made:
        parts = (member("debian-binary", b"2.0\n"), member("control.tar.xz", made["control"](fields)),
                 member("data.tar.xz", lzma.compress(tar(tree({"usr/x": b"x"})))))
        return b"!<arch>\n" + b"".join(parts)
    return deb(fields, made.get("data"), how=how, packed=made.get("packed"))


def odd():
    """Taken, as a file system would take it when the image's root is its root."""
    return data(link("out", "../../../../etc", tarfile.SYMTYPE), entry("etc/"), file("out/through"))


def packages(fields, only="", good=False):
    f = fields("h-odd")
    yield f, build(f, odd())
    for name, (_, _, make) in CASES.items():
        if not re.match(only, name):
            continue
        f = fields("h-" + name)
        yield f, build(f, {"data": tar(tree({"usr/x": b"x"}))} if good else make())


if __name__ == "__main__":
    for name, (status, says, _) in CASES.items():
        print("\t".join((name, status) + says))
