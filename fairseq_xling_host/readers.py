"""Ends the threads that read batches ahead before the interpreter ends, which would otherwise end with a crash."""

from __future__ import annotations

import atexit
import queue
import threading
import weakref
from contextlib import suppress
from typing import Any

# Long enough for a large batch to be made, short enough that a reader which hangs does not keep the process for ever.
SECONDS = 60.0

_reading: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def stop_at_exit(reader: Any) -> None:
    """Remember a `BackgroundConsumer` of fairseq so that it is stopped when the process exits.

    It is a daemon: at exit Python ends such a thread where it next asks for the interpreter's lock. Inside one of
    torch's calls that aborts the whole process ("terminate called without an active exception"), and a command that
    has done all its work reports failure.
    """
    if not _reading:
        atexit.register(stop_all)
    _reading.add(reader)


def stop_all() -> None:
    """Let every reader finish the batch it is at, and wait for it."""
    for reader in list(_reading):
        stop(reader)


def stop(reader: Any, seconds: float = SECONDS) -> None:
    """Make `reader` stop after its current item; what it has read ahead is thrown away so that it never waits."""
    reader._max_len = 0
    tries = int(seconds / 0.05)
    while reader.is_alive() and tries > 0:
        with suppress(queue.Empty):
            while True:
                reader._queue.get_nowait()
        reader.join(0.05)
        tries -= 1
