# shellcheck shell=bash
# Real containers for the tests: containerd and runc, started by the test itself. Source lib.sh first.
#
#	ctr_up                                        containerd is ready (0.5 s)
#	ctr_import FILE.tar                           its images are there and unpacked
#	ctr_run IMAGE NAME [OPTION]... [-- COMMAND]   to the end (120 s at most); output and exit status are the
#	                                              container's; COMMAND replaces entrypoint and arguments
#	ctr_start IMAGE NAME [OPTION]... [-- COMMAND] in the background; output goes to $T/NAME.log
#	ctr_exec NAME [--user U:G] COMMAND...         inside a started one
#	ctr_stop NAME [SIGNAL]                        end it and print its exit status
#	ctr_net COMMAND...                            a program of this machine in the containers' network
#	ctr_down                                      everything is gone (also done when the test ends)
#
# Containers get, without being asked: a read-only root, no capability at all, no-new-privileges, a cgroup.
# OPTIONs: --user UID:GID (default: the image's) · --tmpfs PATH[:MOUNT OPTIONS] (default mode=1777) · --bind FROM:TO[:rw] ·
# --net own (loopback only; default: shared between the test's containers) · --env K=V · --cwd D ·
# --memory BYTES · --writable.
#
# How it holds together: containerd is a child of an init in mount, PID and network namespaces of the test's
# own. So nothing listens on the machine's addresses, tests run beside each other, and killing that init ends
# every container, shim and mount at once; only empty cgroups are left, which are removed after it. It needs
# neither systemd nor a running containerd, works with cgroup v1 and v2, and without CAP_SYS_RESOURCE.
#
# Tried with layers of several zstd frames and of several gzip members (tests/e2e/ctr-selftest.sh):
#	containerd 1.6.20 (Debian 12), 1.7.24 (Debian 13), 2.1.9 (sid), each with runc 1.1.5, with the overlayfs
#	and the native snapshotter: all unpack both and run them.
# CTR_ROOT=DIR uses a containerd from .deb files extracted there instead of the installed one.

CTR_INIT='
mount -t tmpfs tmpfs /run || exit 1	# shims and runc leave sockets and state under it
ip link set lo up || exit 1
# Ports below 1024 are for everyone, as a kubelet and docker set it for their containers.
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
containerd -c "$1" >"$2" 2>&1 </dev/null &
trap : TERM INT
while :; do wait; sleep 0.2; done	# as init: reap the shims
'

ctr_cgroups() { awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/self/mounts; }
ctr_usable() {
	[ "$(id -u)" = 0 ] || { echo "needs root"; return 1; }
	command -v containerd >/dev/null || [ -n "${CTR_ROOT:-}" ] || { echo "no containerd; apt-get install containerd"; return 1; }
	local need
	for need in runc:runc ip:iproute2 python3:python3; do
		command -v "${need%:*}" >/dev/null || { echo "no ${need%:*}; apt-get install ${need#*:}"; return 1; }
	done
	unshare --mount --net --pid --fork true 2>/dev/null || { echo "cannot make namespaces here"; return 1; }
}
# Overlay mounts need a file system below that is not overlay itself.
ctr_snapshotter() {
	local d=$CTR/probe
	mkdir -p "$d"/{l,u,w,m}
	if unshare --mount mount -t overlay overlay -o "lowerdir=$d/l,upperdir=$d/u,workdir=$d/w" "$d/m" 2>/dev/null; then
		echo overlayfs
	else
		echo native
	fi
	rm -rf "$d"
}

# in_ctr COMMAND...: as root in the namespaces of containerd.
in_ctr() { nsenter --target "$CTR_PID" --mount --net --pid -- env "PATH=$CTR_PATH" TMPDIR="$CTR/tmp" "$@"; }
ctr_net() { nsenter --net="/proc/$CTR_PID/ns/net" -- "$@"; }
ctr_cli() { in_ctr ctr --address "$CTR/sock" --namespace ess-test "$@"; }
ctr_ready() { ctr_cli version; }

