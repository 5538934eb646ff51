#!/bin/bash
# render.sh: manifests of a bundle: values as Helm takes them, images by their locked digests, output that an
# independent YAML parser reads back, and what becomes of mistakes and of hostile input.
. "$(dirname "$0")/lib.sh"
export ESS_BUNDLE_CACHE=$T/cache

B=$T/bundle
mkdir -p "$B/manifests/lib" "$B/profiles"
cat >"$B/bundle.yaml" <<-END
	name: demo
	version: "1"
	registry: ess.internal
	images:
	  - {recipe: recipes/redis}
	render:
	  library: manifests
	  profiles: {small: profiles/small.yaml}
END
ln -s "$ROOT/recipes" "$B/recipes"
echo 'replicas: 1' >"$B/profiles/small.yaml"
cat >"$B/manifests/lib/names.libsonnet" <<-'END'
	{ name(ctx, x):: ctx.release.name + '-' + x }
END
cat >"$B/manifests/main.jsonnet" <<-'END'
	local names = import 'lib/names.libsonnet';
	function(ctx)
	  local v = ctx.values;
	  [
	    if v.replicas < 0 then error 'values: replicas: %d is less than 0' % v.replicas,
	    { deployment: {
	      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: names.name(ctx, 'redis') },
	      spec: {
	        replicas: v.replicas,
	        selector: { matchLabels: { app: 'redis' } },
	        template: {
	          metadata: { labels: { app: 'redis' } },
	          spec: { containers: [{ name: 'redis', image: ctx.images.redis.ref, args: std.get(v, 'args', []) }] },
	        },
	      },
	    } },
	    [{
	      apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: names.name(ctx, 'config') },
	      data: { all: std.manifestJsonEx(v, '  ') + '\n', versions: std.join(',', ctx.api.versions) },
	    }],
	  ]
END
# render ARGUMENTS...: stdout to $T/out, stderr to $T/err
render() { "$ESS" render "$B" "$@" >"$T/out" 2>"$T/err"; }
# fails NAME STATUS REGEX ARGUMENTS...
fails() {
	local name=$1 want=$2 re=$3 rc
	shift 3
	render "$@" && rc=0 || rc=$?
	if [ "$rc" = "$want" ] && grep -qE -- "$re" "$T/err" && [ ! -s "$T/out" ]; then
		ok "$name"
	else
		echo "exit status $rc, expected $want, and: $re" >>"$T/err"
		not_ok "$name" "$T/err"
	fi
}
query() { python3 - "$T/out" "$1" <<-'END'
	import sys, yaml
	docs = list(yaml.safe_load_all(open(sys.argv[1])))
	print(eval(sys.argv[2]))
	END
}

check "values and a profile render" render --profile small --set "a.b[1]=x" --set-string s=007
check "objects come by kind" [ "$(query '[d["kind"] for d in docs]')" = "['ConfigMap', 'Deployment']" ]
check "the image goes by its digest" grep -qE 'image: "?ess.internal/redis:[^@]+@sha256:[0-9a-f]{64}' "$T/out"
check "values arrived as written" [ "$(query '__import__("json").loads(docs[0]["data"]["all"])')" = \
	"{'a': {'b': [None, 'x']}, 'replicas': 1, 's': '007'}" ]
cp "$T/out" "$T/first"
(cd / && TZ=Asia/Tokyo "$ESS" render "$B" --profile small --set "a.b[1]=x" --set-string s=007) >"$T/second"
check "the same bytes elsewhere" cmp "$T/first" "$T/second"
check "another registry, name and namespace" render --profile small --registry r.example.org:5000/x/y --name n1 -n ns1
check "the image is there then" grep -qE 'image: "?r.example.org:5000/x/y/redis:' "$T/out"
check "so is the name" [ "$(query 'docs[1]["metadata"]')" = "{'name': 'n1-redis', 'namespace': 'ns1'}" ]
check "API versions reach the library" render --profile small --api-versions a/v1/A,b/v1/B
check "both of them" [ "$(query 'docs[0]["data"]["versions"]')" = "a/v1/A,b/v1/B" ]
printf 'replicas: 2\nargs: ["no", "1e3", "a: b", "# c", "x\\ny\\n", "\\u00e9"]\n' >"$T/v.yaml"
check "a file wins over the profile" render --profile small -f "$T/v.yaml"
check "text stays text" [ "$(query 'docs[1]["spec"]["template"]["spec"]["containers"][0]["args"]')" = \
	"['no', '1e3', 'a: b', '# c', 'x\\ny\\n', 'é']" ]

