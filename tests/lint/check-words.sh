#!/bin/sh
# What no committed file may say: unfinished-work marks, paths of the machine it was written on, and the host
# names of package registries. The hosts are read from this machine's own configuration, so that no list of
# them has to be kept (which would be such a mention itself).
set -eu
cd "$(dirname "$0")/../.."
bad=0

files() {
	git ls-files -z --cached --others --exclude-standard -- . ':!tests/fuzz/corpus' ':!tests/lint/check-words.sh' 2>/dev/null ||
		find . -type f ! -path './.git/*' ! -path './out*' ! -path './tests/fuzz/corpus/*' \
			! -name check-words.sh -print0
}
# refuse RULE TEXT GREP-OPTION PATTERN
refuse() {
	if files | xargs -0 -r grep -nHI "$3" -e "$4" /dev/null | sed -e 's/^\([^:]*:[0-9]*\):.*/\1/' -e "s|\$|: $1: $2|" | grep .; then
		bad=1
	fi
}

refuse words 'unfinished work belongs into an issue' -E '\b(TODO|FIXME|XXX)\b'
refuse words 'a path of one machine' -F '/work/'
root=$(pwd)
case $root in
/*/*) refuse words 'the path of this checkout' -F "$root/" ;;
esac

hosts() {
	if command -v apt-get >/dev/null; then
		# shellcheck disable=SC2016 # apt expands it
		apt-get indextargets --format '$(SITE)' 2>/dev/null || :
		apt-get indextargets --format '$(REPO_URI)' 2>/dev/null || :
	fi
	if command -v go >/dev/null; then
		(cd / && go env GOPROXY GOSUMDB 2>/dev/null | tr ',|' '\n\n') || :
	fi
	if command -v python3 >/dev/null; then
		python3 -m pip config get global.index-url 2>/dev/null || :
		python3 -c 'from pip._internal.models.index import PyPI; print(PyPI.url)' 2>/dev/null || :
	fi
	if command -v npm >/dev/null; then
		(cd / && npm config get registry 2>/dev/null) || :
	fi
}
# Bare host names, without user, port and path; what anybody may name is left out.
names=$(hosts | sed -E -e 's|^[a-z0-9+.-]+://||' -e 's|^[^/@]*@||' -e 's|[/:].*||' |
	grep -E '^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$' | grep -vE '^([0-9.]+|localhost|.*\.(invalid|test)|(.*\.)?example\.(org|com|net)|snapshot\.debian\.org)$' |
	sort -u || :)
for name in $names; do
	refuse hosts 'a package registry is reached through its client, never by a name written here' -iF "$name"
done
exit $bad
