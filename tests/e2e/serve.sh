#!/bin/bash
# serve.sh [BUNDLE [PUBLIC KEY]]: `ess-bundle serve` and what other people's programs get from it: skopeo, crane,
# containerd with a hosts.toml and podman with a registries.conf that we wrote, curl; TLS, passwords, limits, changes of the
# file, and the distribution specification's own test. PARTS="clients containerd conformance ..." picks some.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-ctr.sh"
need python3 skopeo curl jq openssl htpasswd

BUNDLE=$(realpath -m "${1:-$ROOT/out/quickstart.tar}")
KEY=$(realpath -m "${2:-${BUNDLE%.tar}.pub}")
ASK=$ROOT/tests/e2e/tools/ask.py
[ -x "$ESS" ] || bail "no '$ESS'; run make"
[ -e "$BUNDLE" ] || bail "no '$BUNDLE'; run make quickstart"
export HOME=$T DOCKER_CONFIG=$T TMPDIR=$T COSIGN_PASSWORD=''

if GO_TOOLS=$("$ROOT/tests/e2e/tools/get-go-tools.sh" crane oci-conformance 2>"$T/go-tools.log"); then
	PATH=$GO_TOOLS:$PATH
else
	note "crane and the conformance test cannot be built here:"
	tail -n 5 "$T/go-tools.log" | tap_comment
	GO_TOOLS=
fi
have() { [ -n "$GO_TOOLS" ] && command -v "$1" >/dev/null; }

URL_plain='' HOST_plain='' URL_tls='' HOST_tls='' URL_small='' HOST_small='' URL_live='' URL_two=''
# serve NAME OPTION... FILE...: started, ready; URL_NAME and HOST_NAME are set.
serve() {
	local name=$1 url
	shift
	start "$name" "$ESS" serve --listen 127.0.0.1:0 "$@"
	wait_for 30 grep -q '^http' "$T/$name.log" || bail "serve did not come up" "$T/$name.log"
	url=$(grep -m 1 '^http' "$T/$name.log")
	printf -v "URL_$name" %s "$url"
	printf -v "HOST_$name" %s "${url#*://}"
}
status() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
raw_digest() { sha256sum | sed 's/^/sha256:/; s/ .*//'; }

