#!/bin/bash
# What OpenSSH's own programs must be able to do with a workspace, by nothing but openssh-client and rsync.
#   matrix.sh SSH_CONFIG HOST MEGABYTES PARALLEL       says "ok NAME" for each thing, and stops at the first that fails
set -euo pipefail
config=$1 host=$2 megabytes=$3 parallel=$4
here=$(mktemp -d)
trap 'trap - EXIT; kill $(jobs -p) 2>/dev/null || true; rm -rf "$here"' EXIT
cd "$here"
say() { echo "ok $1"; }
fail() { echo "FAILED $1: $2" >&2; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1" "expected '$3', got '$2'"; }
inside() { ssh -F "$config" "$host" "$@"; }
# Waits for something that another program does; the limit is only there so that a failure ends.
wait_for() { local name=$1 i; shift; for i in $(seq 600); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done; fail "$name" "never came"; }
# Below those that the system gives to whoever asks for any: it is used a while after it was chosen.
free_port() {
  python3 -c '
import random, socket
while True:
  port = random.randrange(10000, 20000)
  try:
    socket.socket().bind(("127.0.0.1", port))
  except OSError:
    continue
  print(port)
  break'
}

code=0; inside 'echo out; echo err >&2; exit 7' >out 2>err || code=$?
is 'exit code' "$code" 7; is stdout "$(cat out)" out; is stderr "$(cat err)" err
code=0; inside 'kill -9 $$' 2>/dev/null || code=$?
is 'exit by a signal' "$code" 255
is stdin "$(seq 100000 | inside 'sha256sum' | cut -d' ' -f1)" "$(seq 100000 | sha256sum | cut -d' ' -f1)"
is env "$(ssh -F "$config" -o SetEnv='MINE=a-b' "$host" 'echo $MINE $BOTHY_WORKSPACE_NAME')" 'a-b dev'
is shell "$(echo 'echo from a shell' | ssh -F "$config" -T "$host")" 'from a shell'
say exec

is 'a large output' "$(inside 'head -c 50000000 /dev/zero' | wc -c)" 50000000
say stream

head -c "${megabytes}000000" /dev/urandom >big
sum=$(sha256sum <big)
printf 'put big\nget big back\n-mkdir folder\nput big folder/copy\nrename folder/copy folder/moved\nsymlink big link\nchmod 600 big\nls -l\nrm folder/moved\nrmdir folder\ndf\n' >batch
sftp -q -F "$config" -b batch "$host" >listing
is 'sftp get' "$(sha256sum <back)" "$sum"
is 'sftp put' "$(inside 'sha256sum <big; stat -c %a big; readlink link')" "$(printf '%s\n600\nbig' "$sum")"
grep -q '^-rw-------.* big$' listing || fail 'sftp ls' "$(cat listing)"
code=0; echo 'get none' | sftp -q -F "$config" -b - "$host" >/dev/null 2>err || code=$?
is 'sftp of nothing' "$code $(grep -c 'not found' err)" '1 1'
say sftp

scp -q -p -F "$config" big "$host":by-sftp; scp -q -F "$config" "$host":by-sftp by-sftp
scp -q -O -F "$config" big "$host":by-scp; scp -q -O -F "$config" "$host":by-scp by-scp
is scp "$(sha256sum <by-sftp)$(sha256sum <by-scp)" "$sum$sum"
mkdir -p tree/a/b; echo deep >tree/a/b/file; scp -q -r -F "$config" tree "$host":; is 'scp -r' "$(inside 'cat tree/a/b/file')" deep
say scp

mkdir files; for i in $(seq 50); do head -c 5000 /dev/urandom >files/$i; done
rsync -a -e "ssh -F $config" files/ "$host":files/
echo changed >files/7
is 'rsync again' "$(rsync -ai -e "ssh -F $config" files/ "$host":files/ | grep '^<f' | cut -d' ' -f2)" 7
rsync -a -e "ssh -F $config" "$host":files/ copy/; diff -r files copy || fail rsync 'the copy differs'
say rsync

port=$(free_port) local=$(free_port) remote=$(free_port) sums=$(free_port) socks=$(free_port)
mkdir web; echo served >web/page
inside "mkdir -p web && echo served > web/page && cd web && (python3 -m http.server $port --bind 127.0.0.1 </dev/null >/dev/null 2>&1 & echo \$! > ../web.pid)"
inside "rm -f inside.sock; (socat UNIX-LISTEN:\$PWD/inside.sock,fork SYSTEM:'echo unix' </dev/null >/dev/null 2>&1 & echo \$! > socat.pid)"
inside "(socat TCP-LISTEN:$sums,bind=127.0.0.1,fork SYSTEM:sha256sum </dev/null >/dev/null 2>&1 & echo \$! > sums.pid)"
home=$(inside pwd)
ssh -F "$config" -N -o ExitOnForwardFailure=yes -L "$local:127.0.0.1:$port" -R "$remote:127.0.0.1:$local" -D "$socks" \
  -L "$here/here.sock:$home/inside.sock" -R "$home/back.sock:127.0.0.1:$local" "$host" &
forwards=$!
wait_for -L curl -sf "http://127.0.0.1:$local/page"
is -L "$(curl -s "http://127.0.0.1:$local/page")" served; say -L
is -R "$(inside "curl -s http://127.0.0.1:$remote/page")" served; say -R
is -D "$(curl -s --socks5 "127.0.0.1:$socks" "http://127.0.0.1:$port/page")" served; say -D
is 'unix -L' "$(socat -u "UNIX-CONNECT:$here/here.sock" -)" unix
is 'unix -R' "$(inside "curl -s --unix-socket $home/back.sock http://x/page")" served
say unix
# What one side has said is heard to its end after the other has stopped talking.
is 'half-close' "$(ssh -F "$config" -W "127.0.0.1:$sums" "$host" <big)" "$sum"
kill $forwards; wait $forwards 2>/dev/null || true
inside 'kill $(cat web.pid socat.pid sums.pid)'

eval "$(ssh-agent)" >/dev/null
ssh-keygen -q -t ed25519 -N '' -C of-this-test -f key; ssh-add -q key
seen=$(ssh -A -F "$config" "$host" 'ssh-add -l; stat -c %a $(dirname $SSH_AUTH_SOCK)'); kill "$SSH_AGENT_PID"
case $seen in *of-this-test*700) ;; *) fail 'agent forwarding' "$seen" ;; esac
is 'no agent' "$(inside 'echo none${SSH_AUTH_SOCK-}')" none
say agent

