"""A whole run over small scripts: the directory it claims, what it keeps, what --status says of it."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from references.stub_rounds import no_verb, products, small_plan

from fairseq_xling.cli.iterate import load
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import read_manifest
from fairseq_xling.rounds import drive as module
from fairseq_xling.rounds.drive import dry_run, status
from fairseq_xling.rounds.executors.jobs import Job, Jobs
from fairseq_xling.rounds.lease import LEASE, born
from fairseq_xling.rounds.state import STAGE_FILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "R"


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Scripts of the plan that a run has in place of CRISS's; to be changed by the test."""
    (tmp_path / "text").write_text("one\ntwo\n")
    changed: dict[str, str] = {}
    monkeypatch.setattr(module, "plan_of", lambda config: small_plan(tmp_path / "text", **changed))
    return changed


@pytest.fixture
def go(read, folder: Path, scripts: dict[str, str]):
    def run(**sections: Any) -> str:
        module.drive(read(**sections), folder, "inline", 1, no_verb)
        return (folder / "logs" / "driver.log").read_text()

    return run


def test_a_run_is_complete_with_its_manifest(go, folder: Path, read) -> None:
    assert "finished 5 stages" in go()
    manifest = read_manifest(folder / "manifest.json")
    assert sorted(manifest.outputs) == sorted(products(folder))
    assert manifest.counts["stages"] == 5
    assert yaml.safe_load((folder / "config.yaml").read_text()) == read().values
    assert not (folder / LEASE).exists()


def test_the_kept_configuration_is_read_from_anywhere(go, folder: Path, read, monkeypatch) -> None:
    go()
    monkeypatch.chdir("/")
    assert load(None, folder).values == read().values


def test_an_unchanged_run_is_left_as_it_is(go, folder: Path) -> None:
    go()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.json") if path.name[0] != "."}
    assert go().count("kept") == 5
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.json") if path.name[0] != "."} == before


def test_an_unfinished_run_has_no_manifest(go, folder: Path, scripts: dict[str, str]) -> None:
    go()
    scripts["twice"] = "exit 2"
    with pytest.raises(Exception, match="round-00/twice"):
        go(seed=2)
    assert not (folder / "manifest.json").exists()
    assert "configuration is another one now" in (folder / "logs" / "driver.log").read_text()
    del scripts["twice"]
    go()
    assert (folder / "manifest.json").exists()


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda place: place.write_text("x"), "is a file, but a run is a directory"),
        (lambda place: (place / "x").mkdir(parents=True), "holds something else than a run"),
        (lambda place: (place.mkdir(), (place / "config.yaml").write_text("mine")), "holds something else than a run"),
    ],
)
def test_another_place_is_refused_and_left_alone(go, folder: Path, make, fault: str) -> None:
    make(folder)
    before = sorted(folder.rglob("*"))
    with pytest.raises(ConfigError, match=fault):
        go()
    assert sorted(folder.rglob("*")) == before
    if (folder / "config.yaml").is_file():
        assert (folder / "config.yaml").read_text() == "mine"


def test_a_colon_in_the_path(read, tmp_path: Path, scripts) -> None:
    with pytest.raises(ConfigError, match="fairseq ends a path at `:`"):
        module.drive(read(), tmp_path / "12:30", "inline", 1, no_verb)
    assert not (tmp_path / "12:30").exists()


def test_a_driver_killed_before_it_wrote_its_configuration(go, folder: Path) -> None:
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "driver.log").write_text("")
    (folder / ".lease.lock").write_text("")
    (folder / LEASE).write_text(json.dumps({"token": "x", "host": platform.node(), "pid": 1, "born": "0"}))
    assert "taken over from process 1" in go()


def test_a_second_driver_is_refused_while_the_first_lives(go, folder: Path) -> None:
    go()
    mine = {"token": "x", "host": platform.node(), "pid": os.getpid(), "born": born(os.getpid())}
    (folder / LEASE).write_text(json.dumps(mine))
    with pytest.raises(ConfigError, match="is being driven by process"):
        go()
    (folder / LEASE).write_text(json.dumps(mine | {"born": "1"}))
    assert "taken over from process" in go()