"$ESS" inspect "$BUNDLE" --json >"$T/inspect.json" || bail "no list of images"
"$ASK" images "$T/inspect.json" >"$T/images" || bail "no images in it"
read -r _ REF DIGEST <"$T/images"
ROOT_DIGEST=$(jq -r .root.digest "$T/inspect.json")
WHOLE=$(jq -r .name "$T/inspect.json"):$(jq -r .version "$T/inspect.json")
read -r BLOB BLOB_BYTES < <(jq -r '[.images[].layers[]] | max_by(.size_bytes) | "\(.digest) \(.size_bytes)"' "$T/inspect.json")
path_of() { local p=${1#*/}; echo "${p%:*}"; }
tag_of() { echo "${1##*:}"; }
cp --reflink=auto "$BUNDLE" "$T/served.tar"
key=()
[ ! -e "$KEY" ] || key=(--key "$KEY")
serve plain "${key[@]}" --metrics -v "$T/served.tar"

# --- clients ---
pod() { podman --root "$T/podman" --runroot "$T/podman-run" --storage-driver vfs --cgroup-manager cgroupfs "$@"; }
test_clients() {
	local name ref digest path
	while read -r name ref digest; do
		path=$(path_of "$ref"):$(tag_of "$ref")
		check_equal "skopeo inspect --raw gives the bytes that were signed: $name" "$digest" \
			"$(skopeo inspect --raw --tls-verify=false "docker://$HOST_plain/$path" | raw_digest)"
		check "skopeo copies all platforms: $name" skopeo copy --quiet --all --src-tls-verify=false \
			"docker://$HOST_plain/$path" "oci:$T/copied:$name"
		if have crane; then
			check_match "crane has the same digest, by the whole name: $name" "^$digest\$" \
				crane digest "$HOST_plain/$(path_of "x/$ref"):$(tag_of "$ref")"
		fi
	done <"$T/images"
	same_blobs() { (cd "$T/copied/blobs/sha256" && for f in *; do echo "$f  $f"; done | sha256sum --quiet -c); }
	check "every blob that was copied has its digest" same_blobs
	rm -rf "$T/copied"
	check_equal "the root index is there by its name" "$ROOT_DIGEST" "$(curl -s "$URL_plain/v2/${WHOLE%:*}/manifests/${WHOLE#*:}" | raw_digest)"
	if [ "$(jq '.signatures | length' "$T/inspect.json")" -gt 0 ]; then
		check_match "and its signature by cosign's tag" 'simplesigning' curl -sf "$URL_plain/v2/${WHOLE%:*}/manifests/${ROOT_DIGEST/:/-}.sig"
	fi
	check "ess-bundle pull makes a file of it" "$ESS" pull --plain-http "$HOST_plain/$WHOLE" -o "$T/pulled.tar"
	check "with the same bytes" cmp "$BUNDLE" "$T/pulled.tar"
	rm -f "$T/pulled.tar"
	if have crane; then
		check "crane pulls the whole bundle" crane pull --format oci "$HOST_plain/$WHOLE" "$T/whole"
		check "with every blob" test "$(find "$T/whole/blobs" -type f | wc -l)" -ge \
			"$(jq '[.images[].layers[].digest] | unique | length' "$T/inspect.json")"
		check_match "crane catalog" "^$(path_of "$REF")\$" crane catalog --insecure "$HOST_plain"
		rm -rf "$T/whole"
	else
		skip "crane pulls the whole bundle" "no crane"
	fi
	check "mirror-config writes a registries.conf" "$ESS" mirror-config --format crio --registry "$HOST_plain" --plain-http --no-fallback \
		-o "$T/conf.d" "$BUNDLE"
	export CONTAINERS_REGISTRIES_CONF=$T/conf.d/50-ess-bundle.conf
	check_equal "skopeo reads by the original name through it" "$DIGEST" "$(skopeo --registries-conf "$CONTAINERS_REGISTRIES_CONF" inspect --raw "docker://$REF" | raw_digest)"
	if command -v podman >/dev/null; then
		echo '{}' >"$T/config.json" # podman wants one where DOCKER_CONFIG points
		check "podman pulls by the original name through it" pod pull -q "$REF"
		check_match "under that name" "^$REF\$" pod images --format '{{.Repository}}:{{.Tag}}'
		check "and by the digest" pod pull -q "${REF%:*}@$DIGEST"
	else
		skip "podman pulls by the original name through it" "no podman"
	fi
	unset CONTAINERS_REGISTRIES_CONF
}

# --- containerd, by the original names and our hosts.toml ---
test_containerd() {
	local name ref digest
	ctr_up
	# containerd has a network of its own, so it gets a server in it.
	start inner nsenter --net="/proc/$CTR_PID/ns/net" -- "$ESS" serve -v --listen 127.0.0.1:5000 "${key[@]}" "$T/served.tar"
	wait_for 30 grep -q '^http' "$T/inner.log" || bail "serve did not come up" "$T/inner.log"
	check "mirror-config writes a hosts.toml for each registry" \
		"$ESS" mirror-config --registry 127.0.0.1:5000 --plain-http --no-fallback -o "$T/certs.d" "$BUNDLE"
	while read -r name ref digest; do
		check "ctr pulls by the original name: $name" ctr_cli images pull --snapshotter "$CTR_SNAPSHOTTER" \
			--hosts-dir "$T/certs.d" "$ref"
		check_match "under the digest that was signed: $name" "$digest" ctr_cli images ls "name==$ref"
	done <"$T/images"
	# A mirror of another registry may not give ours under its name, though path and tag are the same.
	mkdir -p "$T/certs.d/other.example.org"
	cp "$T/certs.d/${REF%%/*}/hosts.toml" "$T/certs.d/other.example.org/"
	check_fails "an image of another registry is not given in its place" 'not found|failed to resolve' \
		ctr_cli images pull --snapshotter "$CTR_SNAPSHOTTER" --hosts-dir "$T/certs.d" "other.example.org/$(path_of "$REF"):$(tag_of "$REF")"
	stop inner
	ctr_down
}

# --- HTTP ---
test_http() {
	local blob half=$((BLOB_BYTES / 2))
	blob=$URL_plain/v2/$(path_of "$REF")/blobs/$BLOB
	check_equal "a blob is what its digest says" "$BLOB" "$(curl -sf "$blob" | raw_digest)"
	curl -sf -r "0-$((half - 1))" "$blob" >"$T/part"
	check_equal "a part has as many bytes as were asked for" "$half" "$(stat -c %s "$T/part")"
	check "curl goes on where it stopped" curl -sf -C - -o "$T/part" "$blob"
	check_equal "and has all of it" "$BLOB" "$(raw_digest <"$T/part")"
	rm -f "$T/part"
	check_equal "behind the end is 416" 416 "$(status -r "$BLOB_BYTES-" "$blob")"
	check_equal "what is known is 304" 304 "$(status -H "If-None-Match: \"$BLOB\"" "$blob")"
	check_equal "writing is 405" 405 "$(status -X POST "$URL_plain/v2/x/blobs/uploads/")"
	check_equal "with a body too" 405 "$(status -T "$ESS" "$URL_plain/v2/x/manifests/1")"
	check_equal "a path is no way out" 404 "$(status --path-as-is "$URL_plain/v2/../../etc/passwd")"
	check_match "a page for people" "podman pull --tls-verify=false $HOST_plain/$(path_of "$REF"):" curl -sf "$URL_plain/"
	check_match "counters" '^ess_bundle_http_requests_total\{kind="blob",code="206"\} [1-9]' curl -sf "$URL_plain/metrics"
	curl -sf -u "eve:hunter2" -H 'Cookie: a=hunter2' "$URL_plain/v2/?token=hunter2" >/dev/null
	check_match "requests are logged" 'GET /v2/ 200' cat "$T/plain.log"
	check_rc "without what is secret" 1 grep -q hunter2 "$T/plain.log"
	check "less than 64 MiB resident" test "$(awk '/VmHWM/ {print $2}' "/proc/${HELPERS[plain]}/status")" -lt 65536
}

# --- TLS and passwords ---
test_tls() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
		-keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
	htpasswd -bBC 5 -c "$T/users" ann 'pass word' 2>/dev/null
	serve tls "${key[@]}" -v --tls-cert "$T/cert.pem" --tls-key "$T/key.pem" --htpasswd "$T/users" "$T/served.tar"
	check_equal "nothing without a password" 401 "$(status --cacert "$T/cert.pem" "$URL_tls/v2/")"
	check_equal "nor with a wrong one" 401 "$(status --cacert "$T/cert.pem" -u ann:no "$URL_tls/v2/")"
	check_equal "all with the right one" 200 "$(status --cacert "$T/cert.pem" -u 'ann:pass word' "$URL_tls/v2/")"
	check_equal "a blob over TLS is what its digest says" "$BLOB" \
		"$(curl -sf --cacert "$T/cert.pem" -u 'ann:pass word' "$URL_tls/v2/$(path_of "$REF")/blobs/$BLOB" | raw_digest)"
	mkdir "$T/certs"
	cp "$T/cert.pem" "$T/certs/ca.crt"
	check "skopeo copies over TLS with a password" skopeo copy --quiet --all --src-cert-dir "$T/certs" --src-creds 'ann:pass word' \
		"docker://$HOST_tls/$(path_of "$REF"):$(tag_of "$REF")" "dir:$T/tls-copy"
	rm -rf "$T/tls-copy"
	check_fails "no plain HTTP there" . curl -sS "http://$HOST_tls/v2/"
	check_rc "the password is not logged" 1 grep -q 'pass word' "$T/tls.log"
	htpasswd -bB "$T/users" bob two 2>/dev/null
	kill -HUP "${HELPERS[tls]}"
	bob() { [ "$(status --cacert "$T/cert.pem" -u bob:two "$URL_tls/v2/")" = 200 ]; }
	check "SIGHUP reads the users again" wait_for 10 bob
	stop tls
	check_fails "a weak hash is refused" 'not a bcrypt' "$ESS" serve --htpasswd <(echo 'ann:{SHA}x') "$T/served.tar"
	check_fails "a key without its certificate too" 'go together' "$ESS" serve --tls-key "$T/key.pem" "$T/served.tar"
}

# --- limits ---
test_limits() {
	serve small "${key[@]}" --max-connections 20 --max-per-client 8 --timeout 2 "$T/served.tar"
	check "one who drips bytes is cut" python3 "$ROOT/tests/e2e/tools/slowloris.py" drip "$HOST_small" 12
	check "one who does not read is cut" python3 "$ROOT/tests/e2e/tools/slowloris.py" deaf "$HOST_small" 15 "/v2/$(path_of "$REF")/blobs/$BLOB"
	check "too many are refused, and others served again after" python3 "$ROOT/tests/e2e/tools/slowloris.py" many "$HOST_small" 8
	check "large headers are refused" python3 "$ROOT/tests/e2e/tools/slowloris.py" header "$HOST_small" 40000
	check_equal "and it still answers" 200 "$(status "$URL_small/v2/")"
	stop small
}

# --- changes of the file ---
reloads() { curl -sf "$URL_live/metrics" | awk -v want="$1" '$1 == "ess_bundle_reloads_total" {ok = $2 >= want} END {exit !ok}'; }
slow_get() { # FILE [RATE]: the blob, so slowly that the server is not done at once
	curl -sf --limit-rate "${2:-4M}" -o "$1" "$URL_live/v2/$(path_of "$REF")/blobs/$BLOB"
}
cut_off() { [ "$1" = 18 ] || [ "$1" = 56 ]; } # STATUS of curl: short, or reset
test_changes() {
	local pid
	"$ESS" keygen -o "$T/again" >/dev/null 2>&1
	cp "$BUNDLE" "$T/live.tar"
	serve live "${key[@]}" --metrics "$T/live.tar"

	# Another file in its place, while the old one is being sent.
	cp "$BUNDLE" "$T/next.tar"
	"$ESS" sign --key "$T/again.key" "$T/next.tar" >/dev/null 2>&1
	slow_get "$T/slow" &
	pid=$!
	sleep 0.3
	mv "$T/next.tar" "$T/live.tar"
	check "a file that was replaced is noticed" wait_for 10 reloads 1
	wait "$pid"
	check_equal "what was under way ends with the old file's bytes" "$BLOB" "$(raw_digest <"$T/slow")"
	check_match "the new one is served" '"layers":.*simplesigning.*simplesigning' \
		curl -sf "$URL_live/v2/${WHOLE%:*}/manifests/${ROOT_DIGEST/:/-}.sig"

	# Signed in place: written to while it is served.
	"$ESS" keygen -o "$T/third" >/dev/null 2>&1
	check "the served file can be signed in place" "$ESS" sign --key "$T/third.key" "$T/live.tar"
	check "and is served again" wait_for 10 reloads 2
	check_equal "with the same bytes" "$BLOB" "$(curl -sf "$URL_live/v2/$(path_of "$REF")/blobs/$BLOB" | raw_digest)"

	# Something broken takes its place.
	head -c 1000000 /dev/zero >"$T/broken"
	mv "$T/broken" "$T/live.tar"
	check "a broken file is reported" wait_for 10 grep -q 'warning: .*live.tar: changed, but' "$T/live.log"
	check_equal "and the old one goes on" "$BLOB" "$(curl -sf "$URL_live/v2/$(path_of "$REF")/blobs/$BLOB" | raw_digest)"
	cp "$BUNDLE" "$T/next.tar"
	mv "$T/next.tar" "$T/live.tar"
	kill -HUP "${HELPERS[live]}"
	check "until a good one comes" wait_for 10 reloads 3

	# Overwritten in place while it is sent: nothing of the new bytes may pass for the old ones.
	slow_get "$T/slow" 1500k &
	pid=$!
	sleep 0.3
	head -c 2000000 /dev/urandom | dd of="$T/live.tar" conv=notrunc status=none
	wait "$pid"
	check "an answer under way is cut" cut_off $?
	check_equal "and the file is not served any more" 503 "$(status "$URL_live/v2/$(path_of "$REF")/blobs/$BLOB")"
	check_equal "which its health says" 503 "$(status "$URL_live/healthz")"
	cp "$BUNDLE" "$T/next.tar"
	mv "$T/next.tar" "$T/live.tar"
	check "until it verifies again" wait_for 10 reloads 4
	check_equal "then all is well" 200 "$(status "$URL_live/healthz")"

	# The end.
	slow_get "$T/slow" &
	pid=$!
	sleep 0.3
	kill -TERM "${HELPERS[live]}"
	sleep 0.2
	check_rc "SIGTERM: no new connections" 7 curl -s "$URL_live/v2/"
	wait "$pid"
	check_equal "but what is under way goes out" "$BLOB" "$(raw_digest <"$T/slow")"
	wait "${HELPERS[live]}"
	check_equal "and it ends with 0" 0 $?
	unset "HELPERS[live]"
	rm -f "$T/slow" "$T/live.tar"
}

# --- what is refused at the start ---
test_start() {
	check_rc "a bundle that another key signed is not served" 3 timeout 60 "$ESS" serve --listen 127.0.0.1:0 --key "$T/stranger.pub" "$T/served.tar"
	cp "$T/served.tar" "$T/bent.tar"
	printf X | dd of="$T/bent.tar" bs=1 seek=$(($(stat -c %s "$T/bent.tar") - 20000)) conv=notrunc status=none
	check_rc "a damaged one neither" 3 timeout 60 "$ESS" serve --listen 127.0.0.1:0 "$T/bent.tar"
	check_rc "nor one that is not there" 4 timeout 60 "$ESS" serve "$T/none.tar"
	check_fails "a port that is taken is named" "listen on '$HOST_plain'" timeout 60 "$ESS" serve --listen "$HOST_plain" "$T/served.tar"
	check_rc "an address is no port" 2 "$ESS" serve --listen 127.0.0.1 "$T/served.tar"
	serve two "$T/served.tar" "$BUNDLE"
	check_equal "several files are served, also with the same images" 200 "$(status "$URL_two/v2/$(path_of "$REF")/manifests/$(tag_of "$REF")")"
	check_rc "without a warning about them" 1 grep -q 'not the same' "$T/two.log"
	stop two
	rm -f "$T/bent.tar"
}

# --- the specification's own test ---
test_conformance() {
	local manifests blobs what
	if ! have oci-conformance; then
		skip "the distribution specification's conformance test" "it cannot be built here"
		return
	fi
	manifests=$(jq -r '[.images[].digest, .root.digest] | join(" ")' "$T/inspect.json")
	blobs=$(jq -r '[.images[].layers[].digest] | unique | join(" ")' "$T/inspect.json")
	echo 'logging: warn' >"$T/conformance.yaml"
	# Its report files cannot be written in this mode (this version ends in a nil pointer), so it gets no place
	# for them and what it prints is read. Demanding digest headers fails there too, for want of expected
	# content; they are looked at below. It tests ranges only on what it has pushed; see test_http.
	conformance() {
		OCI_REGISTRY=$HOST_plain OCI_TLS=disabled OCI_VERSION=1.1 OCI_CONFIGURATION=$T/conformance.yaml \
			OCI_RESULTS_DIR=$T/conformance.yaml/none OCI_REPO1=${WHOLE%:*} OCI_REPO2=$(path_of "$REF") OCI_API_PUSH=false \
			OCI_API_BLOBS_DELETE=false OCI_API_MANIFESTS_DELETE=false OCI_API_TAGS_DELETE=false \
			OCI_RO_DATA_TAGS=${WHOLE#*:} OCI_RO_DATA_MANIFESTS=$manifests OCI_RO_DATA_BLOBS=$blobs \
			OCI_RO_DATA_REFERRERS="$ROOT_DIGEST $DIGEST" oci-conformance
	}
	conformance >"$T/conformance" 2>&1 || bail "the conformance test failed" "$T/conformance"
	check_match "conformance: much was tested" '^ *Pass\.+: +([4-9][0-9]|[0-9]{3,})$' cat "$T/conformance"
	for what in Skip FAIL Error; do
		check_match "conformance: $what is 0" "^ *$what\\.+: +0\$" cat "$T/conformance"
	done
	for what in 'Tag listing' 'Blob get' 'Blob head' 'Manifest get by digest' 'Manifest get by tag' \
		'Manifest head by digest' 'Manifest head by tag' Referrers Ping; do
		check_match "conformance: $what" "^ *$what\\.+: +Pass\$" cat "$T/conformance"
	done
	for what in "manifests/${WHOLE#*:}" "manifests/$ROOT_DIGEST" "blobs/$BLOB"; do
		check_match "digest header of $what" '^Docker-Content-Digest: sha256:' curl -sfI "$URL_plain/v2/${WHOLE%:*}/$what"
	done
}

"$ESS" keygen -o "$T/stranger" >/dev/null 2>&1
for part in ${PARTS:-clients http tls limits changes start conformance containerd}; do
	"test_$part"
done
finish
