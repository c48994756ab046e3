"""The errors a person may meet: each is one line that names the thing, the rule, the value and the way out."""

from __future__ import annotations

from collections.abc import Sequence


class XlingError(Exception):
    """The user can mend it; the command line prints it as one line and exits with `exit_code`."""

    exit_code = 2


class ConfigError(XlingError):
    """Everything that is wrong with a configuration, said at once."""

    def __init__(self, faults: str | Sequence[str], where: str | None = None) -> None:
        self.faults: list[str] = [faults] if isinstance(faults, str) else list(faults)
        self.where = where
        text = self.faults[0] if len(self.faults) == 1 else f"{len(self.faults)} faults: " + "; ".join(self.faults)
        super().__init__(f"{where}: {text}" if where else text)


class CorpusError(XlingError):
    """A text, vector or pair file that cannot be used as it is."""


class CheckpointError(XlingError):
    """A checkpoint that is missing, foreign, truncated, unsafe, or does not fit its dictionary."""


class RoundError(XlingError):
    """A stage of a run failed for a reason outside the user's input; the message names its log."""

    exit_code = 1


class MissingDependencyError(XlingError):
    """An optional package, program or data folder that is asked for and not there."""
