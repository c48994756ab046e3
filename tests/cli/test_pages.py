from __future__ import annotations

from pathlib import Path

import pytest
from references.small_run import Size, write_run
from references.wellformed import tree

from fairseq_xling.cli.iterate import load
from fairseq_xling.cli.pages import open_run, write_report
from fairseq_xling.errors import ConfigError
from fairseq_xling.rounds.criss import plan_criss


def test_the_plan_says_what_is_missing(tmp_path: Path) -> None:
    root = write_run(tmp_path / "r", Size(rounds=1))
    config = load(None, root)
    run = open_run(root, config)
    assert {stage.name for stage in run.planned} == {stage.name for stage in plan_criss(config)}
    assert {stage.name.partition("/")[0] for stage in run.missing} == {"round-02"}
    assert next(stage.gpus for stage in run.planned if stage.name == "round-01/train") == 1


def test_what_iterate_leaves(tmp_path: Path) -> None:
    root = write_run(tmp_path / "r")
    place = write_report(root, load(None, root))
    assert place == root / "report.html"
    assert list(tree(place.read_text(encoding="utf-8")).all("p", **{"class": "warn"})) == []


def test_without_a_configuration(tmp_path: Path) -> None:
    root = write_run(tmp_path / "r", Size(rounds=0))
    (root / "config.yaml").unlink()
    run = open_run(root, None, ["why"])
    assert (run.config, run.planned, run.notes) == ({}, [], ["why"])


def test_what_is_no_configuration_is_refused(tmp_path: Path) -> None:
    root = write_run(tmp_path / "r", Size(rounds=0))
    (root / "config.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="is not YAML"):
        open_run(root, None)
