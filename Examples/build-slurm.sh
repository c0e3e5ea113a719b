#!/usr/bin/env bash
#SBATCH --job-name=pframe
#SBATCH --output=%x-%A_%a.log
# Builds a data set under Slurm, on nodes that share a file system.
#
# Usage: sbatch [options of sbatch] Examples/build-slurm.sh OUTPUT INPUT… [options of pframe build]
#
# As one job: each task builds a part, then the job closes the data set:
#   sbatch --ntasks=64 --cpus-per-task=4 Examples/build-slurm.sh shards videos/ --captions captions.csv
#
# As an array, which starts wherever a node is free; each element builds a part, and a last job closes the data set:
#   id=$(sbatch --parsable --array=0-63 --cpus-per-task=4 Examples/build-slurm.sh shards videos/ --captions captions.csv)
#   sbatch --dependency=afterany:$id --wrap "pframe index shards"
#
# PFRAME is the program. Submit the same job again after any failure: finished shards stay. To run some elements again:
# sbatch --export=ALL,PARTS=64 --array=3,17 … . Exit code 0 of the job that closes the data set: the data set is complete;
# rejects.jsonl lists the videos without a clip.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '4,18s/^# \{0,1\}//p' "$0"; exit 2; }
output=$1
shift
pframe=${PFRAME:-pframe}
build=("$pframe" build "$@" --output "$output" --jobs "${SLURM_CPUS_PER_TASK:-1}")

if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    exec "${build[@]}" --part "$SLURM_ARRAY_TASK_ID/${PARTS:-$SLURM_ARRAY_TASK_COUNT}"
fi
# Every task finds its part in SLURM_PROCID and SLURM_NTASKS. One that ends, with whatever code, ends no other;
# `pframe index` finds out whether everything is there.
srun --kill-on-bad-exit=0 --wait=0 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" "${build[@]}" || true
"$pframe" index "$output"
