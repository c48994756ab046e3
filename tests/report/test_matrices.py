from __future__ import annotations

from collections.abc import Callable

import pytest
from references.small_run import Size
from references.wellformed import rows, tree

from fairseq_xling.report.matrices import counted, retrieval_section, top_of, translation_section
from fairseq_xling.report.numbers import Scores, scores_of
from fairseq_xling.report.reading import Run, Score


def test_baseline_first_then_every_round(run: Run) -> None:
    page = tree(retrieval_section(run, scores_of(run)))
    assert [node.text for node in page.all("figcaption")] == [
        "Baseline: character n-grams (mean 50.0)", "Round 0 (mean 21.0)", "Round 1 (mean 41.0)", "Round 2 (mean 61.0)",
    ]  # fmt: skip
    last = list(page.all("table"))[-1]
    assert rows(last)[1:] == [["aa", "", "60.0", "61.0"], ["bb", "60.0", "", "62.0"], ["cc", "61.0", "62.0", ""]]
    assert any("2 of 2 sentences" in cell.attributes.get("title", "") for cell in last.all("td"))


def test_bleu_has_a_scale_of_its_own(run: Run) -> None:
    page = tree(translation_section(run, scores_of(run)))
    assert page.one("div", **{"class": "ramp"}).text == "0 15"
    assert next(page.all("figcaption")).text == "Baseline: the source itself (mean 1.2)"


def test_large_maps_are_folded(write: Callable[[Size], Run]) -> None:
    run = write(Size(languages=[f"l{i:02d}" for i in range(18)], rounds=1))
    page = tree(retrieval_section(run, scores_of(run)))
    assert [node.text[:8] for node in page.one("details").all("figcaption")] == ["Round 0 "]
    assert len(list(page.all("figcaption"))) == 3


def test_nothing_scored_nothing_shown(run: Run) -> None:
    assert retrieval_section(run, Scores([])) == ""


def test_counts_behind_a_figure() -> None:
    score = Score(0, "aa-bb", "tatoeba.accuracy", 0.5, "test", "", {"right": 3, "sentences": 6})
    assert counted(score) == "3 of 6 sentences"
    assert counted(Score(0, "aa-bb", "bleu", 0.5, "test", "")) == ""


@pytest.mark.parametrize(("value", "top"), [(0, 5), (5, 5), (5.1, 10), (19, 20), (21, 30), (100, 100)])
def test_ends_of_scales(value: float, top: float) -> None:
    assert top_of(value) == top
