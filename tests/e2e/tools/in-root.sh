#!/bin/bash
# in-root.sh [OPTION]... DIR CHECKOUT COMMAND...: run COMMAND in the root DIR, in a copy of CHECKOUT at /src.
#
#   --bind           mount CHECKOUT itself at /src instead of copying the files that git tracks (or would)
#   --archives DIR   keep downloaded packages there, for the next root (one root of a suite at a time)
#   --user UID       as this uid and gid, instead of root; owns /src and has a home
#   --env NAME=V     set in the environment, which else has only PATH, HOME, TERM, LANG and what follows
#
# The command has mount, PID and IPC namespaces of its own with DIR as the real root of it (pivot_root, so
# that containers can run inside), and this machine's network, name service, certificates and proxy settings:
# what apt, pip and go need to reach what the machine reaches. Everything it started ends with it.
# CHECKOUT may be - for none. Needs root. DIR is changed: that is the point; make it with minroot.sh.
set -euo pipefail
BIND='' ARCHIVES='' AS='' ENV=()
while [ $# -gt 0 ]; do
	case $1 in
	--bind) BIND=1 && shift ;;
	--archives) ARCHIVES=$2 && shift 2 ;;
	--user) AS=$2 && shift 2 ;;
	--env) ENV+=("$2") && shift 2 ;;
	*) break ;;
	esac
done
[ $# -ge 3 ] || { sed -n '2,/^$/s/^# \{0,1\}//p' "$0" | head -n 9 >&2; exit 2; }
DIR=$(cd "$1" && pwd) CHECKOUT=$2
shift 2
[ "$(id -u)" = 0 ] || { echo "in-root.sh: needs root" >&2; exit 1; }

copy_checkout() {
	mkdir -p "$DIR/src"
	if git -C "$CHECKOUT" rev-parse >/dev/null 2>&1; then
		# A file that was deleted but not yet committed is listed too.
		(cd "$CHECKOUT" && git ls-files -z --cached --others --exclude-standard |
			while IFS= read -r -d '' f; do [ ! -e "$f" ] && [ ! -L "$f" ] || printf '%s\0' "$f"; done |
			tar --no-recursion --null --files-from - -cf -) | tar -C "$DIR/src" --no-same-owner -xf -
	else
		tar -C "$CHECKOUT" --exclude=./out --exclude='./out-*' -cf - . | tar -C "$DIR/src" --no-same-owner -xf -
	fi
	[ -z "$AS" ] || chown -R "$AS:$AS" "$DIR/src"
}

# What this machine needs to reach package sources.
lend() {
	rm -f "$DIR/etc/resolv.conf"
	cp -L /etc/resolv.conf "$DIR/etc/resolv.conf"
	cp -L /etc/hosts "$DIR/etc/hosts"
	[ ! -e /etc/pip.conf ] || cp -L /etc/pip.conf "$DIR/etc/pip.conf"
	if [ -n "$(ls -A /etc/apt/auth.conf.d 2>/dev/null)" ]; then
		cp -a /etc/apt/auth.conf.d/. "$DIR/etc/apt/auth.conf.d/"
	fi
	local ca=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
	[ -e "$ca" ] || return 0
	cp -L "$ca" "$DIR/etc/machine-ca.pem"
	printf 'Acquire::https::CaInfo "/etc/machine-ca.pem";\n' >"$DIR/etc/apt/apt.conf.d/98machine-ca"
	local name
	for name in SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE PIP_CERT GIT_SSL_CAINFO; do
		ENV+=("$name=/etc/machine-ca.pem")
	done
}

environment() {
	local name
	ENV=("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "TERM=${TERM:-dumb}" LANG=C.UTF-8
		DEBIAN_FRONTEND=noninteractive "HOME=$([ -n "$AS" ] && echo /home/tester || echo /root)" "${ENV[@]}")
	for name in http_proxy https_proxy no_proxy ftp_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY \
		GOPROXY GOSUMDB GONOSUMDB GONOPROXY GOPRIVATE GOINSECURE PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST; do
		[ -z "${!name:-}" ] || ENV+=("$name=${!name}")
	done
}

# The first process inside: mounts, becomes the root, runs the command as its child and reaps.
INSIDE='
set -eu
dir=$1 src=$2 archives=$3 as=$4
shift 4
mount --bind "$dir" "$dir"
cd "$dir"
mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs -o mode=755,nosuid dev dev
for n in null zero full random urandom tty fuse; do
	[ ! -e "/dev/$n" ] || { : >"dev/$n"; mount --bind "/dev/$n" "dev/$n"; }
done
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%:*}" "dev/${n#*:}"; done
mount -t tmpfs -o mode=755 run run
mkdir -p run/lock && chmod 1777 run/lock
[ -z "$src" ] || { mkdir -p src; mount --bind "$src" src; }
[ -z "$archives" ] || { mkdir -p "$archives" var/cache/apt/archives; mount --bind "$archives" var/cache/apt/archives; }
pivot_root . .
umount -l .
cd /
[ ! -d /src ] || cd /src
[ -z "$as" ] || set -- setpriv --reuid "$as" --regid "$as" --clear-groups -- "$@"
rc=0
"$@" <&8 8<&- || rc=$?
exit "$rc"
'

mkdir -p "$DIR"/{proc,sys,dev,run}
environment
lend
SRC=
case $CHECKOUT in
-) ;;
*) if [ -n "$BIND" ]; then SRC=$(cd "$CHECKOUT" && pwd); else copy_checkout; fi ;;
esac
if [ -n "$AS" ]; then
	mkdir -p "$DIR/home/tester"
	chown "$AS:$AS" "$DIR/home/tester"
	grep -q '^tester:' "$DIR/etc/passwd" || echo "tester:x:$AS:$AS::/home/tester:/bin/sh" >>"$DIR/etc/passwd"
fi
ARCHIVES=${ARCHIVES:+$(mkdir -p "$ARCHIVES" && cd "$ARCHIVES" && pwd)}
exec 8<&0
exec unshare --mount --propagation private --pid --fork --kill-child --ipc \
	env -i "${ENV[@]}" bash -c "$INSIDE" in-root "$DIR" "$SRC" "$ARCHIVES" "$AS" "$@"
