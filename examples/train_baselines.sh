#!/usr/bin/env bash
# Trains every network on one set: the distance nets begin with the eyes of the flow nets, and flow and completion go on
# together end to end. An interrupted run goes on where it
# stopped when the same command runs again. On a GPU: DEVICE=cuda STEPS=60000 BATCH=32 WIDTH=32 examples/train_baselines.sh
set -euo pipefail

TRAINING=${TRAINING:-training}
DATA=${DATA:-out/baselines/makehuman-ict}
OUT=${OUT:-$DATA-weights}
DEVICE=${DEVICE:-cpu}
WORKERS=${WORKERS:-2}
BATCH=${BATCH:-16}
WIDTH=${WIDTH:-24}
LEVELS=${LEVELS:-4}
STEM=${STEM:-4}
RATE=${RATE:-1e-3}
STEPS=${STEPS:-20000}
FLOW_STEPS=${FLOW_STEPS:-$STEPS}
DISTANCE_STEPS=${DISTANCE_STEPS:-$STEPS}
COMPLETION_STEPS=${COMPLETION_STEPS:-$STEPS}
CASCADE_STEPS=${CASCADE_STEPS:-$((STEPS / 4))}

learn() { # stage, steps, further options
    "$TRAINING" train --what "$1" --data "$DATA" --out "$OUT/$1" --steps "$2" --batch "$BATCH" --width "$WIDTH" --levels "$LEVELS" \
        --stem "$STEM" --rate "$RATE" --workers "$WORKERS" --device "$DEVICE" "${@:3}" ${OPTIONS:-}
}

learn flow "$FLOW_STEPS"
learn flow-blind "$FLOW_STEPS"
learn distance "$DISTANCE_STEPS" --start-from "$OUT/flow-blind/last.safetensors"
learn query "$DISTANCE_STEPS" --start-from "$OUT/flow/last.safetensors"
learn completion "$COMPLETION_STEPS"
learn cascade "$CASCADE_STEPS" --start-from "$OUT/flow/last.safetensors" "$OUT/completion/last.safetensors"
