{
  description = "ess-bundle: reproducible OCI images and signed offline bundles";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.05";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      forAll = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
      libraries = pkgs: with pkgs; [
        curl jansson libarchive libsodium libsolv libyaml openssl xz zlib zstd
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
          makeFlags = [ "PREFIX=$(out)" ];
        };
      });

      # The same programs that builder/setup/packages names for Debian.
      devShells = forAll (pkgs: {
        default = pkgs.mkShell {
          packages = libraries pkgs ++ (with pkgs; [
            gcc gnumake pkg-config cunit gnupg
            bash busybox-sandbox-shell codespell file go iproute2 jq pmccabe python3 scdoc shellcheck skopeo umoci
            containerd runc
            clang-tools gcovr hyperfine valgrind
          ]);
        };
      });
    };
}
