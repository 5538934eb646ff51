#!/usr/bin/env python3
"""blocks.py BUNDLE: the blocks of the largest layer, in order: SHA-256 and compressed size of each.

A block is a zstd frame (RFC 8878) or a gzip member (RFC 1952); whatever is between two of them is an error.
"""
import hashlib, json, sys, tarfile, zlib


def zstd_frame(data, at):
    """Where the frame that begins at `at` ends: by its header, then from block header to block header."""
    if data[at:at + 4] != b'\x28\xb5\x2f\xfd':
        sys.exit(f'blocks.py: no zstd frame at byte {at}')
    descriptor = data[at + 4]
    single = descriptor >> 5 & 1
    content_size = [single, 2, 4, 8][descriptor >> 6]
    if not content_size:
        sys.exit(f'blocks.py: the frame at byte {at} does not say its size')
    at += 5 + (1 - single) + [0, 1, 2, 4][descriptor & 3] + content_size
    while True:
        header = int.from_bytes(data[at:at + 3], 'little')
        at += 3 + (1 if header >> 1 & 3 == 1 else header >> 3)
        if header & 1:
            return at + (4 if descriptor & 4 else 0)


def gzip_member(data, at):
    inflater = zlib.decompressobj(wbits=31)
    inflater.decompress(data[at:])
    if not inflater.eof:
        sys.exit(f'blocks.py: the gzip member at byte {at} does not end')
    return len(data) - len(inflater.unused_data)


with tarfile.open(sys.argv[1]) as tar:
    def blob(d):
        return tar.extractfile('blobs/' + d['digest'].replace(':', '/')).read()

    layers = []
    for image in json.load(tar.extractfile('index.json'))['manifests']:
        if 'org.opencontainers.image.ref.name' in image.get('annotations', {}):
            for manifest in json.loads(blob(image))['manifests']:
                layers += json.loads(blob(manifest))['layers']
    layer = max(layers, key=lambda one: one['size'])
    bytes_ = blob(layer)
end = zstd_frame if layer['mediaType'].endswith('+zstd') else gzip_member
begin = 0
while begin < len(bytes_):
    after = end(bytes_, begin)
    print(hashlib.sha256(bytes_[begin:after]).hexdigest(), after - begin)
    begin = after
