#!/usr/bin/env bash
# Runs a program with MPI on several "hosts" of this machine: network namespaces, joined by a bridge whose links have
# a speed and a delay. Needs root, iproute2 (ip, tc) and Open MPI.
#
#   xtask/hosts.sh 2 1gbit 5ms target/debug/examples/lenet --epochs 1
set -euo pipefail
if [ $# -lt 4 ]; then
    echo "usage: $0 HOSTS RATE DELAY PROGRAM [ARGUMENT]...   (xtask/hosts.sh 2 1gbit 5ms ./lenet)" >&2
    exit 2
fi
hosts=$1 rate=$2 delay=$3
shift 3
bridge="tbx$$"
scratch="$(mktemp -d)"

remove() {
    for host in $(seq 1 "$hosts"); do
        ip netns delete "$bridge-$host" 2> /dev/null || true
    done
    ip link delete "$bridge" 2> /dev/null || true
    rm -rf "$scratch"
}
trap remove EXIT

ip link add "$bridge" type bridge
ip address add 10.77.0.254/24 dev "$bridge"
ip link set "$bridge" up
for host in $(seq 1 "$hosts"); do
    space="$bridge-$host"
    ip netns add "$space"
    ip link add "v$$-$host" type veth peer name eth0 netns "$space"
    ip link set "v$$-$host" master "$bridge" up
    ip netns exec "$space" ip link set lo up
    ip netns exec "$space" ip address add "10.77.0.$host/24" dev eth0
    ip netns exec "$space" ip link set eth0 up
    # The delay holds in each direction: half of it on each side.
    if ! ip netns exec "$space" tc qdisc add dev eth0 root netem rate "$rate" delay "$delay" 2> /dev/null; then
        [ "$host" -gt 1 ] || echo "this kernel has no netem: links have the speed $rate and no delay" >&2
        ip netns exec "$space" tc qdisc add dev eth0 root tbf rate "$rate" burst 256kb latency 100ms
    fi
    echo "10.77.0.$host slots=1" >> "$scratch/hosts"
done

# mpirun starts its part on a host with this instead of ssh: the host is the last number of the address.
cat > "$scratch/on" << 'END'
#!/bin/sh
address=$1
shift
exec ip netns exec "$TINDERBOX_HOSTS-${address##*.}" sh -c "$*"
END
chmod +x "$scratch/on"
export TINDERBOX_HOSTS="$bridge" OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mpirun -n "$hosts" --hostfile "$scratch/hosts" --bind-to none \
    --mca plm_rsh_agent "$scratch/on" --mca plm_rsh_no_tree_spawn 1 \
    --mca btl self,tcp --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 \
    "$@"
