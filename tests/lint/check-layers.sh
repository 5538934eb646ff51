#!/bin/sh
# The arrows between folders: builder/docs/ARCHITECTURE.md. Prints file:line for each include that points
# the wrong way, for library code that prints, exits or reads the environment, and for base code that uses
# a library it may not.
set -eu
cd "$(dirname "$0")/../.."

# shellcheck disable=SC2046 # file names without blanks, by our own rules
awk '
function allow(from, to) { may[from] = " " from " " to " " }
BEGIN {
	base = "oci/base"; image = base " oci/image"; dist = image " oci/dist"; sign = dist " oci/sign"
	e = "builder/engine/"
	allow("oci/base", "")
	allow("oci/image", base)
	allow("oci/dist", image)
	allow("oci/sign", dist)
	allow(e "recipe", image)
	allow(e "rootfs", image)
	allow(e "pkg", image " " e "recipe " e "rootfs")
	allow(e "image", dist " " e "recipe " e "rootfs " e "pkg")
	allow(e "attest", sign " " e "recipe " e "rootfs " e "pkg " e "image")
	allow(e "bundle", sign " " e "recipe " e "rootfs " e "pkg " e "image " e "attest " e "render")
	allow(e "yaml", base)
	allow(e "render", image " " e "yaml")
	allow(e "kube", base " " e "yaml " e "render")
	allow(e "mirror", dist " " e "recipe " e "bundle")
	allow(e "registry", image)
	allow(e "secrets", base " " e "kube")
	allow(e "template", base " " e "yaml")
	may["builder/cli"] = "*"
	allow("builder/tools", base " " e "kube " e "secrets " e "template")
}
function say(rule, text) { printf "%s:%d: %s: %s\n", FILENAME, FNR, rule, text; bad = 1 }
# The include paths of the Makefile, in their order.
function folder_of(header,   i, n, dirs, path, line) {
	if (header in known)
		return known[header]
	n = split("oci/ builder/engine/ builder/ tests/unit/", dirs, " ")
	for (i = 1; i <= n; i++) {
		path = dirs[i] header
		if ((getline line < path) >= 0) {
			close(path)
			sub("/[^/]*$", "", path)
			return known[header] = path
		}
	}
	return known[header] = "?"
}
FNR == 1 {
	from = FILENAME
	sub("/[^/]*$", "", from)
	library = from ~ "^(oci|builder/engine)/"
	if (from ~ "^tests/")
		may[from] = "*"
}
!(from in may) { if (FNR == 1) say("layers", "folder " from " has no place in the arrows; add it here"); next }
/^#include "/ {
	header = $2
	gsub("\"", "", header)
	to = folder_of(header)
	if (to == "?")
		say("layers", "no file for include \"" header "\"")
	else if (may[from] != "*" && index(may[from], " " to " ") == 0)
		say("layers", from " may not include " to " (\"" header "\")")
}
from == "oci/base" && /^#include <(archive|solv|yaml|microhttpd|libjsonnet|CUnit)/ {
	say("layers", "base may use libc, OpenSSL, zlib, zstd, jansson, libcurl and libsodium only: " $2)
}
library && /(^|[^A-Za-z0-9_>.])(printf|puts|putchar|perror|getenv|secure_getenv|setlocale|getcwd|chdir|exit|_exit)\(/ && !/^[ \t]*(\/?\*|#)/ {
	say("libraries", "libraries do not print, exit, or read environment and working directory")
}
library && /fprintf\((stdout|stderr)|fputs\([^;]*(stdout|stderr)\)/ && !/^[ \t]*\/?\*/ {
	say("libraries", "libraries do not write to the standard streams")
}
END { exit bad }
' $(find oci builder tests -name '*.[ch]' ! -path '*/compat.h' | sort)
