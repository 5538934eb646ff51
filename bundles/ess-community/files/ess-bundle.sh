#!/bin/sh
# ess-bundle, the part of it that travels inside a bundle and needs nothing but a POSIX shell, tar and
# sha256sum (and openssl, for the signature). The full program is found and used when it is installed.
#
#   tar xf BUNDLE ess-bundle
#   sh ess-bundle verify BUNDLE [--key PUB]    every blob against its name, the list of images against the root,
#                                              the signature over the root with openssl
#   sh ess-bundle images BUNDLE                the names of the images inside
#   sh ess-bundle load BUNDLE                  into containerd (ctr) or podman, whichever is there
set -eu

say() { printf '%s\n' "$*" >&2; }
die() {
	code=$1
	shift
	say "ess-bundle: $*"
	exit "$code"
}
usage() {
	sed -n 's/^#   //p' "$0" >&2
	exit 2
}

command_name=${1:-}
[ -n "$command_name" ] || usage
for program in ess-bundle /usr/local/bin/ess-bundle /usr/bin/ess-bundle; do
	found=$(command -v "$program" 2>/dev/null) || continue
	# Not this very file again.
	if [ "$(head -c 2 "$found")" != '#!' ]; then
		exec "$found" "$@"
	fi
done
shift
bundle='' key=''
while [ $# -gt 0 ]; do
	case $1 in
	--key)
		[ $# -ge 2 ] || usage
		key=$2
		shift
		;;
	--key=*) key=${1#--key=} ;;
	-*) usage ;;
	*) bundle=$1 ;;
	esac
	shift
done
[ -n "$bundle" ] || usage
[ -r "$bundle" ] || die 4 "cannot read $bundle"

member() { tar -xOf "$bundle" "$1"; }
blob() { member "blobs/sha256/$1"; }

check_blobs() {
	other=$(tar -tf "$bundle" | grep -vxE 'oci-layout|index\.json|ess-bundle|blobs/sha256/[0-9a-f]{64}' | head -n 1) || :
	[ -z "$other" ] || die 3 "$bundle: $other does not belong there"
	count=0 bad=0
	for name in $(tar -tf "$bundle" | sed -n 's,^blobs/sha256/,,p'); do
		sum=$(blob "$name" | sha256sum | cut -d' ' -f1)
		count=$((count + 1))
		if [ "$sum" != "$name" ]; then
			say "blobs/sha256/$name: its content has sha256 $sum"
			bad=$((bad + 1))
		fi
	done
	[ "$count" -gt 0 ] || die 3 "$bundle: no blobs inside"
	[ "$bad" -eq 0 ] || die 3 "$bundle: $bad of $count blobs are damaged"
	say "$count blobs match their names"
}

# index.json is canonical JSON on one line: one descriptor a line is enough to pick from.
descriptors() { member index.json | sed 's/{"annotations"/\n&/g'; }
digest_of() { sed -n 's/.*"digest":"sha256:\([0-9a-f]\{64\}\)".*/\1/p' | head -n 1; }

# The root lists the images by name, and what is below them by digests: so only index.json, which other programs
# begin with, could still tell another story. It has one form, and is made again here from the root.
check_index() {
	root=$(descriptors | grep '"vnd.ess.bundle.root":"true"' | digest_of)
	[ -n "$root" ] || die 3 "$bundle: index.json names no root"
	blob "$root" >/dev/null 2>&1 || die 3 "$bundle: the root sha256:$root is missing"
	index='"mediaType":"application/vnd.oci.image.index.v1+json"'
	images=$(blob "$root" | sed -e 's/^.*"manifests":\[//' -e 's/\],"mediaType":"[^"]*","schemaVersion":2}$//' \
		-e 's/"vnd.ess.bundle.name":\("[^"]*"\)/"io.containerd.image.name":\1,"org.opencontainers.image.ref.name":\1/g')
	# What comes before the first image is the bundle's own manifest.
	images=,${images#*\},}
	regex=$(printf '%s' "$index" | sed 's/+/\\+/')
	size=$(blob "$root" | wc -c | tr -d ' ')
	want='{"manifests":[{"annotations":{"vnd.ess.bundle.root":"true"},"artifactType":"application/vnd.ess.bundle.v1+json",'
	want="$want\"digest\":\"sha256:$root\",$index,\"size\":$size}$images"
	found=$(member index.json)
	rest=${found#"$want"}
	signature='\{"annotations":\{"kind":"dev.cosignproject.cosign/sigs","vnd.ess.bundle.signs":"sha256:[0-9a-f]{64}"\},'
	signature="$signature\"digest\":\"sha256:[0-9a-f]{64}\",\"mediaType\":\"application/vnd.oci.image.manifest.v1\\+json\","
	signature="$signature\"size\":[0-9]+\\}"
	# No line of it may be anything else, or a second line could hide what the first one adds.
	if [ "$rest" = "$found" ] ||
		printf '%s\n' "$rest" | grep -qvxE "(,$signature)*\\],$regex,\"schemaVersion\":2\\} *"; then
		die 3 "$bundle: index.json does not list what the root lists"
	fi
	say "index.json lists what the root lists"
}

check_signature() {
	[ -n "$key" ] || {
		say "root sha256:$root (no key given: the signature was not checked)"
		return
	}
	command -v openssl >/dev/null || die 1 "openssl is needed to check a signature"
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	for manifest in $(descriptors | grep "\"vnd.ess.bundle.signs\":\"sha256:$root\"" |
		sed -n 's/.*"digest":"sha256:\([0-9a-f]\{64\}\)".*/\1/p'); do
		blob "$manifest" >"$dir/manifest"
		sed -n 's,.*"dev.cosignproject.cosign/signature":"\([^"]*\)".*,\1,p' "$dir/manifest" |
			openssl base64 -d -A >"$dir/signature"
		payload=$(sed 's/.*"layers":\[//' "$dir/manifest" | digest_of)
		blob "$payload" >"$dir/payload"
		grep -q "\"docker-manifest-digest\":\"sha256:$root\"" "$dir/payload" || continue
		if openssl dgst -sha256 -verify "$key" -signature "$dir/signature" "$dir/payload" \
			>/dev/null 2>&1; then
			say "root sha256:$root is signed by $key"
			return
		fi
	done
	die 3 "$bundle: no signature of root sha256:$root by $key"
}

case $command_name in
verify)
	check_blobs
	check_index
	check_signature
	;;
images)
	descriptors | sed -n 's/.*"org.opencontainers.image.ref.name":"\([^"]*\)".*/\1/p'
	;;
load)
	check_blobs
	check_index
	check_signature
	if command -v ctr >/dev/null; then
		ctr -n "${CONTAINERD_NAMESPACE:-k8s.io}" images import "$bundle"
	elif command -v podman >/dev/null; then
		podman load -i "$bundle"
	else
		die 4 "neither ctr nor podman is here"
	fi
	;;
*) usage ;;
esac
