#!/usr/bin/env bash
# sbatch slurm/iterate.sh CONFIG.yaml RUN_DIR    the driver of a run as a small job; the same command goes on with the run
#SBATCH --job-name=xling-iterate
# The driver only submits and waits; the stages ask for their own resources (`resources:` in CONFIG.yaml).
#SBATCH --cpus-per-task=1
#SBATCH --mem=2G
# It outlives its time limit: two minutes before, USR1 makes it hand over and queue itself again.
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@120
# After a node failure or preemption SLURM queues it again, too, and it adopts the jobs it has running.
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -u
[ $# -ge 2 ] || { echo "usage: sbatch slurm/iterate.sh CONFIG.yaml RUN_DIR [more options of iterate]" >&2; exit 2; }
fairseq-xling iterate "$1" --run-dir "$2" --executor slurm "${@:3}" &
driver=$!
trap 'kill -USR1 "$driver"' USR1 # exit code 75: to be continued; 138: it was only starting, or all but done
trap : TERM                      # scancel tells the driver as well; wait until it has ended its jobs
wait "$driver"; code=$?
while kill -0 "$driver" 2>/dev/null; do wait "$driver"; code=$?; done
case "$code" in 75 | 138) exec scontrol requeue "$SLURM_JOB_ID" ;; esac
exit "$code"
