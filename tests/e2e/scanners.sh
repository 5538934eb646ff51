#!/bin/bash
# scanners.sh: a scanner sees in our images what we say is in them: syft lists the Debian packages, Python
# distributions and Go modules of each, by name and version, no more and no fewer.
# grype is the same catalogue of syft's with a database of vulnerabilities, and does not list anything without one
# ("failed to load vulnerability db: database does not exist", also offline and with an empty directory), so it adds
# nothing here. The first run compiles syft. IMAGES="redis livekit-server" picks recipes.
. "$(dirname "$0")/lib.sh"
need skopeo jq python3
[ -x "$ESS" ] || bail "no '$ESS'; run make"
case $(uname -m) in
x86_64) ARCH=amd64 ;;
aarch64) ARCH=arm64 ;;
*) skip_all "no images for $(uname -m)" ;;
esac
TOOLS=$("$ROOT/tests/e2e/tools/get-go-tools.sh" syft 2>"$OUT") || bail "syft could not be built" "$OUT"
export SYFT_CHECK_FOR_APP_UPDATE=false SYFT_CACHE_DIR=$T/syft

mkdir -p "$T/bundle"
ln -s "$ROOT/recipes" "$T/recipes"
{
	printf 'name: scanned\nversion: "1"\nregistry: ess.invalid\nimages:\n'
	for name in ${IMAGES:-base-shell postgresql redis synapse livekit-server}; do
		[ -e "$ROOT/recipes/$name/lock.yaml" ] && printf '  - {recipe: ../recipes/%s}\n' "$name"
	done
} >"$T/bundle/bundle.yaml"
check "a bundle of them is built" "$ESS" build "$T/bundle" -o "$T/bundle.tar" --arch "$ARCH" || finish
"$ESS" inspect "$T/bundle.tar" --json >"$T/inspect.json" 2>"$OUT" || bail "it cannot be inspected" "$OUT"

# ours IMAGE TYPE, theirs FILE TYPE: sorted lines "name version".
ours() {
	jq -r --arg i "$1" --arg t "$2" --arg a "$ARCH" '.images[] | select(.name == $i) | .packages[] | select(.type == $t and (.arch == $a or .arch == "all")) | "\(.name) \(.version)"' \
		"$T/inspect.json" | sort -u
}
theirs() { jq -r --arg t "$2" '.artifacts[] | select(.type == $t) | "\(.name) \(.version)"' "$1" | sort -u; }

scan() { # NAME REF
	local name=$1 ref=$2 n
	check "$name: skopeo takes it out" skopeo copy --quiet "oci-archive:$T/bundle.tar:$ref" "oci:$T/$name" || return
	"$TOOLS/syft" scan -q -o json "oci-dir:$T/$name" >"$T/$name.json" 2>"$OUT" || { not_ok "$name: syft reads it" "$OUT"; return; }
	ours "$name" deb >"$T/ours"
	theirs "$T/$name.json" deb >"$T/theirs"
	n=$(wc -l <"$T/ours")
	check "$name: syft sees its $n Debian packages and no others" diff "$T/ours" "$T/theirs"
	check "$name: that is some" test "$n" -gt 0
	ours "$name" pypi | tr 'A-Z_' 'a-z-' | sort -u >"$T/ours"
	if [ -s "$T/ours" ]; then
		# Debian's own Python modules carry metadata, too, and some distributions carry copies of others in a
		# directory _vendor: the former are Debian packages for us, the latter part of what they are in.
		jq -r '.artifacts[] | select(.type == "python") | select(any(.locations[]; .path | test("^/usr/lib/python3|/_vendor/|/_vendored/") | not)) | "\(.name) \(.version)"' \
			"$T/$name.json" | tr 'A-Z_' 'a-z-' | sort -u >"$T/theirs"
		check "$name: syft sees its $(wc -l <"$T/ours") Python distributions and no others" diff "$T/ours" "$T/theirs"
	fi
	ours "$name" golang >"$T/ours"
	if [ -s "$T/ours" ]; then
		# The standard library is the toolchain's, and the main module has no version of its own in the program.
		theirs "$T/$name.json" go-module | grep -v '^stdlib ' | sed -E 's/ \(devel\)$/ UNKNOWN/; s/ UNKNOWN$//' | cut -d' ' -f1 | sort -u >"$T/theirs"
		cut -d' ' -f1 "$T/ours" | sort -u >"$T/ours.names"
		check "$name: syft sees its $(wc -l <"$T/ours.names") Go modules and no others" diff "$T/ours.names" "$T/theirs"
	fi
}
while read -r name ref; do
	scan "$name" "$ref"
done < <(jq -r '.images[] | "\(.name) \(.ref)"' "$T/inspect.json")
finish
