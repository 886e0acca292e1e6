#!/bin/sh
# A node of the test cluster, which ends when this script's standard input closes: then nothing of it is left.
#   node.sh FOLDER ID HOST-ADDRESS NODE-ADDRESS POD-RANGE PROGRAMS
# Everything runs in process, mount and network namespaces of its own, whose end the kernel sees to. Outside of them are only
# the folder, cgroups under a name of ours, and one end of a cable.
set -eu
folder=$1 id=$2 host=$3
cgroups() { for hierarchy in /sys/fs/cgroup/*/; do echo "${hierarchy}bothy-node-$id"; done; }
clean() {
  # The kernel needs a moment to empty them.
  for try in 1 2 3 4 5 6 7 8 9 10; do
    left=0
    for group in $(cgroups); do
      [ -d "$group" ] || continue
      find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || left=1
    done
    [ $left = 0 ] && break
    sleep 0.3
  done
  rm -rf "$folder"
}
trap 'clean' EXIT
trap '' INT TERM HUP
for group in $(cgroups); do mkdir "$group" 2>/dev/null || true; done
exec 3<&0
unshare --mount --pid --net --fork --kill-child sh "$(dirname "$0")/inside.sh" "$@" "$$" <&3
