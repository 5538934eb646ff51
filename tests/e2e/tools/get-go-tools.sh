#!/bin/bash
# get-go-tools.sh [TOOL...]: build pinned versions of the registry clients that Debian does not package
# (or packages too old) into out/tools/bin, with the Go that is found; without arguments the clients.
# Prints the folder. What is there in the pinned version is not built again.
# get-go-tools.sh --go: print a Go that is new enough, and behind it what GOTOOLCHAIN must be set to, if anything.
#
# What Go downloads (modules, and a newer toolchain where the installed Go is too old) comes through the
# machine's own Go configuration and is checked against the checksum database, as Go does by default.
# Set-up: GO_TOOLS_DIR (default out/tools), GO (default: go of PATH, then /usr/local/go, then Debian's newest).
# Measured with empty caches on 2 cores: all four 40 s with Go 1.26; crane and umoci 46 s on Debian 12 (Go 1.19:
# the toolchain is fetched) and 49 s on Debian 13 (Go 1.24); when all is there 0.01 s.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../../.." && pwd)
DIR=${GO_TOOLS_DIR:-$ROOT/out/tools}

# The Go that the tools' go.mod files ask for at most; fetched as a Go module if the installed one is older.
GO_WANTED=1.26.8

version_of() {
	case $1 in
	crane) echo github.com/google/go-containerregistry cmd/crane v0.22.1 ;;
	regctl) echo github.com/regclient/regclient cmd/regctl v0.11.7 ;;
	oras) echo oras.land/oras cmd/oras v1.3.6 ;;
	# Debian 12 has 0.4.7, which cannot read zstd layers.
	umoci) echo github.com/opencontainers/umoci cmd/umoci v0.6.0 ;;
	registry) echo github.com/distribution/distribution/v3 cmd/registry v3.0.0 ;;
	# The distribution specification's own test of registries; it has no tagged versions.
	oci-conformance) echo github.com/opencontainers/distribution-spec/conformance . v0.0.0-20260831232431-97274622c111 ;;
	# Large: 5 minutes of CPU time.
	syft) echo github.com/anchore/syft cmd/syft v1.57.0 ;;
	*) echo "get-go-tools.sh: no tool '$1': expected crane, regctl, oras, umoci, registry, oci-conformance or syft" >&2; return 2 ;;
	esac
}

find_go() {
	local g
	for g in ${GO:-} "$(command -v go || :)" /usr/local/go/bin/go $(printf '%s\n' /usr/lib/go-*/bin/go | sort -Vr); do
		[ -x "$g" ] && { echo "$g"; return 0; }
	done
	echo "get-go-tools.sh: no Go found; run: apt-get install golang-go" >&2
	return 1
}

older() { [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# Go since 1.21 gets a newer toolchain by itself when allowed to. Before that the same module can be
# downloaded by name; what the newer Go does on arrival (modes, the names of nested go.mod files) is done here.
new_enough_go() {
	local go=$1 have arch mod src dst=$DIR/go-$GO_WANTED
	have=$("$go" env GOVERSION); have=${have#go}; have=${have%% *}
	older "$have" "$GO_WANTED" || { echo "$go"; return 0; }
	older "$have" 1.21 || { echo "$go"; return 0; }
	if [ ! -x "$dst/bin/go" ]; then
		arch=$("$go" env GOARCH)
		mod=golang.org/toolchain@v0.0.1-go$GO_WANTED.linux-$arch
		src=$(cd / && "$go" mod download -json "$mod" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
		[ -d "$src" ] || { echo "get-go-tools.sh: go $have cannot download $mod" >&2; return 1; }
		rm -rf "$dst" "$dst.tmp"
		cp -r "$src" "$dst.tmp"
		chmod -R u+w "$dst.tmp"
		chmod +x "$dst.tmp"/bin/* "$dst.tmp"/pkg/tool/*/*
		find "$dst.tmp/src" -name _go.mod -execdir mv {} go.mod \;
		mv "$dst.tmp" "$dst"
	fi
	echo "$dst/bin/go"
}

build() { # TOOL
	local tool=$1 mod cmd version src stamp
	read -r mod cmd version < <(version_of "$tool")
	stamp=$DIR/bin/.$tool-$version
	echo "building $tool $version" >&2
	# Built inside a copy of its own module, so that its go.sum and its replace lines count
	# (`go install module@version` refuses modules that have the latter).
	src=$(cd / && "$GO" mod download -json "$mod@$version" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
	[ -d "$src" ] || { echo "get-go-tools.sh: cannot download $mod@$version" >&2; return 1; }
	rm -rf "$TMP/src"
	cp -r "$src" "$TMP/src"
	chmod -R u+w "$TMP/src"
	(cd "$TMP/src" && CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false" GOWORK=off \
		nice -n 10 "$GO" build -trimpath -ldflags "-s -w" -o "$TMP/$tool" "./$cmd") >&2
	mv "$TMP/$tool" "$DIR/bin/$tool"
	rm -f "$DIR/bin/.$tool"-*
	: >"$stamp"
}

mkdir -p "$DIR/bin"
exec 9>"$DIR/.lock"
flock 9
TMP=$(mktemp -d "$DIR/build.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
if [ "${1:-}" = --go ]; then
	GO=$(find_go)
	have=$("$GO" env GOVERSION)
	toolchain=
	! older "${have#go}" "$GO_WANTED" || toolchain=go$GO_WANTED
	echo "$(GOTOOLCHAIN=${toolchain:-${GOTOOLCHAIN:-auto}} new_enough_go "$GO") $toolchain"
	exit
fi
[ $# -gt 0 ] || set -- crane regctl oras umoci oci-conformance
missing=()
for tool; do
	read -r _ _ version < <(version_of "$tool") || exit 2
	[ -x "$DIR/bin/$tool" ] && [ -e "$DIR/bin/.$tool-$version" ] || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
	GO=$(find_go)
	have=$("$GO" env GOVERSION)
	! older "${have#go}" "$GO_WANTED" || export GOTOOLCHAIN=go$GO_WANTED
	GO=$(new_enough_go "$GO")
	for tool in "${missing[@]}"; do
		build "$tool"
	done
fi
echo "$DIR/bin"
