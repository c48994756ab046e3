"""One driver a run: a lease with a heartbeat, so that a second one is refused and a dead one's run is taken over."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fairseq_xling.errors import ConfigError, RoundError
from fairseq_xling.files import atomic_write

LEASE, LOCK = ".lease.json", ".lease.lock"
BEAT_SECONDS, STALE_SECONDS = 5.0, 60.0


class Lease:
    """Held while a driver lives; `check` raises when another driver has taken the run over."""

    def __init__(self, root: Path, beat: float = BEAT_SECONDS, stale: float = STALE_SECONDS) -> None:
        self.root, self.path = root, root / LEASE
        self.beat, self.stale = beat, stale
        self.token = os.urandom(8).hex()
        self._stopped, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beating, name="lease", daemon=True)

    def acquire(self) -> str | None:
        """Take the lease; returns whose it was where a dead driver's is taken over. Raises where it is held."""
        with _locked(self.root / LOCK):
            holder = holder_of(self.root)
            if holder and not was_ours(holder, os.environ) and is_alive(holder, self._age(), self.stale):
                raise ConfigError(
                    f"{self.root} is being driven by process {holder['pid']} on {holder['host']}. Wait for it, look at "
                    "it with --status, or end that process"
                )
            self._write()
        self._thread.start()
        return f"process {holder['pid']} on {holder['host']}" if holder else None

    def release(self) -> None:
        """Give it back, if it is still ours."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        with _locked(self.root / LOCK):
            if self.is_ours():
                self.path.unlink(missing_ok=True)

    def is_ours(self) -> bool:
        """As the disk says now."""
        return (holder_of(self.root) or {}).get("token") == self.token

    def check(self) -> None:
        if self._lost.is_set():
            raise RoundError(f"another driver has taken over {self.root}; this one stops")

    def _write(self) -> None:
        mine = {"token": self.token, "host": platform.node(), "pid": os.getpid(), "born": born(os.getpid())}
        job = {"job": os.environ.get("SLURM_JOB_ID"), "restarts": _restarts(os.environ)}
        with atomic_write(self.path) as stream:
            json.dump(mine | job, stream)

    def _beating(self) -> None:
        while not self._stopped.wait(self.beat):
            with suppress(OSError):  # a file system may fail for a moment: the next beat tries again
                if not self.is_ours():
                    self._lost.set()
                    return
                os.utime(self.path)

    def _age(self) -> float:
        """Seconds since the last beat by the file system's own clock, which all nodes share."""
        probe = self.root / f".{os.urandom(4).hex()}.tmp"
        probe.touch()
        try:
            return probe.stat().st_mtime - self.path.stat().st_mtime
        finally:
            probe.unlink()


def holder_of(root: Path) -> dict[str, Any] | None:
    """Who holds the lease, dead or alive; None where nobody does."""
    try:
        return dict(json.loads((root / LEASE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):  # written at once or not at all: a broken one is nobody's
        return None


def was_ours(holder: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    """Whether it was held by this very SLURM job before it was requeued, perhaps on another node."""
    job = environment.get("SLURM_JOB_ID")
    return job is not None and holder.get("job") == job and holder.get("restarts", 0) < _restarts(environment)


def _restarts(environment: Mapping[str, str]) -> int:
    return int(environment.get("SLURM_RESTART_COUNT") or 0)


def is_alive(holder: dict[str, Any], age: float, stale: float = STALE_SECONDS) -> bool:
    """On this machine its process tells; elsewhere the heartbeat does."""
    if holder["host"] == platform.node():
        return holder["born"] is not None and born(holder["pid"]) == holder["born"]
    return age < stale


def born(pid: int) -> str | None:
    """When a process started, in the kernel's ticks: a reused number has another; None where there is none."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if after_name[0] == "Z" else after_name[19]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """A short critical section; the kernel ends it when its process dies."""
    with open(path, "w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
