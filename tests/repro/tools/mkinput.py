#!/usr/bin/env python3
"""Makes packages, recipes with locks and a bundle definition, the same bytes every time, from nothing.

usage: mkinput.py golden|bulk DIR [insert|insert-large|change|remove N]

    DIR/pool/...                   .deb files, for --sources
    DIR/recipes/NAME/recipe.yaml   and lock.yaml, without results
    DIR/bundle.yaml

golden: two small packages with whatever a tar can hold, for two architectures, and an image on top of another.
bulk: one package of 600 files of very mixed sizes, 60 MiB; with one file put in before, changed or
left out at the Nth place when asked for.
"""
import hashlib, io, os, random, sys, tarfile

EPOCH = 1600000000
ZERO = '0' * 64


def tar_bytes(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT) as tar:
        for e in entries:
            info = tarfile.TarInfo(e['path'])
            info.type = e.get('type', tarfile.REGTYPE)
            info.mode = e.get('mode', 0o755 if info.type == tarfile.DIRTYPE else 0o644)
            info.mtime = e.get('mtime', EPOCH - 1000)
            info.uid, info.gid = e.get('owner', (0, 0))
            info.linkname = e.get('target', '')
            data = e.get('data', b'')
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def deb_bytes(control, entries):
    """No compression inside: what compresses here must not matter."""
    out = b'!<arch>\n'
    for name, data in (('debian-binary', b'2.0\n'),
                       ('control.tar', tar_bytes([{'path': './control', 'data': control.encode()}])),
                       ('data.tar', tar_bytes(entries))):
        out += f'{name:<16}{EPOCH:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n'.encode() + data
        out += b'\n' * (len(data) % 2)
    return out


def put(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode())


class Package:
    def __init__(self, root, name, arch, entries):
        control = (f'Package: {name}\nVersion: 1.0-1\nArchitecture: {arch}\n'
                   f'Maintainer: A <a@example.org>\nDescription: made by a test\n')
        deb = deb_bytes(control, [{'path': './', 'type': tarfile.DIRTYPE}] + entries)
        self.name, self.arch, self.size = name, arch, len(deb)
        self.sha256 = hashlib.sha256(deb).hexdigest()
        self.path = f'pool/{name}_1.0-1_{arch}.deb'
        put(f'{root}/{self.path}', deb)

    def lines(self, arches):
        for arch in arches if self.arch == 'all' else [self.arch]:
            other = '' if arch == self.arch else f' deb_arch: {self.arch},'
            yield (f'- {{arch: {arch},{other} name: {self.name}, version: 1.0-1, size: {self.size}, sha256: {self.sha256}, '
                   f'path: {self.path}, archive: made, suite: made, source: {self.name}}}\n')


def recipe(root, name, arches, packages, text, parent_hash=b''):
    """recipe.yaml and the lock that answers it. Returns what the hash of the inputs goes on with in a child."""
    names = sorted({p.name for p in packages})
    lines = [f'architecture\t{a}' for a in arches] + [f'package\t{n}' for n in names] + ['recommends\tfalse']
    lines += ['suite\t000\tmade\tmade\tmain\t500']
    hashed = (parent_hash or b'inputs 1\n') + ''.join(
        [f'recipe\t{name}\n'] + [line + '\n' for line in sorted(lines)]).encode()
    put(f'{root}/recipes/{name}/recipe.yaml', f'name: {name}\nversion: "1"\n' + text)
    put(f'{root}/recipes/{name}/lock.yaml',
        f'format: 1\nrecipe: {name}\ninputs: {hashlib.sha256(hashed).hexdigest()}\nepoch: {EPOCH}\nsuites:\n'
        f'- {{archive: made, suite: made, date: {EPOCH}, sha256: {ZERO}}}\npackages:\n'
        + ''.join(sorted(line for p in packages for line in p.lines(arches))))
    return hashed


SUITES = '  suites: [{archive: made, suite: made, priority: 500}]\n'


