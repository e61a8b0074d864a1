#!/usr/bin/env bash
#SBATCH --job-name=mplug2
#SBATCH --nodes=1
#SBATCH --gpus-per-node=8
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=16
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@300
# Usage: sbatch [--nodes=N, --partition=..., --time=...] tools/slurm_train.sh CONFIG [further arguments of train.py]
# From the project's folder; one task a GPU on every node, with 16 cores, of which a loader's workers (12 in the recipes of
# pre-training) need one each; srun takes their number from us, as newer ones do not inherit it. Five minutes before the time
# limit, and when the job is preempted, every process saves and stops, and the job is queued again; it then goes on from the
# work directory's latest checkpoint.
set -euo pipefail
config=$1; shift
export MASTER_PORT=${PORT:-$((20000 + ${SLURM_JOB_ID:-0} % 20000))}

run='' stopped=''
stop() {
  stopped=1
  [ -z "$run" ] || kill -USR1 "$run" 2>/dev/null || true # srun hands it on to every process, unless it has ended
}
trap stop USR1 TERM
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" --kill-on-bad-exit=1 "${PYTHON:-python}" -u tools/train.py "$config" --launcher slurm --resume "$@" &
run=$!
while kill -0 "$run" 2>/dev/null; do
  wait "$run" || true # every signal ends the wait, none of them the run
done
status=0
wait "$run" || status=$? # bash remembers it
if [ -n "$stopped" ] && { [ "$status" = 0 ] || [ "$status" = 138 ]; }; then # 138: the signal came before training began
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
