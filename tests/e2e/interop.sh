#!/bin/bash
# interop.sh [BUNDLE]: images to and from where others keep them, in archives: `docker save`'s, for air gaps.
# skopeo, podman and containerd read what `copy` writes, and it reads what they write.
# PARTS="docker podman dockerd containerd" picks some.
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
read -r _ REF DIGEST <"$T/images"
ARCH=$(ctr_arch)

copy() { "$ESS" copy -q "$@"; }
# in_list FILE JQ: of manifest.json in an archive
in_list() { tar -xOf "$1" manifest.json | jq -r "$2"; }
# ids FILE: the image IDs (digests of the configurations) in an archive of `docker save`
ids() { in_list "$1" '.[].Config' | sed 's/\.json$//; s,.*/,,' | sort; }

negate() { ! "$@"; }
# The manifest of an image for the platform that this machine is not.
other_platform() {
	tar -xOf "$BUNDLE" "blobs/sha256/${DIGEST#sha256:}" | jq -r --arg a "$ARCH" '.manifests[] | select(.platform.architecture != $a) | .digest'
}

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

	# A layout that lacks a platform, as some tools copy them.
	copy "bundle:$BUNDLE:$REF" "oci:$T/sparse:x" >/dev/null
	rm "$T/sparse/blobs/$(other_platform | tr : /)"
	check_rc "an index without one of its platforms: 4" 4 copy "oci:$T/sparse:x" "oci-archive:$T/x.tar"
	check_match "says what can be copied" 'hint:.*--platform' negate "$ESS" copy "oci:$T/sparse:x" "oci-archive:$T/x.tar"
	check "one platform of it" copy "oci:$T/sparse:x" "oci-archive:$T/x.tar" --platform "linux/$ARCH"

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
# Without overlay mounts every layer is a whole copy of those below.
[ "$(CTR=$T ctr_snapshotter)" = overlayfs ] && LAYERS=overlay || LAYERS=vfs
pod() { podman --root "$T/podman" --runroot "$T/podman-run" --storage-driver "$LAYERS" --cgroup-manager cgroupfs "$@"; }
podman_down() { umount "$T/podman/overlay" 2>/dev/null; }
two_images() { # $T/some.tar, with $some
	local name
	for name in "${some[@]}"; do
		copy "bundle:$BUNDLE:$name" "oci:$T/some:$name" || return
	done
	copy "oci:$T/some" "docker-archive:$T/some.tar"
}
podman_ids() { pod images --no-trunc --format '{{.ID}}' | sed 's/^sha256://' | sort; }
test_podman() {
	local some
	command -v podman >/dev/null || { skip "podman" "no podman; apt-get install podman"; return; }
	note "$(podman --version)"
	at_exit podman_down
	mapfile -t some < <(head -n 2 "$T/images" | cut -d' ' -f2)
	check "two images, one by one into a layout, keep their names" two_images
	check "podman load takes them" pod load -q -i "$T/some.tar"
	check_equal "under their IDs" "$(ids "$T/some.tar")" "$(podman_ids)"
	check "podman save" pod save -q --format docker-archive -o "$T/podman.tar" "$REF"
	check "is read" copy "docker-archive:$T/podman.tar" "docker-archive:$T/back.tar"
	check "gives the same bytes as our own" cmp "$T/back.tar" <(copy "bundle:$BUNDLE:$REF" "docker-archive:$T/own.tar" >/dev/null; cat "$T/own.tar")
	check "podman save, several images and old links" pod save -q -m --format docker-archive -o "$T/several.tar" "${some[@]}"
	check "are read" copy "docker-archive:$T/several.tar" "oci-archive:$T/several-oci.tar"
	check_equal "all of them" "${#some[@]}" "$(tar -xOf "$T/several-oci.tar" index.json | jq '.manifests | length')"
	check "podman saves a layout" pod save -q --format oci-archive -o "$T/podman-oci.tar" "$REF"
	check "is read" copy "oci-archive:$T/podman-oci.tar" "oci:$T/from-podman:x"
}

# --- docker, in namespaces of its own: nothing of it touches the machine's network or mounts ---
DOCKER_INIT='
mount -t tmpfs tmpfs /run || exit 1
ip link set lo up || exit 1
exec dockerd --host "unix://$1/sock" --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" --iptables=false \
	--ip6tables=false --bridge=none --storage-driver "$2"
