#!/bin/bash
# The manifests of the stack, rendered from every values file of tests/values: objects per kind as with the ESS
# chart, what that chart's own tests ask of all of them, what comes of each setting, and what is refused.
# MANIFESTS=all renders every file; otherwise those that are much like another one are left out.
# The checks are in tests/manifests/; its invariants.txt lists them and says where ours differ on purpose.
. "$(dirname "$0")/lib.sh"

python3 -c 'import yaml' 2>/dev/null || skip_all "python3-yaml is not installed"
[ -x "$ESS" ] || bail "$ESS is not built"
cd "$ROOT" || exit 1
ESS_BUNDLE=$ESS PYTHONDONTWRITEBYTECODE=1 exec python3 tests/manifests/run.py ${MANIFESTS:+"$MANIFESTS"}
