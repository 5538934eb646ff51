#!/bin/bash
# cluster.sh up|down|status STATE_DIR  -- a real Kubernetes cluster for tests; run as root.
#
# Everything runs in network, mount and PID namespaces of its own: nothing listens on the machine's own
# addresses, and killing a namespace's init ends every process, pod and mount in it at once.
#   apiserver   https://10.200.$KUBE_ID.2:6443  (over a veth pair that this script makes; the machine's
#               end of it is 10.200.$KUBE_ID.1: a webhook server under test listens there)
#   kubeconfig  STATE_DIR/admin.kubeconfig
# Environment: KUBE_BIN    folder with kube-apiserver ... etcd (default: where build.sh puts it)
#              CRI_ROOT    root of an extracted containerd/runc/cni-plugins set; empty (default): the system's
#              KUBE_IMAGES image tars to import on each node (default: ../img/*.tar of KUBE_BIN)
#              KUBE_ID     1..250, one per cluster running at the same time (default 1)
#              KUBE_NODES  0..9 nodes: node1, node2, ... (default 1; 0: control plane only)
#              KUBE_PROXY  iptables|nftables|none (default none)
#              KUBE_DNS    1: CoreDNS for the pods (needs a coredns in KUBE_BIN); 0 (default): none
# Needs: bash, iproute2, util-linux, procps, openssl; for KUBE_PROXY also nft or iptables.
# shellcheck disable=SC2046 # none of these words has blanks
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
ACT=${1:-}; S=${2:-}
[ -n "$S" ] || { echo "usage: $0 up|down|status STATE_DIR" >&2; exit 2; }
mkdir -p "$S"; S=$(cd "$S" && pwd)
[ ! -f "$S/env" ] || . "$S/env"
: "${KUBE_BIN:=$HERE/../../out/tools/kube/bin}" "${CRI_ROOT=}" "${KUBE_ID:=1}" "${KUBE_NODES:=1}" "${KUBE_PROXY:=none}" "${KUBE_DNS:=0}"
: "${KUBE_IMAGES:=$(echo "$KUBE_BIN"/../img/*.tar)}" "${SANDBOX_IMAGE:=kube.test/pause:1}"
NET=10.200.$KUBE_ID; HOSTIP=$NET.1; API=$NET.2
PODNET=10.244.0.0/16; SVCNET=10.96.0.0/16; SVCIP=10.96.0.1
export PATH=$KUBE_BIN:${CRI_ROOT:+$CRI_ROOT/usr/bin:$CRI_ROOT/usr/sbin:}$PATH
K="kubectl --kubeconfig=$S/admin.kubeconfig"
cgdirs() { awk '$3=="cgroup" || $3=="cgroup2" {print $2}' /proc/mounts; }
nodes() { seq 1 "$KUBE_NODES"; }
# node 1 shares the control plane's namespaces; node n > 1 has its own, joined to node 1's by a veth pair
nodeip() { if [ $1 = 1 ]; then echo $API; else echo $NET.$(($1 * 4 + 2)); fi; }
hubip() { echo $NET.$(($1 * 4 + 1)); }
netns() { echo kube$KUBE_ID-$1; }
cg() { echo kube$KUBE_ID-$1; }

