"""A run directory as the page sees it: what is there is read, what is missing or damaged is said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import Manifest, read_lines, read_manifest
from fairseq_xling.languages import Pair

CONFIG, SCORES, STAGE, DRIVER_LOG = "config.yaml", "scores.jsonl", "stage.json", "logs/driver.log"
_STAGES = ("*/stage.json", "round-*/*/stage.json", "round-*/*/*/stage.json")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@dataclass(frozen=True)
class Score:
    """A line of scores.jsonl."""

    round: int
    pair: str
    name: str
    value: float
    split: str
    signature: str
    counts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """A stage that the configuration asks for, and what each attempt at it may use."""

    name: str
    kind: str
    nodes: int = 1
    cpus: int | None = None
    gpus: int = 0


@dataclass(frozen=True)
class Run:
    """Everything but the mined pairs, the logs of training and the texts, which are read where they are shown."""

    root: Path
    config: Mapping[str, Any]
    config_text: str
    scores: Sequence[Score]
    stages: Mapping[str, Manifest]
    planned: Sequence[Planned]
    """Empty where nobody could say what was planned; `notes` then says why."""
    notes: Sequence[str]
    began: str | None = None
    ended: str | None = None
    memory: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """What several parts of the page ask for is read once."""

    @property
    def name(self) -> str:
        return self.root.name

    @cached_property
    def languages(self) -> list[str]:
        """In the configuration's order."""
        return [str(code) for code in self.config.get("languages") or {}]

    @cached_property
    def rounds(self) -> list[int]:
        """Those of which at least one stage or score is there."""
        numbers = {round_of(name) for name in self.stages} | {score.round for score in self.scores}
        return sorted(number for number in numbers if number is not None)

    @cached_property
    def pairs(self) -> list[Pair]:
        """Those that were mined, in the order of the languages."""
        found = {pair_of(name) for name, stage in self.stages.items() if stage.kind == "mine"}
        place = {code: number for number, code in enumerate(self.languages)}
        return sorted((pair for pair in found if pair), key=lambda pair: [(place.get(c, 1 << 30), c) for c in pair])

    @property
    def missing(self) -> list[Planned]:
        return [stage for stage in self.planned if stage.name not in self.stages]

    def file(self, code: str, role: str) -> Path | None:
        """A language's file of the configuration: mono, ids, dev or test."""
        language = (self.config.get("languages") or {}).get(code)
        named = language.get(role) if isinstance(language, Mapping) else None
        return self.root / str(named) if named else None

    def place(self, stage: str, name: str) -> Path | None:
        """A file of a finished stage."""
        path = self.root / stage / name
        return path if stage in self.stages and path.is_file() else None


def read_run(root: Path, config: Mapping[str, Any], planned: Sequence[Planned] = (), notes: Sequence[str] = ()) -> Run:
    """`config` is what config.yaml says. A folder that holds nothing of a run is the user's error."""
    root = Path(root)
    found = list(notes)
    wanted = {stage.name for stage in planned}
    stages = {name: stage for name, stage in _stages(root, found) if not wanted or name in wanted}
    scores = list(_scores(root / SCORES, found))
    text = "\n".join(read_lines(root / CONFIG)) if (root / CONFIG).is_file() else ""
    if not stages and not scores and not text:
        raise CorpusError(
            f"{root} holds no run: no {CONFIG}, no finished stage. Name the folder that iterate wrote to."
        )
    times = _times(root / DRIVER_LOG)
    return Run(root, config, text, scores, stages, planned, found, times[0], times[1])


def _stages(root: Path, notes: list[str]) -> Iterator[tuple[str, Manifest]]:
    paths = sorted(path for pattern in _STAGES for path in root.glob(pattern))
    for path in paths:
        name = path.parent.relative_to(root).as_posix()
        if name.startswith("."):
            continue
        try:
            yield name, read_manifest(path)
        except CorpusError:
            notes.append(f"{name}: its {STAGE} cannot be read, so the stage counts as missing.")


def _scores(path: Path, notes: list[str]) -> Iterator[Score]:
    if not path.is_file():
        return
    for number, line in enumerate(read_lines(path), start=1):
        try:
            found = json.loads(line)
            score = Score(**{name: found[name] for name in Score.__dataclass_fields__ if name in found})
        except (ValueError, TypeError):
            notes.append(f"{SCORES}, line {number}: not a score, left out.")
            continue
        yield score


def _times(path: Path) -> tuple[str | None, str | None]:
    """When the driver's log begins and when its last stage was done."""
    if not path.is_file():
        return None, None
    lines = [line for line in read_lines(path) if _TIME.match(line)]
    ended = [line for line in lines if " done " in line]
    return (lines[0][:19] if lines else None), (ended[-1][:19] if ended else None)


def round_of(stage: str) -> int | None:
    """round-03/train is of round 3; pretrain is of none."""
    found = re.match(r"round-(\d+)/", stage)
    return int(found[1]) if found else None


def pair_of(stage: str) -> Pair | None:
    """The last part of round-01/mine/aa-bb."""
    source, dash, target = stage.rpartition("/")[2].partition("-")
    return Pair(source, target) if dash else None