ctr_up() {
	local why
	why=$(ctr_usable) || skip_all "$why"
	CTR=$T/ctr CTR_CGROUP=ess-e2e-$$
	CTR_PATH=${CTR_ROOT:+$CTR_ROOT/usr/bin:$CTR_ROOT/usr/sbin:}$PATH
	mkdir -p "$CTR/tmp"
	CTR_SNAPSHOTTER=${CTR_SNAPSHOTTER:-$(ctr_snapshotter)}
	cat >"$CTR/config.toml" <<-TOML
		version = 2
		root = "$CTR/root"
		state = "$CTR/state"
		# Not needed; some of them write to /opt or /etc, or look for devices.
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
		  "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
		  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
		  "io.containerd.snapshotter.v1.zfs", "io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.blockfile"]
		[grpc]
		  address = "$CTR/sock"
		# containerd 2 unpacks what it imports for these only.
		[[plugins."io.containerd.transfer.v1.local".unpack_config]]
		  platform = "linux/$(ctr_arch)"
		  snapshotter = "$CTR_SNAPSHOTTER"
	TOML
	ctr_sweep_cgroups
	at_exit ctr_down
	PATH=$CTR_PATH start containerd-ns unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc \
		bash -c "$CTR_INIT" ctr-init "$CTR/config.toml" "$T/containerd.log"
	wait_for 10 ctr_find_init || bail "the namespaces did not come up" "$T/containerd-ns.log"
	wait_for 30 ctr_ready || bail "containerd did not come up" "$T/containerd.log"
}
ctr_arch() { uname -m | sed 's/^x86_64$/amd64/; s/^aarch64$/arm64/'; }
ctr_find_init() {
	local parent=${HELPERS[containerd-ns]} child
	read -r child <"/proc/$parent/task/$parent/children" || [ -n "${child:-}" ] || return 1
	CTR_PID=${child%% *}
	[ -n "$CTR_PID" ]
}

