#!/bin/bash
# peers.sh [BUNDLE]: the programs that other people use on images take ours, and the bundle file itself.
# PARTS="images root containerd gzip" picks some. CTR_ROOT=DIR takes another containerd, see lib-ctr.sh.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-ctr.sh"
need python3 skopeo docker-registry

BUNDLE=$(realpath -m "${1:-$T/debian.tar}")
ASK=$ROOT/tests/e2e/tools/ask.py
[ -x "$ESS" ] || bail "no '$ESS'; run make"
export ESS_BUNDLE_CACHE=${ESS_BUNDLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ess-bundle}
[ -n "${1:-}" ] || check "the bundle is built" "$ESS" build "$ROOT/bundles/debian" -o "$BUNDLE" || bail "no bundle" "$OUT"
LAYOUT=$T/layout
export HOME=$T DOCKER_CONFIG=$T TMPDIR=$T

inspect_bundle() { "$ESS" inspect "$BUNDLE" --json >"$T/inspect.json"; }
check "the bundle can be inspected" inspect_bundle || bail "no list of images" "$OUT"
"$ASK" images "$T/inspect.json" >"$T/images" || bail "no images in it"
ROOT_DIGEST=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["root"]["digest"])' "$T/inspect.json")

mkdir "$LAYOUT"
check "tar unpacks it" tar -C "$LAYOUT" -xf "$BUNDLE" || bail "no image layout" "$OUT"
same_digests() { (cd "$LAYOUT/blobs/sha256" && for f in *; do echo "$f  $f"; done | sha256sum --quiet -c); }
check "every blob has the digest that it is called by" same_digests
check_match "it is an image layout" '^\{"imageLayoutVersion": ?"1\.0\.0"\}' cat "$LAYOUT/oci-layout"

PORT=$(free_port)
REGISTRY=127.0.0.1:$PORT
cat >"$T/registry.yml" <<-YAML
	version: 0.1
	log: {level: warn, accesslog: {disabled: true}}
	storage: {filesystem: {rootdirectory: $T/registry}}
	http: {addr: $REGISTRY}
YAML
start registry docker-registry serve "$T/registry.yml"
wait_for 15 "$ASK" http "http://$REGISTRY/v2/" || bail "docker-registry did not come up" "$T/registry.log"

if GO_TOOLS=$("$ROOT/tests/e2e/tools/get-go-tools.sh" 2>"$T/go-tools.log"); then
	PATH=$GO_TOOLS:$PATH
else
	note "crane, regctl, oras and a recent umoci cannot be built here:"
	tail -n 5 "$T/go-tools.log" | tap_comment
	GO_TOOLS=
fi
have() { [ -n "$GO_TOOLS" ] && command -v "$1" >/dev/null; }
ARCH=linux/$(ctr_arch)

# --- skopeo ---
raw_digest() { echo "sha256:$(skopeo inspect --raw "$1" | sha256sum | cut -d' ' -f1)"; }
test_skopeo() { # NAME REF DIGEST
	check_match "skopeo inspect: $1" '"Layers": \[' skopeo inspect "oci-archive:$BUNDLE:$2"
	check_equal "skopeo inspect --raw gives the bytes that were signed: $1" "$3" "$(raw_digest "oci-archive:$BUNDLE:$2")"
	check "skopeo copy out of the bundle: $1" skopeo copy --quiet "oci-archive:$BUNDLE:$2" "dir:$T/skopeo"
	check "skopeo copy --all into a registry: $1" skopeo copy --quiet --all --dest-tls-verify=false \
		"oci:$LAYOUT:$2" "docker://$REGISTRY/skopeo/$1:1"
	check_equal "the registry has the same digest: $1" "$3" \
		"$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/skopeo/$1:1" | sha256sum | sed 's/^/sha256:/; s/ .*//')"
	rm -rf "$T/skopeo"
}

