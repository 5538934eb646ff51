#!/usr/bin/env python3
"""facts.py BUNDLE: what a bundle's bytes come down to, one line each, first what no compression library has a say in."""
import json, sys, tarfile

with tarfile.open(sys.argv[1]) as tar:
    def blob(d):
        return tar.extractfile('blobs/' + d['digest'].replace(':', '/')).read()

    def doc(d):
        return json.loads(blob(d))

    for image in json.load(tar.extractfile('index.json'))['manifests']:
        name = image.get('annotations', {}).get('org.opencontainers.image.ref.name')
        if not name:
            continue
        for m in doc(image)['manifests']:
            manifest = doc(m)
            platform = m['platform']['architecture']
            config = doc(manifest['config'])
            print('config', name, platform, manifest['config']['digest'])
            for layer, diff_id in zip(manifest['layers'], config['rootfs']['diff_ids']):
                print('layer', name, platform, diff_id)
