#!/bin/bash
# The container harness itself, and what containerd takes: an image made by hand, with one layer of many zstd
# frames and one of many gzip members.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-ctr.sh"
need python3 zstd busybox

mkdir -p "$T"/root1/{bin,etc,tmp,proc,sys,dev,data} "$T"/root2/data
cp "$(command -v busybox)" "$T/root1/bin/busybox"
for applet in sh cat id ls touch sleep grep httpd wget; do
	ln -s busybox "$T/root1/bin/$applet"
done
seq 1 200000 >"$T/root2/data/numbers"
"$ROOT/tests/e2e/tools/mkimage.py" "$T/image.tar" ess.test/busybox:1 --user 10001:10001 \
	--cmd=/bin/sh --cmd=-c --cmd='echo default command' "zstd:$T/root1" "gzip:$T/root2"

begin=$(date +%s%N)
ctr_up
note "containerd $(in_ctr containerd --version | awk '{print $3}') ready after $((($(date +%s%N) - begin) / 1000000)) ms, snapshotter $CTR_SNAPSHOTTER"

image=ess.test/busybox:1
check "a layout with multi-frame zstd and multi-member gzip layers is imported and unpacked" ctr_import "$T/image.tar" ||
	bail "nothing to run"
check_match "its name is listed" "^$image\$" ctr_images
check_match "the image's own command runs" '^default command$' ctr_run $image c1
check_match "as the image's user" '^uid=10001 gid=10001' ctr_run $image c2 -- /bin/id
check_match "another user can be asked for" '^uid=123 gid=45' ctr_run $image c3 --user 123:45 -- /bin/id
check_rc "the exit status comes through" 7 ctr_run $image c4 -- /bin/sh -c 'exit 7'
check "every byte of the second layer is there" ctr_run $image c5 --bind "$T/root2/data/numbers:/expected" -- \
	/bin/busybox cmp /expected /data/numbers
check_match "the root is read-only, for root as well" 'Read-only file system' \
	ctr_run $image c6 --user 0:0 -- /bin/sh -c 'touch /data/x 2>&1; :'
check "a tmpfs is writable" ctr_run $image c7 --tmpfs /tmp -- /bin/touch /tmp/x
check_match "with the mode and size asked for" 'size=1024k,mode=700,uid=10001' \
	ctr_run $image c8 --tmpfs /data:mode=700,uid=10001,size=1m -- /bin/grep /data /proc/mounts
check_fails "nothing at /run unless asked for" 'ls: /run: No such file' ctr_run $image c9 -- /bin/ls /run
for set in Inh Prm Eff Bnd Amb; do
	check_match "root has no capability: Cap$set" "^Cap$set:.0{16}\$" ctr_run $image "cap$set" --user 0:0 -- /bin/cat /proc/self/status
done
check_match "no new privileges" '^NoNewPrivs:.1$' ctr_run $image c11 -- /bin/cat /proc/self/status
check_fails "a missing program is said to be missing" '/bin/nothing.*no such file' ctr_run $image c12 -- /bin/nothing
check_fails "bind mounts are read-only" 'Read-only file system' ctr_run $image c13 --bind "$T/root2:/data" -- /bin/touch /data/x

check "a server starts in the background" ctr_start $image web --net shared -- \
	/bin/busybox httpd -f -p 127.0.0.1:80 -h /data
check "and can be asked from this machine" wait_for 10 ctr_net python3 -c \
	'import urllib.request as u; assert len(u.urlopen("http://127.0.0.1:80/numbers").read()) == 1288895'
check_fails "but not on the machine's own addresses" 'Connection refused' python3 -c \
	'import urllib.request as u; u.urlopen("http://127.0.0.1:80/numbers", timeout=2)'
check_match "a command runs inside it, as unprivileged as the server" '^CapBnd:.0+$' \
	ctr_exec web /bin/cat /proc/self/status
check_match "its user is seen from outside" '^10001 10001 10001 10001' ctr_status web Uid
check_equal "it is stopped by SIGKILL with status 137" 137 "$(ctr_stop web SIGKILL)"
check "a log is kept" ctr_start $image talk -- /bin/sh -c 'echo one line; exec sleep 100'
check "and shows what it said" wait_for 5 grep -q '^one line$' "$T/talk.log"
check_equal "the network of its own has loopback only" lo \
	"$(ctr_run $image c14 --net own -- /bin/ls /sys/class/net 2>&1)"

ns=$(readlink "/proc/$CTR_PID/ns/pid")
ctr_down
leftovers() {
	find /sys/fs/cgroup -maxdepth 2 -name "$CTR_CGROUP"
	grep "$T" /proc/self/mountinfo
	find /proc/[0-9]*/ns/pid -lname "$ns" 2>/dev/null
	:
}
check_equal "nothing is left behind: cgroups, mounts, processes" "" "$(leftovers)"
finish
