#!/bin/bash
# synapse.sh [BUNDLE]: Synapse with a generic worker on PostgreSQL and Redis, all from our images, hardened as
# the pods of the stack are: configurations are accepted and refused, the health and versions endpoints answer,
# a user is registered and logs in, through the main process and through the worker.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-ctr.sh"
need python3

ASK=$ROOT/tests/e2e/tools/ask.py
[ -x "$ESS" ] || bail "no '$ESS'; run make"

make_bundle() {
	mkdir -p "$T/bundle"
	RECIPES=$(realpath --relative-to "$T/bundle" "$ROOT/recipes")
	cat >"$T/bundle/bundle.yaml" <<-YAML
		name: synapse-test
		version: "1"
		registry: ess.internal
		images:
		- {recipe: $RECIPES/synapse}
		- {recipe: $RECIPES/postgresql}
		- {recipe: $RECIPES/redis}
	YAML
	"$ESS" build "$T/bundle" -o "$T/synapse.tar" --arch "$(ctr_arch)"
}
BUNDLE=${1:-$T/synapse.tar}
[ -n "${1:-}" ] || check "a bundle of Synapse, PostgreSQL and Redis is built" make_bundle || bail "nothing to run" "$OUT"
"$ESS" inspect "$BUNDLE" --json >"$T/inspect.json" || bail "the bundle cannot be inspected"
ctr_up
check "containerd imports it" ctr_import "$BUNDLE" || bail "no images to run" "$OUT"
image() { "$ASK" image "$T/inspect.json" "$1"; }
http() { ctr_net "$ASK" http "$@"; }
SYNAPSE=$(image synapse) POSTGRESQL=$(image postgresql) REDIS=$(image redis)

# --- configurations, as the stack writes them ---
mkdir -p "$T/conf" "$T/initdb"
cat >"$T/conf/log.yaml" <<'YAML'
version: 1
formatters: {short: {format: '%(levelname)s %(name)s %(message)s'}}
handlers: {console: {class: logging.StreamHandler, formatter: short, stream: 'ext://sys.stdout'}}
root: {level: INFO, handlers: [console]}
disable_existing_loggers: false
YAML
cat >"$T/conf/common.yaml" <<'YAML'
server_name: example.org
public_baseurl: https://matrix.example.org/
report_stats: false
log_config: /conf/log.yaml
signing_key_path: /media/signing.key
media_store_path: /media/store
registration_shared_secret: a-shared-secret
macaroon_secret_key: a-macaroon-secret
form_secret: a-form-secret
trusted_key_servers: []
enable_metrics: true
url_preview_enabled: true
url_preview_ip_range_blacklist: ['10.0.0.0/8', '127.0.0.0/8']
database:
  name: psycopg2
  args: {user: synapse, password: secret, dbname: synapse, host: 127.0.0.1, port: 5432, cp_min: 1, cp_max: 5}
redis: {enabled: true, host: 127.0.0.1, port: 6379}
instance_map:
  main: {host: 127.0.0.1, port: 9093}
YAML
cat "$T/conf/common.yaml" - >"$T/conf/homeserver.yaml" <<'YAML'
listeners:
- {port: 8008, type: http, bind_addresses: ['127.0.0.1'], x_forwarded: true, resources: [{names: [client, federation]}]}
- {port: 9093, type: http, bind_addresses: ['127.0.0.1'], resources: [{names: [replication]}]}
- {port: 8080, type: http, bind_addresses: ['127.0.0.1'], resources: [{names: [health]}]}
- {port: 9001, type: metrics, bind_addresses: ['127.0.0.1']}
YAML
cat "$T/conf/common.yaml" - >"$T/conf/worker.yaml" <<'YAML'
worker_app: synapse.app.generic_worker
worker_name: worker-0
worker_listeners:
- {port: 8018, type: http, bind_addresses: ['127.0.0.1'], resources: [{names: [client, federation]}]}
- {port: 8081, type: http, bind_addresses: ['127.0.0.1'], resources: [{names: [health]}]}
YAML
sed 's/port: 8008/port: eight/' "$T/conf/homeserver.yaml" >"$T/conf/wrong.yaml"
printf '127.0.0.1 localhost\n' >"$T/hosts"
cat >"$T/initdb/init.sh" <<'SH'
#!/bin/sh
psql -v ON_ERROR_STOP=1 -d postgres -c "CREATE ROLE synapse LOGIN PASSWORD 'secret'" \
	-c "CREATE DATABASE synapse OWNER synapse ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0"
SH
S=(--bind "$T/conf:/conf" --bind "$T/hosts:/etc/hosts" --tmpfs /tmp)

# --- what needs no server ---
check_match "its Python is Debian's, without pip" '^3\.13\.[0-9]+ None$' ctr_run "$SYNAPSE" s1 "${S[@]}" -- \
	python3 -c 'import sys, importlib.util as u; print(sys.version.split()[0], u.find_spec("pip"))'
check_match "all requirements are there, as Python sees them" '^nothing is missing$' ctr_run "$SYNAPSE" s2 "${S[@]}" -- \
	python3 -c 'from synapse.util.check_dependencies import check_requirements as c
for extra in (None, "postgres", "redis", "oidc", "jwt", "url-preview"): c(extra)
print("nothing is missing")'
check_match "modules come from bytecode that is made already" '^True /.*/__pycache__/homeserver\.cpython-313\.pyc True$' \
	ctr_run "$SYNAPSE" s3 "${S[@]}" -- python3 -c 'import sys, os, synapse.app.homeserver as h
print(os.path.exists(h.__cached__), h.__cached__, open(h.__cached__, "rb").read(8)[4:] == bytes([1, 0, 0, 0]))'
check_match "jemalloc is preloaded" 'libjemalloc\.so\.2' ctr_run "$SYNAPSE" s4 "${S[@]}" -- \
	python3 -c 'print(open("/proc/self/maps").read())'
