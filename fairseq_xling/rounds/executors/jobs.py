"""Jobs as files in the run directory, so that a driver finds what its predecessor submitted, and what became of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from fairseq_xling.files import atomic_write
from fairseq_xling.processes import die_with_parent
from fairseq_xling.rounds.perform import Outcome, last_lines
from fairseq_xling.rounds.state import slug

JOBS, ENDED, SUBMITIT = ".jobs", "ended", "submitit"
_KILLED = -9


@dataclass(frozen=True)
class Job:
    """Stages that share a job of the cluster, one after the other."""

    name: str
    """Its submission's own, which squeue shows: no id can be mistaken for that of a job from another time."""
    index: int | None
    """Its place in an array."""
    kind: str
    stages: Mapping[str, str]
    """The key of each stage, by its name."""
    cpus: int = 1
    mem: str | None = None
    id: str | None = None

    @property
    def label(self) -> str:
        return self.name if self.index is None else f"{self.name}.{self.index}"

    @property
    def place(self) -> tuple[str, int | None]:
        return self.name, self.index


class Jobs:
    """The folder of a run's jobs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / JOBS
        self.ended = self.folder / ENDED

    @property
    def submitit(self) -> Path:
        return self.folder / SUBMITIT

    def write(self, job: Job) -> None:
        self.ended.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.folder / f"{job.label}.json") as stream:
            json.dump(asdict(job), stream)

    def read(self, label: str) -> Job | None:
        """None for one that nobody waits for any more."""
        try:
            return Job(**json.loads((self.folder / f"{label}.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def all(self) -> list[Job]:
        found = [self.read(path.stem) for path in sorted(self.folder.glob("xling-*.json"))]
        return [job for job in found if job]

    def remove(self, job: Job) -> None:
        """Forget a job that has ended; what it printed stays."""
        for path in [*self.ended.glob(f"{job.label}@*"), self._now(job.label), self.folder / f"{job.label}.json"]:
            path.unlink(missing_ok=True)

    def output(self, job: Job) -> Path:
        """What the job printed, where that is no stage's."""
        return self.submitit / f"{job.id}_0_log.out"

    def remarks(self, job: Job) -> list[str]:
        """What SLURM itself has said there last, as when it ended the job for its memory."""
        return [line for line in last_lines(self.output(job), 20) if line.startswith(("slurmstepd", "srun: "))][-3:]

    # ---- what a job tells its driver

    def begin(self, label: str, stage: str) -> None:
        with atomic_write(self._now(label)) as stream:
            stream.write(stage)

    def current(self, label: str) -> str | None:
        """The stage that a job worked at last; None for a job that never began."""
        try:
            return self._now(label).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _now(self, label: str) -> Path:
        return self.folder / f"{label}.now"

    def tell(self, label: str, outcome: Outcome) -> None:
        """Leave the outcome of a stage; of two live generations the later one counts."""
        with atomic_write(self.ended / f"{label}@{slug(outcome.stage)}") as stream:
            json.dump(asdict(outcome), stream)

    def told(self) -> Iterator[tuple[str, Outcome]]:
        """Every outcome in the folder with its job's label; one listing, however many jobs there are."""
        names = sorted(os.listdir(self.ended)) if self.ended.is_dir() else []
        for name in names:
            if not name.startswith("."):
                text = (self.ended / name).read_text(encoding="utf-8")
                yield name.partition("@")[0], Outcome(**json.loads(text))

    def take(self, label: str, stage: str) -> None:
        """Remove an outcome that has been looked at."""
        (self.ended / f"{label}@{slug(stage)}").unlink(missing_ok=True)

    def look_again(self, folder: Path) -> None:
        """A change of attributes makes a network file system fetch a folder's content anew."""
        while folder != self.root.parent:
            if folder.is_dir():
                os.chmod(folder, folder.stat().st_mode & 0o7777)
            folder = folder.parent


def perform_job(jobs: Jobs, label: str, perform: Callable[[str, str, int], Outcome]) -> int:
    """In the job: its stages one after the other, each outcome told at once; the exit code of the first that failed."""
    job = jobs.read(label)
    if job is None:
        sys.stderr.write(f"job {label} is not wanted any more\n")
        return 0
    code = 0
    for stage, key in job.stages.items():
        jobs.begin(label, stage)
        outcome = perform(stage, key, job.cpus)
        jobs.tell(label, outcome)
        code = code or outcome.code
    return code


def start(root: str, name: str, is_array: bool) -> None:
    """What submitit calls in the job: our command as a process of its own, whose death by a kill is told too."""
    index = os.environ.get("SLURM_ARRAY_TASK_ID") if is_array else None
    label = name if index is None else f"{name}.{index}"
    jobs = Jobs(Path(root))
    words = [sys.executable, "-m", "fairseq_xling", "iterate", "--run-dir", root, "--perform", label]
    code = subprocess.Popen(words, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent).wait()
    job, stage = jobs.read(label), jobs.current(label)
    if code == _KILLED and job and stage:
        jobs.tell(label, Outcome(stage, code, f"{stage}: its process was killed, as happens where memory runs out"))
    if code:
        raise RuntimeError(f"exit code {code}")
