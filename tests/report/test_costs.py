from __future__ import annotations

from dataclasses import replace

import pytest
from references.wellformed import rows, tree

from fairseq_xling.report.costs import hours, time_section, training_section
from fairseq_xling.report.reading import Planned, Run


def test_curves_of_pretraining_and_rounds(run: Run) -> None:
    page = tree(training_section(run))
    assert [svg.attributes["aria-label"] for svg in page.all("svg", role="img")] == [
        "Pretraining: loss. training: 4.50",
        "Rounds, each from the original model: loss. round 1: 3.00; round 2: 3.00",
    ]
    assert "mean of an epoch only" in page.text


def test_time_of_every_stage(run: Run) -> None:
    table = {row[0]: row[1:] for row in rows(tree(time_section(run)).one("table"))}
    assert table["stage"] == ["start", "round 0", "round 1", "round 2", "all", "share"]
    assert table["encode"] == ["\u2013", "6.0 s", "6.0 s", "6.0 s", "18 s", "15 %"]
    total = sum(stage.seconds for stage in run.stages.values())
    assert table["all"][-2] == f"{int(total // 60)} min {round(total % 60):02d} s"


def test_cost(run: Run) -> None:
    planned = [Planned(name, stage.kind, 2, 4, 8 * (stage.kind == "train")) for name, stage in run.stages.items()]
    processors, gpus = hours(replace(run, planned=planned))
    total = sum(stage.seconds for stage in run.stages.values())
    assert processors == pytest.approx(total * 8 / 3600)
    assert gpus == pytest.approx(20 * 16 / 3600)
    assert "GPU-hours" in time_section(replace(run, planned=planned))


def test_unknown_cost_is_not_guessed(run: Run) -> None:
    assert hours(run) == (None, 0)
    planned = [Planned(name, stage.kind) for name, stage in run.stages.items()]
    assert hours(replace(run, planned=planned)) == (None, 0)
    assert "processor-hours" not in time_section(run)


def test_nothing_done_nothing_shown(run: Run) -> None:
    empty = replace(run, stages={})
    assert training_section(empty) == ""
    assert time_section(empty) == ""
