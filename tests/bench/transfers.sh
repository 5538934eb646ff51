#!/bin/bash
# transfers.sh: four images of 6 MB each into distribution 3 and out of it over loopback: push, push of what is there,
# copy from registry to registry, copy into a folder, pull of the whole bundle with its sources (48 MB); by us, skopeo and crane. Ours syncs what it
# writes to the disk, the peers do not. What a peer cannot do at once (several images) it does one by one.
. "$(dirname "$0")/lib.sh"
ours push || { missing "transfers" "no ess-bundle push"; exit 0; }
have python3 || { missing "transfers" "no python3"; exit 0; }
TOOLS=$("$ROOT/tests/e2e/tools/get-go-tools.sh" registry crane 2>/dev/null) || { missing "transfers" "no distribution 3 or crane"; exit 0; }
PIDS=()
transfers_cleanup() {
	local p
	for p in "${PIDS[@]}"; do
		kill "$p" 2>/dev/null || :
		wait "$p" 2>/dev/null || :
	done
	bench_cleanup
}
trap transfers_cleanup EXIT

IMAGES=(one two three four)
for i in "${IMAGES[@]}"; do
	mkdir "$W/$i"
	head -c 6000000 /dev/urandom >"$W/$i/data"
	printf 'name: %s\ndescription: Random bytes\nversion: "1"\narchitectures: [amd64]\nfiles:\n- {path: /data, source: data}\n' "$i" >"$W/$i/recipe.yaml"
done
{
	printf 'name: bench\nversion: "1"\nsummary: Four images\nregistry: bench.invalid\ncompression: zstd\nimages:\n'
	printf -- '- {recipe: %s}\n' "${IMAGES[@]}"
} >"$W/bundle.yaml"
B=$W/bundle.tar
(cd "$W" && export SOURCE_DATE_EPOCH=1 && for i in "${IMAGES[@]}"; do "$ESS" lock --offline "$i"; done && "$ESS" build --offline -o "$B" .) >"$W/build.log" 2>&1 ||
	{ missing "transfers" "no bundle: $(tail -n 1 "$W/build.log")"; exit 0; }
LAYOUT=$W/layout
"$ESS" copy "$B" "oci:$LAYOUT" --quiet >/dev/null

registry() { # NAME: its address into R
	R=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	printf 'version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
		"$W/$1" "$R" >"$W/$1.yml"
	"$TOOLS/registry" serve "$W/$1.yml" >"$W/$1.log" 2>&1 &
	PIDS+=($!)
	for _ in $(seq 100); do
		! curl -so /dev/null "http://$R/v2/" || return 0
		sleep 0.05
	done
}
registry from
A=$R
registry to
Z=$R
NEW="date +%s%N >$W/n; rm -rf $W/out $W/out.tar"
each() { # COMMAND with IMAGE in it: for all of them, one after the other
	local i all=:
	for i in "${IMAGES[@]}"; do all+=" && ${1//IMAGE/$i}"; done
	echo "$all"
}
compare() { # WHAT PREPARE OURS SKOPEO CRANE, '' = cannot
	local mine=$W/ours.t theirs=$W/theirs.t
	timed "$mine" "$2" "$3" || { missing "$1" "it failed"; return; }
	if [ -n "$4" ] && have skopeo && timed "$theirs" "$2" "$4"; then
		row "$1" "$(wall "$mine")" skopeo "$(wall "$theirs")" s "<= 1"
	fi
	if [ -n "$5" ] && timed "$theirs" "$2" "$5"; then
		row "$1" "$(wall "$mine")" crane "$(wall "$theirs")" s "<= 1"
	fi
}
# crane takes one image of a layout by a layout of its own.
for i in "${IMAGES[@]}"; do
	"$ESS" copy "bundle:$B:bench.invalid/$i:1" "oci:$W/layout-$i:$i" --quiet >/dev/null
done
Q="$ESS push $B $A/same --plain-http --quiet"
sh -c "$Q" >/dev/null
sk="skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false"
cr="$TOOLS/crane --insecure"
compare "push: four images" "$NEW" "$ESS push $B $A/\$(cat $W/n) --plain-http --quiet" \
	"$(each "$sk oci:$LAYOUT:bench.invalid/IMAGE:1 docker://$A/\$(cat $W/n)/IMAGE:1")" \
	"$(each "$cr push --index $W/layout-IMAGE $A/\$(cat $W/n)/IMAGE:1")"
compare "push: nothing to do" : "$Q" \
	"$(each "$sk oci:$LAYOUT:bench.invalid/IMAGE:1 docker://$A/same-skopeo/IMAGE:1")" \
	"$(each "$cr push --index $W/layout-IMAGE $A/same-crane/IMAGE:1")"
compare "copy: registry to registry" "$NEW" "$(each "$ESS copy $A/same/IMAGE:1 $Z/\$(cat $W/n)/IMAGE:1 --plain-http --quiet")" \
	"$(each "$sk docker://$A/same/IMAGE:1 docker://$Z/\$(cat $W/n)/IMAGE:1")" \
	"$(each "$cr copy $A/same/IMAGE:1 $Z/\$(cat $W/n)/IMAGE:1")"
compare "copy: registry to folder" "$NEW" "$(each "$ESS copy $A/same/IMAGE:1 oci:$W/out:IMAGE --plain-http --quiet")" \
	"$(each "$sk docker://$A/same/IMAGE:1 oci:$W/out:IMAGE")" \
	"$(each "$cr pull --format=oci $A/same/IMAGE:1 $W/out")"
compare "pull: the whole" "$NEW" "$ESS pull $A/same/bench:1 -o $W/out.tar --plain-http --quiet" \
	"" "$cr pull --format=oci $A/same/bench:1 $W/out"
