"""What every executor promises, and what only this one does: everything in the driver's own process."""

from __future__ import annotations

from pathlib import Path

import pytest
from references.stub_rounds import drive, inline, local, products, small_plan, stage

from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.run import StageError

STARTS = {"inline": inline, "local": local}


@pytest.fixture(params=list(STARTS))
def start(request, root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root / 'tests'}")
    return STARTS[request.param]


def test_same_products(start, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("one\ntwo\n")
    plan = small_plan(tmp_path / "text")
    events = drive(tmp_path / "R", plan, start)
    assert len(events.of("done") + events.of("reused")) == len(plan)
    assert products(tmp_path / "R")["round-01/join"] == "ONE\nTWO\n2\n"
    assert list((tmp_path / "R" / ".attempts").iterdir()) == []


def test_a_failure_is_told_in_the_same_words(start, tmp_path: Path) -> None:
    plan = Plan([stage("a", "echo why; exit 3", {}, retries=1), stage("b", 'touch "$out/product.txt"', {})])
    with pytest.raises(StageError, match=r"^a: sh ended with exit code 3 \(log: .*/a.log\): .*why$"):
        drive(tmp_path / "R", plan, start)
    assert (tmp_path / "R" / "b" / "product.txt").is_file()


def test_it_holds_what_it_was_given_and_no_more(start, tmp_path: Path) -> None:
    (tmp_path / "R").mkdir()
    made = stage("a", 'touch "$out/product.txt"', {})
    executor = start(tmp_path / "R", Plan([made]), cpus=1)
    assert executor.has_room(made)
    executor.submit(made, "key")
    assert not executor.has_room(made)
    outcomes = []
    while not outcomes:
        outcomes = executor.ended(10)
    assert [(outcome.stage, outcome.code) for outcome in outcomes] == [("a", 0)]
    assert executor.has_room(made)
    assert executor.stop() == []


def test_stopped_before_anything_ends(start, tmp_path: Path) -> None:
    (tmp_path / "R").mkdir()
    made = stage("a", "exec sleep 600", {})
    executor = start(tmp_path / "R", Plan([made]))
    executor.submit(made, "key")
    assert executor.stop() == []
    assert not (tmp_path / "R" / "a").exists()


def test_inline_runs_one_after_the_other(tmp_path: Path) -> None:
    assert not inline(tmp_path, Plan([])).parallel
