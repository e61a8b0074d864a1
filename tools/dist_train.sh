#!/usr/bin/env bash
# Usage: tools/dist_train.sh CONFIG GPUS [further arguments of train.py]
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail
config=$1 gpus=$2; shift 2; what=("$config")
# Seconds after SIGTERM within which a step and a checkpoint have to end; older versions of torchrun know only their 30.
export TORCH_ELASTIC_SHUTDOWN_TIMEOUT="${TORCH_ELASTIC_SHUTDOWN_TIMEOUT:-300}"
exec python -m torch.distributed.run --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
  --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" --nproc_per_node="$gpus" \
  "$(dirname "$0")/train.py" "${what[@]}" --launcher pytorch "$@"
