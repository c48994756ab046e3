"""The verb report as a person calls it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from references.small_run import Size, write_run
from references.wellformed import tree

from fairseq_xling.cli.main import main


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_run(tmp_path / "a")


def test_the_page_lies_in_the_run(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "a"]) == 0
    assert capsys.readouterr().out == "a/report.html\n"
    first = (run_dir / "report.html").read_bytes()
    assert tree(first.decode()).one("h1").text == "Run a"
    assert main(["report", str(run_dir)]) == 0
    assert (run_dir / "report.html").read_bytes() == first


def test_output(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "a", "--output", "page.html"]) == 0
    assert capsys.readouterr().out == "page.html\n"
    assert Path("page.html").is_file()
    assert not (run_dir / "report.html").exists()


def test_an_unfinished_run_says_what_is_missing(run_dir: Path) -> None:
    shutil.rmtree(run_dir / "round-02/train")
    shutil.rmtree(run_dir / "round-02/mine/aa-bb")
    assert main(["report", "a"]) == 0
    warnings = [node.text for node in tree((run_dir / "report.html").read_text()).all("p", **{"class": "warn"})]
    assert len(warnings) == 1
    assert warnings[0].endswith("Missing: round 2: train, mine.")


def test_a_run_that_was_moved_without_its_texts_is_shown(run_dir: Path) -> None:
    shutil.rmtree(run_dir / "world")
    assert main(["report", "a"]) == 0
    page = tree((run_dir / "report.html").read_text())
    assert "its text is not where the configuration says" in page.one("section", id="samples").text


def test_a_wrong_configuration_is_said_on_the_page(run_dir: Path) -> None:
    with open(run_dir / "config.yaml", "a") as stream:
        stream.write("trainnig: {}\n")
    assert main(["report", "a"]) == 0
    said = tree((run_dir / "report.html").read_text()).one("p", **{"class": "warn"}).text
    assert "the configuration is wrong" in said
    assert "trainnig" in said


def test_two_runs(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(run_dir.parent / "b", Size(shift=0.1))
    assert main(["report", "a", "b"]) == 0
    assert capsys.readouterr().out == "a/report-against-b.html\n"
    assert tree((run_dir / "report-against-b.html").read_text()).one("h1").text == "a against b"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["absent"], "absent is not a directory"),
        (["empty"], "holds no run"),
        (["a", "--output", "absent/x.html"], "is not a directory"),
        (["list"], "must be a mapping"),
    ],
)
def test_faults_of_the_user(
    run_dir: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    Path("empty").mkdir()
    Path("list").mkdir()
    Path("list/config.yaml").write_text("- a\n")
    assert main(["report", *words]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
