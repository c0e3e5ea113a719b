#!/usr/bin/env bash
# Builds a data set with the processes of one mpirun, on one machine or on many that share a file system.
#
# Usage: Examples/build-mpi.sh PROCESSES OUTPUT INPUT… [options of pframe build]
#
#   Examples/build-mpi.sh 8 shards videos/ --captions captions.csv
#   MPIRUN="mpirun --hostfile hosts" JOBS=16 Examples/build-mpi.sh 64 shards videos/ --no-captions
#
# PFRAME is the program, MPIRUN the launcher with its own options, JOBS the videos at once per process.
# Run it again after any failure: finished shards stay. Exit code 0: the data set is complete; rejects.jsonl lists the
# videos without a clip.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }
processes=$1 output=$2
shift 2
pframe=${PFRAME:-pframe}
read -ra mpirun <<<"${MPIRUN:-mpirun --bind-to none}"

# Each process finds its part in the variables of Open MPI, MPICH or Intel MPI.
"${mpirun[@]}" -n "$processes" "$pframe" build "$@" --output "$output" --jobs "${JOBS:-1}"
"$pframe" index "$output"
