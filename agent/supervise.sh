#!/bin/sh
# Keeps the agent running. Started as the leader of a session of its own: sh supervise.sh PROGRAM ARGUMENT...
#   ends with 0 or 77 (refused for good)  the machine has ended
#   ends with anything else               started again, after 1 s at first and 10 s at most
#   TERM, INT or HUP                      passed on; then this waits for the program and ends
# The token is in a file that the environment names, never in an argument.
set -u

child=
ending=
delay=1
steady=60
trap 'ending=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT HUP

# A signal interrupts wait; the program may still be there then.
await() {
  wait "$child"
  code=$?
  while [ "$code" -gt 128 ] && kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
  done
  child=
}

while :; do
  started=$(date +%s)
  "$@" &
  child=$!
  # The signal may have come before there was a child to pass it to.
  [ -z "$ending" ] || kill -TERM "$child" 2>/dev/null
  await
  [ -z "$ending" ] || exit 0
  case $code in 0 | 77) exit "$code" ;; esac
  # The shell's own words: what it was to run is not there, or is made for another machine or another C library.
  case $code in 126 | 127) echo "bothy: $1 cannot be run on this $(uname -s) $(uname -m): it needs the same processor, glibc 2.28 or newer, and libstdc++" >&2 ;; esac
  [ $(($(date +%s) - started)) -lt "$steady" ] || delay=1
  echo "bothy: the agent ended with $code and is started again in $delay s" >&2
  sleep "$delay" &
  child=$!
  # Not awaited like the program: nobody needs the rest of a pause.
  [ -n "$ending" ] || wait "$child"
  [ -z "$ending" ] || exit 0
  child=
  delay=$((delay * 2))
  [ "$delay" -le 10 ] || delay=10
done
