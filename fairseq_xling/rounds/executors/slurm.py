"""Jobs of a SLURM cluster; submitit submits them, the run directory and squeue say what became of them.

submitit's own idea of a job's state comes from accounting, which many clusters lack. Here a stage is done when its
manifest is there, and has failed when its job says so, or when squeue shows the job ended and nothing was left behind.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from fairseq_xling.rounds.executors import queue
from fairseq_xling.rounds.executors.jobs import Job, Jobs
from fairseq_xling.rounds.executors.memory import doubled, ran_out
from fairseq_xling.rounds.executors.submission import SubmissionError, submit_jobs
from fairseq_xling.rounds.perform import Outcome, last_lines
from fairseq_xling.rounds.stages import Stage
from fairseq_xling.rounds.state import RunDirectory

# squeue is asked this often at first, and ever more rarely while nothing happens: the controller serves everybody.
ASK_SECONDS, ASK_AT_MOST = 2.0, 20.0
# An ended job's last files may show on this node later than squeue shows its end.
GRACE_SECONDS = 4.0
# A job that still runs when all its stages have ended: a second generation, which nobody needs.
IDLE_SECONDS = 30.0
# For so long a controller that does not answer may keep stages waiting before they fail.
OUTAGE_SECONDS = 1800.0
_ARRAY = 500
_LOSSES = 20
_NOT_ITS_FAULT = ("NODE_FAIL", "PREEMPTED", "BOOT_FAIL")


@dataclass
class _Task:
    """A stage that somebody waits for."""

    stage: Stage
    key: str
    mem: str | None
    losses: int = 0
    job: Job | None = None


class SlurmExecutor:
    """Every stage a job, or a share of one; what is ready at once and alike becomes an array."""

    parallel = True

    def __init__(
        self, run: RunDirectory, cpus: int, keeps: Callable[[], bool], tell: Callable[[str, str, str], None]
    ) -> None:
        queue.require_slurm()
        self._run, self._cpus, self._keeps, self._tell = run, cpus, keeps, tell
        self._jobs = Jobs(run.root)
        self._tasks: dict[str, _Task] = {}
        self._queued: list[_Task] = []
        self._mem: dict[str, str] = {}
        self._ask, self._asked = ASK_SECONDS, 0.0
        self._gone: dict[str, float] = {}
        self._idle: dict[str, float] = {}
        self._outage: float | None = None
        self._tried = 0.0
        self._answers: list[Outcome] = []
        self._live = self._found()

    def _found(self) -> dict[str, Job]:
        """What a predecessor submitted and SLURM still has; the files of all others go."""
        jobs = self._jobs.all()
        states = queue.states(sorted({job.name for job in jobs}))
        found = {}
        for job in jobs:
            state = states.get(job.place) if states is not None else None
            if states is None or (state and state.is_live):
                found[job.label] = replace(job, id=state.id if state else job.id)
            else:
                self._jobs.remove(job)
        return found

    # ---- the executor's contract

    def has_room(self, stage: Stage) -> bool:
        return True

    def submit(self, stage: Stage, key: str) -> None:
        """Adopt a live job that does this very work, else queue it; a job that does other work for it is ended."""
        task = _Task(stage, key, self._mem.get(stage.name, stage.resources.mem))
        last = self._tasks.get(stage.name)
        self._tasks[stage.name] = task
        for job in [job for job in self._live.values() if stage.name in job.stages]:
            if job.stages[stage.name] == key and last is None:
                task.job = job
                self._tell("adopted", stage.name, f"job {job.id}, submitted by the driver before this one")
                return
            if not self._waited_for(job):
                self._end(job)
        self._queued.append(task)

    def ended(self, timeout: float) -> list[Outcome]:
        self._release()
        found = self._look()
        if not found:
            time.sleep(timeout)
            found = self._look()
        return found

    def stop(self) -> list[str]:
        """End all jobs, unless the driver only makes way for its successor; says what goes on."""
        self._queued.clear()
        live = list(self._live.values())
        if not live:
            return []
        with suppress(ValueError):  # a second TERM must not interrupt this; outside the main thread none can
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self._keeps():
            return [f"{_named(job)} goes on; the next driver of this run finds it" for job in live]
        ids = [job.id for job in live if job.id]
        if not queue.cancel(ids):
            return [f"{_named(job)} may still run. End it: scancel --name={job.name}" for job in live]
        for job in live:
            if job.label not in self._idle:  # one that was only about to end is not worth a word
                self._tell("cancelled", "", _named(job))
            self._jobs.remove(job)
        self._live.clear()
        return []

    # ---- submission

    def _release(self) -> None:
        """Submit what is queued and has room among the jobs of its kind."""
        if not self._queued or (self._outage and time.monotonic() - self._tried < ASK_SECONDS):
            return
        groups: dict[tuple[object, ...], list[_Task]] = {}
        for task in self._queued:
            groups.setdefault((task.stage.kind, task.stage.resources, task.mem), []).append(task)
        for tasks in groups.values():
            asked = tasks[0].stage.resources
            chunks = [tasks[i : i + asked.per_job] for i in range(0, len(tasks), asked.per_job)]
            live = sum(job.kind == tasks[0].stage.kind for job in self._live.values())
            room = _ARRAY if asked.at_once is None or not live else max(0, asked.at_once - live)
            if chunks[:room] and not self._submit(chunks[:room]):
                return

    def _submit(self, chunks: Sequence[Sequence[_Task]]) -> bool:
        """One job or one array; False where the controller does not answer."""
        first, many = chunks[0][0], len(chunks) > 1
        kind, cpus = first.stage.kind, first.stage.resources.cpus or self._cpus
        name = f"xling-{kind}-{os.urandom(4).hex()}"
        jobs = [
            Job(name, i if many else None, kind, {task.stage.name: task.key for task in chunk}, cpus, first.mem)
            for i, chunk in enumerate(chunks)
        ]
        for job in jobs:  # before SLURM has them: a driver that dies in between leaves no unknown job
            self._jobs.write(job)
        try:
            submitted = submit_jobs(jobs, first.stage.resources, self._jobs)
        except SubmissionError as fault:
            for job in jobs:
                self._jobs.remove(job)
            return self._refused([task for chunk in chunks for task in chunk], fault)
        self._outage = None
        for known, chunk in zip(submitted, chunks, strict=True):
            self._jobs.write(known)
            self._live[known.label] = known
            for task in chunk:
                task.job = known
                self._tell("submitted", task.stage.name, f"job {known.id}")
                self._queued.remove(task)
        self._ask = ASK_SECONDS
        return True

    def _refused(self, tasks: Sequence[_Task], fault: SubmissionError) -> bool:
        """A controller that is away comes back; what it refuses is the user's to mend."""
        self._tried = time.monotonic()
        if fault.is_away:
            self._outage = self._outage or self._tried
            if self._tried - self._outage < OUTAGE_SECONDS:
                return False
        for task in tasks:
            self._queued.remove(task)
            self._answers.append(Outcome(task.stage.name, 2, f"{task.stage.name}: {fault}"))
        return True

    # ---- what became of jobs

    def _look(self) -> list[Outcome]:
        found = [*self._answers, *self._told()]
        self._answers = []
        if found:
            self._ask = ASK_SECONDS
        if time.monotonic() - self._asked >= self._ask:
            found += self._lost()
            self._asked, self._ask = time.monotonic(), min(self._ask * 1.5, ASK_AT_MOST)
        return found

    def _told(self) -> Iterator[Outcome]:
        """Outcomes that jobs have left in the run directory."""
        for label, outcome in self._jobs.told():
            task = self._tasks.get(outcome.stage)
            self._jobs.take(label, outcome.stage)
            if task and task.job and task.job.label == label:
                yield self._settle(task, outcome)

    def _lost(self) -> Iterator[Outcome]:
        """Outcomes of jobs that have ended without a word."""
        states = queue.states(sorted({job.name for job in self._live.values()}))
        if states is None:
            return
        for job in list(self._live.values()):
            state = states.get(job.place)
            if state and state.is_hopeless:
                queue.cancel([state.id])
            elif state and state.is_live:
                self._gone.pop(job.label, None)
                if time.monotonic() - self._idle.get(job.label, time.monotonic()) > IDLE_SECONDS:
                    self._end(job)
                continue
            since = self._gone.setdefault(job.label, time.monotonic())
            if time.monotonic() - since >= GRACE_SECONDS or not self._waited_for(job):
                yield from self._bury(job, state)

    def _bury(self, job: Job, state: queue.State | None) -> Iterator[Outcome]:
        """Look once more at what an ended job has left; what it had not begun is queued again."""
        self._jobs.look_again(self._jobs.ended)
        yield from self._told()
        verdict = state.state if state else queue.accounted(job.id or "") or "UNKNOWN"
        current, tasks = self._jobs.current(job.label), self._waited_for(job)
        for task in tasks:
            self._run.forget(task.stage.name)
            self._jobs.look_again(self._run.place(task.stage.name).parent)
            if self._run.is_finished(task.stage, task.key):
                yield self._settle(task, Outcome(task.stage.name, 0))
            elif current not in (None, task.stage.name) or (verdict in _NOT_ITS_FAULT and task.losses < _LOSSES):
                self._tell("lost", task.stage.name, f"job {job.id} ended with {verdict}; it is submitted again")
                task.job, task.losses = None, task.losses + 1
                self._queued.append(task)
            else:
                memory = task.mem or (state.mem if state else None)
                yield self._settle(task, self._verdict(task, job, verdict), memory)
        self._forget(job)

    def _verdict(self, task: _Task, job: Job, state: str) -> Outcome:
        stage, asked = task.stage, task.stage.resources
        why = {
            "TIMEOUT": f"it took longer than its {asked.minutes} minutes (resources: {stage.kind}: minutes)",
            "UNKNOWN": "SLURM does not know it any more, and it has left nothing",
        }.get(state, "")
        log = self._run.log(stage.name)
        lines = [*last_lines(log), *self._jobs.remarks(job)]
        said = f"{stage.name}: {_named(job)} ended with {state}{': ' + why if why else ''}"
        places = f"log: {log}; the job's output: {self._jobs.output(job)}"
        return Outcome(stage.name, 1, f"{said} ({places}): {' | '.join(lines)}")

    def _settle(self, task: _Task, outcome: Outcome, mem: str | None = None) -> Outcome:
        """Hand an outcome over; after one for want of memory the next attempt gets twice as much."""
        job, task.job = task.job, None
        name = task.stage.name
        if job:
            self._jobs.look_again(self._run.place(name).parent)
            if not self._waited_for(job):
                self._idle[job.label] = time.monotonic()
            elif len(job.stages) > 1:  # a later generation of the job need not do it
                left = {stage: key for stage, key in job.stages.items() if stage != name}
                self._live[job.label] = replace(job, stages=left)
                self._jobs.write(self._live[job.label])
        if outcome.code and ran_out(outcome):
            given = mem or task.mem
            more = doubled(given)
            advice = f"the next attempt gets {more}" if more else f"Set resources: {task.stage.kind}: mem"
            if more:
                self._mem[name] = more
            said = f"{outcome.message} - out of memory with {given or 'what the cluster gives'}; {advice}"
            return replace(outcome, code=1, message=said)
        return replace(outcome, code=2 if outcome.code == 2 else min(1, abs(outcome.code)))

    def _waited_for(self, job: Job) -> list[_Task]:
        return [task for task in self._tasks.values() if task.job and task.job.label == job.label]

    def _end(self, job: Job) -> None:
        if not job.id or queue.cancel([job.id]):
            self._forget(job)

    def _forget(self, job: Job) -> None:
        self._live.pop(job.label, None)
        self._gone.pop(job.label, None)
        self._idle.pop(job.label, None)
        self._jobs.remove(job)


def _named(job: Job) -> str:
    return f"job {job.id} ({', '.join(job.stages)})"
