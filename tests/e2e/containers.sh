#!/bin/bash
# containers.sh [BUNDLE]: every image of the quickstart bundle does its job in a real container, hardened as
# the pods of the stack are: its own uid, read-only root, no capability, no new privileges, the stack's memory limit.
# PARTS="base base_shell haproxy redis postgresql nginx" picks some.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-ctr.sh"
need python3

BUNDLE=${1:-$ROOT/out/quickstart.tar}
ASK=$ROOT/tests/e2e/tools/ask.py
[ -x "$ESS" ] || bail "no '$ESS'; run make"
[ -e "$BUNDLE" ] || bail "no '$BUNDLE'; run make quickstart"

inspect_bundle() { "$ESS" inspect "$BUNDLE" --json >"$T/inspect.json"; }
check "the bundle can be inspected" inspect_bundle || bail "no list of images" "$OUT"
ctr_up
check "containerd imports the bundle file as it is" ctr_import "$BUNDLE" || bail "no images to run" "$OUT"

image() { "$ASK" image "$T/inspect.json" "$1"; }
memory() { # BYTES: --memory where the kernel can limit it
	! grep -q '^memory.*1$' /proc/cgroups || echo "--memory $1"
}
http() { ctr_net "$ASK" http "$@"; }

test_base() {
	local ref cc flags program
	ref=$(image base) || { not_ok "base is in the bundle"; return; }
	check_fails "base: there is no shell" '(no such file|not found)' ctr_run "$ref" b1 -- /bin/sh -c 'echo a shell'
	for program in /usr/bin/sh /usr/bin/bash /usr/bin/dpkg /usr/bin/apt-get /usr/bin/perl; do
		check_fails "base: there is no $program" '(no such file|not found)' ctr_run "$ref" b2 -- "$program" --version
	done
	cc=$(command -v cc || command -v gcc || :)
	if [ -z "$cc" ]; then
		skip "base: programs of this machine run in it" "no C compiler"
		return
	fi
	for flags in '' -static; do
		"$cc" -O1 ${flags:+$flags -DPROBE_NO_NSS} -o "$T/probe" "$ROOT/tests/e2e/tools/probe.c" 2>"$OUT" || { not_ok "probe.c compiles" "$OUT"; return; }
		check_match "base: a program of this machine, linked with ${flags:-shared libraries}, runs, as uid 65532" '^uid 65532 65532$' \
			ctr_run "$ref" b3 --bind "$T/probe:/probe" -- /probe ids
	done
	"$cc" -O1 -o "$T/probe" "$ROOT/tests/e2e/tools/probe.c" 2>"$OUT"
	check_match "base: its user has a name and a home" '^65532 is nonroot, home /home/nonroot$' \
		ctr_run "$ref" b4 --bind "$T/probe:/probe" -- /probe user 65532
	check_match "base: time zones are there" '^2026-07-01 14:00:00 CEST$' \
		ctr_run "$ref" b5 --bind "$T/probe:/probe" --env TZ=Europe/Berlin -- /probe time 1782907200
	check_match "base: CA certificates are there" '^[1-9][0-9]{2} certificates$' \
		ctr_run "$ref" b6 --bind "$T/probe:/probe" -- /probe certificates
	check_match "base: localhost is resolved" '^127\.0\.0\.1$' \
		ctr_run "$ref" b7 --bind "$T/probe:/probe" --bind "$T/hosts:/etc/hosts" -- /probe resolve localhost
	check_match "base: services have names" '^https is 443/tcp$' \
		ctr_run "$ref" b8 --bind "$T/probe:/probe" -- /probe service https
	check_match "base: /tmp has its usual mode" '^/tmp 1777$' \
		ctr_run "$ref" b9 --bind "$T/probe:/probe" -- /probe mode /tmp
}

