#!/bin/bash
# routing.sh: the rendered configuration of HAProxy, in a real HAProxy, before stand-ins that say their names: each
# request of routing.table is answered by whom Synapse's documentation names, with workers, without them, while they
# are away, and with Matrix Authentication Service; HAProxy is ready when, and only when, Synapse is; what is served
# by HAProxy itself has the right status.
. "$(dirname "$0")/lib.sh"
need python3 haproxy

TOOL=$ROOT/tests/e2e/tools/routing.py TABLE=$ROOT/tests/e2e/routing.table
[ -x "$ESS" ] || bail "no '$ESS'; run make"

# Images that there are no recipes for are never started here.
cat >"$T/common.yaml" <<-'YAML'
	matrixTools: {image: {repository: ess-tools, tag: "1"}}
	serverName: example.org
	matrixRTC: {enabled: false}
	elementAdmin: {enabled: false}
	synapse: {ingress: {host: matrix.example.org}}
YAML
kinds() { # KIND...: all kinds of workers but these
	python3 - "$ROOT/bundles/ess-community/values.schema.json" "$@" <<-'PY'
		import json, sys
		kinds = json.load(open(sys.argv[1]))["properties"]["synapse"]["properties"]["workers"]["properties"]
		print("  workers:")
		for kind in kinds:
		    if kind not in sys.argv[2:]:
		        print(f"    {kind}: {{enabled: true}}")
	PY
}
{
	printf 'elementWeb: {ingress: {host: chat.example.org}}\nmatrixAuthenticationService: {enabled: false}\nsynapse:\n'
	kinds mas-helper
} >"$T/workers.yaml"
{
	printf 'elementWeb: {ingress: {host: chat.example.org}}\nmatrixAuthenticationService: {ingress: {host: account.example.org}}\nsynapse:\n'
	kinds sso-login
} >"$T/mas.yaml"
printf 'elementWeb: {enabled: false}\nmatrixAuthenticationService: {enabled: false}\n' >"$T/alone.yaml"

render() { "$ESS" render "$ROOT/bundles/ess-community" --unlocked -f "$T/common.yaml" -f "$T/$1.yaml" >"$T/$1.out" 2>"$T/$1.err"; }
render alone &
render mas &
render workers
wait
for setup in workers mas alone; do
	mkdir -p "$T/$setup"
	[ -s "$T/$setup.out" ] || bail "$setup is not rendered" "$T/$setup.err"
	check "$setup: HAProxy takes its configuration without a warning" "$TOOL" check "$T/$setup.out" "$T/$setup"
	check "$setup: it is ready with Synapse, and each request goes where it belongs" \
		"$TOOL" run "$T/$setup.out" "$T/$setup" "$setup" "$TABLE"
	grep -h ' requests, ' "$OUT" | tap_comment
done
check_equal "the table has enough requests" yes "$([ "$(grep -c '^[A-Z]' "$TABLE")" -ge 250 ] && echo yes)"
finish
