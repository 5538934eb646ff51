"""Debian packages written byte by byte, so that they can also be wrong in any way wanted."""
import bz2, gzip, io, lzma, subprocess, tarfile

TIME = 1790000000


def member(name, data):
    """One member of an ar archive."""
    head = f"{name:<16}{TIME:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
    return head + data + b"\n" * (len(data) & 1)


def entry(path, data=None, *, kind=None, mode=None, link="", **more):
    """(TarInfo, bytes) of a file, or of what kind (a tarfile type) says."""
    info = tarfile.TarInfo(path)
    info.type = kind or (tarfile.REGTYPE if data is not None else tarfile.DIRTYPE)
    info.mode = mode if mode is not None else 0o755 if info.isdir() else 0o644
    info.mtime, info.linkname, info.size = TIME, link, len(data or b"")
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def tar(entries, *, form=tarfile.GNU_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as t:
        for info, data in entries:
            t.addfile(info, io.BytesIO(data) if data is not None else None)
    return out.getvalue()


def tree(files):
    """Entries of {path: bytes} with the directories above each."""
    seen, entries = set(), [entry("./")]
    for path in sorted(files):
        parts = path.split("/")[:-1]
        for n in range(1, len(parts) + 1):
            up = "./" + "/".join(parts[:n]) + "/"
            if up not in seen:
                seen.add(up)
                entries.append(entry(up))
        data = files[path]
        if isinstance(data, tuple):
            entries.append(entry("./" + path, data[0], mode=data[1]))
        elif isinstance(data, str):
            entries.append(entry("./" + path, kind=tarfile.SYMTYPE, mode=0o777, link=data))
        else:
            entries.append(entry("./" + path, data))
    return entries


def pack(data, how):
    if how == "xz":
        return lzma.compress(data, preset=1)
    if how == "gz":
        return gzip.compress(data, 1, mtime=0)
    if how == "bz2":
        return bz2.compress(data, 1)
    if how == "zst":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def control_text(fields):
    return "".join(f"{key}: {value}\n" for key, value in fields.items()).encode()


def deb(fields, data_tar, *, how="xz", packed=None, extra=()):
    """The package. packed replaces the compressed data member; extra members follow it."""
    data = packed if packed is not None else pack(data_tar, how)
    suffix = "." + how if how else ""
    parts = [member("debian-binary", b"2.0\n"),
             member("control.tar.xz", pack(tar(tree({"control": control_text(fields)})), "xz")),
             member("data.tar" + suffix, data)]
    return b"!<arch>\n" + b"".join(parts) + b"".join(member(n, d) for n, d in extra)
