"""What a person sees: events, the live line, how long it may take."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from references.stub_rounds import drive, small_plan

from fairseq_xling.rounds.state import RunDirectory
from fairseq_xling.rounds.view import View, by_round_and_kind, clock, live_line, mean_scores, remaining_seconds


def test_events_are_logged_and_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    view = View(tmp_path)
    view.tell("done", "round-01/mine/aa-bb", "3.0 s")
    view.tell("kept", "prepare", "")
    view.close()
    log = (tmp_path / "logs" / "driver.log").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in log] == ["done round-01/mine/aa-bb 3.0 s", "kept prepare"]
    err = capfd.readouterr().err
    assert err.endswith("done round-01/mine/aa-bb 3.0 s\n")
    assert "kept" not in err
    again = View(tmp_path)
    again.tell("done", "x", "")
    again.close()
    assert len((tmp_path / "logs" / "driver.log").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0m00s"), (59.9, "0m59s"), (60, "1m00s"), (3600, "1h00"), (7384, "2h03")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x\n")
    plan = small_plan(tmp_path / "text")
    drive(tmp_path / "R", plan)
    run = RunDirectory(tmp_path / "R")
    names = [stage.name for stage in plan]
    taken = [run.manifest(name).seconds for name in names[:2]]
    assert remaining_seconds(plan, run, names) == 0
    assert remaining_seconds(plan, run, names[:2]) == pytest.approx(3 * sum(taken) / 2)
    assert remaining_seconds(plan, run, []) is None
    running = {names[1]: (plan.by_name[names[1]], 0.0)}
    driver = SimpleNamespace(plan=plan, run=run, done=set(names[:1]), running=running)
    line = live_line(driver)
    assert line.startswith("1/5 done · round-00/lines ")
    assert "3 queued · about" in line
    assert by_round_and_kind(list(plan), set(names[:2])) == [["00", "mine", 2, 3], ["01", "mine", 0, 2]]


def test_table_of_means() -> None:
    scores = [
        {"round": number, "pair": pair, "name": "bleu", "split": "test", "value": value}
        for number, pair, value in [(0, "*", 1.0), (0, "aa-bb", 9.0), (2, "*", 3.0)]
    ]
    scores.append({"round": 2, "pair": "*", "name": "chrf", "split": "dev", "value": 4.0})
    header, rows = mean_scores(scores)
    assert header == ["mean over directions", "split", "round 0", "round 2"]
    assert rows == [["bleu", "test", 1.0, 3.0], ["chrf", "dev", "-", 4.0]]
