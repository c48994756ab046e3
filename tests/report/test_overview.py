from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from references.small_run import Size
from references.wellformed import rows, tree

from fairseq_xling.report.numbers import scores_of
from fairseq_xling.report.overview import header, listed, rounds_section, start_of
from fairseq_xling.report.reading import Planned, Run, read_run


def test_the_head_says_what_ran(run: Run) -> None:
    page = tree(header(run, scores_of(run)))
    facts = dict(zip((n.text for n in page.all("dt")), (n.text for n in page.all("dd")), strict=True))
    assert facts["languages"] == "3: aa, bb, cc"
    assert facts["rounds"] == "2 trained of 2"
    assert facts["date"] == "2026-11-20 19:33 to 2026-11-20 19:38"
    assert facts["start"] == "a small mBART pretrained on the text, 200 updates"
    tiles = [[part.text for part in tile.children] for tile in page.all("div", **{"class": "tile"})]
    assert tiles[0] == ["Retrieval", "61.0 %", "round 0: 21.0 %", "baseline: 50.0 %"]
    assert tiles[2] == ["BLEU", "9.5", "round 0: 3.5", "baseline: 1.2"]
    assert list(page.all("p", **{"class": "warn"})) == []


def test_what_is_missing_is_said(run: Run) -> None:
    planned = [Planned(name, stage.kind) for name, stage in run.stages.items()]
    planned += [Planned(f"round-03/mine/{pair}", "mine") for pair in run.pairs] + [Planned("round-03/train", "train")]
    half = read_run(run.root, run.config, planned)
    said = tree(header(half, scores_of(half))).one("p", **{"class": "warn"}).text
    assert said == f"Unfinished: {len(run.stages)} of {len(planned)} stages are there. Missing: round 3: 3 mine, train."


def test_a_run_without_scores(write: Callable[[Size], Run]) -> None:
    run = write(Size(evaluated=False, ids=False, rounds=0))
    assert "There are no scores" in tree(header(run, scores_of(run))).one("p", **{"class": "warn"}).text
    assert "Sentence pairs mined" not in rounds_section(run, scores_of(run))


def test_rounds_with_their_baseline(run: Run) -> None:
    found = {row[0]: row[1:] for row in rows(tree(rounds_section(run, scores_of(run))).one("table"))}
    assert found["mean over directions"] == ["baseline", "round 0", "round 1", "round 2"]
    by_start = {name.split("  ")[0].split(" the ")[0]: cells for name, cells in found.items()}
    assert by_start["Retrieval, %"] == ["50.0", "21.0", "41.0", "61.0"]
    assert found["Sentence pairs mined"] == ["\u2013", "30", "60", "90"]
    assert found["Sentence pairs trained on"] == ["\u2013", "\u2013", "18", "48"]


def test_charts_of_what_was_scored(run: Run) -> None:
    page = tree(rounds_section(run, scores_of(run)))
    said = [svg.attributes["aria-label"] for svg in page.all("svg", role="img")]
    assert said == [
        "Retrieval, %. all: 61.0; baseline, all: 50.0; no shared word: 50.0; baseline, no shared word: 25.0",
        "BLEU. all: 9.5; baseline: 1.2",
        "Mined pairs, %. precision: 80.0; recall: 20.0",
    ]


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("surface", "surface: random weights, character n-grams mine in round 0"),
        (None, "unknown"),
        ({"pretrain": None}, "a small mBART pretrained on the text"),
        ({"checkpoint": "/models/m.pt", "miner": "surface"}, "m.pt, character n-grams mine in round 0"),
        ({"miner": "surface"}, "random weights, character n-grams mine in round 0"),
    ],
)
def test_starts(start: Any, words: str) -> None:
    assert start_of({"start": start}) == words


def test_lists_of_stages() -> None:
    stages = [
        Planned("pretrain", "pretrain"),
        Planned("round-01/encode/a", "encode"),
        Planned("round-01/encode/b", "encode"),
    ]
    assert listed(stages) == "start: pretrain; round 1: 2 encode"
