#!/bin/sh
# The first process of the node's own namespaces: when it ends, so does everything in them, containers included.
#   inside.sh FOLDER ID HOST-ADDRESS NODE-ADDRESS POD-RANGE PROGRAMS OUTER-PID
set -eu
folder=$1 id=$2 host=$3 node=$4 pods=$5 programs=$6 outer=$7

# A cable to the host, before /proc is ours alone. It goes with the namespace.
ip link set lo up
ip link add eth0 type veth peer name "bothy-$id" netns "/proc/$outer/ns/net"
ip addr add "$node/30" dev eth0
# The cluster's DNS, for every pod of this node, as the agent for names that real nodes have.
ip addr add 10.96.0.10/32 dev lo
ip link set eth0 up
out() { nsenter "--net=/proc/$outer/ns/net" "$@"; }
out ip addr add "$host/30" dev "bothy-$id"
out ip link set "bothy-$id" up
out ip route add "$pods" via "$node"
ip route add default via "$host"
# The API server can listen there now.
echo connected

mount --make-rprivate /
mount -t proc proc /proc
echo 1 > /proc/sys/net/ipv4/ip_forward
# The kubelet sets these for the whole machine, unless it finds them as it wants them.
mount -t tmpfs tmpfs /run
mkdir /run/node /run/sysctl /run/programs
mount --bind "$programs" /run/programs
mount --bind "$folder" /run/node
wanted() { echo "$2" > "/run/sysctl/$(basename "$1")"; mount --bind "/run/sysctl/$(basename "$1")" "/proc/sys/$1"; }
wanted vm/overcommit_memory 1
wanted vm/panic_on_oom 0
wanted kernel/panic 10
wanted kernel/panic_on_oops 1
wanted kernel/keys/root_maxkeys 1000000
wanted kernel/keys/root_maxbytes 25000000
# Places that programs have in them, and that are the machine's otherwise.
mkdir -p /run/node/tmp /run/node/log /run/node/lib
mount --bind /run/node/log /var/log
mount --bind /run/node/tmp /tmp
for place in /var/lib/cni /var/lib/kubelet; do
  [ -d "$place" ] && mount -t tmpfs tmpfs "$place"
done

cd /run/node
containerd --config /run/node/containerd.toml > log/containerd.log 2>&1 &
ready() { ctr --address /run/node/containerd.sock version > /dev/null 2>&1; }
tries=0
until ready; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || { echo "containerd does not answer" >&2; tail -5 log/containerd.log >&2; exit 1; }
  sleep 0.1
done
for image in images/*.tar; do ctr --address /run/node/containerd.sock --namespace k8s.io images import "$image" > /dev/null; done

# By its keys, which it makes when it starts.
until [ -e keys/complete ]; do sleep 0.05; done
run() { name=$1; shift; /run/programs/node "$@" > "log/$name.log" 2>&1 & }
run manager kube-controller-manager --kubeconfig=keys/admin.kubeconfig --leader-elect=false --secure-port=0 \
  --service-account-private-key-file=keys/accounts.key --root-ca-file=keys/ca.crt --enable-hostpath-provisioner \
  --kube-api-qps=500 --kube-api-burst=1000
run scheduler kube-scheduler --kubeconfig=keys/scheduler.kubeconfig --leader-elect=false --secure-port=0 --kube-api-qps=500 --kube-api-burst=1000
run proxy kube-proxy --kubeconfig=keys/proxy.kubeconfig --proxy-mode=iptables --conntrack-max-per-core=0 \
  --hostname-override=node-1 --metrics-bind-address= --healthz-bind-address=
run names names --kubeconfig=keys/admin.kubeconfig --listen=10.96.0.10:53
run kubelet kubelet --kubeconfig=keys/kubelet.kubeconfig --config=/run/node/kubelet.yaml --hostname-override=node-1 \
  --node-ip="$node" --root-dir=/run/node/kubelet --cert-dir=/run/node/kubelet-pki
# The provisioner of volumes makes folders for root alone, and the kubelet leaves their owner as it is.
while sleep 0.1; do chmod 0777 /tmp/hostpath_pv/* 2> /dev/null || true; done &
cat > /dev/null
