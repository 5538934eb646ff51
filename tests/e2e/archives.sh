#!/bin/bash
# archives.sh: archives, commits and downloaded files in an image: locked with their sums shown, fetched from
# mirrors, the same bytes offline; and everything that must be refused, with its place in the recipe.
. "$(dirname "$0")/lib.sh"
need python3 git tar
export ESS_BUNDLE_CACHE=$T/cache
R=$T/recipes/demo
W=$T/web
mkdir -p "$R" "$W"

python3 - "$W" <<'END' || bail "cannot make the archives"
import io, os, sys, tarfile, zipfile
web = sys.argv[1]
def tar(name, *members, mode="w:gz"):
    with tarfile.open(os.path.join(web, name), mode) as t:
        for path, kind, data, link in members:
            i = tarfile.TarInfo(path)
            i.type, i.size, i.linkname, i.mtime, i.mode = kind, len(data), link, 1000000000, 0o6775
            i.uid = i.gid = 1000
            t.addfile(i, io.BytesIO(data))
F, D, L, H, C = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE
site = [("web-1.2", D, b"", ""), ("web-1.2/dist/index.html", F, b"<html>hi</html>", ""),
        ("web-1.2/dist/js/a.js", F, b"js", ""), ("web-1.2/dist/l", L, b"", "js/a.js"),
        ("web-1.2/doc/x", F, b"doc", "")]
for how in ("gz", "xz", "bz2"):
    tar("web-1.2.tar." + how, *site, mode="w:" + how)
tar("web-1.2.tar", *site, mode="w")
tar("traversal.tar.gz", ("a/../../etc/passwd", F, b"x", ""))
tar("absolute.tar.gz", ("/etc/passwd", F, b"x", ""))
tar("hardlink.tar.gz", ("x", H, b"", "../../etc/shadow"))
tar("symlink.tar.gz", ("x", L, b"", "../../../etc/shadow"))
tar("behind.tar.gz", ("x", L, b"", "/etc"), ("x/passwd", F, b"x", ""))
tar("device.tar.gz", ("null", C, b"", ""))
tar("bomb.tar.gz", ("bomb", F, bytes(300 << 20), ""), mode="w:gz")
with zipfile.ZipFile(os.path.join(web, "site.zip"), "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("z/readme", "zipped")
with zipfile.ZipFile(os.path.join(web, "traversal.zip"), "w") as z:
    z.writestr("../../etc/passwd", "x")
with open(os.path.join(web, "login.tar.gz"), "w") as f:
    f.write("<!DOCTYPE html><title>Please sign in</title>")
END
git init -q "$T/repo" && echo code >"$T/repo/code" && git -C "$T/repo" add code &&
	git -C "$T/repo" -c user.name=t -c user.email=t@example.org commit -q -m one || bail "no git repository"
COMMIT=$(git -C "$T/repo" rev-parse HEAD)
git -C "$T/repo" bundle create -q "$T/repo.bundle" HEAD

start web python3 -c '
import http.server, os, sys
os.chdir(sys.argv[1])
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
open(sys.argv[2], "w").write(str(s.server_port))
s.serve_forever()' "$W" "$T/port"
wait_for 10 test -s "$T/port" || bail "the server did not come up"
URL=http://127.0.0.1:$(cat "$T/port")
sum() { sha256sum "$1" | cut -d' ' -f1; }
recipe() { { printf 'name: demo\nversion: "1"\narchitectures: [amd64, arm64]\n' && cat; } >"$R/recipe.yaml"; }
lock() { "$ESS" lock --timeout 2 --tries 1 --progress=none "$@" "$R"; }
image() { "$ESS" image build --timeout 2 --tries 1 --progress=none "$@" "$R"; }
files() { # FILE PLATFORM-NUMBER: what the layers hold
	rm -rf "$T/x" && mkdir "$T/x" && tar xf "$1" -C "$T/x"
	for b in "$T/x/blobs/sha256"/*; do
		zstd -dcq "$b" 2>/dev/null | tar tvf - 2>/dev/null || :
	done | awk '{ print $1, $2, $6, $7, $8 }' | sort -u
}

# --- what is asked for ---
usual() {
	recipe <<-END
		archives:
		- {url: "$URL/web-1.2.tar.gz", sha256: $(sum "$W/web-1.2.tar.gz"), strip: 1, subpath: dist, to: /app, owner: "7:8"}
		- {url: "http://127.0.0.1:1/site.zip", mirrors: ["$URL/site.zip"], to: /zip, arch: [amd64]}
		- {git: ../../repo, commit: $COMMIT, name: ours, to: /code}
		- {git: ../../repo.bundle, commit: $COMMIT, name: bundled, to: /code2}
		files:
		- {path: /usr/bin/tool, url: "$URL/web-1.2.tar", mode: "0755"}
	END
}
usual
check "archives, commits and files are locked" lock
lock -n >"$T/again" 2>&1
check_equal "locking again changes nothing" "demo: unchanged" "$(cat "$T/again")"
rm "$R/lock.yaml"
lock >"$T/review" 2>&1
check_equal "sums taken from the net are shown for review, each once" 2 "$(grep -c '^! .*nobody vouches for it yet.* sha256 [0-9a-f]\{64\}$' "$T/review")"
check "with its sum" grep -q "^! file '/usr/bin/tool'.*sha256 $(sum "$W/web-1.2.tar")" "$T/review"
check "it is built" image -o "$T/a.tar"
files "$T/a.tar" >"$T/files"
for line in '-rwxr-xr-x 7/8 .* app/js/a.js' 'lrwxrwxrwx 7/8 .* app/l' '-rw-r--r-- 0/0 .* zip/z/readme' '-rw-r--r-- 0/0 .* code/code' \
	'-rw-r--r-- 0/0 .* code2/code' '-rwxr-xr-x 0/0 .* usr/bin/tool'; do
	check "there is ${line##* }" grep -qE -- "^${line/ .\*/.*}" "$T/files"
done
check_equal "nothing outside of subpath" "" "$(grep -E 'doc|web-1.2' "$T/files")"
check "lock --check agrees" lock --check
stop web
check "offline it comes out the same" image --offline -o "$T/b.tar"
check "to the byte" cmp "$T/a.tar" "$T/b.tar"
ESS_BUNDLE_CACHE=$T/empty check "from --sources too" image --offline --sources "$W" -o "$T/c.tar"
check "to the byte" cmp "$T/a.tar" "$T/c.tar"
check_rc "an empty cache offline fails" 4 env ESS_BUNDLE_CACHE="$T/none" "$ESS" image build --offline -q -o "$T/d.tar" "$R"
env ESS_BUNDLE_CACHE="$T/none" "$ESS" image build --offline -q -o "$T/d.tar" "$R" 2>"$T/said"
check "and names what is missing" grep -q "archive 'web-1.2.tar.gz' is not in the cache" "$T/said"
start web2 python3 -c '
import http.server, os, sys
os.chdir(sys.argv[1])
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), http.server.SimpleHTTPRequestHandler).serve_forever()' \
	"$W" "$(cat "$T/port")"
