"""Jobs handed to SLURM by submitit: one, or an array, from an environment that is not the driver's own job's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import submitit

from fairseq_xling.rounds.executors.jobs import Job, Jobs, start
from fairseq_xling.rounds.stages import Resources

# What sbatch says of a controller that is down, starting or overloaded.
_AWAY = ("unable to contact", "timed out", "connection refused", "not responding", "temporarily", "endpoint")
# A driver's own job and rank must not show in the jobs that it submits; where the cluster is must.
_KEPT = ("SLURM_CONF", "SLURM_CLUSTERS")
_OF_A_JOB = ("SLURM_", "SLURMD_", "SRUN_", "SUBMITIT_")
_OF_A_RANK = ("MASTER_ADDR", "MASTER_PORT", "RANK", "LOCAL_RANK", "WORLD_SIZE")


class SubmissionError(Exception):
    """SLURM did not take the jobs: now (`is_away`: the controller did not answer), or as they are."""

    def __init__(self, text: str) -> None:
        lines = [line.partition("sbatch: error: ")[2] for line in text.splitlines() if "sbatch: error: " in line]
        super().__init__("sbatch: " + ("; ".join(lines) or " ".join(text.split())[:500]))
        self.is_away = any(words in text.lower() for words in _AWAY)


def submit_jobs(jobs: Sequence[Job], asked: Resources, place: Jobs) -> list[Job]:
    """The same jobs with their ids; several become one array, of which at most `asked.at_once` run."""
    cluster = submitit.SlurmExecutor(folder=place.submitit)
    cluster.update_parameters(**_parameters(jobs, asked))
    words = str(place.root), jobs[0].name, len(jobs) > 1
    try:
        with own_environment():
            if len(jobs) == 1:
                tickets = [cluster.submit(start, *words)]
            else:
                with cluster.batch():
                    tickets = [cluster.submit(start, *words) for _ in jobs]
    except (submitit.core.utils.FailedJobError, subprocess.SubprocessError, OSError) as fault:
        raise SubmissionError(str(fault)) from fault
    return [replace(job, id=ticket.job_id) for job, ticket in zip(jobs, tickets, strict=True)]


def _parameters(jobs: Sequence[Job], asked: Resources) -> dict[str, Any]:
    """In submitit's names. Only ranks of a training are steps, so the job itself is one process on its first node."""
    tasks = max(1, asked.gpus) if asked.nodes > 1 else 1
    # SLURM's warning before the end would kill steps; here it goes to the batch shell alone, which ignores it.
    more = {"requeue": True, "signal": "B:USR2@60"} | ({"mem": jobs[0].mem} if jobs[0].mem else {})
    found = {
        "job_name": jobs[0].name,
        "time": asked.minutes * max(len(job.stages) for job in jobs),
        "nodes": asked.nodes,
        "ntasks_per_node": tasks,
        "cpus_per_task": max(1, jobs[0].cpus // tasks),
        "use_srun": False,
        "stderr_to_stdout": True,
        "setup": ["trap '' USR2"],
        "wckey": None,
        "array_parallelism": asked.at_once or len(jobs),
        "additional_parameters": more,
    }
    given = {"gpus_per_node": asked.gpus or None, "partition": asked.partition}
    return found | {name: value for name, value in given.items() if value is not None}


@contextmanager
def own_environment() -> Iterator[None]:
    """Without what SLURM has set for the driver's own job; SBATCH_ variables are the user's and stay."""
    hidden = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if (name.startswith(_OF_A_JOB) and name not in _KEPT) or name in _OF_A_RANK
    }
    try:
        yield
    finally:
        os.environ.update(hidden)