ctr_down() {
	[ -n "${HELPERS[containerd-ns]:-}" ] || return 0
	# unshare passes its death on to the init (--kill-child), and that one's ends all; SIGKILL, since
	# unshare waits and ignores the others.
	local i
	kill -KILL "${HELPERS[containerd-ns]}" 2>/dev/null || :
	wait "${HELPERS[containerd-ns]}" 2>/dev/null || :
	unset "HELPERS[containerd-ns]"
	for ((i = 0; i < 100; i++)); do
		grep -q '^State:.[^Z]' "/proc/${CTR_PID:-none}/status" 2>/dev/null || break
		sleep 0.05
	done
	for ((i = 0; i < 100; i++)); do
		ctr_rm_cgroups "$CTR_CGROUP" && break
		sleep 0.05
	done
}
ctr_rm_cgroups() { # NAME: false while something is left
	local d left=0
	while read -r d; do
		[ -d "$d/$1" ] || continue
		find "$d/$1" -depth -type d -exec rmdir {} + 2>/dev/null || left=1
	done < <(ctr_cgroups)
	[ "$left" = 0 ]
}
# Of test runs that were killed so hard that they could not clean up.
ctr_sweep_cgroups() {
	local d pid
	while read -r d; do
		for d in "$d"/ess-e2e-*; do
			pid=${d##*-}
			[ ! -d "$d" ] || [ -d "/proc/$pid" ] || ctr_rm_cgroups "${d##*/}" || :
		done
	done < <(ctr_cgroups)
}

ctr_import() { ctr_cli images import --snapshotter "$CTR_SNAPSHOTTER" "$1"; }
ctr_images() { ctr_cli images list --quiet; }

CTR_VOLUMES=0
# Sets CTR_ARGS (for `ctr run`) from the options of ctr_run and ctr_start.
ctr_options() { # IMAGE NAME [OPTION]... [-- COMMAND]
	local image=$1 name=$2 net=shared readonly=1 from to mode
	shift 2
	CTR_ARGS=(run --snapshotter "$CTR_SNAPSHOTTER" --runc-binary "$ROOT/tests/e2e/tools/runc-hardened.py"
		--runc-root "$CTR/runc" --fifo-dir "$CTR/fifo"
		--cgroup "/$CTR_CGROUP/$name")
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		case $1 in
		--env | --cwd) CTR_ARGS+=("$1" "$2") ;;
		--user) CTR_ARGS+=(--annotation "ess-test.user=$2") ;;
		--memory) CTR_ARGS+=(--memory-limit "$2") ;;
		--net) net=$2 ;;
		--tmpfs)
			IFS=: read -r to mode <<<"$2"
			# As a kubelet makes a volume in memory: runc gives a tmpfs of its own the mode of what it hides.
			CTR_VOLUMES=$((CTR_VOLUMES + 1)) from=/run/ess-test-volumes/$CTR_VOLUMES-$BASHPID
			in_ctr mkdir -p "$from"
			in_ctr mount -t tmpfs -o "nosuid,nodev,${mode:-mode=1777}" ess-test "$from"
			CTR_ARGS+=(--mount "type=bind,src=$from,dst=$to,options=rbind:rw")
			;;
		--bind)
			IFS=: read -r from to mode <<<"$2"
			CTR_ARGS+=(--mount "type=bind,src=$from,dst=$to,options=rbind:${mode:-ro}")
			;;
		--writable)
			readonly=0
			set -- "" "$@"
			;;
		*) bail "ctr_run: option '$1' is not known" ;;
		esac
		shift 2
	done
	[ "${1:-}" != -- ] || shift
	[ "$readonly" = 0 ] || CTR_ARGS+=(--read-only)
	[ "$net" != shared ] || CTR_ARGS+=(--net-host)
	CTR_ARGS+=("$image" "$name" "$@")
}
ctr_run() {
	ctr_options "$@"
	CTR_ARGS=(run --rm "${CTR_ARGS[@]:1}")
	# (ctr passes the signal on; its standard input never ends, whatever it is.)
	in_ctr timeout --kill-after 5 "${CTR_TIMEOUT:-120}" ctr --address "$CTR/sock" --namespace ess-test "${CTR_ARGS[@]}" </dev/null
}
ctr_start() {
	local name=$2
	ctr_options "$@"
	CTR_ARGS=(run --detach --log-uri "file://$CTR/$name.log" "${CTR_ARGS[@]:1}")
	ln -sf "$CTR/$name.log" "$T/$name.log"
	ctr_cli "${CTR_ARGS[@]}" </dev/null
}
ctr_pid() { ctr_cli tasks list | awk -v n="$1" '$1 == n {print $2}'; }
ctr_running() { ctr_cli tasks list | awk -v n="$1" '$1 == n {s = $3} END {exit s != "RUNNING"}'; }
ctr_status() { # NAME FIELD: a line of /proc/PID/status of its first process
	in_ctr sed -n "s/^$2:[[:space:]]*//p" "/proc/$(ctr_pid "$1")/status" | tr -s '\t' ' '
}
CTR_EXECS=0
ctr_exec() {
	local name=$1 user=()
	shift
	[ "$1" != --user ] || { user=(--user "$2"); shift 2; }
	CTR_EXECS=$((CTR_EXECS + 1))
	ctr_cli tasks exec --fifo-dir "$CTR/fifo" --exec-id "e$CTR_EXECS-$BASHPID" "${user[@]}" "$name" "$@" </dev/null
}
ctr_stop() {
	local name=$1 signal=${2:-SIGTERM} i
	ctr_cli tasks kill --signal "$signal" "$name" >/dev/null 2>&1 || :
	for ((i = 0; i < 200; i++)); do
		ctr_running "$name" || break
		[ "$i" != 150 ] || ctr_cli tasks kill --signal SIGKILL "$name" >/dev/null 2>&1 || :
		sleep 0.05
	done
	# `tasks delete` tells the container's exit status in words, newer ones also by their own.
	local rc=0 words
	words=$(ctr_cli tasks delete "$name" 2>&1) || rc=$?
	[[ ! $words =~ exit\ (code|status)\ ([0-9]+) ]] || rc=${BASH_REMATCH[2]}
	ctr_cli containers delete "$name" >/dev/null 2>&1 || :
	echo "$rc"
}