test_base_shell() {
	local ref
	ref=$(image base-shell) || { not_ok "base-shell is in the bundle"; return; }
	check_match "base-shell: sh -c works" '^42$' ctr_run "$ref" s1 -- /bin/sh -c 'echo $((6 * 7))'
	check_match "base-shell: the usual small tools are there" '^3 three b802f$' ctr_run "$ref" s2 --tmpfs /tmp -- /bin/sh -ec '
		printf "%s\n" one two three >/tmp/words
		lines=$(wc -l </tmp/words)
		last=$(sort /tmp/words | sed -n 2p)
		sum=$(printf %s "$last" | sha1sum | cut -c1-5)
		test "$(ls /tmp | grep -c words)" = 1 && mkdir -p /tmp/a/b && cp /tmp/words /tmp/a/b/ && find /tmp/a -type f | xargs rm
		echo "$lines $last" "$sum"'
	check_match "base-shell: runs as uid 65532" '^uid=65532' ctr_run "$ref" s3 -- /bin/sh -c id
	check "base-shell: runs something long" ctr_start "$ref" s4 --tmpfs /tmp -- /bin/sleep 100
	check_match "base-shell: one can look around in it" '^/bin/sleep 100 $' ctr_exec s4 /bin/sh -c 'tr "\0" " " </proc/1/cmdline; echo'
	ctr_stop s4 SIGKILL >/dev/null
}

test_haproxy() {
	local ref
	ref=$(image haproxy) || { not_ok "haproxy is in the bundle"; return; }
	mkdir -p "$T/haproxy"
	cat >"$T/haproxy/haproxy.cfg" <<-'CFG'
		global
		  log stdout format raw local0
		  stats socket ipv4@127.0.0.1:1999 level admin
		defaults
		  mode http
		  log global
		  timeout connect 5s
		  timeout client 5s
		  timeout server 5s
		frontend web
		  bind 127.0.0.1:8404
		  http-request return status 200 content-type "text/plain; charset=utf-8" lf-string "path=%[path] from=%[src]\n" unless { path_beg /lua }
		  default_backend none
		backend none
		  balance roundrobin
		  server one 127.0.0.1:1 check
		frontend prometheus
		  bind 127.0.0.1:8405
		  http-request use-service prometheus-exporter if { path /metrics }
	CFG
	sed 's/mode http/mode htpp/' "$T/haproxy/haproxy.cfg" >"$T/haproxy/wrong.cfg"
	local bind=(--bind "$T/haproxy:/usr/local/etc/haproxy")
	# shellcheck disable=SC2046
	bind+=($(memory 209715200))
	check "haproxy: accepts a configuration" ctr_run "$ref" h1 "${bind[@]}" -- \
		/usr/sbin/haproxy -c -f /usr/local/etc/haproxy/haproxy.cfg
	check_fails "haproxy: refuses a wrong one, by line" 'wrong.cfg:5.*htpp' ctr_run "$ref" h2 "${bind[@]}" -- \
		/usr/sbin/haproxy -c -f /usr/local/etc/haproxy/wrong.cfg
	check_match "haproxy: has TLS and PCRE" 'OpenSSL library|PCRE2' ctr_run "$ref" h3 -- /usr/sbin/haproxy -vv
	check "haproxy: starts with the command of its image" ctr_start "$ref" haproxy "${bind[@]}"
	wait_for 10 http http://127.0.0.1:8404/
	check_match "haproxy: serves" '^path=/some/where from=127\.0\.0\.1$' http http://127.0.0.1:8404/some/where ||
		tap_comment <"$T/haproxy.log"
	check_match "haproxy: serves its metrics" '^haproxy_frontend_http_requests_total' http http://127.0.0.1:8405/metrics
	check_match "haproxy: runs as uid 10001" '^10001 10001 10001 10001$' ctr_status haproxy Uid
	check_match "haproxy: without a capability" '^0{16}$' ctr_status haproxy CapEff
	check_equal "haproxy: stops softly" 0 "$(ctr_stop haproxy SIGUSR1)" || tap_comment <"$T/haproxy.log"
}