# All open at once, and begun ten at a time: what starts them here costs more than what serves them there.
inside 'rm -f gate'
for i in $(seq "$parallel"); do
  ssh -F "$config" "$host" "echo in; while [ ! -e gate ]; do sleep 0.2; done; echo $i" >"parallel.$i" & pids[i]=$!
  if [ $((i % 10)) = 0 ]; then for j in $(seq $((i - 9)) "$i"); do wait_for "parallel $j" grep -q in "parallel.$j"; done; fi
done
inside 'touch gate'
for i in $(seq "$parallel"); do wait "${pids[i]}" || fail parallel "number $i"; is parallel "$(tail -n1 "parallel.$i")" "$i"; done
say parallel

ssh -F "$config" -M -S "$here/master" -N -f "$host"
for i in $(seq "$parallel"); do ssh -F "$config" -S "$here/master" "$host" "echo $i" >"shared.$i" & pids[i]=$!; done
for i in $(seq "$parallel"); do wait "${pids[i]}" || fail ControlMaster "number $i"; is ControlMaster "$(cat "shared.$i")" "$i"; done
ssh -F "$config" -S "$here/master" -O exit "$host" 2>/dev/null
say ControlMaster

code=0; ssh -F "$config" -X "$host" 'echo ${DISPLAY-refused}' >out 2>/dev/null || code=$?
is X11 "$code $(cat out)" '0 refused'
say X11
