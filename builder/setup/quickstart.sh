#!/bin/sh
# The first five minutes: install what is missing, build the program, make a signed bundle of real
# images, verify it, and say what to do next. Run by 'make quickstart'; running it again is quick.
set -eu
cd "$(dirname "$0")/../.."

begin=$(date +%s)
step() { printf '\n== %s\n' "$*"; }

step 'installing what is missing'
if [ -n "$(builder/setup/install-deps.sh --list build quickstart)" ]; then
	builder/setup/install-deps.sh build quickstart
else
	echo 'nothing is'
fi

step 'building ess-bundle'
make --no-print-directory -j"$(nproc)" all
out/ess-bundle version

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

printf '\nThat took %s s.' "$(($(date +%s) - begin))"
cat <<'END'
 Next:
  out/ess-bundle inspect --packages --layers out/quickstart.tar
      look closer
  out/ess-bundle unpack --key out/quickstart.pub --image redis -o out/redis out/quickstart.tar
      the files of an image
  skopeo copy oci-archive:out/quickstart.tar:NAME dir:out/image
      read it with another tool; NAME is one of the names above, with its tag
  ctr -n k8s.io images import out/quickstart.tar
      import all images into containerd
  make test
      run the whole suite
END
