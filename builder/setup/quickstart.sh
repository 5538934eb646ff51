#!/bin/sh
# The first five minutes: install what is missing, build the program, make a signed bundle of real
# images, verify it, and say what to do next. Run by 'make quickstart'; running it again is quick.
set -eu
cd "$(dirname "$0")/../.."

step() { printf '\n== %s\n' "$*"; }

step 'installing what is missing'
builder/setup/install-deps.sh build quickstart

step 'building ess-bundle'
make --no-print-directory -j"$(nproc)" all

# A throw-away key with an empty password. Make your own with 'ess-bundle keygen'.
COSIGN_PASSWORD=''
export COSIGN_PASSWORD
if [ ! -s out/quickstart.key ] || [ ! -s out/quickstart.pub ]; then
	step 'making a signing key'
	out/ess-bundle keygen --force -o out/quickstart
fi

step 'building the bundle from its locks'
out/ess-bundle build bundles/quickstart --key out/quickstart.key -o out/quickstart.tar "$@"

step 'verifying it'
out/ess-bundle verify out/quickstart.tar --key out/quickstart.pub

step 'what is inside'
out/ess-bundle inspect out/quickstart.tar

cat <<'END'

Next:
  out/ess-bundle inspect --packages --layers out/quickstart.tar    look closer
  ctr -n k8s.io images import out/quickstart.tar                   into containerd
  skopeo copy oci-archive:out/quickstart.tar:NAME dir:somewhere    any image, by its name above
  tar xf out/quickstart.tar ess-bundle && sh ess-bundle verify out/quickstart.tar --key out/quickstart.pub
                                                                   check it where nothing is installed
  make test                                                        run the whole suite
END
