#!/bin/bash
# interop.sh [BUNDLE]: images to and from where others keep them, in archives: `docker save`'s, for air gaps.
# skopeo, podman and containerd read what `copy` writes, and it reads what they write.
# PARTS="docker podman" picks some.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-ctr.sh"
need python3 skopeo jq

BUNDLE=$(realpath -m "${1:-$ROOT/out/quickstart.tar}")
ASK=$ROOT/tests/e2e/tools/ask.py
[ -x "$ESS" ] || bail "no '$ESS'; run make"
[ -e "$BUNDLE" ] || bail "no '$BUNDLE'; run make quickstart"
export HOME=$T DOCKER_CONFIG=$T TMPDIR=$T

"$ESS" inspect "$BUNDLE" --json >"$T/inspect.json" || bail "no list of images"
"$ASK" images "$T/inspect.json" >"$T/images" || bail "no images in it"
read -r _ REF _ <"$T/images"
ARCH=$(ctr_arch)

copy() { "$ESS" copy -q "$@"; }
# in_list FILE JQ: of manifest.json in an archive
in_list() { tar -xOf "$1" manifest.json | jq -r "$2"; }
# ids FILE: the image IDs (digests of the configurations) in an archive of `docker save`
ids() { in_list "$1" '.[].Config' | sed 's/\.json$//; s,.*/,,' | sort; }

# --- archives of `docker save` ---
test_docker() {
	check_match "all images of a bundle into an archive of docker save" "only linux/$ARCH.* other digests" \
		"$ESS" copy "$BUNDLE" "docker-archive:$T/all.tar"
	check_equal "have their tags" "$(cut -d' ' -f2 "$T/images" | sort)" "$(in_list "$T/all.tar" '.[].RepoTags[]' | sort)"
	check "again" copy "$BUNDLE" "docker-archive:$T/again.tar"
	check "gives the same bytes" cmp "$T/all.tar" "$T/again.tar"
	check "one image alone" copy "bundle:$BUNDLE:$REF" "docker-archive:$T/direct.tar"
	check "out of an archive into a layout" copy "docker-archive:$T/all.tar:$REF" "oci:$T/one:x"
	check "and back" copy "oci:$T/one:x" "docker-archive:$T/one.tar:$REF"
	check "gives the same bytes, whatever the compression" cmp "$T/one.tar" "$T/direct.tar"
	check_match "prints the image's ID" "^sha256:$(ids "$T/one.tar")\$" "$ESS" copy -q "docker-archive:$T/one.tar" "docker-archive:$T/again.tar"
	check "the other platform is there for the asking" copy "bundle:$BUNDLE:$REF" "docker-archive:$T/arm.tar:r.example.org/arm" --platform arm64
	check_match "under the name that was asked for" '^r.example.org/arm:latest$' in_list "$T/arm.tar" '.[].RepoTags[]'
	check_rc "which of several is to be said: 2" 2 copy "docker-archive:$T/all.tar" "docker-archive:$T/x.tar:r.example.org/x:1"
	check_rc "what is not there: 4" 4 copy "docker-archive:$T/all.tar:r.example.org/x:1" "oci:$T/x"
	check "by its number" copy "docker-archive:$T/all.tar:@1" "oci:$T/second:x"

	check_match "skopeo reads it" '"Layers": \[' skopeo inspect "docker-archive:$T/all.tar:$REF"
	check "skopeo copies out of it" skopeo copy -q "docker-archive:$T/all.tar:$REF" "docker-archive:$T/skopeo.tar:$REF"
	check "we read what it wrote" copy "docker-archive:$T/skopeo.tar" "docker-archive:$T/back.tar"
	check "the same bytes as our own" cmp "$T/direct.tar" "$T/back.tar"

	cp "$T/one.tar" "$T/damaged.tar"
	printf '\377' | dd of="$T/damaged.tar" bs=1 seek=$(($(stat -c %s "$T/one.tar") - 4096)) conv=notrunc status=none
	check_fails "a flipped byte is noticed" "expected sha256:.*found sha256:" "$ESS" copy "docker-archive:$T/damaged.tar" "oci:$T/damaged:x"
	check "and nothing takes its name" test ! -e "$T/damaged/index.json"
	check_match "the two kinds of archive are told apart" 'read as docker-archive:FILE' sh -c "! '$ESS' copy 'oci-archive:$T/all.tar' 'oci:$T/x' 2>&1"
}

# --- podman ---
pod() { podman --root "$T/podman" --runroot "$T/podman-run" --storage-driver vfs --cgroup-manager cgroupfs "$@"; }
podman_ids() { pod images --no-trunc --format '{{.ID}}' | sed 's/^sha256://' | sort; }
test_podman() {
	local some
	[ -e "$T/all.tar" ] || copy "$BUNDLE" "docker-archive:$T/all.tar"
	command -v podman >/dev/null || { skip "podman" "no podman; apt-get install podman"; return; }
	note "$(podman --version)"
	mapfile -t some < <(head -n 2 "$T/images" | cut -d' ' -f2)
	check "podman load takes all images" pod load -q -i "$T/all.tar"
	check_equal "under their IDs" "$(ids "$T/all.tar")" "$(podman_ids)"
	check "podman save" pod save -q --format docker-archive -o "$T/podman.tar" "$REF"
	check "is read" copy "docker-archive:$T/podman.tar" "docker-archive:$T/back.tar"
	check "gives the same bytes as our own" cmp "$T/back.tar" <("$ESS" copy -q "docker-archive:$T/all.tar:$REF" "docker-archive:$T/own.tar" >/dev/null; cat "$T/own.tar")
	check "podman save, several images and old links" pod save -q -m --format docker-archive -o "$T/several.tar" "${some[@]}"
	check "are read" copy "docker-archive:$T/several.tar" "oci-archive:$T/several-oci.tar"
	check_equal "all of them" "${#some[@]}" "$(tar -xOf "$T/several-oci.tar" index.json | jq '.manifests | length')"
	check "podman saves a layout" pod save -q --format oci-archive -o "$T/podman-oci.tar" "$REF"
	check "is read" copy "oci-archive:$T/podman-oci.tar" "oci:$T/from-podman:x"
}

for part in ${PARTS:-docker podman}; do
	"test_$part"
done
finish