def data_of(rng, size):
    """Neither random nor empty: some of it comes again."""
    piece = rng.randbytes(size // 3 + 1)
    return (piece + piece[::-1] + piece)[:size]


def folder(path, **more):
    return {'path': path, 'type': tarfile.DIRTYPE, **more}


def golden(root):
    rng = random.Random(20)
    arches = ['amd64', 'arm64']
    packages = []
    for arch in arches:
        entries = [folder('./usr'), folder('./usr/bin'), folder('./usr/lib'), folder('./usr/lib/one', mode=0o700, owner=(0, 7))]
        entries += [{'path': f'./usr/bin/one-{i}', 'mode': 0o755, 'data': data_of(rng, 10 ** (i % 6))} for i in range(12)]
        entries += [
            {'path': './usr/bin/one-0-again', 'type': tarfile.LNKTYPE, 'target': './usr/bin/one-0', 'mode': 0o755},
            {'path': './usr/bin/one', 'type': tarfile.SYMTYPE, 'target': 'one-0', 'mode': 0o777},
            {'path': './usr/lib/one/empty', 'mode': 0o600, 'owner': (1234567, 2097153)},
            {'path': './usr/lib/one/large', 'data': data_of(rng, 9 * 1024 * 1024), 'mtime': EPOCH + 99999},
            {'path': './usr/lib/one/' + 'd' * 90 + '/' + 'f' * 120, 'data': b'long\n'},
            {'path': './usr/lib/one/\u00e9\u4e16 name', 'data': b'wide\n', 'mtime': 0},
        ]
        packages.append(Package(root, 'one', arch, entries))
    entries = [folder('./usr'), folder('./usr/share'), folder('./usr/share/two')]
    entries += [{'path': f'./usr/share/two/{i:03d}', 'data': data_of(rng, rng.randrange(40000))} for i in range(150)]
    packages.append(Package(root, 'two', 'all', entries))
    lower = recipe(root, 'lower', arches, [p for p in packages if p.name == 'one'],
                   'architectures: [amd64, arm64]\ndebian:\n' + SUITES + '  packages: [one]\n'
                   'users: [{name: u, uid: 1000, gid: 1000, home: /home/u}]\ngroups: [{name: u, gid: 1000}]\n'
                   'fixups: [usrmerge, passwd, tmp]\nconfig: {user: "1000:1000", env: {B: "2", A: "1"}, cmd: [/usr/bin/one]}\n')
    recipe(root, 'upper', arches, [p for p in packages if p.name == 'two'],
           'from: lower\ndebian:\n  packages: [two]\nremove: [/usr/lib/one/empty]\n'
           'files:\n- {path: /etc/upper.conf, content: "a = b\\n", mode: "0640", owner: "0:1000"}\n', lower)
    images = ''.join(f'  - {{recipe: recipes/{n}}}\n' for n in ('lower', 'upper'))
    put(f'{root}/tool.sh', '#!/bin/sh\necho golden\n')
    put(f'{root}/bundle.yaml', f'name: golden\nversion: "1"\nregistry: golden.invalid\nimages:\n{images}tool: tool.sh\n')


def bulk(root, change='', place=0):
    rng = random.Random(4)
    entries = []
    # Many small files, some large ones, a few that are larger than a block may be.
    sizes = [rng.randrange(2000) if i % 3 else rng.randrange(200000) for i in range(600)]
    for i in (60, 200, 330, 470):
        sizes[i] = 7 * 1024 * 1024 + i
    for i, size in enumerate(sizes):
        data = data_of(rng, size)
        entry = {'path': f'./opt/bulk/{i:03d}', 'data': data}
        if change == 'insert' and i == place:
            entries.append({'path': f'./opt/bulk/{i:03d}-before', 'data': data_of(random.Random(5), 30000)})
        if change == 'insert-large' and i == place:
            entries.append({'path': f'./opt/bulk/{i:03d}-before', 'data': data_of(random.Random(5), 7 * 1024 * 1024)})
        if change == 'change' and i == place:
            entry['data'] = data + b'one more line\n'
        if change != 'remove' or i != place:
            entries.append(entry)
    package = Package(root, 'bulk', 'amd64', [folder('./opt'), folder('./opt/bulk')] + entries)
    recipe(root, 'bulk', ['amd64'], [package],
           'architectures: [amd64]\ndebian:\n' + SUITES + '  packages: [bulk]\n')
    put(f'{root}/bundle.yaml', 'name: bulk\nversion: "1"\nregistry: bulk.invalid\nimages: [{recipe: recipes/bulk}]\n')


if __name__ == '__main__':
    if sys.argv[1] == 'golden':
        golden(sys.argv[2])
    else:
        bulk(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else '', int(sys.argv[4]) if len(sys.argv) > 4 else 0)
