#!/bin/bash
# ess-tools against a real Kubernetes API server (control plane only), OpenSSL and signedjson: secrets made once
# whatever runs at the same time, keys that their readers load, markers, rendered configurations, waiting.
. "$(dirname "$0")/lib.sh"
need openssl python3 nsenter unshare setpriv
TOOLS=${ESS_TOOLS:-$ROOT/out/ess-tools}
[ -x "$TOOLS" ] || bail "there is no $TOOLS; run make"

# --- without a cluster ---
mkdir -p "$T/c"
printf 'it%ss $1 ${HOST} "q"\\' "'" >"$T/c/secret"
cat >"$T/c/a.yaml" <<'Y'
database: {password: ${PW}, host: db, args: {a: 1}}
listeners: [one]
literal: '\${PW}'
when: yes
Y
cat >"$T/c/b.yaml" <<'Y'
database: {args: {b: 2}}
listeners: [two]
url: "http://${HOST}/?q=${ENC}"
Y
export PW='{{ readfile "'$T'/c/secret" | quote }}' ENC='{{ readfile "'$T'/c/secret" | urlencode }}' HOST='{{ .database.host }}'
render() { "$TOOLS" render-config -output "$T/c/out.yaml" "$@"; }
check "render-config merges files" render "$T/c/a.yaml" "$T/c/b.yaml"
cat >"$T/c/want.yaml" <<'Y'
database:
  args:
    a: 1
    b: 2
  host: db
  password: "it's $1 ${HOST} \"q\"\\"
listeners:
  - one
  - two
literal: "${PW}"
url: "http://db/?q=it%27s+%241+%24%7BHOST%7D+%22q%22%5C"
when: yes
Y
check "the result is as it should be" cmp "$T/c/want.yaml" "$T/c/out.yaml"
check_equal "its mode is 0440" 440 "$(stat -c %a "$T/c/out.yaml")"
check "an existing result is replaced, lists too where asked" render --array-overwrite-keys=listeners "$T/c/a.yaml" "$T/c/b.yaml"
check_match "only the later list is there" '^  - two$' sh -c "! grep -x '  - one' '$T/c/out.yaml' && cat '$T/c/out.yaml'"
check_fails "a variable that is not set is named" "a.yaml:1: variable 'PW' is not set" env -u PW "$TOOLS" render-config -output "$T/c/x" "$T/c/a.yaml"
check "nothing is written then" test ! -e "$T/c/x"
check_fails "a value is in no message" 'alias' env PW='*hush' "$TOOLS" render-config -output "$T/c/x" "$T/c/a.yaml"
check "not even then" sh -c "! grep hush '$OUT'"
mkdir "$T/any" && chmod 777 "$T/any"
check "any uid, read-only root" unshare --mount --propagation private sh -c "mount -o bind,ro / / &&
	mount -t tmpfs -o mode=1777 tmpfs '$T/any' && cd / && PW=1 ENC=2 setpriv --reuid 54321 --regid 54321 --clear-groups \
	'$TOOLS' render-config -output '$T/any/o' '$T/c/a.yaml'"
check "concat appends" sh -c "'$TOOLS' concat -target '$T/c/both' '$T/c/a.yaml' '$T/c/b.yaml' && cat '$T/c/a.yaml' '$T/c/b.yaml' | cmp - '$T/c/both'"
check_rc "an unknown option is wrong usage" 2 "$TOOLS" concat -targt x y

