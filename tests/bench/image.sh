#!/bin/bash
# image.sh [RECIPE]...: from cached packages to an image ready to push. Ours against mmdebstrap and umoci, both
# offline from a local repository of the very packages that the recipe's lock names.
#
#	full      mmdebstrap installs (maintainer scripts run; the essential packages have to come along), umoci repack
#	extract   mmdebstrap's extract variant unpacks exactly the locked packages, umoci raw add-layer
#
# The peers get every advantage that their options give: root mode, no recommends, packages without dependencies
# to solve in the second case, zstd where this umoci has it. Needs root, mmdebstrap, dpkg-dev, a network once.
. "$(dirname "$0")/lib.sh"
[ $# -gt 0 ] || set -- postgresql redis
ARCH=$(dpkg --print-architecture)
for program in mmdebstrap dpkg-scanpackages; do
	have "$program" || { missing "image from cached packages" "no $program"; exit 0; }
done
GO_TOOLS=$("$ROOT/tests/e2e/tools/get-go-tools.sh" umoci 2>/dev/null) && PATH=$GO_TOOLS:$PATH
have umoci || { missing "image from cached packages" "no umoci"; exit 0; }
UMOCI_ZSTD=
! umoci repack --help 2>/dev/null | grep -q -- --compress || UMOCI_ZSTD=--compress=zstd

recipe_dir() { echo "$ROOT/recipes/$1"; }
chain() { # RECIPE: it and what it builds on, the first one first
	local from
	from=$(sed -n 's/^from: *//p' "$(recipe_dir "$1")/recipe.yaml")
	[ -z "$from" ] || chain "$from"
	echo "$1"
}
locked() { # RECIPE: "NAME SHA256 FILE" of each package for this architecture
	local r
	for r in $(chain "$1"); do
		sed -n "s/^ *- {arch: $ARCH, .*name: \([^,]*\), .*sha256: \([0-9a-f]*\), path: \([^,]*\),.*/\1 \2 \3/p" "$(recipe_dir "$r")/lock.yaml"
	done | sort -u
}

# A repository with one suite, as small as apt takes it. $2: an awk program for its Packages.
make_repository() {
	local d=$1 index=main/binary-$ARCH/Packages
	mkdir -p "$d/dists/trixie/${index%/*}"
	(cd "$d" && dpkg-scanpackages -m . 2>/dev/null | awk "${2:-1}" >"dists/trixie/$index")
	(cd "$d/dists/trixie" && printf 'Suite: trixie\nCodename: trixie\nArchitectures: %s\nComponents: main\nSHA256:\n %s %s %s\n' \
		"$ARCH" "$(sha256sum <"$index" | cut -d' ' -f1)" "$(stat -c %s "$index")" "$index" >Release)
}
exact_repository() { # RECIPE DIR: the locked packages, without dependencies: what is asked for is what is unpacked
	local sha path
	[ ! -e "$2/dists/trixie/Release" ] || return 0
	mkdir -p "$2"
	while read -r _ sha path; do
		cp "$ESS_BUNDLE_CACHE/sources/sha256/$sha" "$2/${path##*/}"
	done < <(locked "$1")
	make_repository "$2" '!/^(Pre-)?Depends:|^(Breaks|Conflicts|Recommends|Suggests|Essential):/'
}
full_repository() { # RECIPE DIR: with all dependencies and the essential packages, from the machine's own mirror
	local apt=$W/apt names
	[ ! -e "$2/dists/trixie/Release" ] || return 0
	mkdir -p "$2" "$apt"/{lists,archives}/partial
	RESULT=sources "$ROOT/tests/e2e/tools/minroot.sh" trixie - |
		sed 's|^deb |deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] |' >"$apt/sources.list"
	cat >"$apt/apt.conf" <<-CONF
		Dir::Etc::SourceList "$apt/sources.list"; Dir::Etc::SourceParts "/dev/null";
		Dir::State::Lists "$apt/lists"; Dir::State::status "/dev/null";
		Dir::Cache "$apt"; Dir::Cache::archives "$apt/archives";
		APT::Install-Recommends "false"; APT::Sandbox::User "root";
		#clear DPkg::Post-Invoke; #clear APT::Update::Post-Invoke; #clear APT::Update::Post-Invoke-Success;
	CONF
	mapfile -t names < <(locked "$1" | cut -d' ' -f1)
	APT_CONFIG=$apt/apt.conf apt-get update -qq >&2
	APT_CONFIG=$apt/apt.conf apt-get install -y -qq --download-only '?essential' "${names[@]}" >&2
	mv "$apt"/archives/*.deb "$2/"
	make_repository "$2"
}

# Both write $W/peer, an image layout.
peer_full() { # REPOSITORY PACKAGES
	cat <<-SH
		set -e
		umoci init --layout '$W/peer' && umoci new --image '$W/peer:x'
		umoci unpack --image '$W/peer:x' '$W/peer-root' >/dev/null
		mmdebstrap --quiet --mode=root --variant=essential --format=directory --include='$2' \
			trixie '$W/peer-root/rootfs' 'deb [trusted=yes] copy://$1 trixie main' >'$W/mmdebstrap.log' 2>&1
		umoci repack $UMOCI_ZSTD --image '$W/peer:x' '$W/peer-root'
	SH
}
peer_extract() {
	cat <<-SH
		set -e
		umoci init --layout '$W/peer' && umoci new --image '$W/peer:x'
		mmdebstrap --quiet --mode=root --variant=extract --include='$2' trixie '$W/peer.tar' 'deb [trusted=yes] copy://$1 trixie main'
		umoci raw add-layer $UMOCI_ZSTD --image '$W/peer:x' '$W/peer.tar'
	SH
}

bench_recipe() {
	local recipe=$1 names full=$DIR/repo-full-$1 exact
	local clean="rm -rf '$W/peer' '$W/peer-root' '$W/peer.tar'"
	[ -e "$(recipe_dir "$recipe")/lock.yaml" ] || { missing "image from cached packages: $recipe" "no lock"; return 0; }
	exact=$DIR/repo-exact-$1-$(sha256sum "$(recipe_dir "$recipe")/lock.yaml" | cut -c1-12)
	# The first build fills the cache of sources.
	"$ESS" image build "$(recipe_dir "$recipe")" --arch "$ARCH" --progress none -o "$W/ours.tar" >&2 ||
		{ missing "image from cached packages: $recipe" "ess-bundle image build failed"; return 0; }
	exact_repository "$recipe" "$exact"
	full_repository "$recipe" "$full"
	names=$(locked "$recipe" | cut -d' ' -f1 | paste -sd,)
	local build
	build="'$ESS' image build '$(recipe_dir "$recipe")' --arch $ARCH --offline --progress none -o '$W/ours.tar'"
	# Fetching leaves packages with the lists of their files. Without the stamp nothing is known of the output.
	timed "$W/t-ours" "rm -rf '$W/ours.tar' '$ESS_BUNDLE_CACHE'/derived/stamp-*" "$build"
	# As if nothing but the packages themselves had been kept: each is decompressed twice.
	timed "$W/t-bare" "rm -rf '$W/ours.tar' '$ESS_BUNDLE_CACHE/derived'" "$build"
	timed "$W/t-extract" "$clean" "$(peer_extract "$exact" "$names")"
	# What the recipes ask for by name; the rest comes as dependencies.
	names=$(for r in $(chain "$recipe"); do sed -n '/^debian:/,/^[a-z]/p' "$(recipe_dir "$r")/recipe.yaml" |
		sed '/^ *#/d' | sed -n '/^  packages:/,/^  [a-z]/p' | tr -d '[],' | sed 's/^ *packages://; s/^ *- *//; /^ *[a-z-]*:/d'; done | xargs | tr ' ' ,)
	timed "$W/t-full" "$clean" "$(peer_full "$full" "$names")"
	local what="image of $recipe from cached packages" full="mmdebstrap + umoci" extract="mmdebstrap extract + umoci raw add-layer"
	row "$what" "$(wall "$W/t-ours")" "$full" "$(wall "$W/t-full")" s "<= 0.25"
	row "$what" "$(wall "$W/t-ours")" "$extract" "$(wall "$W/t-extract")" s "<= 0.5"
	row "the same, processor time" "$(cpu "$W/t-ours")" "$full" "$(cpu "$W/t-full")" s ""
	row "the same, processor time" "$(cpu "$W/t-ours")" "$extract" "$(cpu "$W/t-extract")" s ""
	row "the same, the lists of their files to be made" "$(wall "$W/t-bare")" "$full" "$(wall "$W/t-full")" s "<= 0.25"
	row "the same, the lists of their files to be made" "$(wall "$W/t-bare")" "$extract" "$(wall "$W/t-extract")" s ""
	row "that, processor time" "$(cpu "$W/t-bare")" "$extract" "$(cpu "$W/t-extract")" s ""
	rm -rf "$W/peer" "$W/peer-root" "$W/peer.tar" "$W/ours.tar"
}

[ "$(id -u)" = 0 ] || { missing "image from cached packages" "the peers need root"; exit 0; }
ours image build || { missing "image from cached packages" "no ess-bundle image build"; exit 0; }
for recipe; do
	say "image of $recipe"
	bench_recipe "$recipe"
done
