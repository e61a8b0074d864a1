#!/usr/bin/env bash
#SBATCH --job-name=mplug2
#SBATCH --nodes=1
#SBATCH --gpus-per-node=8
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@300
# Usage: sbatch [--nodes=N, --partition=..., --time=...] tools/slurm_train.sh CONFIG [further arguments of train.py]
# From the project's folder; one task a GPU on every node. Five minutes before the time limit, and when the job is preempted,
# every process saves and stops, and the job is queued again; it then goes on from the work directory's latest checkpoint.
set -euo pipefail
config=$1; shift
export MASTER_PORT=${PORT:-$((20000 + ${SLURM_JOB_ID:-0} % 20000))}

stopped=
stop() {
  stopped=1
  kill -USR1 "$run" # srun hands it on to every process
}
srun --kill-on-bad-exit=1 "${PYTHON:-python}" -u tools/train.py "$config" --launcher slurm --resume "$@" &
run=$!
trap stop USR1 TERM
status=0
wait "$run" || status=$?
while kill -0 "$run" 2> /dev/null; do # a signal ends the wait, not the run
  status=0
  wait "$run" || status=$?
done
if [ -n "$stopped" ] && [ "$status" = 0 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