'
dock() { docker --host "unix://$T/docker/sock" "$@"; }
dockerd_down() { # kills unshare, and with it all in its namespaces
	[ -n "${HELPERS[dockerd]:-}" ] || return 0
	kill -KILL "${HELPERS[dockerd]}" 2>/dev/null
	wait "${HELPERS[dockerd]}" 2>/dev/null
	unset "HELPERS[dockerd]"
}
test_dockerd() {
	local programs some driver=vfs
	[ "$(id -u)" = 0 ] || { skip "docker" "needs root"; return; }
	if ! programs=$("$ROOT/tests/e2e/tools/get-docker.sh" 2>"$T/get-docker.log"); then
		skip "docker" "Debian's docker.io cannot be fetched: $(tail -n 1 "$T/get-docker.log")"
		return
	fi
	PATH=$programs:$PATH
	mapfile -t some < <(head -n 2 "$T/images" | cut -d' ' -f2)
	mkdir -p "$T/docker"
	[ "$LAYERS" = vfs ] || driver=overlay2
	at_exit dockerd_down
	start dockerd unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc bash -c "$DOCKER_INIT" init "$T/docker" "$driver"
	wait_for 30 dock version || bail "dockerd did not come up" "$T/dockerd.log"
	note "docker $(dock version --format '{{.Server.Version}}')"
	check "one image for docker" copy "bundle:$BUNDLE:${some[0]}" "docker-archive:$T/load.tar"
	check_match "docker load takes it" "^Loaded image: ${some[0]}\$" dock load -i "$T/load.tar"
	check_equal "under its ID" "$(ids "$T/load.tar")" "$(dock images --quiet --no-trunc | sed 's/^sha256://')"
	check "and another" copy "bundle:$BUNDLE:${some[1]}" "docker-archive:$T/load2.tar:r.example.org/x/y:1"
	check_match "under a name that it was given" '^Loaded image: r.example.org/x/y:1$' dock load -i "$T/load2.tar"
	check "docker save" dock save -o "$T/docker.tar" "${some[0]}" r.example.org/x/y:1
	check "is read" copy "docker-archive:$T/docker.tar" "docker-archive:$T/back.tar"
	check_equal "with both" "$(cat <(ids "$T/load.tar") <(ids "$T/load2.tar") | sort)" "$(ids "$T/back.tar")"
	check "one of them" copy "docker-archive:$T/docker.tar:${some[0]}" "docker-archive:$T/back.tar"
	check "gives the same bytes as our own" cmp "$T/load.tar" "$T/back.tar"
	dockerd_down
}

