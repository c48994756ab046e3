"""scores.jsonl: one line a number, gathered from what the evaluation stages printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fairseq_xling.files import atomic_write
from fairseq_xling.rounds.stages import Stage
from fairseq_xling.rounds.state import RunDirectory
from fairseq_xling.signatures import parse_signature, shared

SCORES = "scores.jsonl"
MEAN = "*"


def write_scores(run: RunDirectory, stages: Iterable[Stage]) -> list[dict[str, Any]]:
    """Write the scores of all finished evaluation stages, in the plan's order, and return them."""
    found = [score for stage in stages if stage.kind == "evaluate" for score in stage_scores(run, stage)]
    with atomic_write(run.root / SCORES) as stream:
        for score in found:
            stream.write(json.dumps(score, ensure_ascii=False) + "\n")
    return found


def stage_scores(run: RunDirectory, stage: Stage) -> Iterator[dict[str, Any]]:
    """The directed scores of one stage, then for each name and split their mean over directions."""
    manifest = run.manifest(stage.name)
    if manifest is None:
        return
    rows = [row for name in stage.produces for row in _rows(run.place(stage.name) / name)]
    directed = [row for row in rows if row["pair"] != MEAN]
    yield from ({"round": stage.round, **row} for row in directed)
    for name, split in dict.fromkeys((row["name"], row["split"]) for row in directed):
        alike = [row for row in directed if (row["name"], row["split"]) == (name, split)]
        mean = sum(row["value"] for row in alike) / len(alike)
        made = shared([row["signature"] for row in alike])
        counts = {"directions": len(alike)}
        yield {
            "round": stage.round,
            "pair": MEAN,
            "name": name,
            "value": mean,
            "split": split,
            "signature": made,
            "counts": counts,
        }


def _rows(path: Path) -> list[dict[str, Any]]:
    """What one command printed; of mined pairs as they were mined, not of the cut that gold would have chosen."""
    rows = json.loads(path.read_text(encoding="utf-8"))["scores"]
    return [row for row in rows if not row["name"].startswith("pairs.") or not _is_oracle(row["signature"])]


def _is_oracle(made: str) -> bool:
    return parse_signature(made).get("threshold") == "oracle"


def read_scores(root: Path) -> list[dict[str, Any]]:
    """The lines of a run's scores.jsonl; none where nothing was evaluated yet."""
    path = root / SCORES
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
