#!/bin/bash
# build.sh [DIR [control-plane]]: a Kubernetes for tests from Go modules and Debian packages, in DIR (out/tools/kube).
#
# bin/: one program that is kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubectl and
# etcd by the name that it is called by, and CoreDNS; img/: images of a pause container and of busybox.
# control-plane builds neither CoreDNS nor images. What is there is not built again.
#
# With empty caches: 6 1/2 minutes of CPU time on each of 2 cores (CoreDNS: half a minute of that), 3 GB of Go's
# build cache, 1 GB of modules, 2.5 GB of memory for the link; with Go's cache warm 10 s; when all is there 0.02 s.
# Needs gcc, busybox-static and Go, of which get-go-tools.sh finds or fetches a new enough one. To run: see cluster.sh.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
OUT=${1:-$ROOT/out/tools/kube}
WHAT=${2:-all}
mkdir -p "$OUT/bin" "$OUT/img"
OUT=$(cd "$OUT" && pwd)
exec 9>"$OUT/.lock"
flock 9

VERSION=$(sed -n 's/^require k8s.io\/kubernetes \(v[0-9.]*\)$/\1/p; s/^\tk8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' "$HERE/go.mod" | head -n 1)

GO=
find_go() {
	[ -z "$GO" ] || return 0
	read -r GO toolchain < <("$ROOT/tests/e2e/tools/get-go-tools.sh" --go)
	[ -z "$toolchain" ] || export GOTOOLCHAIN=$toolchain
}

# build NAME FOLDER LDFLAGS
build() {
	local stamp
	stamp=$OUT/bin/.$1-$(cat "$2/go.mod" "$2/go.sum" "$2/main.go" | sha256sum | cut -c1-16)
	[ ! -x "$OUT/bin/$1" ] || [ ! -e "$stamp" ] || return 0
	find_go
	echo "building $1: minutes, unless Go has it in its cache" >&2
	(cd "$2" && CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false" GOWORK=off nice -n 10 "$GO" build -trimpath -ldflags "-s -w $3" -o "$OUT/bin/$1.new" .)
	mv "$OUT/bin/$1.new" "$OUT/bin/$1"
	rm -f "$OUT/bin/.$1"-*
	: >"$stamp"
}

# Without these it says it is v0.0.0, which clients that look refuse.
minor=${VERSION#v*.}
set_version=
for p in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	set_version="$set_version -X $p.gitVersion=$VERSION -X $p.gitMajor=1 -X $p.gitMinor=${minor%%.*} -X $p.gitTreeState=clean"
done
build kubeone "$HERE" "$set_version"
for b in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl etcd; do
	ln -sf kubeone "$OUT/bin/$b"
done
[ "$WHAT" != control-plane ] || exit 0

build coredns "$HERE/coredns" ""
if [ ! -e "$OUT/img/pause.tar" ] || [ ! -e "$OUT/img/busybox.tar" ]; then
	t=$(mktemp -d)
	trap 'rm -rf "$t"' EXIT
	mkdir -p "$t/pause" "$t/busybox/bin"
	gcc -Os -static -o "$t/pause/pause" "$HERE/pause.c"
	cp "$(command -v busybox)" "$t/busybox/bin/busybox"
	for a in $("$t/busybox/bin/busybox" --list); do
		[ "$a" = busybox ] || ln -s busybox "$t/busybox/bin/$a"
	done
	python3 "$HERE/mkimage.py" "$OUT/img/pause.tar" kube.test/pause:1 "$t/pause" /pause
	python3 "$HERE/mkimage.py" "$OUT/img/busybox.tar" kube.test/busybox:1 "$t/busybox" /bin/sh
fi