# --- containerd: archives for air gaps, and its own store ---
ctr_names() { ctr_cli images ls -q | sort; }
names_wanted() { # what every image of the bundle is to be called
	awk '{ print $2; n = $2; sub(/:[^:]*$/, "", n); print n "@" $3 }' "$T/images" | sort
}
ctr_forget() {
	local names
	mapfile -t names < <(ctr_names)
	ctr_cli images rm "${names[@]}" >/dev/null
}
# all_complete [NAMESPACE]: every image has all contents for this platform and is unpacked
all_complete() {
	in_ctr ctr --address "$CTR/sock" -n "${1:-ess-test}" images check --snapshotter "$CTR_SNAPSHOTTER" | tee /dev/stderr |
		awk -v unpacked="${unpacked:-}" 'NR > 1 {n++; if (!/complete/ || (unpacked && $NF != "true")) bad = 1} END {exit bad || !n}'
}
copy_on() { # names by digest are no tags, and are not made again
	copy "bundle:$BUNDLE" "oci-archive:$T/on.tar" && copy "oci-archive:$T/on.tar" containerd:on/ && copy "oci-archive:$T/on.tar" "docker-archive:$T/on-docker.tar" || return
	cmp <(names_wanted) <(in_ctr ctr --address "$CTR/sock" -n on images ls -q | sort) &&
		cmp <(cut -d' ' -f2 "$T/images" | sort) <(in_list "$T/on-docker.tar" '.[].RepoTags[]' | sort)
}
test_containerd() {
	local name=${REF%:*} unpacked="" served
	ctr_up
	local PATH=$CTR_PATH # its ctr, too
	note "containerd $(in_ctr containerd --version | awk '{print $3}')"
	export CONTAINERD_ADDRESS=$CTR/sock CONTAINERD_SNAPSHOTTER=$CTR_SNAPSHOTTER

	# As k3s and RKE2 import what lies in agent/images: all platforms.
	check "an archive for air gaps" copy "$BUNDLE" "oci-archive:$T/images.tar"
	check "containerd takes it, all platforms" ctr_cli images import --all-platforms --no-unpack "$T/images.tar"
	check_equal "every image has its name by tag and by digest" "$(names_wanted)" "$(ctr_names)"
	check "and all it needs" all_complete
	ctr_forget
	check_match "of one platform, with digests of its own" 'arm64 alone: the digest is' \
		"$ESS" copy -q "$BUNDLE" "oci-archive:$T/arm.tar" --platform linux/arm64
	check "containerd takes that, too" ctr_cli images import --all-platforms --no-unpack "$T/arm.tar"
	check_equal "with both names for each" "$(names_wanted | cut -d@ -f1)" "$(ctr_names | cut -d@ -f1)"
	check_equal "and nothing of the other platform" 0 "$(ctr_cli images ls | grep -c amd64)"
	ctr_forget
	rm -f "$T/images.tar" "$T/arm.tar"
	[ -e "$T/all.tar" ] || copy "$BUNDLE" "docker-archive:$T/all.tar" >/dev/null 2>&1
	check "containerd takes an archive of docker save" ctr_cli images import --no-unpack "$T/all.tar"
	check_equal "all tags" "$(cut -d' ' -f2 "$T/images" | sort)" "$(ctr_names)"
	ctr_forget

	check "all images of a bundle into containerd" copy "$BUNDLE" containerd:ess-test/ --label io.cri-containerd.pinned=pinned
	check_equal "have the bundle's names and digests" "$(names_wanted)" "$(ctr_names)"
	unpacked=1 check "and all that this platform needs, unpacked" all_complete
	check_equal "and the label" "$(names_wanted | wc -l)" "$(ctr_cli images ls | grep -c io.cri-containerd.pinned=pinned)"
	check_match "they run" '^hello$' ctr_run "$(awk '$1 == "base-shell" {print $2}' "$T/images")" hello -- sh -c 'echo hello'
	check "again is nothing new" copy "$BUNDLE" containerd:ess-test/
	check_match "nothing of other platforms was sent" "not found" negate ctr_cli content get "$(other_platform)"

	check_rc "an index without its other platforms cannot be copied out" 1 copy "containerd:ess-test/$REF" "oci:$T/out:x"
	check_match "which says what can" 'hint:.*--platform' negate "$ESS" copy "containerd:ess-test/$REF" "oci:$T/out:x"
	check "one platform can" copy "containerd:ess-test/$REF" "oci:$T/out:x" --platform "linux/$ARCH"
	check "by the name with the digest, too" copy "containerd:ess-test/$name@$DIGEST" "docker-archive:$T/out.tar:$REF"
	check "with the bytes that went in" cmp "$T/out.tar" <(copy "bundle:$BUNDLE:$REF" "docker-archive:$T/own.tar" >/dev/null; cat "$T/own.tar")
	check_rc "what is not there: 4" 4 copy "containerd:ess-test/r.example.org/none:1" "oci:$T/out:x"

	check "all platforms, another namespace, another name" copy "bundle:$BUNDLE:$REF" containerd:other/r.example.org/x:1 --all-platforms
	check "come out as they went in" copy containerd:other/r.example.org/x:1 "oci-archive:$T/whole.tar:x"
	check_equal "under the same digest" "$DIGEST" "$(skopeo inspect --raw "oci-archive:$T/whole.tar:x" | sha256sum | sed 's/^/sha256:/; s/ .*//')"
	start served "$ESS" serve --listen 127.0.0.1:0 "$BUNDLE"
	wait_for 30 grep -q '^http' "$T/served.log" || bail "serve did not come up" "$T/served.log"
	served=$(grep -m 1 '^http' "$T/served.log")
	check "out of a registry" copy "${served#*://}/${REF#*/}" containerd:served/r.example.org/x:1 --plain-http
	check "nothing is missing" all_complete served
	stop served
	check "an archive for air gaps has no name twice when it is copied on" copy_on
	check "a platform of somebody else's" copy "bundle:$BUNDLE:$REF" containerd:foreign/r.example.org/x:1 --platform arm64
	check_equal "keeps the index" "$DIGEST" "$(in_ctr ctr --address "$CTR/sock" -n foreign images ls | awk '/x:1/ {print $3}')"

	cp "$BUNDLE" "$T/damaged.tar"
	printf '\377\377' | dd of="$T/damaged.tar" bs=1 seek=$(($(stat -c %s "$BUNDLE") - 200000)) conv=notrunc status=none
	check_rc "a damaged bundle fails: 3" 3 copy "$T/damaged.tar" containerd:damaged/ --all-platforms
	check_equal "and makes no image" "" "$(in_ctr ctr --address "$CTR/sock" -n damaged images ls -q)"
	check_rc "no containerd there: 4" 4 copy "$BUNDLE" containerd: --containerd-address "$T/nothing"
	check_rc "no ctr there: 4" 4 env PATH=/nowhere "$ESS" copy "$BUNDLE" containerd:
	check_rc "a name without a host: 2" 2 copy "bundle:$BUNDLE:$REF" containerd:redis:7
	ctr_down
}
for part in ${PARTS:-docker podman dockerd containerd}; do
	"test_$part"
done
finish
