"""The demo's world is written once, whole, and again only when something else is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fairseq_xling.cli.demo import invent
from fairseq_xling.demo.world import WorldConfig

if TYPE_CHECKING:
    from conftest import RunCli

WORLD = WorldConfig(seed=1, sentences=20, meanings=40, dev=3, test=4)


def test_invent_writes_texts_and_configuration(tmp_path: Path) -> None:
    invent(tmp_path / "run" / "world", WORLD, "rounds: 3\n")
    folder = tmp_path / "run" / "world"
    assert (folder / "config.yaml").read_text(encoding="utf-8") == "rounds: 3\n"
    assert len(list(folder.glob("mono.???"))) == 5
    assert len((folder / "test.qam").read_text(encoding="utf-8").splitlines()) == 4


def test_invent_does_nothing_twice(tmp_path: Path) -> None:
    invent(tmp_path / "world", WORLD, "a: 1\n")
    (tmp_path / "world" / "mono.qam").write_text("kept\n", encoding="utf-8")
    invent(tmp_path / "world", WORLD, "a: 1\n")
    assert (tmp_path / "world" / "mono.qam").read_text(encoding="utf-8") == "kept\n"
    invent(tmp_path / "world", WORLD, "a: 2\n")
    assert (tmp_path / "world" / "mono.qam").read_text(encoding="utf-8") != "kept\n"


def test_refuses_a_folder_that_is_something_else(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious", encoding="utf-8")
    done = run_cli("demo", "--quick", "--run-dir", "mine")
    assert done.returncode == 2
    assert "holds something else than a run" in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
