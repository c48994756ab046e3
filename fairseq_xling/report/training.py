"""Loss against update, from the JSON lines that fairseq-train leaves in train.log."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairseq_xling.files import iterate_lines
from fairseq_xling.report.reading import Run, round_of

TRAIN_LOG = "train.log"
MOST_POINTS = 400
# fairseq's progress lines and what they call loss and update: within an epoch, at its end, on validation data.
_WITHIN, _EPOCH, _VALIDATION = ("train_inner", ""), ("train", "train_"), ("valid", "valid_")

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """One model's training: (update, loss) in order; loss in bits a piece, as fairseq logs it."""

    stage: str
    round: int | None
    training: Points
    validation: Points

    @property
    def last(self) -> float | None:
        return self.training[-1][1] if self.training else None


def curves(run: Run) -> list[Curve]:
    """Of every finished training, pretraining first."""
    stages = sorted(name for name, stage in run.stages.items() if stage.kind in ("pretrain", "train"))
    order = sorted(stages, key=lambda name: (round_of(name) is not None, name))
    return [read_curve(name, path) for name in order if (path := run.place(name, TRAIN_LOG))]


def read_curve(stage: str, path: Path) -> Curve:
    """A training that went on after a kill says some updates twice: what was said last counts."""
    found: dict[str, dict[float, float]] = {"train_inner": {}, "train": {}, "valid": {}}
    for line in iterate_lines(path):
        parts = line.split(" | ", 3)
        if len(parts) == 4 and parts[2] in found and parts[3].startswith("{"):
            point = _point(parts[3], parts[2])
            if point:
                found[parts[2]][point[0]] = point[1]
    # The mean of a whole epoch is no point of a curve, but where there is nothing finer it is all there is.
    training = found["train_inner"] or found["train"]
    return Curve(stage, round_of(stage), thinned(sorted(training.items())), thinned(sorted(found["valid"].items())))


def _point(text: str, kind: str) -> tuple[float, float] | None:
    prefix = dict((_WITHIN, _EPOCH, _VALIDATION))[kind]
    try:
        said: dict[str, Any] = json.loads(text)
        update, loss = float(said[f"{prefix}num_updates"]), float(said[f"{prefix}loss"])
    except (ValueError, KeyError, TypeError):  # a line cut short by a kill
        return None
    return (update, loss) if math.isfinite(update) and math.isfinite(loss) else None


def thinned(points: Points, most: int = MOST_POINTS) -> Points:
    """Every so-and-so-many-th point and the last one, at most `most` + 1."""
    step = -(-len(points) // most)
    if step <= 1:
        return points
    kept = list(points[::step])
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]
