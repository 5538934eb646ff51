#!/bin/bash
# memory.sh [GIB]: the largest resident set of each verb on a bundle of 4 GiB that does not compress. Nothing below
# 15 MiB can be told, as that is what the measuring program itself has.
. "$(dirname "$0")/lib.sh"
GIB=${1:-4}
ours build || { missing "peak memory" "no ess-bundle build"; exit 0; }
export COSIGN_PASSWORD=''
ARCH=$(dpkg --print-architecture)
avail=$(df --output=avail -B1G "$DIR" | tail -n 1)
[ "$avail" -gt $((GIB * 4 + 1)) ] || { missing "peak memory" "needs $((GIB * 4 + 1)) GiB of disk in $DIR"; exit 0; }
for program in gpg dpkg-deb dpkg-scanpackages python3; do
	have "$program" || { missing "peak memory" "no $program"; exit 0; }
done

# A small signed archive with packages of 256 MiB: one of them a single file, the others files of 4 MiB; random
# bytes, from a fixed seed. Two images, of one half each.
random() { openssl enc -aes-128-ctr -K "$(printf '%032x' "$1")" -iv 00000000000000000000000000000000 -in /dev/zero 2>/dev/null | head -c "$2" || :; }
mkdir -p "$W"/archive/debian/{pool,dists/bench/main/binary-"$ARCH"} "$W"/{one,two,bundle} "$W/root/DEBIAN"
names=()
for ((i = 0; i < GIB * 4; i++)); do
	name=bench$i
	names+=("$name")
	printf 'Package: %s\nVersion: 1\nArchitecture: %s\nMaintainer: Bench <bench@example.org>\nDescription: bytes\n' \
		$name "$ARCH" >"$W/root/DEBIAN/control"
	mkdir -p "$W/root/data/$name"
	if [ $i = 0 ]; then
		random $i $((1 << 28)) >"$W/root/data/$name/data"
	else
		random $i $((1 << 28)) | split -a 4 -b 4M - "$W/root/data/$name/part-"
	fi
	dpkg-deb --root-owner-group -Zzstd -z1 --build "$W/root" "$W/archive/debian/pool/${name}_1_$ARCH.deb" >/dev/null
	rm -rf "$W/root/data"
done
(
	cd "$W/archive/debian"
	index=main/binary-$ARCH/Packages
	dpkg-scanpackages -m pool 2>/dev/null >"dists/bench/$index"
	cd dists/bench
	xz -k "$index"
	{
		printf 'Origin: Debian\nSuite: bench\nCodename: bench\nArchitectures: %s\nComponents: main\nAcquire-By-Hash: no\nDate: %s\nSHA256:\n' \
			"$ARCH" "$(date -Ru | sed 's/+0000/UTC/')"
		for f in "$index" "$index.xz"; do
			printf ' %s %s %s\n' "$(sha256sum <"$f" | cut -d' ' -f1)" "$(stat -c %s "$f")" "$f"
		done
	} >Release
	mkdir -m 700 "$W/gpg"
	gpg --homedir "$W/gpg" --batch --quiet --passphrase '' --quick-gen-key 'Bench <bench@example.org>' ed25519 sign never
	gpg --homedir "$W/gpg" --batch --quiet --export >"$W/keyring.gpg"
	gpg --homedir "$W/gpg" --batch --quiet --clearsign -o InRelease Release
	gpgconf --homedir "$W/gpg" --kill gpg-agent
) >&2
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
python3 -m http.server --bind 127.0.0.1 --directory "$W/archive" "$PORT" >"$W/http.log" 2>&1 &
SERVER=$!
trap 'kill $SERVER 2>/dev/null || :; bench_cleanup' EXIT
sleep 1

export ESS_BUNDLE_CACHE=$W/cache
recipe() { # NAME PACKAGE...
	local name=$1
	shift
	printf 'name: %s\nsummary: bytes that do not compress\nversion: "1"\narchitectures: [%s]\ndebian:\n  suites:\n    - {archive: debian, suite: bench}\n  packages: [%s]\n' \
		"$name" "$ARCH" "$(printf '%s, ' "$@")" >"$W/$name/recipe.yaml"
}
recipe one "${names[@]:0:GIB*2}"
recipe two "${names[@]:GIB*2}"
printf 'name: big\nversion: "1"\nregistry: bench.internal\nimages:\n  - {recipe: ../one}\n  - {recipe: ../two}\n' >"$W/bundle/bundle.yaml"

# WITHOUT: MiB that do not count.
verb() { # NAME WITHOUT COMMAND...
	local name=$1 without=$2 kib
	shift 2
	"$ESS" "$1" --help >/dev/null 2>&1 || { missing "peak memory of $name, $GIB GiB" "no such verb"; return 0; }
	kib=$(peak "$ESS" "$@") || { missing "peak memory of $name, $GIB GiB" "failed"; return 0; }
	row "peak memory of $name, bundle of $GIB GiB" "$(awk -v k="$kib" -v w="$without" 'BEGIN {printf "%.1f", k / 1024 - w}')" - - MiB "< 64 MiB"
}
lock=(--mirror "http://127.0.0.1:$PORT/debian" --no-snapshot --keyring "$W/keyring.gpg" --progress none)
verb lock 0 lock "$W/bundle" "${lock[@]}"
rm -rf "$W/archive/debian/pool"
(cd "$W" && "$ESS" keygen -o "$W/key" >/dev/null)

verb build 0 build "$W/bundle" --offline --progress none -o "$W/big.tar"
rm -rf "$W/cache"
# The format of the keys asks for scrypt with N = 65536 and r = 8, which by its definition is a table of 64 MiB.
verb "sign without the 64 MiB of the key's scrypt" 64 sign "$W/big.tar" --key "$W/key.key"
verb verify 0 verify "$W/big.tar" --key "$W/key.pub"
verb inspect 0 inspect "$W/big.tar" --json
verb "diff --files" 0 diff --files "$W/big.tar" "$W/big.tar"
verb unpack 0 unpack "$W/big.tar" --key "$W/key.pub" -o "$W/layout"
rm -rf "$W/layout"
verb "unpack --image" 0 unpack "$W/big.tar" --key "$W/key.pub" --image one -o "$W/unpacked"
