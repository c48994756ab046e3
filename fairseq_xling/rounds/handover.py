"""A driver that makes way: on USR1 it leaves what it started running, for the driver that comes after it to find."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

# sysexits.h: a temporary failure, to be tried again; slurm/iterate.sh requeues its job on it.
TO_BE_CONTINUED = 75


class HandOver:
    """While it is entered, USR1 ends this process by SystemExit(75), with `is_due` set."""

    def __init__(self) -> None:
        self.is_due = False
        self._previous: Any = None

    def __enter__(self) -> HandOver:
        if threading.current_thread() is threading.main_thread():  # Python knows no other that may
            self._previous = signal.signal(signal.SIGUSR1, self._leave)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGUSR1, self._previous)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        if not self.is_due:
            self.is_due = True
            raise SystemExit(TO_BE_CONTINUED)
