"""Worker processes on this machine, as many as its processors carry; each keeps its imports from stage to stage."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from fairseq_xling.processes import die_with_parent
from fairseq_xling.rounds.perform import Outcome
from fairseq_xling.rounds.stages import Stage


class _Worker:
    """A process that carries out one stage after the other, told by lines of JSON."""

    def __init__(self, command: Sequence[str], cpus: int) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": str(cpus)}
        self.cpus, self.processors = cpus, cpus
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            preexec_fn=die_with_parent, start_new_session=True,
        )  # fmt: skip
        self.stage: str | None = None

    @property
    def answers(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def tell(self, task: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.stage = task["stage"]
        with suppress(BrokenPipeError):  # it has died: reading its answer will say so
            self.process.stdin.write(json.dumps(task) + "\n")
            self.process.stdin.flush()


class LocalExecutor:
    """Stages side by side while processors are free."""

    parallel = True

    def __init__(self, root: Path, cpus: int) -> None:
        self._command = [sys.executable, "-m", "fairseq_xling", "iterate", "--worker", "--run-dir", str(root)]
        self._cpus, self._used = cpus, 0
        self._idle: list[_Worker] = []
        self._busy = selectors.DefaultSelector()

    def has_room(self, stage: Stage) -> bool:
        return self._used + self._processors(stage) <= self._cpus

    def _share(self, stage: Stage) -> int:
        """Processors of one process."""
        return min(stage.resources.cpus or self._cpus, self._cpus)

    def _processors(self, stage: Stage) -> int:
        """Of all nodes' ranks together, which are processes of this machine."""
        return min(self._share(stage) * stage.resources.nodes, self._cpus)

    def submit(self, stage: Stage, key: str) -> None:
        cpus = self._share(stage)
        worker = next((idle for idle in self._idle if idle.cpus == cpus), None)
        if worker:
            self._idle.remove(worker)
        else:
            worker = _Worker(self._command, cpus)
        self._used += self._processors(stage)
        worker.processors = self._processors(stage)
        worker.tell({"stage": stage.name, "key": key, "cpus": cpus})
        self._busy.register(worker.answers, selectors.EVENT_READ, worker)

    def ended(self, timeout: float) -> list[Outcome]:
        return [self._answer(found.data) for found, _ in self._busy.select(timeout)]

    def _answer(self, worker: _Worker) -> Outcome:
        line = worker.answers.readline()
        self._busy.unregister(worker.answers)
        self._used -= worker.processors
        stage, worker.stage = str(worker.stage), None
        if line:
            self._idle.append(worker)
            return Outcome(**json.loads(line))
        code = worker.process.wait()
        died = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return Outcome(stage, code, f"{stage}: its worker process ended with {died}")

    def stop(self) -> list[str]:
        workers = [*self._idle, *(key.data for key in list(self._busy.get_map().values()))]
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            try:
                worker.process.wait(10)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._idle, self._used = [], 0
        self._busy.close()
        self._busy = selectors.DefaultSelector()
        return []


def serve(performer: Any, stages: Any, source: IO[str], answers: IO[str]) -> None:
    """A worker's life: a line in, a stage carried out, a line out, until the driver closes its end."""
    for line in source:
        task = json.loads(line)
        outcome = performer(stages[task["stage"]], task["key"], task["cpus"])
        answers.write(json.dumps(asdict(outcome)) + "\n")
        answers.flush()
