{
  description = "ess-bundle: reproducible OCI images and signed offline bundles";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.05";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      forAll = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
      libraries = pkgs: with pkgs; [
        curl jansson jsonnet libarchive libmicrohttpd libsodium libsolv libxcrypt libyaml openssl xz zlib zstd
      ];
    in {
      packages = forAll (pkgs: {
        default = pkgs.stdenv.mkDerivation {
          pname = "ess-bundle";
          version = pkgs.lib.fileContents ./builder/VERSION;
          src = self;
          nativeBuildInputs = with pkgs; [ pkg-config scdoc ];
          buildInputs = libraries pkgs;
          enableParallelBuilding = true;
          makeFlags = [ "PREFIX=$(out)" "LAZY=0" ];
        };
      });

      # The programs that builder/setup/packages names for Debian; tests/lint/check-nix.sh compares.
      devShells = forAll (pkgs: {
        default = pkgs.mkShell {
          LAZY = "0"; # there is no common place in which libraries are found by name
          buildInputs = libraries pkgs;
          packages = with pkgs; [
            gcc gnumake pkg-config cunit
            cacert gnupg
            apacheHttpd bash busybox-sandbox-shell cni-plugins codespell containerd file git go haproxy iproute2 jq libcap libfaketime nftables pmccabe podman procps python3 python3Packages.pip python3Packages.pyyaml python3Packages.signedjson
            runc scdoc shellcheck skopeo strace time util-linux
            clang-tools cppcheck dpkg gcovr hyperfine nginx umoci valgrind wrk
          ];
        };
      });
    };
}
