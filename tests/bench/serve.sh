#!/bin/bash
# serve.sh: a large layer (what a bundle may have of its own files allows 60 MB) and small manifests from `ess-bundle serve`, from nginx and from distribution 3, on the same
# bytes in the page cache, over loopback. Client and server share the processors, for each of them alike.
. "$(dirname "$0")/lib.sh"
ours serve || { missing "serve" "no ess-bundle serve"; exit 0; }
for p in wrk python3 curl; do
	have $p || { missing "serve" "no $p; apt-get install $p"; exit 0; }
done
PIDS=()
serve_cleanup() {
	local p
	for p in "${PIDS[@]}"; do
		kill "$p" 2>/dev/null || :
		wait "$p" 2>/dev/null || :
	done
	bench_cleanup
}
trap serve_cleanup EXIT
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
up() { # URL
	local i
	for ((i = 0; i < 200; i++)); do
		! curl -so /dev/null "$1" || return 0
		sleep 0.05
	done
	return 1
}
SECS=${SECS:-5}
# The best of $RUNS: others on the machine can only take away.
rate() { # CONNECTIONS URL: requests a second
	local i
	for ((i = 0; i < RUNS; i++)); do
		wrk -t 2 -c "$1" -d "${SECS}s" "$2" | awk '/^Requests\/sec/ {print $2} /Non-2xx/ {exit 1}'
	done | sort -n | tail -n 1
}
megabytes() { # URL BYTES: MB a second, four at a time
	rate 4 "$1" | awk -v n="$2" '{printf "%.0f", $1 * n / 1e6}'
}

# --- a bundle with an image of one layer of 60 MB that does not compress ---
mkdir "$W/big"
head -c 30000000 /dev/urandom >"$W/big/one"
head -c 30000000 /dev/urandom >"$W/big/two"
cat >"$W/big/recipe.yaml" <<-'YAML'
	name: big
	description: Random bytes
	version: "1"
	architectures: [amd64]
	files:
	  - {path: /one, source: one}
	  - {path: /two, source: two}
YAML
cat >"$W/bundle.yaml" <<-'YAML'
	name: bench
	version: "1"
	summary: One large layer
	registry: bench.invalid
	images:
	  - {recipe: big}
	compression: zstd
YAML
BUNDLE=$W/bundle.tar
(export SOURCE_DATE_EPOCH=1 && cd "$W" && "$ESS" lock --offline big && "$ESS" build --offline -o "$BUNDLE" .) >"$W/build.log" 2>&1 ||
	{ missing "serve" "no bundle: $(tail -n 1 "$W/build.log")"; exit 0; }
read -r MANIFEST BLOB BYTES < <("$ESS" inspect "$BUNDLE" --json |
	python3 -c 'import json, sys; i = json.load(sys.stdin)["images"][0]; l = max(i["layers"], key=lambda l: l["size_bytes"]); print(i["digest"][7:], l["digest"][7:], l["size_bytes"])')
mkdir "$W/files"
tar -C "$W/files" -xf "$BUNDLE"

"$ESS" serve --listen 127.0.0.1:0 "$BUNDLE" >"$W/serve.out" 2>"$W/serve.err" &
PIDS+=($!)
OURS=$!
for ((i = 0; i < 200; i++)); do
	! grep -q ^http "$W/serve.out" || break
	sleep 0.05
done
URL=$(cat "$W/serve.out")
our_blob=$(megabytes "$URL/v2/big/blobs/sha256:$BLOB" "$BYTES")
our_small=$(rate 64 "$URL/v2/big/manifests/1")
row "serve: memory at its peak, 64 connections" "$(awk '/VmHWM/ {printf "%.1f", $2 / 1024}' "/proc/$OURS/status")" - - MiB "< 64"

if have nginx; then
	PORT=$(free_port)
	cat >"$W/nginx.conf" <<-CONF
		worker_processes auto;
		daemon off;
		pid $W/nginx.pid;
		error_log $W/nginx.err;
		events { worker_connections 1024; }
		http {
			sendfile on; tcp_nopush on; access_log off; keepalive_requests 100000000;
			client_body_temp_path $W/n1; proxy_temp_path $W/n2; fastcgi_temp_path $W/n3; uwsgi_temp_path $W/n4; scgi_temp_path $W/n5;
			server { listen 127.0.0.1:$PORT; root $W/files; }
		}
	CONF
	chmod 711 "$W"
	nginx -c "$W/nginx.conf" 2>/dev/null &
	PIDS+=($!)
	up "http://127.0.0.1:$PORT/oci-layout"
	row "serve: a layer of 60 MB" "$our_blob" nginx "$(megabytes "http://127.0.0.1:$PORT/blobs/sha256/$BLOB" "$BYTES")" MB/s ">= 0.9"
	row "serve: small manifests, 64 connections" "$our_small" nginx \
		"$(rate 64 "http://127.0.0.1:$PORT/blobs/sha256/$MANIFEST")" 1/s ">= 0.5"
else
	missing "serve: nginx" "no nginx; apt-get install nginx-light"
fi

if TOOLS=$("$ROOT/tests/e2e/tools/get-go-tools.sh" registry crane 2>/dev/null); then
	PORT=$(free_port)
	cat >"$W/registry.yml" <<-YAML
		version: 0.1
		log: {level: error, accesslog: {disabled: true}}
		storage: {filesystem: {rootdirectory: $W/registry}}
		http: {addr: "127.0.0.1:$PORT"}
	YAML
	"$TOOLS/registry" serve "$W/registry.yml" >"$W/registry.log" 2>&1 &
	PIDS+=($!)
	up "http://127.0.0.1:$PORT/v2/"
	"$TOOLS/crane" copy --insecure "${URL#http://}/big:1" "127.0.0.1:$PORT/big:1" >"$W/crane.log" 2>&1
	row "serve: a layer of 60 MB" "$our_blob" "distribution 3" "$(megabytes "http://127.0.0.1:$PORT/v2/big/blobs/sha256:$BLOB" "$BYTES")" MB/s ""
	row "serve: small manifests, 64 connections" "$our_small" "distribution 3" "$(rate 64 "http://127.0.0.1:$PORT/v2/big/manifests/1")" 1/s ">= 10"
else
	missing "serve: distribution 3" "it cannot be built here"
fi