test_redis() {
	local ref opts
	ref=$(image redis) || { not_ok "redis is in the bundle"; return; }
	opts=(--tmpfs /data:mode=700,uid=10002,gid=10002 $(memory 52428800))
	check "redis: starts" ctr_start "$ref" redis "${opts[@]}" -- \
		/usr/bin/redis-server --save "" --appendonly no --dir /data --bind 127.0.0.1
	wait_for 10 redis PING
	check_match "redis: answers PING" '^PONG$' redis PING || tap_comment <"$T/redis.log"
	check_match "redis: keeps a value" '^OK$' redis SET word value
	check_match "redis: gives it back" '^value$' redis GET word
	check_match "redis: runs a script" '^value$' redis EVAL 'return redis.call("get", KEYS[1])' 1 word
	check_match "redis: the probe of the stack works" '^PONG$' ctr_exec redis redis-cli ping
	check "redis: writes to /data" redis SAVE
	check_match "redis: runs as uid 10002" '^10002 10002 10002 10002$' ctr_status redis Uid
	check_equal "redis: stops by itself" 0 "$(ctr_stop redis SIGTERM)" || tap_comment <"$T/redis.log"
	printf 'bind 127.0.0.1\nprotected-mode no\nport 6380\nsave ""\nappendonly no\nmaxmemory 50mb\nmaxmemory-policy allkeys-lru\n' >"$T/redis.conf"
	check "redis: starts with the stack's configuration file" ctr_start "$ref" redis2 "${opts[@]}" --bind "$T/redis.conf:/config/redis.conf" -- \
		/usr/bin/redis-server /config/redis.conf
	wait_for 10 ctr_net "$ASK" redis 127.0.0.1 6380 PING
	check_match "redis: answers on the configured port" '^PONG$' ctr_net "$ASK" redis 127.0.0.1 6380 PING || tap_comment <"$T/redis2.log"
	ctr_stop redis2 SIGTERM >/dev/null
}
redis() { ctr_net "$ASK" redis 127.0.0.1 6379 "$@"; }

psql() { ctr_exec postgresql psql -h "${PGHOST:-/var/run/postgresql}" -U postgres -v ON_ERROR_STOP=1 -Atc "$1" "${@:2}"; }
postgresql_answers() { ! ctr_running postgresql || psql 'SELECT 1'; }
test_postgresql() {
	local ref exporter extension volumes
	ref=$(image postgresql) || { not_ok "postgresql is in the bundle"; return; }
	volumes=(--tmpfs /tmp --tmpfs /var/run/postgresql:mode=755,uid=10091,gid=10091)
	check_match "postgresql: initdb works as uid 10091 in a volume that it owns" 'Success' \
		ctr_run "$ref" p1 "${volumes[@]}" --tmpfs /pg:mode=700,uid=10091,gid=10091 -- \
		/usr/lib/postgresql/17/bin/initdb -D /pg/data -U postgres -E UTF8 --locale=C
	check_fails "postgresql: and nowhere else" 'Read-only file system' ctr_run "$ref" p2 "${volumes[@]}" -- \
		/usr/lib/postgresql/17/bin/initdb -D /var/lib/postgresql/other -U postgres

	# As the stack does it: password from a file, PGDATA below the volume, a script that makes databases.
	mkdir -p "$T/initdb" "$T/secrets"
	echo secret >"$T/secrets/password"
	cat >"$T/initdb/init-dbs.sh" <<-'SH'
		#!/bin/sh
		psql -v ON_ERROR_STOP=1 -d postgres -c "CREATE DATABASE synapse ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0"
	SH
	# shellcheck disable=SC2046
	check "postgresql: starts with the command of its image" ctr_start "$ref" postgresql "${volumes[@]}" \
		--tmpfs /var/lib/postgres/data:mode=700,uid=10091,gid=10091 --env PGDATA=/var/lib/postgres/data/pgdata \
		--env POSTGRES_PASSWORD_FILE=/secrets/password --env "POSTGRES_INITDB_ARGS=-E UTF8 --locale=C" \
		--bind "$T/secrets:/secrets" --bind "$T/initdb:/docker-entrypoint-initdb.d" $(memory 4294967296)
	# Over TCP, since during the set-up the server listens on its socket only.
	PGHOST=127.0.0.1 wait_for 60 postgresql_answers
	check_match "postgresql: answers SELECT 1 on its socket" '^1$' psql 'SELECT 1' || {
		tap_comment <"$T/postgresql.log"
		return
	}
	PGHOST=127.0.0.1 check_match "postgresql: and on loopback" '^17\.' psql 'SHOW server_version'
	check_match "postgresql: the script of the first start has run" '^C$' psql "SELECT datcollate FROM pg_database WHERE datname = 'synapse'"
	for extension in pgcrypto citext pg_trgm btree_gin hstore uuid-ossp pg_stat_statements; do
		check_match "postgresql: extension $extension" '^CREATE EXTENSION$' psql "CREATE EXTENSION \"$extension\""
	done
	check_match "postgresql: pgcrypto computes" '^900150983cd24fb0d6963f7d28e17f72$' psql "SELECT encode(digest('abc', 'md5'), 'hex')"
	check_match "postgresql: has ICU and system collations" '^t$' psql "SELECT count(*) > 100 FROM pg_collation WHERE collprovider = 'i'"
	check_match "postgresql: pl/pgsql works" '^DO$' psql "DO \$\$ BEGIN PERFORM 1; END \$\$"
	check_match "postgresql: the probe of the stack works" 'accepting connections' ctr_exec postgresql pg_isready -U postgres
	check "postgresql: dumps" ctr_exec postgresql pg_dump -U postgres -d synapse
	check_match "postgresql: runs as uid 10091" '^10091 10091 10091 10091$' ctr_status postgresql Uid

	if exporter=$(image postgres-exporter); then
		# shellcheck disable=SC2046
		check "postgres-exporter: starts beside it" ctr_start "$exporter" exporter $(memory 524288000) \
			--env 'DATA_SOURCE_URI=localhost:5432/postgres?sslmode=disable' --env DATA_SOURCE_USER=postgres --bind "$T/hosts:/etc/hosts"
		wait_for 10 http http://127.0.0.1:9187/metrics
		check_match "postgres-exporter: has reached the server" '^pg_up 1$' http http://127.0.0.1:9187/metrics || tap_comment <"$T/exporter.log"
		check_match "postgres-exporter: serves what it says" '^pg_database_size_bytes\{datname="synapse"\} [0-9.e+]+$' http http://127.0.0.1:9187/metrics
		check_match "postgres-exporter: runs as uid 10091" '^10091 ' ctr_status exporter Uid
		ctr_stop exporter >/dev/null
	else
		not_ok "postgres-exporter is in the bundle"
	fi
	check_equal "postgresql: shuts down cleanly" 0 "$(ctr_stop postgresql SIGINT)" || tap_comment <"$T/postgresql.log"
	check "postgresql: says so" grep -q 'database system is shut down' "$T/postgresql.log"
}

