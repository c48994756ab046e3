"""The driver: what is ready is handed to the executor, what has ended is looked at, until nothing is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fairseq_xling.errors import RoundError, XlingError
from fairseq_xling.rounds.executors import Executor
from fairseq_xling.rounds.perform import Outcome
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.stages import Stage
from fairseq_xling.rounds.state import RunDirectory

# What happened, to which stage, in words: for the log, the terminal and the tests.
Tell = Callable[[str, str, str], None]
_POLL_SECONDS = 1.0
_USER_ERROR = 2


class StageError(XlingError):
    """A stage failed; the exit code says whose fault its command thought it was."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = _USER_ERROR if code == _USER_ERROR else RoundError.exit_code


@dataclass
class Driver:
    """One pass over a plan; `check` is called between steps and may raise (a lost lease, a signal)."""

    plan: Plan
    run: RunDirectory
    executor: Executor
    tell: Tell
    check: Callable[[], None]
    after: Callable[[Stage], None] = lambda stage: None
    done: set[str] = field(default_factory=set)
    running: dict[str, tuple[Stage, float]] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    failed: dict[str, StageError] = field(default_factory=dict)

    def drive(self) -> None:
        """Until nothing more can be done; what does not need a failed stage goes on, then StageError is raised."""
        self._mend()
        try:
            self._submit()
            while self.running:
                for outcome in self.executor.ended(_POLL_SECONDS):
                    self._take(outcome)
                self.check()
                self._submit()
        finally:
            for left in self.executor.stop():
                self.tell("left", "", left)
        if self.failed:
            raise next(iter(self.failed.values()))

    def _mend(self) -> None:
        """Take away what a kill, a full disk or a failing one has damaged; it is made again."""
        self.run.clear_retired()
        for damage in self.run.damages(stage.name for stage in self.plan):
            self.tell("damaged", damage.stage, f"{damage.what}; it is made again")
            self.run.retire(damage.stage)

    def waiting(self) -> list[Stage]:
        """Neither finished nor running, those that evaluate last: nothing waits for them."""
        taken = self.done | self.running.keys() | self.failed.keys()
        left = [stage for stage in self.plan if stage.name not in taken]
        return sorted(left, key=lambda stage: self.executor.parallel and stage.kind == "evaluate")

    def _submit(self) -> None:
        """Everything that is ready and has room; what is finished already is only ticked off."""
        moved = True
        while moved:
            moved = False
            for stage in self.waiting():
                if self.done.issuperset(stage.needs) and self._is_settled(stage):
                    moved = True
        for stage in self.waiting():
            if self.done.issuperset(stage.needs) and self.executor.has_room(stage):
                self._start(stage)

    def _is_settled(self, stage: Stage) -> bool:
        """True when the stage needs no work: it is there, or another stage has done the same."""
        key = self._key(stage)
        if self.run.is_finished(stage, key):
            self._finish(stage, "kept", "")
            return True
        if self.run.manifest(stage.name):
            self.tell("changed", stage.name, "its configuration or its inputs are others now; it is made again")
            self.run.retire(stage.name)
        twin = self.run.twin(key, (other.name for other in self.plan if other.name in self.done))
        if twin:
            self.run.link(twin, stage)
            self._finish(stage, "reused", f"the same work as {twin}")
        return bool(twin)

    def _key(self, stage: Stage) -> str:
        return stage.key(list(self.run.input_hashes(stage).values()))

    def _start(self, stage: Stage) -> None:
        self.tries[stage.name] = self.tries.get(stage.name, 0) + 1
        self.running[stage.name] = (stage, time.monotonic())
        self.tell("started", stage.name, f"attempt {self.tries[stage.name]}")
        self.executor.submit(stage, self._key(stage))

    def _take(self, outcome: Outcome) -> None:
        stage, _ = self.running.pop(outcome.stage)
        self.run.forget(stage.name)
        if self.run.is_finished(stage, self._key(stage)):  # whoever made it: another generation may have
            self._finish(stage, "done", f"{outcome.seconds:.1f} s")
            return
        if outcome.code in (130, 143):
            raise KeyboardInterrupt if outcome.code == 130 else SystemExit(143)
        if outcome.code == 0 and self.run.manifest(stage.name):
            self.tell("changed", stage.name, "its inputs changed while it was made; it is made again")
            self.run.retire(stage.name)
            return
        if outcome.code == _USER_ERROR or self.tries[stage.name] > stage.resources.retries:
            self.tell("failed", stage.name, outcome.message)
            self.failed[stage.name] = StageError(outcome.message, outcome.code)
            return
        self.tell("failed", stage.name, f"{outcome.message} - tried again")

    def _finish(self, stage: Stage, event: str, words: str) -> None:
        self.done.add(stage.name)
        self.run.clear_attempts(stage.name)  # of one that was published just before its driver was killed
        self.after(stage)
        self.tell(event, stage.name, words)
