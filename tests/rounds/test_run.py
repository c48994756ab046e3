"""The driver over plans of small scripts: what is made, kept, made again, and what a failure stops."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from references.stub_rounds import COPY, Events, drive, driver_of, inline, products, small_plan, stage

from fairseq_xling.errors import RoundError
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.run import StageError
from fairseq_xling.rounds.stages import File, Product
from fairseq_xling.rounds.state import STAGE_FILE, RunDirectory

UPPER = "ONE\nTWO\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "text").write_text("one\ntwo\n")
    return tmp_path / "text"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "R"


def test_everything_is_made_and_the_same_work_once(folder: Path, text: Path) -> None:
    events = drive(folder, small_plan(text))
    assert products(folder) == {
        "round-00/lines": "2\n", "round-00/twice": UPPER, "round-00/upper": UPPER,
        "round-01/join": UPPER + "2\n", "round-01/upper": UPPER,
    }  # fmt: skip
    assert events.of("reused") == ["round-01/upper"]
    assert sorted(events.of("done")) == sorted(set(products(folder)) - {"round-01/upper"})


def test_again_does_nothing(folder: Path, text: Path) -> None:
    drive(folder, small_plan(text))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    events = drive(folder, small_plan(text))
    assert sorted(events.of("kept")) == sorted(products(folder))
    assert len(events.all) == 5
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_a_change_redoes_what_depends_on_it_and_no_more(folder: Path, text: Path) -> None:
    drive(folder, small_plan(text))
    events = drive(folder, small_plan(text, twice='cat "$1" "$1" > "$out/product.txt"'))
    assert events.of("changed") == events.of("done") == ["round-00/twice", "round-01/join"]
    assert products(folder)["round-01/join"] == 2 * UPPER + "2\n"


def test_a_change_without_effect_stops_there(folder: Path, text: Path) -> None:
    drive(folder, small_plan(text))
    events = drive(folder, small_plan(text, twice='cat < "$1" > "$out/product.txt"'))
    assert events.of("done") == ["round-00/twice"]
    assert "round-01/join" in events.of("kept")


def test_a_changed_text(folder: Path, text: Path) -> None:
    drive(folder, small_plan(text))
    text.write_text("Three\n")
    assert len(drive(folder, small_plan(text)).of("changed")) == 5
    assert products(folder)["round-01/join"] == "THREE\n1\n"


@pytest.mark.parametrize(
    "harm",
    [
        lambda place: (place / "product.txt").write_text("x"),
        lambda place: (place / "product.txt").unlink(),
        lambda place: (place / STAGE_FILE).write_text("{"),
        lambda place: os.truncate(place / STAGE_FILE, 20),
    ],
)
def test_damage_is_said_and_made_again(folder: Path, text: Path, harm) -> None:
    drive(folder, small_plan(text))
    harm(folder / "round-00" / "twice")
    events = drive(folder, small_plan(text))
    assert events.of("damaged") == events.of("done") == ["round-00/twice"]
    assert sorted(events.of("kept")) == sorted(set(products(folder)) - {"round-00/twice"})
    assert products(folder)["round-00/twice"] == UPPER
    drive(folder, small_plan(text))
    assert list((folder / ".attempts").iterdir()) == []


def test_damage_that_twins_share(folder: Path, text: Path) -> None:
    """They are one file where the file system has links."""
    drive(folder, small_plan(text))
    with open(folder / "round-00" / "upper" / "product.txt", "a") as stream:
        stream.write("x")
    events = drive(folder, small_plan(text))
    assert sorted(events.of("damaged")) == ["round-00/upper", "round-01/upper"]
    assert products(folder)["round-01/upper"] == UPPER


def test_what_a_failure_does_not_touch_goes_on(folder: Path, text: Path) -> None:
    events = Events()
    with pytest.raises(
        StageError, match=r"round-00/twice: sh ended with exit code 5 \(log: .*twice.log\): oh no"
    ) as caught:
        driver_of(folder, small_plan(text, twice="echo oh no; exit 5"), events).drive()
    assert caught.value.exit_code == 1
    assert sorted(products(folder)) == ["round-00/lines", "round-00/upper", "round-01/upper"]
    assert sorted(drive(folder, small_plan(text)).of("done")) == ["round-00/twice", "round-01/join"]
    assert list((folder / ".attempts").iterdir()) == []


def test_a_users_error_is_not_tried_again(folder: Path, text: Path) -> None:
    plan = Plan([stage("a", "exit 2", {}, retries=3)])
    events = Events()
    with pytest.raises(StageError) as caught:
        driver_of(folder, plan, events).drive()
    assert caught.value.exit_code == 2
    assert events.of("started") == ["a"]


def test_retries(folder: Path, text: Path, tmp_path: Path) -> None:
    script = f'echo x >> "{tmp_path}/tries"; test $(wc -l < "{tmp_path}/tries") = 3; touch "$out/product.txt"'
    assert drive(folder, Plan([stage("a", script, {}, retries=2)])).of("started") == ["a"] * 3
    with pytest.raises(StageError, match="exit code 1"):
        drive(folder, Plan([stage("b", "exit 1", {}, retries=1)]))


def test_an_input_that_changes_meanwhile(folder: Path, text: Path) -> None:
    """What was made of the old text is not taken for the new one's."""
    script = 'cat "$1" > "$out/product.txt"; test -e "$1.once" || { touch "$1.once"; echo more >> "$1"; }'
    events = drive(folder, Plan([stage("round-00/a", script, {"text": File(text)})]))
    assert events.of("started") == ["round-00/a"] * 2
    assert products(folder) == {"round-00/a": "one\ntwo\nmore\n"}


def test_a_lost_lease_stops_the_driver(folder: Path, text: Path) -> None:
    made = []

    def check() -> None:
        made.append(1)
        if len(made) == 2:
            raise RoundError("another driver has taken over")

    with pytest.raises(RoundError, match="taken over"):
        drive(folder, small_plan(text), inline, check)
    assert len(products(folder)) < 5


def test_what_another_generation_published_is_taken(folder: Path, text: Path) -> None:
    """Two drivers, one presumed dead: the second finds the stage there when its own attempt ends."""
    plan = small_plan(text)
    events = Events()
    driver = driver_of(folder, plan, events)
    submit = driver.executor.submit

    def slow(one, key: str) -> None:
        if one.name == "round-00/twice":
            drive(folder, plan)
        submit(one, key)

    driver.executor.submit = slow  # type: ignore[method-assign]
    driver.drive()
    assert "round-00/twice" in events.of("done")
    assert products(folder)["round-01/join"] == UPPER + "2\n"


def test_leftovers_of_a_driver_killed_after_publishing(folder: Path, text: Path) -> None:
    drive(folder, small_plan(text))
    RunDirectory(folder).new_attempt("round-00/twice", "attempt")
    drive(folder, small_plan(text))
    assert list((folder / ".attempts").iterdir()) == []


def test_what_only_evaluates_waits_where_stages_run_side_by_side(folder: Path, text: Path) -> None:
    plan = Plan(
        [
            stage("a", COPY, {"t": File(text)}),
            stage("b", COPY, {"t": Product("a")}, kind="evaluate"),
            stage("c", COPY, {"t": Product("a")}),
        ]
    )
    driver = driver_of(folder, plan, Events())
    assert [one.name for one in driver.waiting()] == ["a", "b", "c"]
    driver.executor.parallel = True  # type: ignore[misc]
    assert [one.name for one in driver.waiting()] == ["a", "c", "b"]