test_nginx() {
	local ref opts
	ref=$(image nginx) || { not_ok "nginx is in the bundle"; return; }
	opts=(--tmpfs /tmp $(memory 209715200))
	check "nginx: accepts its own configuration" ctr_run "$ref" n1 "${opts[@]}" -- /usr/sbin/nginx -t
	mkdir -p "$T/site/assets"
	echo '<title>a page of ours</title>' >"$T/site/index.html"
	echo 'export default 1' >"$T/site/assets/app.js"
	: >"$T/site/assets/app.wasm"
	check "nginx: starts with the command of its image" ctr_start "$ref" nginx "${opts[@]}" --bind "$T/site:/usr/share/nginx/html"
	wait_for 10 http http://127.0.0.1:8080/
	check_match "nginx: serves a page on 8080" '^<title>a page of ours</title>$' http http://127.0.0.1:8080/ || tap_comment <"$T/nginx.log"
	check_match "nginx: knows types: html" '^content-type: text/html' http http://127.0.0.1:8080/
	check_match "nginx: knows types: js" '^content-type: (application|text)/javascript' http http://127.0.0.1:8080/assets/app.js
	check_match "nginx: knows types: wasm" '^content-type: application/wasm' http http://127.0.0.1:8080/assets/app.wasm
	check_match "nginx: 404" '^HTTP 404' http http://127.0.0.1:8080/nothing
	check_match "nginx: the probe of the stack works" '^HTTP 200' http http://127.0.0.1:8080/health
	check_match "nginx: hides its version" '^server: nginx$' http http://127.0.0.1:8080/
	check_match "nginx: logs requests to the container's output" 'GET /nothing' cat "$T/nginx.log"
	check_match "nginx: runs as uid 10004" '^10004 10004 10004 10004$' ctr_status nginx Uid
	check_equal "nginx: stops gracefully" 0 "$(ctr_stop nginx SIGQUIT)" || tap_comment <"$T/nginx.log"
}

printf '127.0.0.1 localhost\n' >"$T/hosts"
for part in ${PARTS:-base base_shell haproxy redis postgresql nginx}; do
	"test_$part"
done
finish