wait_for 10 python3 -c "import urllib.request; urllib.request.urlopen('$URL/site.zip')"

# --- what changes ---
cp "$R/lock.yaml" "$T/lock.before"
sed -i 's/"0755"/"0700"/' "$R/recipe.yaml"
check_rc "a changed recipe is not built with its old lock" 9 image -o "$T/d.tar"
check_rc "and lock --check says so" 1 lock --check
usual
printf x >>"$W/web-1.2.tar"
check "what is locked is not asked again" lock
check_equal "so nothing changes" "" "$(diff "$T/lock.before" "$R/lock.yaml")"
check_match "--update shows other contents" "^~ file /usr/bin/tool: other contents \\+1 B" lock -u -n
check_match "and asks for a review" "^! file '/usr/bin/tool'" lock -u -n
check_match "--only another input leaves it alone" "^demo: unchanged" lock --only site.zip -n
check_match "--only it does not" "^~ file /usr/bin/tool: other contents" lock --only /usr/bin/tool -n
check_rc "--only something unknown" 4 lock --only site.zp -n
check_equal "dry: nothing was written" "" "$(diff "$T/lock.before" "$R/lock.yaml")"
ESS_BUNDLE_CACHE=$T/other check_rc "a file that is another than locked fails the build" 3 image -o "$T/d.tar"

# --- what is refused: WHAT STATUS REGEX ENTRY ---
refuse() {
	local what=$1 rc=$2 re=$3
	recipe <<<"$4"
	rm -f "$R/lock.yaml"
	check_rc "$what" "$rc" lock
	lock >"$T/said" 2>&1
	check "and it is said where and what" grep -qE "recipe.yaml:5:3.*($re)" "$T/said"
	[ ! -e "$R/lock.yaml" ] || not_ok "$what: there is a lock"
}
NONE=$(printf none | sha256sum | cut -d" " -f1)
a() { printf 'archives:\n- {url: "%s/%s", to: /app%s}\n' "$URL" "$1" "${2:-}"; }
refuse "another sum than the recipe says" 3 "expected sha256:.*found sha256:" "$(a web-1.2.tar.gz ", sha256: $NONE")"
refuse "a web page instead of the file" 3 "what came is a web page" "$(a login.tar.gz ", sha256: $NONE")"
refuse "a web page for the first time" 1 "what came is a web page" "$(a login.tar.gz)"
refuse "a URL with nothing behind it" 4 "HTTP 404" "$(a nothing.tar.gz)"
refuse "the same with a sum" 4 "HTTP 404" "$(a nothing.tar.gz ", sha256: $NONE")"
refuse "a path that climbs out" 1 "has a '\.\.' component" "$(a traversal.tar.gz)"
refuse "the same in a zip" 1 "archive 'traversal.zip'" "$(a traversal.zip)"
refuse "an absolute path" 1 "is absolute" "$(a absolute.tar.gz)"
refuse "a hard link out of the archive" 1 "has a '\.\.' component" "$(a hardlink.tar.gz)"
refuse "a link that climbs out of the root" 1 "climbs out of the root" "$(a symlink.tar.gz)"
refuse "a file behind a link" 1 "lies behind 'x'" "$(a behind.tar.gz)"
refuse "a device" 1 "a device node" "$(a device.tar.gz)"
refuse "a bomb" 7 "more than 1000 times|unpacks to more than" "$(a bomb.tar.gz)"
refuse "a subpath that is not there" 1 "leave none" "$(a web-1.2.tar.gz ", subpath: nothing")"
refuse "a commit that is not there" 1 "git could not make it" "$(printf 'archives:\n- {git: ../../repo, commit: %040d, to: /x}\n' 1)"
refuse "a repository that is not there" 4 "there is no '" "$(printf 'archives:\n- {git: ../../norepo, commit: %s, to: /x}\n' "$COMMIT")"

# --- two at once ---
usual
rm -f "$R/lock.yaml"
lock >"$OUT" 2>&1
for i in 1 2 3; do
	ESS_BUNDLE_CACHE=$T/shared image -o "$T/at-once-$i.tar" >"$T/at-once-$i" 2>&1 &
	pids[i]=$!
done
for i in 1 2 3; do
	wait "${pids[i]}" && ok "at once, number $i" || not_ok "at once, number $i" "$T/at-once-$i"
done
check "all the same" cmp "$T/at-once-1.tar" "$T/at-once-3.tar"
finish
