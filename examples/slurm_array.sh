#!/usr/bin/env bash
# One set written by many machines: every task of the array writes its share of the shards into one shared folder.
# Submit with `sbatch examples/slurm_array.sh`; submit again to finish what was interrupted. The task that finds
# nothing missing when it is done writes the index and the card.
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@60
set -euo pipefail

OUT=${OUT:-portraits}
PAIRS=${PAIRS:-35686}

exec datagen generate "$OUT" --recipe usc2019 --pairs "$PAIRS" --seed 0 --shard-pairs 64 \
    --workers "${SLURM_CPUS_PER_TASK:-1}" \
    --shard "${SLURM_ARRAY_TASK_ID:-1}/${SLURM_ARRAY_TASK_COUNT:-1}"
