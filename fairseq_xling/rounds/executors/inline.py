"""Everything in the driver's own process, one stage after the other."""

from __future__ import annotations

from fairseq_xling.rounds.perform import Outcome, Performer
from fairseq_xling.rounds.stages import Stage


class InlineExecutor:
    """The simplest executor: nothing is started twice, nothing runs side by side."""

    parallel = False

    def __init__(self, performer: Performer, cpus: int) -> None:
        self._performer, self._cpus = performer, cpus
        self._waiting: list[tuple[Stage, str]] = []

    def has_room(self, stage: Stage) -> bool:
        return not self._waiting

    def submit(self, stage: Stage, key: str) -> None:
        self._waiting.append((stage, key))

    def ended(self, timeout: float) -> list[Outcome]:
        waiting, self._waiting = self._waiting, []
        return [
            self._performer(stage, key, min(stage.resources.cpus or self._cpus, self._cpus)) for stage, key in waiting
        ]

    def stop(self) -> list[str]:
        self._waiting = []
        return []
