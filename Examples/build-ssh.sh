#!/usr/bin/env bash
# Builds a data set on machines that share a file system, with ssh alone.
#
# Usage: HOSTS="a b c" Examples/build-ssh.sh OUTPUT INPUT… [options of pframe build]
#
#   HOSTS="node1 node2 node3" Examples/build-ssh.sh /data/shards /data/videos --captions /data/captions.csv
#
# Give full paths: each host runs in its home folder. PFRAME is the program on every machine, SSH the login command.
# Run it again after any failure, also with other hosts: finished shards stay.
set -euo pipefail
[ $# -ge 2 ] && [ -n "${HOSTS:-}" ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
output=$1
shift
pframe=${PFRAME:-pframe}
read -ra ssh <<<"${SSH:-ssh -o BatchMode=yes}"
read -ra hosts <<<"$HOSTS"

for part in "${!hosts[@]}"; do
    command=$(printf '%q ' "$pframe" build "$@" --output "$output" --part "$part/${#hosts[@]}")
    "${ssh[@]}" -n "${hosts[part]}" "$command" 2>&1 | sed "s/^/${hosts[part]}: /" &
done
wait
"$pframe" index "$output"