# --- umoci ---
# It does not choose from an index of several platforms, so the layout gets a name for each manifest.
test_umoci() { # NAME REF DIGEST
	local platform digest tag
	if ! have umoci; then
		skip "umoci unpack: $1" "no umoci that reads zstd"
		return
	fi
	while read -r platform digest; do
		tag=$1-${platform#*/}
		"$ROOT/tests/e2e/tools/name-manifest.py" "$LAYOUT" "$digest" "$T/named" "$tag"
		check "umoci unpack: $1 $platform" "$GO_TOOLS/umoci" unpack --image "$T/named:$tag" "$T/unpacked"
		check_equal "nothing is setuid, setgid or has capabilities: $1 $platform" "" "$(privileged_files "$T/unpacked/rootfs")"
		chmod -R u+rwX "$T/unpacked" 2>/dev/null
		rm -rf "$T/unpacked" "$T/named"
	done < <("$ASK" platforms "$LAYOUT" "$3")
}
privileged_files() {
	find "$1" -type f -perm /6000 -printf '%P\n'
	! command -v getcap >/dev/null || getcap -r "$1" 2>/dev/null
}

# --- crane, regctl, oras ---
# crane's validation of a layer's content takes gzip only (go-containerregistry, pkg/v1/validate/layer.go), so
# images with zstd layers are validated without, and read to the end by `crane export`; the whole validation
# is done on the same images with gzip layers, below.
test_crane() { # NAME REF DIGEST [REPOSITORY]
	local image=$REGISTRY/${4:-skopeo}/$1:1 fast
	have crane || { skip "crane: $1" "no crane"; return; }
	fast=--fast
	uses_zstd "$3" || fast=
	check_match "crane validate${fast:+ $fast}: $1" '^PASS' crane validate ${fast:+"$fast"} --remote "$image"
	check_match "crane config: $1" '"diff_ids"' crane config --platform "$ARCH" "$image"
	check "crane export: $1" crane export --platform "$ARCH" "$image" /dev/null
}
uses_zstd() { # DIGEST of an index or manifest
	local platform digest
	while read -r platform digest; do
		! grep -q 'tar+zstd' "$LAYOUT/blobs/${digest/://}" || return 0
	done < <("$ASK" platforms "$LAYOUT" "$1")
	return 1
}
regctl_() { regctl --host "reg=$REGISTRY,tls=disabled" "$@"; }
test_regctl() { # NAME REF DIGEST
	have regctl || { skip "regctl: $1" "no regctl"; return; }
	check "regctl image copy out of the layout: $1" regctl_ image copy "ocidir://$LAYOUT@$3" "$REGISTRY/regctl/$1:1"
	check_match "regctl has the same digest: $1" "^$3\$" regctl_ image digest "$REGISTRY/regctl/$1:1"
}
test_oras() { # NAME REF DIGEST
	have oras || { skip "oras: $1" "no oras"; return; }
	check "oras copy out of the bundle file: $1" oras copy --from-oci-layout --to-plain-http "$BUNDLE@$3" "$REGISTRY/oras/$1:1"
	check_match "oras has the same digest: $1" "^$3\$" oras resolve --plain-http "$REGISTRY/oras/$1:1"
}

# --- the bundle as a whole: one digest that covers everything, in any registry ---
test_root() {
	if have oras; then
		check "oras copies the whole bundle into a registry" oras copy -r --from-oci-layout --to-plain-http "$LAYOUT@$ROOT_DIGEST" "$REGISTRY/whole/bundle:1"
		check_match "under the digest that was signed" "^$ROOT_DIGEST\$" oras resolve --plain-http "$REGISTRY/whole/bundle:1"
		check_match "and shows it as a bundle" 'application/vnd.ess.bundle.v1\+json' oras manifest fetch --plain-http "$REGISTRY/whole/bundle:1"
	else
		skip "oras copies the whole bundle into a registry" "no oras"
	fi
	if have crane; then
		check "crane copies it between repositories" crane copy "$REGISTRY/whole/bundle:1" "$REGISTRY/whole/again:1"
		check_match "under the same digest" "^$ROOT_DIGEST\$" crane digest "$REGISTRY/whole/again:1"
		check "crane push takes the layout folder" crane push --index "$LAYOUT" "$REGISTRY/whole/layout:1"
	else
		skip "crane copies it between repositories" "no crane"
	fi
}

# --- containerd ---
containerd_has_all() {
	local name ref rest
	ctr_images >"$T/listed"
	while read -r name ref rest; do
		grep -qxF "$ref" "$T/listed" || { echo "missing: $ref ($name, $rest)"; return 1; }
	done <"$T/images"
}
containerd_unpacked() {
	ctr_cli images check --snapshotter "$CTR_SNAPSHOTTER" | tee /dev/stderr |
		awk 'NR > 1 && $1 ~ /^ess\.internal/ {n++; if (!/complete/ || $NF != "true") bad = 1} END {exit bad || !n}'
}
test_containerd() {
	ctr_up
	note "containerd $(in_ctr containerd --version | awk '{print $3}')"
	check "ctr images import takes the bundle file and ends with 0" ctr_import "$BUNDLE"
	check "all images are listed" containerd_has_all
	check "and are complete and unpacked" containerd_unpacked
	check_equal "nothing else became an image" "" "$(cut -d' ' -f2 "$T/images" | grep -vxFf - "$T/listed" || :)"
	check "ctr images import --all-platforms does as well" \
		ctr_cli images import --snapshotter "$CTR_SNAPSHOTTER" --all-platforms "$BUNDLE"
	# With --digests containerd makes an image of everything that has no name, the root too, and cannot unpack
	# that one ("no match for platform"): a limit of it, so not unpacked here.
	check "and with --digests --no-unpack" ctr_cli images import --digests --no-unpack "$BUNDLE"
}

# --- the same images with gzip layers, for readers that know nothing else ---
test_gzip() {
	local name ref digest
	if ! check "the bundle can be built with gzip layers" "$ESS" build "$ROOT/bundles/debian" --compress gzip -o "$T/gzip.tar"; then
		return
	fi
	"$ESS" inspect "$T/gzip.tar" --json >"$T/inspect-gzip.json"
	"$ASK" images "$T/inspect-gzip.json" >"$T/images-gzip"
	rm -rf "$LAYOUT"
	mkdir "$LAYOUT"
	check "and unpacked" tar -C "$LAYOUT" -xf "$T/gzip.tar" || return
	while read -r name ref digest; do
		check "no zstd in it: $name" negate uses_zstd "$digest"
		check "skopeo copies it into a registry: $name" skopeo copy --quiet --all --dest-tls-verify=false \
			"oci:$LAYOUT:$ref" "docker://$REGISTRY/gzip/$name:1"
		test_crane "$name" "$ref" "$digest" gzip
		[ "$name" != base ] || test_umoci "$name" "$ref" "$digest"
	done <"$T/images-gzip"
	[ -z "${CTR:-}" ] || check "containerd imports it" ctr_import "$T/gzip.tar"
}
negate() { ! "$@"; }

test_images() {
	local name ref digest tool
	while read -r name ref digest; do
		for tool in skopeo umoci crane regctl oras; do
			"test_$tool" "$name" "$ref" "$digest"
		done
	done <"$T/images"
}
for part in ${PARTS:-images root containerd gzip}; do
	"test_$part"
done
finish
