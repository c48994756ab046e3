"""What a person sees of a run: events as they happen, one live line at a terminal, a report of how far it is."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.run import Driver
from fairseq_xling.rounds.stages import Stage
from fairseq_xling.rounds.state import LOGS, RunDirectory

DRIVER_LOG = "driver.log"
_REFRESH_SECONDS = 1.0


class View:
    """Writes events to logs/driver.log and stderr; at a terminal, a line below them says what runs."""

    def __init__(self, root: Path) -> None:
        (root / LOGS).mkdir(parents=True, exist_ok=True)
        self._log = open(root / LOGS / DRIVER_LOG, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 - closed by close
        # A copy: the inline executor sends this process's stderr into the stages' logs.
        self._terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", buffering=1)
        self._live = self._terminal.isatty()
        self._driver: Driver | None = None
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._refreshing, name="view", daemon=True)

    def watch(self, driver: Driver) -> None:
        self._driver = driver
        if self._live:
            self._thread.start()

    def tell(self, event: str, stage: str, words: str) -> None:
        """One event; `kept` ones are in the log only."""
        parts = " ".join(filter(None, [event, stage, words]))
        self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {parts}\n")
        if event == "kept":
            return
        with self._lock:
            clear = "\r\x1b[K" if self._live else ""
            self._terminal.write(f"{clear}{time.strftime('%H:%M:%S')} {parts}\n")

    def close(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._live:
            self._terminal.write("\r\x1b[K")
        self._terminal.close()
        self._log.close()

    def _refreshing(self) -> None:
        while not self._stopped.wait(_REFRESH_SECONDS):
            if self._driver:
                width = os.get_terminal_size(self._terminal.fileno()).columns
                with self._lock:
                    self._terminal.write(f"\r\x1b[K{live_line(self._driver)[: width - 1]}")
                    self._terminal.flush()


def live_line(driver: Driver) -> str:
    """Done, running, queued, and when it may be over."""
    now = time.monotonic()
    running = [f"{stage.name} {clock(now - since)}" for stage, since in list(driver.running.values())]
    left = remaining_seconds(driver.plan, driver.run, driver.done)
    queued = len(driver.plan) - len(driver.done) - len(running)
    eta = f" · about {clock(left)} of work left" if left is not None else ""
    return f"{len(driver.done)}/{len(driver.plan)} done · {', '.join(running) or 'waiting'} · {queued} queued{eta}"


def remaining_seconds(plan: Plan, run: RunDirectory, done: Iterable[str]) -> float | None:
    """Stages that are left times what one of their kind has taken; None while a kind has not been seen."""
    finished = set(done)
    taken: dict[str, list[float]] = {}
    for name in finished:
        manifest = run.manifest(name)
        if manifest:
            taken.setdefault(plan.by_name[name].kind, []).append(manifest.seconds)
    left = [stage.kind for stage in plan if stage.name not in finished]
    if any(kind not in taken for kind in left):
        return None
    return sum(sum(taken[kind]) / len(taken[kind]) for kind in left)


def clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}" if hours else f"{minutes}m{rest:02d}s"


def by_round_and_kind(stages: Sequence[Stage], done: set[str]) -> list[list[object]]:
    """[round, kind, done, of] in the plan's order."""
    everything = Counter((stage.round, stage.kind) for stage in stages)
    finished = Counter((stage.round, stage.kind) for stage in stages if stage.name in done)
    return [
        ["start" if number is None else f"{number:02d}", kind, finished[number, kind], count]
        for (number, kind), count in everything.items()
    ]


def mean_scores(scores: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """Header and rows: a score a row, a round a column, the mean over directions in the cell."""
    means = [score for score in scores if score["pair"] == "*"]
    names = list(dict.fromkeys((score["name"], score["split"]) for score in means))
    rounds = sorted({score["round"] for score in means})
    cells = {(score["name"], score["split"], score["round"]): score["value"] for score in means}
    rows: list[list[object]] = [
        [name, split, *(cells.get((name, split, number), "-") for number in rounds)] for name, split in names
    ]
    return ["mean over directions", "split", *(f"round {number}" for number in rounds)], rows