# --- other forms ---
mkdir "$T/helper"
check "a file for each object" render --profile small --split "$T/split"
check "they hold the same" cmp <(for f in "$T"/split/*.yaml; do echo ---; cat "$f"; done) <("$ESS" render "$B" --profile small)
fails "files of another rendering are not mixed in" 9 "of another rendering" --profile small --split "$T/split" --name zz
check "a chart" render --profile small --set-string 't=a {{ b }} {{{c' --as-chart "$T/chart"
cat >"$T/helper/go.mod" <<-'END'
	module helper
END
cat >"$T/helper/main.go" <<-'END'
	package main

	import (
		"errors"
		"fmt"
		"os"
		"text/template"
	)

	// What Helm does with a template, as far as these go.
	func main() {
		data := map[string]any{"Release": map[string]any{"Name": os.Args[1], "Namespace": "ess"}}
		funcs := template.FuncMap{"fail": func(m string) (string, error) { return "", errors.New(m) }}
		for _, f := range os.Args[2:] {
			text, _ := os.ReadFile(f)
			t, err := template.New(f).Funcs(funcs).Parse(string(text))
			if err == nil {
				err = t.Execute(os.Stdout, data)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
END
if (cd "$T/helper" && GOCACHE=$T/gocache GOFLAGS=-mod=mod go build -o template .) >"$T/go.log" 2>&1; then
	check "its templates give the objects" cmp <("$T/helper/template" ess "$T"/chart/templates/0*.yaml) \
		<("$ESS" render "$B" --profile small --set-string 't=a {{ b }} {{{c' | grep -v '^---$')
	check_match "for this release only" "rendered for a release called ess" sh -c "! '$T/helper/template' other '$T/chart/templates/guard.yaml' 2>&1"
	check "it can be installed as that" "$T/helper/template" ess "$T/chart/templates/guard.yaml"
else
	skip "its templates give the objects" "no Go here"
fi
cat >"$T/foreign.yaml" <<-'END'
	replicas: 1
	args: ["--sidecar=ghcr.io/a/b:1"]
END
fails "an image that is not in the bundle" 3 "'ess-config' names image 'ghcr.io/a/b:1'" -f "$T/foreign.yaml"
check "unless that is wanted" render -f "$T/foreign.yaml" --allow-foreign-image

# --- a bundle file, without its directory and without network ---
F=$T/demo.tar
sed -e 's/recipes.redis/recipe/' -e 's/recipe: recipe/recipe: img, name: redis, tag: "8.0"/' "$B/bundle.yaml" >"$T/b2.yaml"
mkdir "$T/b2" && cp -r "$B/manifests" "$B/profiles" "$T/b2/" && cp "$T/b2.yaml" "$T/b2/bundle.yaml" && mkdir "$T/b2/img"
cat >"$T/b2/img/recipe.yaml" <<-'END'
	name: img
	version: "1"
	architectures: [amd64]
	files:
	  - {path: /etc/demo, content: "hello\n"}
END
if check "its image is locked" "$ESS" lock --offline "$T/b2"; then
	check "it is built with values" "$ESS" build --offline -q "$T/b2" -o "$F" --set replicas=3
	"$ESS" render "$T/b2" --profile small --set x=1 >"$T/from-dir"
	"$ESS" inspect "$F" --json >"$T/inspect.json"
	mv "$T/b2" "$T/gone"
	check "the file renders to what the directory did" cmp <("$ESS" render "$F" --profile small --set x=1) "$T/from-dir"
	check_equal "profiles and values were rendered into it" "manifests/small.yaml manifests/values.yaml" \
		"$(jq -r '[.manifests[].name] | join(" ")' "$T/inspect.json")"
	check "it can be rebuilt from itself" "$ESS" rebuild --offline --compare "$F"
	check_fails "a bundle file's mistakes are told too" "replicas: -1 is less" "$ESS" render "$F" --set replicas=-1
fi

# --- values ---
cat >"$B/schema.json" <<-'END'
	{"type": "object", "additionalProperties": false, "properties": {
	  "replicas": {"type": "integer", "default": 1, "description": "How many there are."},
	  "host": {"type": "string", "x-templated": true, "pattern": "^[a-z.-]+$", "description": "Its name."},
	  "count": {"x-removed": "use replicas"},
	  "args": {"type": "array", "default": [], "items": {"type": "string"}, "description": "Arguments."}}}
END
cp "$B/bundle.yaml" "$T/bundle.yaml"
sed -i 's/^  library:/  schema: schema.json\n&/' "$B/bundle.yaml"
printf 'host: "{{ .Release.Name }}.{{ .Release.Namespace }}"\n' >"$T/v.yaml"
check "defaults are filled in, templates evaluated" render -f "$T/v.yaml"
check_equal "both arrived" "{'args': [], 'host': 'ess.ess', 'replicas': 1}" \
	"$(query '__import__("json").loads(docs[0]["data"]["all"])')"
printf 'host: a\nreplica: 2\n' >"$T/bad.yaml"
check_fails "an unknown key is told with its place" "bad.yaml:2:1: replica: unknown key; did you mean 'replicas'" \
	"$ESS" values check "$B" "$T/bad.yaml"
printf 'count: 2\n' >"$T/bad.yaml"
check_fails "a removed one with what to write" "count: was removed: use replicas" "$ESS" values check "$B" "$T/bad.yaml"
printf 'host: "{{ .Release.Service }}"\n' >"$T/bad.yaml"
check_fails "a template that is not known" "bad.yaml:1:1: host: template '.*': is not understood" "$ESS" values check "$B" "$T/bad.yaml"
check "good values pass" "$ESS" values check "$B" "$T/v.yaml"
check_match "a value is explained" "How many there are" "$ESS" values explain "$B" replicas
check_fails "an unknown one is not" "did you mean 'replicas'" "$ESS" values explain "$B" replica
"$ESS" values defaults "$B" >"$T/defaults.yaml"
check "the defaults are values" "$ESS" values check "$B" "$T/defaults.yaml"
cp "$T/bundle.yaml" "$B/bundle.yaml"

# --- mistakes ---
printf '# comment\nreplicas: -1\n' >"$T/bad.yaml"
fails "the library's complaint has a place in the file" 1 "bad.yaml:2:1: replicas: -1 is less than 0" -f "$T/bad.yaml"
fails "an unknown profile" 4 "no profile 'large'" --profile large
printf 'a: 1\na: 2\n' >"$T/bad.yaml"
fails "a key twice" 1 "bad.yaml:2:1: key 'a' is given twice" -f "$T/bad.yaml"
fails "a setting without a value" 2 "expected '='" --set a
fails "a file that is not there" 4 "none.yaml" -f "$T/none.yaml"
fails "a registry that is none" 2 "HOST" --profile small --registry 'http://x'

# --- hostile values, each in less than a second ---
hostile() {
	local name=$1 re=$2 start=$EPOCHREALTIME
	fails "$name" "$3" "$re" -f "$T/hostile.yaml"
	check "$name: at once" [ $((${EPOCHREALTIME/./} - ${start/./})) -lt 1000000 ]
}
python3 -c 'print("a: " + "[" * 100000 + "]" * 100000)' >"$T/hostile.yaml"
hostile "deep nesting" "nested more than" 7
python3 -c 'print("a0: &a0 [x,x,x,x,x,x,x,x,x,x]"); [print(f"a{i}: &a{i} [" + ",".join([f"*a{i-1}"] * 10) + "]") for i in range(1, 12)]' >"$T/hostile.yaml"
hostile "an anchor bomb" "more than 100000 values" 7
python3 -c 'print("a: " + "x" * 10000000)' >"$T/hostile.yaml"
hostile "a text of 10 MB" "." 7
printf 'a: "\xff\xfe"\n' >"$T/hostile.yaml"
hostile "bytes that are not UTF-8" "not UTF-8" 1

# --- the stack's own bundle ---
for p in minimal all-enabled; do
	check "profile $p of the stack renders" "$ESS" render "$ROOT/bundles/ess-community" --unlocked --profile "$p" --split "$T/stack-$p"
done
check "its objects can be read by others" python3 -c 'import sys, yaml; [yaml.safe_load(open(f))["kind"] for f in sys.argv[1:]]' "$T"/stack-*/*.yaml
finish
