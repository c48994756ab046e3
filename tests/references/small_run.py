"""A run directory of invented text, written by hand: what iterate leaves, without any model, in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from fairseq_xling.files import Manifest, sha256_file, write_manifest
from fairseq_xling.languages import Pair

# What a corpus may hold: markup, a script, both directions of writing, controls, an empty line, a very long one.
NASTY = (
    "<script>alert('mined')</script> & \"quoted\" <b>bold</b>",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd, abc",
    "a\x00b\x1b[31m\u202e end",
    "",
    "long " * 400,
    "</td></table><img src=x onerror=alert(1)>",
)
LINES = 40
_EVALUATE = "margin:absolute|k:1|split:test|xling:0.1.0"


@dataclass(frozen=True)
class Size:
    """How much of a run is there."""

    languages: Sequence[str] = ("aa", "bb", "cc")
    rounds: int = 2
    planned: int = 2
    ids: bool = True
    evaluated: bool = True
    shift: float = 0.0
    """Added to every score, so that two runs differ."""

    @property
    def pairs(self) -> list[Pair]:
        return [Pair(*codes) for codes in combinations(self.languages, 2)]


def write_run(root: Path, size: Size | None = None) -> Path:
    """`round-00` to `round-NN` with every stage that the page reads; texts lie in root/world."""
    size = size or Size()
    world = root / "world"
    world.mkdir(parents=True)
    for place, code in enumerate(size.languages):
        lines = [
            NASTY[(line + place) % len(NASTY)] if line % 3 == 0 else f"{code} says {line}" for line in range(LINES)
        ]
        (world / f"mono.{code}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
        (world / f"{code}.ids").write_text("".join(f"{line}\n" for line in range(LINES)))
        (world / f"test.{code}").write_text("one\ntwo\n")
    _configure(root, size)
    _stage(root, "prepare", "prepare", 1.5)
    _train(root, "pretrain", "pretrain", 2)
    for number in range(size.rounds + 1):
        _round(root, number, size)
    if size.evaluated:
        rows = [json.dumps(row) + "\n" for number in range(size.rounds + 1) for row in scores(number, size)]
        (root / "scores.jsonl").write_text("".join(rows))
    (root / "logs").mkdir()
    (root / "logs" / "driver.log").write_text(
        "2026-11-20 19:33:45 started prepare attempt 1\n2026-11-20 19:38:54 done round-02/train 0.2 s\n"
        "2026-11-21 08:00:00 finished 9 stages\n"
    )
    return root


def _configure(root: Path, size: Size) -> None:
    world = root.resolve() / "world"
    languages = {
        code: {"mono": f"{world}/mono.{code}", "test": f"{world}/test.{code}"}
        | ({"ids": f"{world}/{code}.ids"} if size.ids else {})
        for code in size.languages
    }
    config = {
        "languages": languages,
        "pairs": "all",
        "rounds": size.planned,
        "start": {"pretrain": {"max_update": 200}},
        "mining": {"max_count": [10, 20]},
        "training": {"arch": "criss_tiny", "max_update": 300},
        "resources": {"train": {"gpus": 1, "cpus": 1}},
    }
    (root / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def _round(root: Path, number: int, size: Size) -> None:
    here = f"round-{number:02d}"
    for code in size.languages:
        _stage(root, f"{here}/encode/{code}", "encode", 2.0)
    for pair in size.pairs:
        if number:
            _assemble(root, f"{here}/assemble/{pair}", pair, number)
        _mine(root, f"{here}/mine/{pair}", pair, number)
    if number:
        _stage(root, f"{here}/binarise", "binarise", 0.5)
        _train(root, f"{here}/train", "train", 3)
    if size.evaluated:
        for name in ["retrieval-test", "translation-test", *(["pairs"] if size.ids else [])]:
            _stage(root, f"{here}/evaluate/{name}", "evaluate", 4.0)
        if number == 0:
            _stage(root, f"{here}/evaluate/surface-test", "evaluate", 4.0)


def _stage(root: Path, name: str, kind: str, seconds: float) -> Path:
    place = root / name
    place.mkdir(parents=True, exist_ok=True)
    write_manifest(place / "stage.json", Manifest(kind, {}, {}, {}, {}, seconds, host="invented"))
    return place


def mined_lines(number: int) -> list[tuple[float, int, int]]:
    """Ten pairs a round, more in later ones; every fifth is wrong, and more right ones in later rounds."""
    count = 10 * (number + 1)
    return [(1.3 - 0.01 * i, i, (i + 1) % LINES if i % 5 == 4 else i) for i in range(count)]


def _mine(root: Path, name: str, pair: Pair, number: int) -> None:
    place, lines = _stage(root, name, "mine", 3.0), mined_lines(number)
    (place / "pairs.tsv").write_text("".join(f"{score:.7f}\t{source}\t{target}\n" for score, source, target in lines))
    texts = [root / "world" / f"mono.{code}" for code in pair]
    low, high = lines[-1][0], lines[0][0]
    quality = {"mutual_pairs": 35, "suggested_cap": 12, "score_quantiles": dict(
        zip(("0.05", "0.25", "0.5", "0.75", "0.95"), (0.98, 1.0, 1.1, 1.2, 1.28), strict=True))}  # fmt: skip
    counts: dict[str, Any] = {
        "signature": "margin:ratio|k:4|xling:0.1.0",
        "pairs": len(lines),
        "quality": quality,
        "histogram": [
            {"low": low, "high": (low + high) / 2, "count": len(lines) // 2},
            {"low": (low + high) / 2, "high": high, "count": len(lines) - len(lines) // 2},
        ],
    }
    read = {str(path): sha256_file(path) for path in texts}
    write_manifest(place / "pairs.manifest.json", Manifest("pairs", {"max_count": len(lines)}, read, {}, counts))


def _assemble(root: Path, name: str, pair: Pair, number: int) -> None:
    place, mined = _stage(root, name, "assemble", 0.1), 10 * number
    (place / "data").mkdir()
    counts = {"mined": mined, "dropped": {"length:1:250": 1, "copies": 2}, "train": mined - 4, "validation": 1}
    write_manifest(place / "data" / "manifest.json", Manifest("assembled", {}, {}, {}, counts))


def _train(root: Path, name: str, kind: str, epochs: int) -> None:
    place = _stage(root, name, kind, 10.0)
    lines = ["2026-11-20 19:36:23 | INFO | fairseq_cli.train | {'_name': None}"]
    for epoch in range(1, epochs + 1):
        update = 100 * epoch
        inner = {"epoch": epoch, "loss": f"{9 / epoch:.3f}", "num_updates": str(update)}
        mean = {"epoch": epoch, "train_loss": f"{9.5 / epoch:.3f}", "train_num_updates": str(update)}
        lines.append(f"2026-11-20 19:36:2{epoch} | INFO | train_inner | {json.dumps(inner)}")
        lines.append(f"2026-11-20 19:36:2{epoch} | INFO | train | {json.dumps(mean)}")
    (place / "train.log").write_text("\n".join(lines) + '\n2026-11-20 19:36:29 | INFO | train_inner | {"loss": "1')


def scores(number: int, size: Size) -> list[dict[str, Any]]:
    """Every direction's, as the evaluation stages write them; means are left out, for the page makes its own."""
    rows: list[dict[str, Any]] = []

    def add(
        pair: Pair, name: str, value: float, split: str = "test", signature: str = _EVALUATE, **counts: Any
    ) -> None:
        rows.append({"round": number, "pair": str(pair), "name": name, "value": value + size.shift, "split": split,
                     "signature": signature, "counts": counts})  # fmt: skip

    for place, pair in enumerate(size.pairs):
        for way in (pair, pair.reversed):
            add(way, "tatoeba.accuracy", 0.2 + 0.2 * number + 0.01 * place, right=number, sentences=2)
            add(way, "tatoeba.accuracy.unshared", 0.1 + 0.2 * number)
            add(way, "bleu", 2.5 + 3 * number + place)
            add(way, "copy.bleu", 1.25)
            if number == 0:
                add(way, "surface.accuracy", 0.5)
                add(way, "surface.accuracy.unshared", 0.25)
        if size.ids:
            for threshold, value in (("as-mined", 0.8), ("oracle", 0.9)):
                made = f"margin:ratio|split:mono|threshold:{threshold}|xling:0.1.0"
                add(pair, "pairs.precision", value, "mono", made)
                add(pair, "pairs.recall", value / 4, "mono", made)
    return rows