@pytest.mark.parametrize("name", ["config.yaml", "stage.json", "manifest.json"])
def test_a_full_disk_is_told_and_the_run_goes_on_later(go, folder: Path, monkeypatch, name: str) -> None:
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if Path(target).name == name:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Exception, match="No space left on device"):
        go()
    assert not (folder / LEASE).exists()
    assert not [path for path in folder.rglob("*.tmp")]
    monkeypatch.undo()


def test_after_a_full_disk(go, folder: Path, monkeypatch, scripts: dict[str, str]) -> None:
    rename, count = Path.rename, []

    def full(self: Path, target: Path) -> Path:
        count.append(1)
        if len(count) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(OSError, match="No space left on device"):
            go()
    assert 1 <= len(products(folder)) < 5
    go()
    assert len(products(folder)) == 5


def test_status_before_during_and_after(go, folder: Path, read, scripts: dict[str, str]) -> None:
    config = read()
    seen = []
    assert "0 of 5 stages are finished; nobody drives it" in status(folder, config).lines[0]
    original = module._after

    def look(run, plan, stage) -> None:
        original(run, plan, stage)
        seen.append(status(folder, config))

    module._after = look
    try:
        go()
    finally:
        module._after = original
    assert f"driven by process {os.getpid()} on {platform.node()}" in seen[1].lines[0]
    assert seen[1].record["driver"]["pid"] == os.getpid()
    after = status(folder, config)
    assert "5 of 5 stages are finished; nobody drives it" in after.lines[0]
    assert (len(after.record["done"]), after.record["attempts"]) == (5, [])
    assert after.tables[0][1] == [["00", "mine", 3, 3], ["01", "mine", 2, 2]]


def test_status_of_a_run_that_was_cut_short_or_damaged(go, folder: Path, read) -> None:
    go()
    (folder / "round-00" / "twice" / STAGE_FILE).write_text("{")
    (folder / ".attempts" / "round-00~twice.attempt.1234").mkdir(parents=True)
    (folder / ".attempts" / "round-00~lines.attempt.1234").mkdir()
    report = status(folder, read())
    assert "4 of 5" in report.lines[0]
    assert report.lines[1] == "cut short: round-00/twice"


def test_dry_run(read, folder: Path) -> None:
    report = dry_run(read("planned", languages={"aa": {"sentences": 9}, "bb": {"mono": "later", "sentences": 7}}))
    (_, stages), (header, rows) = report.tables
    assert report.record["counts"] == {"prepare": 1, "mine": 3, "encode": 4, "assemble": 2, "binarise": 2, "train": 2}
    assert len(stages) == len(report.record["stages"]) == 14
    assert rows[-1][:3] == ["all", 14, 16 + 3 * 16 + 2 * 16 + 2 * 16 + 2 * 16]
    assert report.lines[0] == "2 languages, 1 pairs, 2 rounds, 14 stages"
    assert "later" in report.lines[-1]
    assert not folder.exists()


def test_a_job_does_what_its_file_names(go, folder: Path, read) -> None:
    """What a job of the cluster calls: work that is wanted is done once, other work is refused."""
    go()
    jobs, config = Jobs(folder), read()
    keys = {name: str(module.RunDirectory(folder).manifest(name).key) for name in ("round-00/lines", "round-00/twice")}
    shutil.rmtree(folder / "round-00" / "lines")
    jobs.write(Job("xling-mine-01", None, "mine", {**keys, "round-01/upper": "another", "round-09/gone": "k"}))
    code = module.perform_run(folder, config, no_verb, "xling-mine-01")
    told = {outcome.stage: outcome for _, outcome in jobs.told()}
    assert (code, [outcome.code for outcome in told.values()].count(0)) == (1, 2)
    assert (folder / "round-00" / "lines" / "product.txt").is_file()
    assert told["round-00/twice"].seconds == 0.0  # it was there
    for name in ("round-01/upper", "round-09/gone"):
        assert told[name].message.endswith("have changed since its job was submitted")
    assert "jobs of the cluster: xling-mine-01 (round-00/lines, round-00/twice" in status(folder, config).lines[1]
