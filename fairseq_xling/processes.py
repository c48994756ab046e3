"""Processes that are started by ours."""

from __future__ import annotations

import ctypes
import signal

_PR_SET_PDEATHSIG = 1
# Loaded here: between fork and exec, another thread may hold the loader's lock for ever.
_LIBC = ctypes.CDLL(None)


def die_with_parent() -> None:
    """As `preexec_fn`: the process ends when the one that started it does, however that ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
