#!/bin/sh
# Libraries that are loaded at need (oci/base/lazy.h) must not be linked: a function of one of them that the
# program uses and that has no definition in its *_lazy.c links it, and every run starts slower.
set -u
cd "$(dirname "$0")/../.." || exit 2
program=${ESS_BUNDLE:-out/ess-bundle}
[ -x "$program" ] || { echo "startup: there is no $program; run make"; exit 1; }
bad=0
for lib in libcurl libarchive libmicrohttpd libjsonnet; do
	# Built with LAZY=0 it is linked with all of them.
	readelf -d "$program" | grep -q "NEEDED.*\[$lib\.so" || continue
	bad=1
	source=$(grep -l "\"$lib\.so" oci/*/*_lazy.c builder/engine/*/*_lazy.c 2>/dev/null)
	echo "$source: startup: $program is linked with $lib; a function is missing there:"
	nm -u "$program" | grep -E '^ *U (curl|archive|MHD|jsonnet)_'
done
exit $bad
