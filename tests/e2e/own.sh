#!/bin/bash
# own.sh: programs that are built with ess-bundle go into images: locked by their sums, found beside it or where
# --sources says, refused when they are others.
. "$(dirname "$0")/lib.sh"
export ESS_BUNDLE_CACHE=$T/cache
R=$T/recipes/demo
mkdir -p "$R" "$T/other"
cat >"$R/recipe.yaml" <<'Y'
name: demo
version: "1"
architectures: [amd64]
files:
  - {path: /matrix-tools, program: ess-tools}
Y
sum() { sha256sum "$1" | cut -d' ' -f1; }
OWN=$(dirname "$ESS")/own/ess-tools
check_match "lock takes the program beside ess-bundle" '^\+ file /matrix-tools' "$ESS" lock --offline --progress=none "$R"
check_match "by its sum" "url: own://ess-bundle/ess-tools, .*sha256: $(sum "$OWN")" cat "$R/lock.yaml"
check "an image is built without the network" "$ESS" image build --offline --progress=none -o "$T/one.tar" "$R"
cp "$R/lock.yaml" "$T/lock.yaml"
check "locking again" "$ESS" lock --offline --progress=none "$R"
check "changes nothing" cmp "$T/lock.yaml" "$R/lock.yaml"
check "the cache is not needed" env ESS_BUNDLE_CACHE="$T/cache2" "$ESS" image build --offline --progress=none -o "$T/two.tar" "$R"
check "for the same bytes" cmp "$T/one.tar" "$T/two.tar"
mkdir "$T/x" && tar xf "$T/one.tar" -C "$T/x"
layer=$(cd "$T/x/blobs/sha256" && file -- * | sed -n 's/:.*Zstandard.*//p' | head -n 1)
zstd -dcq "$T/x/blobs/sha256/$layer" | tar x -C "$T/x" matrix-tools
check_equal "it is the program" "$(sum "$OWN")" "$(sum "$T/x/matrix-tools")"
check_equal "which may be run" 755 "$(stat -c %a "$T/x/matrix-tools")"

printf '#!/bin/sh\necho other\n' >"$T/other/ess-tools"
mkdir "$T/bin" && cp "$ESS" "$T/bin/ess-bundle" && mkdir "$T/bin/own" && cp "$T/other/ess-tools" "$T/bin/own/"
check_fails "another one than locked is refused" "the lock has program 'ess-tools' with sha256:$(sum "$OWN"), the one beside .* sha256:$(sum "$T/other/ess-tools")" \
	env ESS_BUNDLE_CACHE="$T/cache3" "$T/bin/ess-bundle" image build --offline -o "$T/no.tar" "$R"
check_fails "and what to do is said" 'hint: ess-bundle lock ' env ESS_BUNDLE_CACHE="$T/cache3" "$T/bin/ess-bundle" image build --offline -o "$T/no.tar" "$R"
check "a directory of sources with the right one helps" env ESS_BUNDLE_CACHE="$T/cache4" "$T/bin/ess-bundle" image build --offline \
	--progress=none --sources "$(dirname "$OWN")" -o "$T/three.tar" "$R"
check "for the same bytes too" cmp "$T/one.tar" "$T/three.tar"
rm -r "$T/bin/own"
check_fails "none at all is said" "program 'ess-tools' is not beside this ess-bundle" \
	env ESS_BUNDLE_CACHE="$T/cache5" "$T/bin/ess-bundle" lock --offline "$R"

finish
