from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from references.small_run import LINES, Size, mined_lines

from fairseq_xling.errors import CorpusError
from fairseq_xling.languages import Pair
from fairseq_xling.report.mined import BINS, assembled, mined, read_pairs
from fairseq_xling.report.reading import Run

PAIR = Pair("aa", "bb")


def test_right_and_wrong_pairs_are_counted_in_their_bins(run: Run) -> None:
    """Against a loop over pairs.tsv, whose ids are the line numbers themselves."""
    found = mined(run, PAIR, 2)
    assert found is not None
    lines = mined_lines(2)
    assert (found.count, found.right) == (len(lines), sum(source == target for _, source, target in lines))
    assert len(found.bins) == BINS
    for place, step in enumerate(found.bins):
        last = place == BINS - 1
        inside = [line for line in lines if step.low <= line[0] + 1e-12 and (last or line[0] + 1e-12 < step.high)]
        assert (step.count, step.right) == (len(inside), sum(source == target for _, source, target in inside))
    assert found.cut == pytest.approx(lines[-1][0])


def test_without_ids_the_manifest_tells(write: Callable[[Size], Run]) -> None:
    found = mined(write(Size(ids=False, rounds=0)), PAIR, 0)
    assert found is not None
    assert [step.count for step in found.bins] == [5, 5]
    assert found.right is None
    assert found.suggested == 12
    assert found.quantiles[0.5] == 1.1


def test_what_is_not_finished_is_none(run: Run) -> None:
    assert mined(run, PAIR, 7) is None
    assert assembled(run, PAIR, 0) is None


def test_what_the_filters_left(run: Run) -> None:
    found = assembled(run, PAIR, 2)
    assert found is not None
    assert (found.mined, found.train, found.validation, dict(found.dropped)) == (
        20,
        16,
        1,
        {"length:1:250": 1, "copies": 2},
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("1.1\t0\n", "p.tsv:1: not score TAB line TAB line"), (f"1.1\t0\t0\n1.0\t0\t{LINES}\n", "p.tsv:2: a line that")],
)
def test_damage_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "p.tsv").write_text(text)
    with pytest.raises(CorpusError, match=complaint):
        list(read_pairs(tmp_path / "p.tsv", LINES, LINES))
