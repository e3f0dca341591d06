#!/bin/sh
# The first process of the guest (guest.ts): mounts what an engine needs, loads the kernel's modules, serves a share
# by the kernel's NFS server, starts the engine and a shell that the tests ask. It ends with its input, and the guest with it.
# Arguments, as words of the kernel's command line: GUEST_ADDRESS (with its prefix), GUEST_MODULES (a file of paths).
export PATH=/usr/sbin:/usr/bin HOME=/run TMPDIR=/run
run() { /usr/bin/busybox "$@"; }

run mount -t proc proc /proc
run mount -t sysfs sys /sys
run mount -t tmpfs -o mode=755 run /run
run mkdir -p /dev/pts
run mount -t devpts devpts /dev/pts
run mount -t tmpfs cgroup /sys/fs/cgroup
for group in cpu cpuacct blkio memory devices freezer pids; do
  run mkdir "/sys/fs/cgroup/$group"
  run mount -t cgroup -o "$group" "$group" "/sys/fs/cgroup/$group"
done

while read -r module; do run insmod "$module"; done < "$GUEST_MODULES"

run ip link set lo up
run ip link set vec0 up
run ip address add "$GUEST_ADDRESS" dev vec0
# Nobody answers in 203.0.113.0/24 (RFC 5737), and nothing says so: as a host that is switched off.
ip link add nowhere type dummy
run ip link set nowhere up
run ip address add 203.0.113.1/24 dev nowhere

# The share: NFS 4 only, which needs no port mapper. /srv is the root of what is served (fsid 0), and no name is asked
# of a user-space daemon: what it would answer is written into the kernel's tables beforehand.
# Flags of an export (include/uapi/linux/nfsd/export.h): INSECURE_PORT 2, NOSUBTREECHECK 0x400, FSID 0x2000.
never=2147483647
run mkdir /run/recovery
run mount -t tmpfs srv /srv
run mkdir -p /srv/data
run mount -t nfsd nfsd /proc/fs/nfsd
echo /run/recovery > /proc/fs/nfsd/nfsv4recoverydir
echo '-2 -3 +4 +4.1 +4.2' > /proc/fs/nfsd/versions
echo 10 > /proc/fs/nfsd/nfsv4gracetime
echo "nfsd 127.0.0.1 $never tests" > /proc/net/rpc/auth.unix.ip/channel
echo "tests /srv $never $((0x2402)) 65534 65534 0" > /proc/net/rpc/nfsd.export/channel
printf 'tests 1 \\x00000000 %s /srv\n' "$never" > /proc/net/rpc/nfsd.fh/channel
echo 4 > /proc/fs/nfsd/threads
# Nobody has anything to reclaim: no grace period.
echo Y > /proc/fs/nfsd/v4_end_grace

address=${GUEST_ADDRESS%/*}
dockerd --data-root /run/docker --exec-root /run/docker-exec --pidfile /run/docker.pid --bridge none \
  --iptables=false --ip6tables=false --host "tcp://$address:2375" --tls=false > /run/dockerd.log 2>&1 &
run nc -ll -p 2323 -e /bin/sh &
echo "guest: up after $(run cut -d ' ' -f 1 /proc/uptime) s"

run cat > /dev/null
run poweroff -f
