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
# limit, and when the job is preempted, whether this script is told or the processes are, every process saves and stops, and
# the job is queued again unless it was cancelled; it then goes on from the work directory's latest checkpoint. A signal during
# validation is answered after it: where that takes longer, --signal=B:USR1@SECONDS leaves more time.
set -euo pipefail
config=$1; shift
export MASTER_PORT=${PORT:-$((20000 + ${SLURM_JOB_ID:-0} % 20000))}

export MPLUG2_STOPPED=$PWD/.stopped-${SLURM_JOB_ID:-0} # a run that was stopped before its end leaves this file
rm -f "$MPLUG2_STOPPED"

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
[ ! -e "$MPLUG2_STOPPED" ] || stopped=1
rm -f "$MPLUG2_STOPPED"
# 138 and 143: the signal came before training began, which ends a process.
if [ -n "$stopped" ] && { [ "$status" = 0 ] || [ "$status" = 138 ] || [ "$status" = 143 ]; }; then
  case "$(scontrol show job "$SLURM_JOB_ID")" in
    *JobState=RUNNING*) scontrol requeue "$SLURM_JOB_ID" ;; # not of a cancelled job, which is COMPLETING by now
  esac
fi
exit "$status"
