"""What SLURM says about jobs, by squeue and, where there is accounting, sacct; None where it cannot be asked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairseq_xling.errors import ConfigError

# States after which a job does nothing more; every other one, known or not, counts as live.
ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"}
ENDED |= {"REVOKED", "TIMEOUT"}
# Reasons for which a pending job never starts by itself.
_HOPELESS = re.compile(r"launch[ _]failed[ _]requeued[ _]held|BadConstraints|DependencyNeverSatisfied", re.IGNORECASE)
_FORMAT = "%F|%K|%j|%T|%m|%r"
_SECONDS = 60


@dataclass(frozen=True)
class State:
    """One job, or one task of an array, as squeue shows it."""

    id: str
    state: str
    mem: str
    reason: str = ""

    @property
    def is_live(self) -> bool:
        return self.state not in ENDED

    @property
    def is_hopeless(self) -> bool:
        return self.state == "PENDING" and bool(_HOPELESS.search(self.reason))


def require_slurm() -> None:
    missing = [name for name in ("sbatch", "squeue", "scancel", "srun", "scontrol") if shutil.which(name) is None]
    if missing:
        raise ConfigError(
            f"--executor slurm needs SLURM's commands, but {missing[0]} is not on the PATH. Start it on a login "
            "node or in a job of a cluster, or choose --executor local"
        )


def states(names: Sequence[str]) -> dict[tuple[str, int | None], State] | None:
    """Jobs of ours with these names, live ones and those that SLURM still remembers, by name and place in the array."""
    if not names:
        return {}
    words = ["--noheader", "--array", "--states=all", f"--user={os.getuid()}", f"--name={','.join(names)}"]
    text = _said("squeue", *words, f"--format={_FORMAT}")
    return None if text is None else read_states(text)


def read_states(text: str) -> dict[tuple[str, int | None], State]:
    """Lines of squeue in our format; a job that was requeued appears once, as it is now."""
    found = {}
    for line in text.splitlines():
        number, index, name, state, mem, reason = (*line.split("|", 5), "")[:6]
        place = int(index) if index.isdigit() else None
        job = number if place is None else f"{number}_{place}"
        found[name, place] = State(job, state, mem, reason)
    return found


def accounted(job: str) -> str | None:
    """The state in which accounting has kept a job; None where there is no accounting, or not of this job."""
    text = _said("sacct", "--noheader", "--parsable2", "--allocations", "--format=State", f"--jobs={job}")
    lines = (text or "").split("\n")
    return lines[-2].split()[0] if len(lines) > 1 and lines[-2] else None


def cancel(jobs: Sequence[str]) -> bool:
    """End jobs; False where SLURM did not take the order. One that has ended already is no failure."""
    return not jobs or _said("scancel", *jobs) is not None


def is_leaving_to_return(environment: Mapping[str, str]) -> bool:
    """Whether the job this process belongs to has been requeued, or has used its time up, and not been cancelled."""
    job = environment.get("SLURM_JOB_ID")
    if not job:
        return False
    text = _said("scontrol", "--oneliner", "show", "job", job)
    if text is None:
        return True  # nothing can be cancelled now either
    restarts = re.search(r"\bRestarts=(\d+)", text)
    requeued = restarts is not None and int(restarts[1]) > int(environment.get("SLURM_RESTART_COUNT") or 0)
    return requeued or "Reason=TimeLimit" in text


def _said(*command: str) -> str | None:
    """The stdout of one of SLURM's commands; None where it failed, as while the controller is down."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
