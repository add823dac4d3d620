#!/usr/bin/env bash
# Train on several processes: tools/dist_train.sh CONFIG GPUS [arguments of train.py]
# NNODES, NODE_RANK, MASTER_ADDR, PORT and PYTHON are read from the environment.

if ! [[ ${2:-} =~ ^([1-9][0-9]*|auto|cpu|gpu)$ ]]; then
    echo "error: the number of processes is missing${2:+: got '$2' in its place}; usage: $0 CONFIG GPUS [arguments of train.py]" >&2
    exit 2
fi
TOOLS=$(cd "$(dirname "$0")" && pwd)

PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" -m mmcl_ext.config.torchrun \
    --nnodes="${NNODES:-1}" \
    --node-rank="${NODE_RANK:-0}" \
    --master-addr="${MASTER_ADDR:-127.0.0.1}" \
    --master-port="${PORT:-$((${NNODES:-1} == 1 ? 0 : 29500))}" \
    --nproc-per-node="$2" \
    "$TOOLS/train.py" "$1" --launcher pytorch "${@:3}"