kubeconfig() { cat > "$S/$1.kubeconfig" <<Y
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://$API:6443", certificate-authority: $S/pki/ca.crt}}]
users: [{name: u, user: {client-certificate: $S/pki/$1.crt, client-key: $S/pki/$1.key}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
Y
}

certs() {
  local p=$S/pki; mkdir -p "$p"; printf '[req]\ndistinguished_name=dn\n[dn]\n' > "$p/cnf"
  local ec="-config $p/cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650"
  [ -f "$p/ca.crt" ] || openssl req -x509 $ec -subj /CN=kube-ca -addext basicConstraints=critical,CA:TRUE \
    -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature -addext subjectKeyIdentifier=hash \
    -keyout "$p/ca.key" -out "$p/ca.crt"
  leaf() { # NAME SUBJECT EKU [SAN]
    [ "$(cat "$p/$1.for" 2> /dev/null)" != "$*" ] || return 0
    openssl req -x509 -CA "$p/ca.crt" -CAkey "$p/ca.key" $ec -subj "$2" -addext basicConstraints=critical,CA:FALSE \
      -addext keyUsage=critical,digitalSignature -addext "extendedKeyUsage=$3" ${4:+-addext "subjectAltName=$4"} \
      -keyout "$p/$1.key" -out "$p/$1.crt"
    echo "$*" > "$p/$1.for"
  }
  leaf apiserver /CN=kube-apiserver serverAuth "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$API,IP:$SVCIP"
  leaf front-proxy /CN=front-proxy clientAuth
  leaf admin /O=system:masters/CN=admin clientAuth; kubeconfig admin
  leaf kcm /CN=system:kube-controller-manager clientAuth; kubeconfig kcm
  leaf scheduler /CN=system:kube-scheduler clientAuth; kubeconfig scheduler
  leaf proxy /CN=system:kube-proxy clientAuth; kubeconfig proxy
  local n; for n in $(nodes); do
    leaf kubelet$n "/O=system:nodes/CN=system:node:node$n" clientAuth,serverAuth "DNS:node$n,IP:$(nodeip $n)"; kubeconfig kubelet$n
  done
  [ -f "$p/sa.pub" ] || { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$p/sa.key"; openssl pkey -in "$p/sa.key" -pubout -out "$p/sa.pub"; }
}

nodeconfig() { # N
  local D=$S/node$1 ip; ip=$(nodeip $1)
  mkdir -p "$D"/{cni,cni-ipam,containerd,kubelet,pod-logs}
  cat > "$D/containerd.toml" <<T
version = 2
root = "$D/containerd/root"
state = "$D/containerd/state"
[grpc]
  address = "$D/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$SANDBOX_IMAGE"
  netns_mounts_under_state_dir = true
  # needed where root lacks CAP_SYS_RESOURCE: else runc fails with "can't get final child's PID from pipe: EOF"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$CRI_ROOT/usr/lib/cni"
    conf_dir = "$D/cni"
T
  cat > "$D/cni/10-kube.conflist" <<T
{"cniVersion": "0.4.0", "name": "kube", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$D/cni-ipam", "ranges": [[{"subnet": "10.244.$1.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
T
  : > "$D/resolv.conf"
  cat > "$D/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $ip
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $S/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $S/pki/kubelet$1.crt
tlsPrivateKeyFile: $S/pki/kubelet$1.key
containerRuntimeEndpoint: unix://$D/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$(cg $1)
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
resolvConf: $D/resolv.conf
clusterDNS: [$API]
clusterDomain: cluster.local
podLogsDir: $D/pod-logs
volumePluginDir: $D/kubelet/volumeplugins
# no eviction and no image garbage collection: a removed image could not be pulled again
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
imageGCHighThresholdPercent: 100
Y
  cat > "$D/proxy.yaml" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: $ip
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: {kubeconfig: $S/proxy.kubeconfig}
hostnameOverride: node$1
mode: $KUBE_PROXY
clusterCIDR: $PODNET
conntrack: {maxPerCore: 0}
Y
}

# --- inside the namespaces ---
run() { local l=$1; shift; "$@" > "$S/log/$l.log" 2>&1 < /dev/null & echo $! > "$S/run/$l.pid"; }
setup_ns() {
  trap : TERM INT
  export TMPDIR=$S/tmp   # the shims leave runc-process* files when killed
  mount --make-rshared /
  # fixed paths that runc, the shims and the kubelet would leave things in, and that nodes would share
  local d; for d in /run /var/lib/kubelet /var/log/containers; do mkdir -p $d; mount -t tmpfs tmpfs $d; done
  ip link set lo up
  echo 1 > /proc/sys/net/ipv4/ip_forward
  # a pod's answer to a pod on the same bridge must pass kube-proxy's NAT too
  [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables
}
reap() { while :; do wait || :; sleep 1; done; }   # as init: reap orphans (containerd-shims) for ever
node() { # N
  local n=$1 D=$S/node$1 c i l=$CRI_ROOT/usr/lib/x86_64-linux-gnu
  run containerd$n containerd -c "$D/containerd.toml"
  c="ctr -a $D/containerd.sock -n k8s.io"
  until $c version > /dev/null 2>&1; do sleep 0.1; done
  for i in $KUBE_IMAGES; do $c images import "$i"; done > "$S/log/images$n.log" 2>&1
  while [ ! -e "$S/run/api-ready" ]; do sleep 0.1; done
  run kubelet$n kubelet --config=$D/kubelet.yaml --kubeconfig=$S/kubelet$n.kubeconfig --root-dir=$D/kubelet \
    --cert-dir=$D/kubelet/pki --hostname-override=node$n --node-ip=$(nodeip $n)
  [ "$KUBE_PROXY" = none ] || \
    run kube-proxy$n env ${CRI_ROOT:+LD_LIBRARY_PATH=$l XTABLES_LIBDIR=$l/xtables} kube-proxy --config=$D/proxy.yaml
}
inner_node() { setup_ns; node $1; reap; }
inner() {
  setup_ns
  run etcd etcd --name e1 --data-dir "$S/etcd" --unsafe-no-fsync --log-level=warn \
    --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
    --listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 --initial-cluster=e1=http://127.0.0.1:2380
  local p=$S/pki
  run kube-apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=$API --advertise-address=$API --secure-port=6443 \
    --service-cluster-ip-range=$SVCNET --tls-cert-file=$p/apiserver.crt --tls-private-key-file=$p/apiserver.key --client-ca-file=$p/ca.crt \
    --service-account-key-file=$p/sa.pub --service-account-signing-key-file=$p/sa.key --service-account-issuer=https://kubernetes.default.svc \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --kubelet-client-certificate=$p/admin.crt --kubelet-client-key=$p/admin.key --kubelet-certificate-authority=$p/ca.crt \
    --kubelet-preferred-address-types=InternalIP \
    --requestheader-client-ca-file=$p/ca.crt --requestheader-allowed-names=front-proxy --requestheader-username-headers=X-Remote-User \
    --requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --proxy-client-cert-file=$p/front-proxy.crt --proxy-client-key-file=$p/front-proxy.key
  [ "$KUBE_NODES" = 0 ] || node 1 &
  until [ "$($K get --raw=/readyz 2> /dev/null)" = ok ]; do sleep 0.2; done
  touch "$S/run/api-ready"
  # without the raised qps the controller manager needs 5 s to start its controllers
  run kube-controller-manager kube-controller-manager --kubeconfig=$S/kcm.kubeconfig --authentication-kubeconfig=$S/kcm.kubeconfig \
    --authorization-kubeconfig=$S/kcm.kubeconfig --service-account-private-key-file=$p/sa.key --root-ca-file=$p/ca.crt \
    --cluster-signing-cert-file=$p/ca.crt --cluster-signing-key-file=$p/ca.key --use-service-account-credentials \
    --bind-address=127.0.0.1 --leader-elect=false --kube-api-qps=500 --kube-api-burst=1000
  run kube-scheduler kube-scheduler --kubeconfig=$S/scheduler.kubeconfig --authentication-kubeconfig=$S/scheduler.kubeconfig \
    --authorization-kubeconfig=$S/scheduler.kubeconfig --bind-address=127.0.0.1 --leader-elect=false --kube-api-qps=500 --kube-api-burst=1000
  [ "$KUBE_DNS" != 1 ] || run coredns coredns -conf "$S/Corefile"
  reap
}

# --- outside ---
waitfor() { # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@" > /dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "timed out: $what; logs in $S/log" >&2; return 1; }
    kill -0 "$(cat "$S/run/init1.pid")" 2> /dev/null || { echo "init died; see $S/log/init1.log" >&2; return 1; }
    sleep 0.2
  done
}
spawn() { # N ARGS...: this script as init of new mount and PID namespaces in node N's network namespace
  local n=$1; shift
  # nsenter, not "ip netns exec": that one mounts a new /sys, without the cgroups
  setsid nsenter --net=/run/netns/$(netns $n) unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
    "$HERE/$(basename "$0")" "$@" > "$S/log/init$n.log" 2>&1 < /dev/null &
  echo $! > "$S/run/init$n.pid"
}
up() {
  [ ! -e "$S/run/init1.pid" ] || { echo "already up? run: $0 down $S" >&2; exit 1; }
  mkdir -p "$S"/{log,run,tmp,etcd}
  certs 2> "$S/log/openssl.log"
  cat > "$S/Corefile" <<T
cluster.local:53 in-addr.arpa:53 {
  bind $API
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $S/admin.kubeconfig x
    pods insecure
    ttl 1
  }
}
T
  declare -p KUBE_BIN CRI_ROOT KUBE_ID KUBE_NODES KUBE_PROXY KUBE_DNS KUBE_IMAGES SANDBOX_IMAGE > "$S/env"
  local n d f h; h=$(netns 1)
  ip netns add $h
  ip link add kh$KUBE_ID type veth peer name eth0 netns $h
  ip addr add $HOSTIP/30 dev kh$KUBE_ID; ip link set kh$KUBE_ID up
  ip -n $h addr add $API/30 dev eth0; ip -n $h link set eth0 up; ip -n $h route add default via $HOSTIP
  for n in $(nodes); do
    nodeconfig $n
    for d in $(cgdirs); do
      mkdir -p "$d/$(cg $n)"
      case $d in */cpuset) for f in cpuset.mems cpuset.cpus; do cat "$d/$f" > "$d/$(cg $n)/$f"; done;; esac
    done
    [ $n != 1 ] || continue
    ip netns add $(netns $n)
    ip -n $h link add n$n type veth peer name eth0 netns $(netns $n)
    ip -n $h addr add $(hubip $n)/30 dev n$n; ip -n $h link set n$n up; ip -n $h route add 10.244.$n.0/24 via $(nodeip $n)
    ip -n $(netns $n) addr add $(nodeip $n)/30 dev eth0; ip -n $(netns $n) link set eth0 up; ip -n $(netns $n) route add default via $(hubip $n)
  done
  spawn 1 inner "$S"
  for n in $(nodes); do [ $n = 1 ] || spawn $n inner-node "$S" $n; done
  waitfor 90 "apiserver ready" test -e "$S/run/api-ready"
  waitfor 60 "default service account" $K get serviceaccount default
  for n in $(nodes); do
    waitfor 60 "node$n registered" $K get node node$n
    waitfor 60 "node$n ready" $K wait --for=condition=Ready node/node$n --timeout=1s
  done
  echo "export KUBECONFIG=$S/admin.kubeconfig"
}
down() {
  local n p c i d x
  for n in $(seq 9 -1 1); do
    p=$(cat "$S/run/init$n.pid" 2> /dev/null || :)
    if [ -n "$p" ] && tr '\0' ' ' < /proc/$p/cmdline 2> /dev/null | grep -qE "inner(-node)? $S "; then   # still ours, not a reused number
      # p is unshare (nsenter execs it), c the namespaces' init: its death kills all in them, and it is
      # gone (or a zombie that nobody has reaped yet) only after all of them
      c=$(pgrep -P $p || :); kill -9 $p
      for i in $(seq 100); do [ -n "$c" ] && [ -e /proc/$c ] && ! grep -q '^State:.Z' /proc/$c/status 2> /dev/null || break; sleep 0.1; done
    fi
  done
  for i in $(seq 100); do   # a cgroup can be removed once its last process is gone; deepest first
    x=0; for d in $(cgdirs); do for n in $(nodes); do
      [ ! -d "$d/$(cg $n)" ] || { find "$d/$(cg $n)" -depth -type d -exec rmdir {} + 2> /dev/null || :; }; [ ! -d "$d/$(cg $n)" ] || x=1
    done; done
    [ $x = 1 ] || break; sleep 0.1
  done
  ip link del kh$KUBE_ID 2> /dev/null || :
  for n in 1 $(nodes); do ip netns del $(netns $n) 2> /dev/null || :; done
  rm -rf "$S"/{run,tmp,env,etcd,node?}
}

case $ACT in
  up) up;;
  inner) inner;;
  inner-node) inner_node $3;;
  down) down;;
  status) $K get nodes,pods -A -o wide;;
  *) echo "usage: $0 up|down|status STATE_DIR" >&2; exit 2;;
esac