check_fails "there is no shell" '(no such file|not found)' ctr_run "$SYNAPSE" s5 -- /bin/sh -c true
check "programs have their interpreter" ctr_run "$SYNAPSE" s6 "${S[@]}" -- register_new_matrix_user --help
check "what was installed is what RECORD says" ctr_run "$SYNAPSE" s7 "${S[@]}" -- python3 -c 'import base64, hashlib, importlib.metadata as m
n = 0
for d in m.distributions(path=["/usr/local/lib/python3.13/dist-packages"]):
    assert d.read_text("INSTALLER") == "ess-bundle\n", d.name
    for f in d.files:
        data = f.locate().read_bytes()
        if f.hash:
            want = base64.urlsafe_b64encode(hashlib.new(f.hash.mode, data).digest()).rstrip(b"=").decode()
            assert (f.hash.value, f.size) == (want, len(data)), f
            n += 1
assert n > 1000, n'

# --- configurations ---
# Both processes have the key that the first one makes: the stack mounts one.
mkdir -p "$T/media" && chown 10091:10091 "$T/media"
check "a signing key is made" ctr_run "$SYNAPSE" c3 "${S[@]}" --bind "$T/media:/media:rw" -- \
	python3 -m synapse.app.homeserver -c /conf/homeserver.yaml --generate-keys
check "synapse.config accepts a good configuration" ctr_run "$SYNAPSE" c1 "${S[@]}" --bind "$T/media:/media:rw" -- \
	python3 -m synapse.config -c /conf/homeserver.yaml
check_fails "and refuses a bad one, saying what" "lacking a valid 'port' option" ctr_run "$SYNAPSE" c2 "${S[@]}" --bind "$T/media:/media:rw" -- \
	python3 -m synapse.config -c /conf/wrong.yaml

# --- the servers ---
check "PostgreSQL starts" ctr_start "$POSTGRESQL" postgresql --tmpfs /tmp --tmpfs /var/run/postgresql:mode=755,uid=10091,gid=10091 \
	--tmpfs /var/lib/postgres/data:mode=700,uid=10091,gid=10091 --env PGDATA=/var/lib/postgres/data/pgdata \
	--env POSTGRES_PASSWORD=admin --bind "$T/initdb:/docker-entrypoint-initdb.d"
check "Redis starts" ctr_start "$REDIS" redis --tmpfs /data:mode=700,uid=10002,gid=10002 -- \
	/usr/bin/redis-server --save "" --appendonly no --bind 127.0.0.1
database_answers() { ctr_exec postgresql psql -h 127.0.0.1 -U postgres -d synapse -Atc 'SELECT 1'; }
wait_for 60 database_answers || bail "no database" "$T/postgresql.log"
begin=$(date +%s%N)
check "Synapse starts" ctr_start "$SYNAPSE" synapse "${S[@]}" --bind "$T/media:/media:rw"
wait_for 90 http http://127.0.0.1:8080/health || tap_comment <"$T/synapse.log"
note "the main process was healthy after $((($(date +%s%N) - begin) / 1000000)) ms, with an empty database"
check_match "the main process is healthy" '^OK$' http http://127.0.0.1:8080/health || { tail -n 40 "$T/synapse.log" | tap_comment; bail "no Synapse"; }
check "a generic worker starts" ctr_start "$SYNAPSE" worker "${S[@]}" --bind "$T/media:/media" -- \
	/usr/bin/python3 -m synapse.app.generic_worker -c /conf/worker.yaml
wait_for 60 http http://127.0.0.1:8081/health
check_match "the worker is healthy" '^OK$' http http://127.0.0.1:8081/health || tail -n 40 "$T/worker.log" | tap_comment
check_match "the main process serves versions" '"v1\.[0-9]+"' http http://127.0.0.1:8008/_matrix/client/versions
check_match "so does the worker" '"v1\.[0-9]+"' http http://127.0.0.1:8018/_matrix/client/versions
check_match "metrics are served" '^synapse_build_info' http http://127.0.0.1:9001/
check_match "processes run as uid 10091" '^10091 10091 10091 10091$' ctr_status synapse Uid
check_match "without a capability" '^0{16}$' ctr_status worker CapEff

# --- a user ---
check_match "a user is registered" 'Success' ctr_exec synapse register_new_matrix_user -u alice -p wonderland --no-admin \
	-k a-shared-secret http://127.0.0.1:8008
login() { # PORT: prints a token
	ctr_net python3 - "$1" <<'PY'
import json, sys, urllib.request
body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "alice"}, "password": "wonderland"}
q = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/_matrix/client/v3/login", json.dumps(body).encode(), {"Content-Type": "application/json"})
print(json.load(urllib.request.urlopen(q, timeout=20))["access_token"])
PY
}
whoami() { # PORT TOKEN
	ctr_net python3 - "$@" <<'PY'
import sys, urllib.request
q = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/_matrix/client/v3/account/whoami", None, {"Authorization": "Bearer " + sys.argv[2]})
print(urllib.request.urlopen(q, timeout=20).read().decode())
PY
}
check "and logs in at the main process" login 8008
check "and at the worker" login 8018
token=$(login 8018)
check_match "which are one server" '"user_id": *"@alice:example\.org"' whoami 8008 "$token"
check_equal "the worker stops by itself" 0 "$(ctr_stop worker SIGTERM)" || tail -n 20 "$T/worker.log" | tap_comment
check_equal "and so does the main process" 0 "$(ctr_stop synapse SIGTERM)" || tail -n 20 "$T/synapse.log" | tap_comment
ctr_stop redis >/dev/null
ctr_stop postgresql SIGINT >/dev/null
finish
