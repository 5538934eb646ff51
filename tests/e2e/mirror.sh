#!/bin/bash
# mirror.sh [BUNDLE]: `ess-bundle mirror` between Debian's registry (2.8, which deletes by digest only and keeps no
# referrers), our own `serve`, layout folders and files. Runs that are killed go on; what others put there stays.
. "$(dirname "$0")/lib.sh"
need python3 skopeo docker-registry

BUNDLE=$(realpath -m "${1:-$ROOT/out/quickstart.tar}")
FILL=$ROOT/tests/e2e/tools/fill-registry.py
ASK=$ROOT/tests/e2e/tools/ask.py
[ -x "$ESS" ] || bail "no '$ESS'; run make"
export HOME=$T XDG_RUNTIME_DIR=$T/run DOCKER_CONFIG=$T/docker TMPDIR=$T
unset XDG_CONFIG_HOME REGISTRY_AUTH_FILE
cd "$T" || exit 1

FROM='' TO=''
registry() { # NAME: $NAME is its host
	local host
	host=127.0.0.1:$(free_port)
	printf 'version: 0.1\nlog: {level: warn, formatter: text}\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp: {addr: "%s"}\n' \
		"$T/$1" "$host" >"$T/$1.yml"
	start "$1" docker-registry serve "$T/$1.yml"
	wait_for 15 "$ASK" http "http://$host/v2/" || bail "docker-registry did not come up" "$T/$1.log"
	printf -v "$1" %s "$host"
}
registry FROM
registry TO
# The list's head, then entries.
list() {
	{
		printf 'to: %s/m\nplain-http: ["%s", "%s"]\nimages:\n' "$TO" "$FROM" "$TO"
		printf -- '- %s\n' "$@"
	} >list.yaml
}
mirror() { "$ESS" mirror -f list.yaml "$@"; }
tags() { "$ESS" tags "$TO/m/$1" --plain-http 2>/dev/null | sort | tr '\n' ' '; }
raw_digest() { printf 'sha256:%s' "$(skopeo inspect --raw --tls-verify=false "docker://$1" 2>/dev/null | sha256sum | cut -d' ' -f1)"; }
member() { # FILE EXPRESSION: of the JSON in it
	python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}
requests() { grep -cE '"(HEAD|GET|PUT|POST|PATCH|DELETE) /v2/[a-z]' "$T/$1.log"; }

"$FILL" "$FROM" image app 1.0.0 1.1.0 v1.2.0 2.0.0-rc.1 2.0.0 2.0.0-alpine latest >digests || bail "the registry cannot be filled"
"$FILL" "$FROM" image lib/web stable 1.27 1.28 >>digests
digest_of() { sed -n "s/^$1 //p" digests; }

# --- lists ---
list "{from: $FROM/app, tagz: x}"
check_rc "a list with a wrong key: 1" 1 mirror
cp "$OUT" said
check "names the place and the nearest key" grep -q "list.yaml:4:.*'tagz'; did you mean 'tags'" said
list "{from: $FROM/app, semver: \">=1.2 <>\"}"
check_rc "a wrong range: 1" 1 mirror
printf 'images: [{from: %s/app, tags: latest}]\n' "$FROM" >list.yaml
check_rc "no destination: 2" 2 mirror
list "{from: $FROM/app, tags: latest}"
check_fails "a state that cannot be written is known at once" "hint: --state" mirror --state "$T/none/state"

# --- the first run ---
list "{from: $FROM/app, semver: \">=1.1 <3\"}" "{from: $FROM/lib/web, tags: [stable, \"/1\\\\.[0-9]+/\"], exclude: \"1.27\", to: \"web/{name}\"}"
check "dry run" mirror --dry-run --json --progress none
cp "$OUT" dry.json
check_equal "what is missing" "5 missing" "$(member dry.json 'str(len(d["images"])) + " " + " ".join({i["status"] for i in d["images"]})')"
check_equal "where it goes" "$TO/m/web/web:stable" "$(member dry.json '[i["destination"] for i in d["images"] if i["source"].endswith("stable")][0]')"
check "nothing was written" test ! -e TO/docker/registry/v2/repositories/m -a ! -e list.yaml.state
check "mirror" mirror --json --progress none
cp "$OUT" real.json
check_equal "as planned" "$(member dry.json 'd["blobs_sent"], d["bytes_sent"]')" "$(member real.json 'd["blobs_sent"], d["bytes_sent"]')"
check_equal "the versions in the range, no pre-release" "1.1.0 2.0.0 v1.2.0 " "$(tags app)"
check_equal "what patterns mean" "1.28 stable " "$(tags web/web)"
check_equal "skopeo sees the same index" "$(digest_of 2.0.0)" "$(raw_digest "$TO/m/app:2.0.0")"
check "all platforms are there" skopeo copy --all --src-tls-verify=false "docker://$TO/m/app:2.0.0" "oci:$T/whole"

# --- nothing to do ---
cp list.yaml.state state.before
from=$(requests FROM) to=$(requests TO)
check "a second run" mirror --quiet
check "says nothing" test ! -s "$OUT"
check_equal "a question per image, and the lists of tags" 7 "$(($(requests FROM) - from))"
check_equal "and one there" 5 "$(($(requests TO) - to))"
check "the state stays" cmp state.before list.yaml.state

# --- failures ---
list "{from: $FROM/app, tags: [\"1.0.0\", gone]}" "{from: \"127.0.0.1:9/x\", tags: y}" "{from: \"oci:nothing\"}"
check_rc "partly: 8" 8 mirror --tries 1 --plain-http
cp "$OUT" said
check_equal "each that failed is named" 3 "$(grep -c ^failed said)"
check_equal "the rest is there" "1.0.0 1.1.0 2.0.0 v1.2.0 " "$(tags app)"
list "{from: \"127.0.0.1:9/x\", tags: y}"
check_rc "nothing at all, the network: 6" 6 mirror --tries 1 --plain-http
list "{from: $FROM/app, tags: \"1.0.0\", to: a/x}" "{from: $FROM/lib/web, tags: \"1.28\", to: a/x}" "{from: $FROM/lib/web, tags: stable, to: a/y}"
check "other names" mirror
sed -i 's/"1.28", to: a.x/"1.28", to: a\/z/; s/stable, to: a.y/"1.28", to: a\/y/' list.yaml
"$FILL" "$FROM" retag lib/web 1.28 1.0.0
printf -- '- {from: %s/lib/web, tags: "1.0.0", to: a/x}\n' "$FROM" >>list.yaml
check_rc "two images of one name: 8" 8 mirror
cp "$OUT" said
check "which is said" grep -q 'would go there too' said

# --- platforms, and what hangs on images ---
list "{from: $FROM/app, tags: [\"2.0.0\"], platforms: linux/arm64, to: one}" "{from: $FROM/app, tags: [\"2.0.0\"], platforms: [linux/arm64, linux/s390x], to: two}"
check_match "some platforms: the digest is another" 'linux/arm64, linux/s390x alone: the digest is' mirror
check_match "one is a manifest" '"config"' skopeo inspect --raw --tls-verify=false "docker://$TO/m/one:2.0.0"
check "several are an index" skopeo copy --all --src-tls-verify=false "docker://$TO/m/two:2.0.0" "oci:$T/two"
check "which is the same the next time" mirror --quiet
check "and not sent again" test ! -s "$OUT"
list "{from: $FROM/app, tags: [\"2.0.0\"], platforms: linux/arm64, sparse: true, to: sparse}"
check_fails "a sparse index, which this registry does not take" "without 'sparse'" mirror
printf 'to: oci:sparse\nplain-http: ["%s"]\nimages:\n- {from: %s/app, tags: ["2.0.0"], platforms: linux/arm64, sparse: true}\n' "$FROM" "$FROM" >list.yaml
check "into a folder" mirror
check_equal "it keeps its digest" "$(digest_of 2.0.0)" "sha256:$(skopeo inspect --raw "oci:$T/sparse:$FROM/app:2.0.0" 2>/dev/null | sha256sum | cut -d' ' -f1)"
check "its platform can be had" skopeo copy --override-arch arm64 "oci:$T/sparse:$FROM/app:2.0.0" "oci:$T/arm64"
"$FILL" "$FROM" sign app "$(digest_of 1.1.0)"
"$FILL" "$FROM" refer app "$(digest_of 1.1.0)"
list "{from: $FROM/app, tags: [\"1.1.0\"], referrers: true, to: signed}"
check "with signatures and referrers" mirror --json --progress none
check_equal "both of them" 2 "$(member "$OUT" 'd["images"][0]["attached"]')"
hex=$(digest_of 1.1.0)
check_equal "cosign's tag and the list of referrers are there" "1.1.0 sha256-${hex#*:} sha256-${hex#*:}.sig " "$(tags signed)"
check "once" mirror --quiet
check "and not again" test ! -s "$OUT"

# --- pruning; this registry deletes by digest only ---
"$FILL" "$FROM" retag app 1.0.0 1.0
list "{from: $FROM/app, tags: \"1*\", to: p}"
check "to be pruned" mirror
"$FILL" "$TO" image m/p theirs >/dev/null
list "{from: $FROM/app, tags: \"1*\", keep: 1, to: p}"
check_match "dry run" "^to prune $TO/m/p:1.0.0" mirror --prune --dry-run
check_equal "deletes nothing" "1.0 1.0.0 1.1.0 theirs " "$(tags p)"
list "{from: $FROM/app, tags: [\"1.1.0\", gone], to: p}"
check_rc "something failed: 8" 8 mirror --prune
check_equal "and nothing of it is pruned" "1.0 1.0.0 1.1.0 theirs " "$(tags p)"
list "{from: $FROM/app, tags: [\"1.1.0\", \"1.0\"], to: p}"
check_match "a second name of what stays" 'not pruned: .*/m/p:1.0.0: a tag that stays needs it' mirror --prune
list "{from: $FROM/app, tags: [\"1.1.0\"], to: p}"
check_match "both names" "^prune +$TO/m/p:1.0.0" mirror --prune
check_equal "only what the list brought is gone" "1.1.0 theirs " "$(tags p)"
list "{from: $FROM/app, tags: \"2.0.0\", to: q}"
check "an entry that is gone" mirror --prune
check_equal "goes, where other tags stay" "theirs " "$(tags p)"
check_equal "the last tag of a repository stays" "1.1.0 " "$(tags signed | grep -o '1.1.0 ')"
check "what stays can be pulled" skopeo copy --all --src-tls-verify=false "docker://$TO/m/p:theirs" "oci:$T/theirs"

# --- layouts ---
printf 'to: oci:out\nplain-http: ["%s"]\nimages:\n- {from: %s/app, tags: ["1.1.0", "2.0.0"]}\n' "$FROM" "$FROM" >list.yaml
check "into a folder" mirror
check_equal "skopeo reads it" "$(digest_of 2.0.0)" "sha256:$(skopeo inspect --raw "oci:$T/out:$FROM/app:2.0.0" 2>/dev/null | sha256sum | cut -d' ' -f1)"
check "into a file" mirror --to oci-archive:one.tar
check "into another" mirror --to oci-archive:two.tar
check "the same bytes" cmp one.tar two.tar
check "ours reads it" "$ESS" copy "oci-archive:one.tar:$FROM/app:1.1.0" "oci:$T/back:x"
printf 'to: %s/l\nplain-http: ["%s"]\nimages:\n- {from: "oci-archive:one.tar", keep: 1}\n' "$TO" "$TO" >list.yaml
check_match "out of a file" "$TO/l/app:2.0.0" mirror

# --- killed, and twice at once ---
for i in 1 2; do "$FILL" "$FROM" big "big$i" 1 5 >/dev/null; done
printf 'to: %s/k\nplain-http: ["%s", "%s"]\nimages:\n' "$TO" "$FROM" "$TO" >list.yaml
for i in 1 2; do printf -- '- {from: %s/big%d, tags: "1"}\n' "$FROM" "$i" >>list.yaml; done
rm -f list.yaml.state
for i in 1 2 3 4; do
	{ timeout --signal=KILL "0.$i" "$ESS" mirror -f list.yaml --max-rate 30M; } >>killed.log 2>&1
done 2>/dev/null
# What another run does first; how long a real one takes is anybody's guess.
start slow flock --no-fork list.yaml sh -c 'echo locked; exec sleep 30'
wait_for 10 grep -q locked "$T/slow.log"
check_rc "a second run at the same time: 9" 9 mirror
stop slow
check "a run goes on where others were killed" mirror
for i in 1 2; do
	check_equal "image $i is whole" "$(raw_digest "$FROM/big$i:1")" "$(raw_digest "$TO/k/big$i:1")"
done
check "and its blobs as well" skopeo copy --all --src-tls-verify=false "docker://$TO/k/big2:1" "oci:$T/big"

# --- a bundle, and a bundle that is served ---
if [ -e "$BUNDLE" ]; then
	"$ESS" inspect "$BUNDLE" --json >inspect.json || bail "the bundle cannot be inspected"
	"$ASK" images "$T/inspect.json" >in-bundle
	start served "$ESS" serve --listen 127.0.0.1:0 "$BUNDLE"
	wait_for 30 grep -q '^http' "$T/served.log" || bail "serve did not come up" "$T/served.log"
	SERVED=$(sed -n 's,^http://,,p' "$T/served.log")
	printf 'to: %s/b\nplain-http: ["%s", "%s"]\nimages:\n- {from: "bundle:%s", names: "*/redis:*"}\n' "$TO" "$TO" "$SERVED" "$BUNDLE" >list.yaml
	while read -r name ref _; do
		[ "$name" = redis ] || printf -- '- {from: %s/%s, tags: "*"}\n' "$SERVED" "$(sed 's,^[^/]*/,,; s,:[^:]*$,,' <<<"$ref")" >>list.yaml
	done <in-bundle
	check "a bundle, and what 'serve' gives" mirror
	while read -r name ref digest _; do
		check_equal "$name has its digest" "$digest" "$(raw_digest "$TO/b/${ref#*/}")"
	done <in-bundle
	check "once" mirror --quiet
	check "and not again" test ! -s "$OUT"
else
	skip "a bundle, and what 'serve' gives" "no '$BUNDLE'; run make quickstart"
fi
finish
