#!/bin/sh
# Makes the two small signed archives beside this script. They are committed, as the keys are made anew
# each time and thrown away; run this only to change what is in them. Needs gpg and dpkg-deb.
set -eu
cd "$(dirname "$0")"
export LC_ALL=C SOURCE_DATE_EPOCH=1790000000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf debian debian-security ./*.gpg

for key in archive other; do
	mkdir -m 700 "$work/$key"
	gpg --homedir "$work/$key" --batch --quiet --passphrase '' --faked-system-time 20260101T000000! \
		--quick-gen-key "Test $key <$key@example.org>" ed25519 sign never
	gpg --homedir "$work/$key" --batch --quiet --export >"keyring-$key.gpg"
done

# Debian signs with several keys, of which a machine may know only some.
mkdir -m 700 "$work/both"
for key in archive other; do
	gpg --homedir "$work/$key" --batch --quiet --passphrase '' --pinentry-mode loopback --export-secret-keys |
		gpg --homedir "$work/both" --batch --quiet --import
done

# deb ARCHIVE NAME VERSION ARCH "Field: value" lines on stdin; files under $work/root
deb() {
	archive=$1 name=$2 version=$3 arch=$4
	mkdir -p "$work/root/DEBIAN" "$archive/pool"
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: %s\n' "$name" "$version" "$arch"
		cat
		printf 'Maintainer: Test <test@example.org>\nDescription: test package\n'
	} >"$work/root/DEBIAN/control"
	find "$work/root" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz --build "$work/root" "$archive/pool/${name}_${version}_$arch.deb" >/dev/null
	rm -rf "$work/root"
}
lib() { # NAME REAL SONAME ARCH: a file with a link to it
	case $4 in amd64) triplet=x86_64-linux-gnu ;; *) triplet=aarch64-linux-gnu ;; esac
	mkdir -p "$work/root/usr/lib/$triplet"
	echo "$1 for $4" >"$work/root/usr/lib/$triplet/$2"
	ln -s "$2" "$work/root/usr/lib/$triplet/$3"
}

deb debian demo-common 1.2-3 all <<-END
	Source: demo
END
for arch in amd64 arm64; do
	deb debian demo 1.2-3+b1 $arch <<-END
		Source: demo (1.2-3)
		Depends: libdemo1 (>= 1.0), demo-common (= 1.2-3)
		Recommends: demo-docs
	END
	deb debian libdemo1 1.0-1 $arch <<-END
		Source: libdemo
	END
	deb debian-security libdemo1 1.0-1+deb1u1 $arch <<-END
		Source: libdemo
	END
	lib zstd libzstd.so.1.5.7 libzstd.so.1 $arch
	deb debian libzstd1 1.5.7-1 $arch </dev/null
	lib zlib libz.so.1.3.1 libz.so.1 $arch
	deb debian zlib1g 1.3.1-1 $arch </dev/null
done
deb debian demo-docs 1.2-3 all </dev/null
deb debian only-amd64 1 amd64 </dev/null
deb debian needs-missing 1 all <<-END
	Depends: not-there
END

# packages ARCHIVE SUITE COMPONENT
packages() {
	for arch in amd64 arm64; do
		dir=$1/dists/$2/$3/binary-$arch
		mkdir -p "$dir"
		for f in "$1"/pool/*_"$arch".deb "$1"/pool/*_all.deb; do
			[ -e "$f" ] || continue
			dpkg-deb -f "$f"
			printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "${f#"$1"/}" "$(stat -c %s "$f")" \
				"$(sha256sum "$f" | cut -d' ' -f1)"
		done >"$dir/Packages"
		xz -k "$dir/Packages"
		gzip -kn "$dir/Packages"
	done
}
# release ARCHIVE SUITE DATE KEY OUTPUT, more fields on stdin
release() {
	{
		cat
		printf 'Date: %s\nSHA256:\n' "$3"
		(cd "$1/dists/$2" && find . -name 'Packages*' | sed 's|^\./||' | sort | while read -r f; do
			printf ' %s %s %s\n' "$(sha256sum "$f" | cut -d' ' -f1)" "$(stat -c %s "$f")" "$f"
		done)
	} >"$work/Release"
	case $4 in both) users="-u archive@example.org -u other@example.org" ;; *) users="-u $4@example.org" ;; esac
	# shellcheck disable=SC2086 # several words
	gpg --homedir "$work/$4" --batch --quiet --yes --faked-system-time 20260201T000000! --digest-algo SHA512 \
		$users --clearsign -o "$1/dists/$2/$5" "$work/Release"
}

packages debian demo main
packages debian-security demo-security main
fields='Origin: Example
Suite: demo-stable
Codename: demo
Architectures: all amd64 arm64
Components: main contrib
Acquire-By-Hash: yes'
echo "$fields" | release debian demo 'Mon, 02 Feb 2026 10:00:00 UTC' archive InRelease
echo "$fields" | release debian demo 'Mon, 02 Feb 2026 10:00:00 UTC' other InRelease.other-key
echo "$fields" | release debian demo 'Mon, 02 Feb 2026 10:00:00 UTC' both InRelease.two-keys
echo "$fields" | release debian demo 'Thu, 01 Jan 2026 10:00:00 UTC' archive InRelease.older
release debian-security demo-security 'Tue, 03 Feb 2026 10:00:00 UTC' archive InRelease <<END
Origin: Example
Suite: stable-security
Codename: demo-security
Valid-Until: Tue, 10 Feb 2026 10:00:00 UTC
Architectures: amd64 arm64
Components: updates/main updates/contrib
END
# What mirrors no longer have as a plain file.
rm debian/dists/demo/main/binary-*/Packages
