#!/bin/bash
# carried.sh [BUNDLE]: the script that travels inside a bundle verifies it where nothing else is installed, and sees
# what was altered so that another program would load other images. Needs the bundle of make quickstart.
. "$(dirname "$0")/lib.sh"
need python3 openssl
BUNDLE=$(realpath -m "${1:-$ROOT/out/quickstart.tar}")
KEY=${BUNDLE%.tar}.pub
[ -x "$ESS" ] || bail "no '$ESS'; run make"
[ -e "$BUNDLE" ] || bail "no '$BUNDLE'; run make quickstart"

# Nothing of this machine's own ess-bundle may take over.
carried() { env PATH=/usr/bin:/bin sh "$T/ess-bundle" "$@" </dev/null; }
# altered NAME PYTHON: $T/x.tar is the bundle, changed by statements on `data`, its first members, and `index`,
# the text of index.json without its blanks; both have to keep their lengths.
altered() {
	cp --reflink=auto "$BUNDLE" "$T/x.tar"
	python3 - "$T/x.tar" "$1" <<-'PY'
		import re, sys
		f = open(sys.argv[1], 'r+b')
		head = f.read(512 + 512 + 512)
		space = int(head[1024 + 124:1024 + 135], 8)
		padded = f.read(space)
		index = padded.rstrip().decode()
		refs = re.findall(r'\{"annotations":\{"io.containerd.image.name":"[^"]*","org.opencontainers.image.ref.name":"[^"]*"\},"digest":"(sha256:[0-9a-f]{64})"', index)
		assert len(refs) > 1
		scope = {'index': index, 'refs': refs, 'file': f}
		exec(sys.argv[2], scope)
		text = scope['index'].encode()
		assert len(text) < space
		f.seek(1536)
		f.write(text.ljust(space - 1) + b'\n')
	PY
}
refused() { # NAME WHY PYTHON
	altered "$3" || bail "cannot alter it"
	check_rc "$1" 3 carried verify "$T/x.tar" --key "$KEY"
	check_match "$1: it says why" "$2" cat "$T/said"
}

check "it comes out of the bundle with tar alone" tar -C "$T" -xf "$BUNDLE" ess-bundle
check_match "it accepts what was signed" '^root sha256:[0-9a-f]{64} is signed by ' carried verify "$BUNDLE" --key "$KEY"
check_match "without a key it says that it did not look" 'the signature was not checked' carried verify "$BUNDLE"
"$ESS" inspect --json "$BUNDLE" | python3 -c 'import json, sys; print(*(i["ref"] for i in json.load(sys.stdin)["images"]), sep="\n")' >"$T/names"
check_equal "it names the images" "$(cat "$T/names")" "$(carried images "$BUNDLE")"

carried() { env PATH=/usr/bin:/bin sh "$T/ess-bundle" "$@" </dev/null 2>&1 | tee "$T/said"; return "${PIPESTATUS[0]}"; }
refused "two images have exchanged their names" 'does not list what the root lists' \
	'index = index.replace(refs[0], "\0").replace(refs[1], refs[0]).replace("\0", refs[1])'
refused "an image more is listed" 'does not list what the root lists' \
	'index = index.replace("],\"mediaType", ",{\"annotations\":{\"io.containerd.image.name\":\"a/b:c\"},\"digest\":\"" + refs[0] + "\",\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"size\":1}],\"mediaType", 1)'
refused "the same, on a line of its own" 'does not list what the root lists' \
	'index = index.replace("],\"mediaType", ",{\"annotations\":{\"io.containerd.image.name\":\"a/b:c\"},\"digest\":\"" + refs[0] + "\",\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"size\":1}\n],\"mediaType", 1)'
refused "a name is spelt otherwise" 'does not list what the root lists' \
	'index = index.replace("io.containerd.image.name", "io.containerd.image.n\\u0061me", 1)'
refused "no root is named" 'names no root' 'index = index.replace("\"vnd.ess.bundle.root\":\"true\"", "\"vnd.ess.bundle.root\":\"True\"")'
refused "a byte in the middle is another" 'are damaged' 'file.seek(0, 2); n = file.tell() // 2; file.seek(n); b = file.read(1); file.seek(n); file.write(bytes([b[0] ^ 1]))'

cp --reflink=auto "$BUNDLE" "$T/x.tar"
(cd "$T" && echo '[]' >manifest.json && tar -rf x.tar manifest.json)
check_rc "a member more" 3 carried verify "$T/x.tar" --key "$KEY"
check_match "a member more: it is named" 'manifest\.json does not belong there' cat "$T/said"
COSIGN_PASSWORD='' "$ESS" keygen -o "$T/other" >/dev/null 2>&1 || bail "no other key"
check_rc "another key" 3 carried verify "$BUNDLE" --key "$T/other.pub"
check_match "another key: it says so" 'no signature of root' cat "$T/said"
check_rc "no such bundle" 4 carried verify "$T/nothing.tar"
finish