port=$(free_port)
check_fails "tcpwait gives up when told to" 'not there after 1 s' "$TOOLS" tcpwait -address "127.0.0.1:$port" -timeout 1
start later sh -c "sleep 1; exec python3 -c '
import http.server
class H(http.server.BaseHTTPRequestHandler):
    n = 0
    def do_GET(self):
        H.n += 1
        self.send_response(200 if self.path == \"/health\" and H.n > 2 else 503)
        self.end_headers()
http.server.ThreadingHTTPServer((\"127.0.0.1\", $port), H).serve_forever()'"
check_match "tcpwait waits" 'is there' "$TOOLS" tcpwait -address "127.0.0.1:$port" -timeout 20
check_match "synapse-wait waits until it is healthy" 'HTTP 503' "$TOOLS" synapse-wait -timeout 20 "127.0.0.1:$port" "127.0.0.1:$port"
stop later
start forever "$TOOLS" tcpwait -address "127.0.0.1:$port"
pid=${HELPERS[forever]}
sleep 0.2
kill -TERM "$pid"
check "it ends at once when asked to" wait_for 2 sh -c "! kill -0 $pid"

# --- with a cluster ---
if [ "$(id -u)" != 0 ]; then
	skip "everything with a cluster" "namespaces need root"
	finish
fi
KUBE=${KUBE_DIR:-$ROOT/out/tools/kube}
"$ROOT/tests/kube/build.sh" "$KUBE" control-plane >"$T/build.log" 2>&1 || bail "Kubernetes could not be built" "$T/build.log"
export KUBE_BIN=$KUBE/bin KUBE_NODES=0 KUBE_ID=$((100 + $$ % 150))
down() { "$ROOT/tests/kube/cluster.sh" down "$T/kube"; }
at_exit down
"$ROOT/tests/kube/cluster.sh" up "$T/kube" >"$T/up.log" 2>&1 || bail "no cluster" "$T/up.log"
PATH=$KUBE_BIN:$PATH
export NAMESPACE=ess
k() { kubectl --kubeconfig "$T/kube/admin.kubeconfig" -n ess "$@"; }
k create namespace ess >/dev/null

# As the chart's role: create, and get and update by name; the tool finds its account as in a pod.
k apply -f - >/dev/null <<'Y'
{apiVersion: v1, kind: ServiceAccount, metadata: {name: init}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: init}
rules:
- {apiGroups: [""], resources: [secrets, configmaps], verbs: [create]}
- {apiGroups: [""], resources: [secrets], resourceNames: [r-generated], verbs: [get, update]}
- {apiGroups: [""], resources: [configmaps], resourceNames: [r-markers], verbs: [get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: init}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: init}
subjects: [{kind: ServiceAccount, name: init, namespace: ess}]
Y
mkdir "$T/pod"
k create token init >"$T/pod/token"
cp "$T/kube/pki/ca.crt" "$T/pod/ca.crt"
printf ess >"$T/pod/namespace"
in_pod() { # COMMAND...
	KUBERNETES_SERVICE_HOST=10.200.$KUBE_ID.2 KUBERNETES_SERVICE_PORT=6443 unshare --mount --propagation private sh -c "
		mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io &&
		cp -r '$T/pod' /run/secrets/kubernetes.io/serviceaccount && exec \"\$@\"" sh "$@"
}
cat >"$T/reg.yaml" <<'Y'
as_token: ${AS_TOKEN}
hs_token: "HS_TOKEN"
Y
S=
for s in PW:rand32 HEX:hex32 SYNAPSE_EXTRA:extra SYNAPSE_SIGNING_KEY:signingkey RSA:rsa:4096:der PEM:rsa:2048:pem \
	EC:ecdsaprime256v1 K1:ecdsasecp256k1 P384:ecdsasecp384r1 "REG:registration:$T/reg.yaml"; do
	S=$S${S:+,}r-generated:$s
done
L=app.kubernetes.io/managed-by=Helm,app.kubernetes.io/name=init-secrets
generate() { in_pod "$TOOLS" generate-secrets -secrets "${1:-$S}" -labels "$L"; }
check_match "generate-secrets makes all of them" 'all 10 values are there' generate
get() { k get secret r-generated -o "jsonpath={.data.$1}" | base64 -d; }
check "no value was printed" sh -c "! grep -F '$(get PW)' '$OUT'"
check_equal "the label says whose it is" matrix-tools-init-secrets \
	"$(k get secret r-generated -o 'jsonpath={.metadata.labels.app\.kubernetes\.io/managed-by}')"
before=$(k get secret r-generated -o json | sha256sum)
check_match "a second run" 'all 10 values are there' generate
check_equal "changes nothing" "$before" "$(k get secret r-generated -o json | sha256sum)"
check_match "a random text" '^[a-zA-Z0-9]{32}$' get PW
check_match "hex digits" '^[0-9a-f]{64}$' get HEX
get RSA >"$T/rsa.der" && get PEM >"$T/rsa.pem" && get SYNAPSE_SIGNING_KEY >"$T/signing.key"
check_match "OpenSSL loads the RSA key (PKCS#8)" '4096 bit' openssl pkey -inform DER -in "$T/rsa.der" -noout -text
check "and it is sound" openssl pkey -inform DER -in "$T/rsa.der" -noout -check
check_equal "the other is PKCS#1" '-----BEGIN RSA PRIVATE KEY-----' "$(head -1 "$T/rsa.pem")"
check "OpenSSL loads it" openssl rsa -in "$T/rsa.pem" -noout -check
for c in EC:prime256v1 K1:secp256k1 P384:secp384r1; do
	get "${c%:*}" >"$T/ec.der"
	check_match "OpenSSL loads the EC key of ${c#*:}" "ASN1 OID: ${c#*:}" openssl pkey -inform DER -in "$T/ec.der" -noout -text -check
done
check "signedjson reads Synapse's signing key and signs with it" /usr/bin/python3 -c "
from signedjson.key import read_signing_keys, get_verify_key
from signedjson.sign import sign_json, verify_signed_json
[k] = read_signing_keys(open('$T/signing.key'))
assert (k.alg, k.version) == ('ed25519', '1'), (k.alg, k.version)
verify_signed_json(sign_json({'a': 1}, 'x', k), 'x', get_verify_key(k))"
check_match "a registration has its tokens" '^hs_token: "[a-zA-Z0-9]{32}"$' get REG
check_equal "nothing is retired" '{}' "$(get SYNAPSE_EXTRA)"

k patch secret r-generated --type merge -p "{\"data\":{\"SYNAPSE_SIGNING_KEY\":\"$(printf 'ed25519 0 guessed\n' | base64 -w0)\"}}" >/dev/null
check "a signing key that could be guessed is replaced" generate
check_match "by one of version 1" '^ed25519 1 [A-Za-z0-9+/]{43}$' get SYNAPSE_SIGNING_KEY
check_match "and retired" '^  "ed25519:0":$' get SYNAPSE_EXTRA
check "in a form that Synapse reads" python3 -c "
import base64, sys, time
text = sys.argv[1].split()
assert text[0] == 'old_signing_keys:' and text[2] == 'key:' and text[4] == 'expired_ts:', text
assert len(base64.b64decode(text[3].strip('\"') + '=')) == 32
assert abs(int(text[5]) / 1000 - time.time()) < 600" "$(get SYNAPSE_EXTRA)"
k create secret generic mine --from-literal=a=b >/dev/null
check_fails "a Secret of somebody else is left alone" "is somebody else's" \
	env KUBECONFIG="$T/kube/admin.kubeconfig" "$TOOLS" generate-secrets -secrets mine:x:rand32
check_fails "a missing permission is named" 'Secret ess/other: .*cannot get resource "secrets"' generate other:x:rand32

# 100 at once, from nothing, each with all keys: one of them wins for each key, and all see the same.
k delete secret r-generated >/dev/null
P=r-generated:A:rand32,r-generated:B:hex32,r-generated:S:signingkey,r-generated:X:extra,r-generated:E:ecdsaprime256v1
many() {
	local i pids=()
	for ((i = 0; i < 100; i++)); do
		KUBECONFIG=$T/kube/admin.kubeconfig "$TOOLS" generate-secrets -secrets "$P,r-generated:K$((i % 10)):rand32" >"$T/run.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || return 1; done
}
if many; then ok "100 runs at the same time all succeed"; else
	grep -hv 'values are there' "$T"/run.* | head -20 >"$OUT"
	not_ok "100 runs at the same time all succeed" "$OUT"
fi
check_equal "each value was made once" 15 "$(cat "$T"/run.* | grep -c ': made ')"
check_equal "and all are there" 15 "$(k get secret r-generated -o go-template='{{len .data}}')"

# --- markers ---
marker() { in_pod "$TOOLS" deployment-markers -step "$1" -markers "r-markers:AUTH:$2:$3" -labels "$L"; }
check "nothing is known before the first deployment" marker pre legacy_auth legacy_auth
check "what was deployed is written down" marker post legacy_auth legacy_auth
check "the same again may follow" marker pre legacy_auth legacy_auth
check_fails "a step that skips one is stopped" "AUTH is 'legacy_auth', and 'delegated_auth' may follow only" \
	marker pre delegated_auth 'delegated_auth;syn2mas_migrated'
check "the step between is allowed" marker pre syn2mas_migrated legacy_auth
check "written down" marker post syn2mas_migrated legacy_auth
check "and the next may follow now" marker pre delegated_auth 'delegated_auth;syn2mas_migrated'
check_equal "the value is there, and whose it is" 'syn2mas_migrated matrix-tools-deployment-markers' \
	"$(k get configmap r-markers -o 'jsonpath={.data.AUTH} {.metadata.labels.app\.kubernetes\.io/managed-by}')"

# --- syn2mas ---
set_of() { # NAME REPLICAS
	printf '{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: %s, labels: {app.kubernetes.io/component: matrix-server}}, spec: {replicas: %s, serviceName: x, podManagementPolicy: Parallel, selector: {matchLabels: {s: %s}}, template: {metadata: {labels: {s: %s, app.kubernetes.io/component: matrix-server}}, spec: {containers: [{name: c, image: x.invalid/x}]}}}}\n---\n' "$1" "$2" "$1" "$1"
}
{ set_of main 1; set_of worker 3; } | k apply -f - >/dev/null
cat >"$T/mas-cli" <<EOS
#!/bin/sh
echo "\$@" >"$T/mas.args"
"$KUBE_BIN/kubectl" --kubeconfig "$T/kube/admin.kubeconfig" -n ess get statefulset,pod -o 'jsonpath={.items[*].kind} {.items[*].spec.replicas}' >"$T/mas.seen"
exit \${MAS_EXIT:-0}
EOS
chmod 755 "$T/mas-cli"
move() { KUBECONFIG=$T/kube/admin.kubeconfig "$TOOLS" syn2mas -config /m.yaml -synapse-config /s.yaml -mas-cli "$T/mas-cli"; }
check "the sets have their pods" wait_for 10 sh -c "[ \$('$KUBE_BIN/kubectl' --kubeconfig '$T/kube/admin.kubeconfig' -n ess get pods -o name | wc -l) = 4 ]"
check "syn2mas runs mas-cli" move
check_equal "with these arguments" 'syn2mas migrate --config /m.yaml --synapse-config /s.yaml' "$(cat "$T/mas.args")"
check_equal "while nothing of Synapse runs" 'StatefulSet StatefulSet 0 0' "$(cat "$T/mas.seen")"
replicas() { k get statefulsets -o 'jsonpath={.items[*].spec.replicas}'; }
check_equal "and scales back" '1 3' "$(replicas)"
check_rc "its exit status is that of mas-cli" 7 env MAS_EXIT=7 KUBECONFIG="$T/kube/admin.kubeconfig" "$TOOLS" syn2mas -config /m.yaml -synapse-config /s.yaml -mas-cli "$T/mas-cli"
check_equal "scaled back then too" '1 3' "$(replicas)"
printf '#!/bin/sh\nkill -9 $PPID\n' >"$T/mas-cli"
move >/dev/null 2>&1
check_equal "one that was killed leaves it down" '0 0' "$(replicas)"
printf '#!/bin/sh\n:\n' >"$T/mas-cli"
check "the next one" move
check_equal "knows how it was" '1 3' "$(replicas)"
finish
