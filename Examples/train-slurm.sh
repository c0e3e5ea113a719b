#!/usr/bin/env bash
#SBATCH --job-name=pframe-train
#SBATCH --output=%x-%j.log
#SBATCH --signal=TERM@300
# Trains a model under Slurm with a process per GPU, on nodes that share a file system.
#
# Usage: sbatch [options of sbatch] Examples/train-slurm.sh MODEL DATASET RUN [options of pframe train]
#
#   sbatch --nodes=2 --ntasks-per-node=8 --gpus-per-node=8 --cpus-per-task=8 \
#       Examples/train-slurm.sh ed-vdm latents run --preset paper --batch 8 --precision bfloat16
#
# PFRAME_TRAIN is the program, DEVICE another device than cuda. Submit the same job again after a time limit or a failure:
# the run resumes at its last checkpoint. Five minutes before the limit Slurm sends SIGTERM, and the run writes one.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '5,13s/^# \{0,1\}//p' "$0"; exit 2; }
model=$1 dataset=$2 run=$3
shift 3

# Each process takes the GPU of its number on its node (SLURM_LOCALID).
exec srun --mpi=pmix --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" \
    "${PFRAME_TRAIN:-pframe-train}" train "$model" "$dataset" --output "$run" --device "${DEVICE:-cuda}" "$@"
