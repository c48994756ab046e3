"""Where stages are carried out: in this process, in processes beside it, or as jobs of a cluster; one contract."""

from __future__ import annotations

from typing import Protocol

from fairseq_xling.rounds.perform import Outcome
from fairseq_xling.rounds.stages import Stage


class Executor(Protocol):
    """Takes stages that are ready and says how their attempts ended."""

    parallel: bool
    """Several stages run side by side."""

    def has_room(self, stage: Stage) -> bool:
        """Whether the stage may be submitted now."""

    def submit(self, stage: Stage, key: str) -> None:
        """Start an attempt, or carry it out at once."""

    def ended(self, timeout: float) -> list[Outcome]:
        """Attempts that have ended since the last call; waits for one, at most `timeout` seconds."""

    def stop(self) -> list[str]:
        """End what was started; says what could not be ended."""
