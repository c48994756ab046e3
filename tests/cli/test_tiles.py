"""`tiles plan`, `run` and `merge` as an array of jobs runs them: the bytes of `mine`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fairseq_xling.cli.main import main
from fairseq_xling.files import read_manifest
from fairseq_xling.neighbours import memory

SIDES = ("--source", "x.npy", "--target", "y.npy")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 8)).astype(np.float32) + 1
    np.save("x.npy", x)
    np.save("y.npy", x[::-1] + 0.2 * generator.normal(size=x.shape).astype(np.float32))
    for name in ("x", "y"):
        Path(f"{name}.txt").write_text("".join(f"{name} {i // 2}\n" for i in range(60)))
    assert run("mine", *SIDES, "--output", "whole.tsv", "--threshold", 0.9) == 0
    return tmp_path


def run(*arguments: object) -> int:
    return main([str(part) for part in arguments])


def test_an_array_of_jobs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run("tiles", "plan", *SIDES, "--number", 6, "--tiles", "T") == 0
    assert capsys.readouterr().out == "6\n"  # what `--array=0-$((N-1))` is made of
    for number in (5, 0, 3, 1):
        assert run("tiles", "run", number, "--tiles", "T", "--threads", 1) == 0
    assert run("tiles", "merge", *SIDES, "--tiles", "T", "--output", "o.tsv") == 2
    assert "2 of 6 tiles are missing, the first of them 2" in capsys.readouterr().err
    assert run("tiles", "run", "--tiles", "T") == 0
    assert run("tiles", "merge", *SIDES, "--tiles", "T", "--output", "o.tsv", "--threshold", 0.9, "--json") == 0
    assert (folder / "o.tsv").read_bytes() == (folder / "whole.tsv").read_bytes()
    assert json.loads(capsys.readouterr().out)["search"]["tiles"] == 6
    one, other = (read_manifest(folder / f"{name}.manifest.json") for name in ("whole", "o"))
    assert one.key == other.key
    assert (folder / "T" / "tile-00005").is_file()


def test_tiles_in_folders_of_their_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the stages of a run have them, whose plans lie somewhere else."""
    texts = ("--source-text", "x.txt", "--target-text", "y.txt", "--unify")
    for number in range(3):
        assert run("tiles", "plan", *SIDES, *texts, "--number", 3, "--tiles", f"plan{number}") == 0
        assert run("tiles", "run", number, "--tiles", f"plan{number}", "--output", f"D{number}") == 0
    assert run("tiles", "merge", *SIDES, *texts, "--ids", "--tiles", "D2", "D0", "D1", "--output", "o.tsv") == 0
    assert run("mine", *SIDES, *texts, "--ids", "--output", "unified.tsv") == 0
    assert (folder / "o.tsv").read_bytes() == (folder / "unified.tsv").read_bytes()
    assert run("tiles", "merge", *SIDES, "--tiles", "D0", "D1", "D2", "--output", "o.tsv") == 2
    assert "the tiles are of 30 x 30 sentences, but there are 60 x 60" in capsys.readouterr().err


def test_by_memory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tiles", "plan", *SIDES, "--memory-limit", "1T", "--tiles", "T", "--json") == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report == {"folder": "T", "tiles": 1, "rows": 1, "columns": 1, "largest": [60, 60]}


def test_a_plan_again_keeps_tiles_where_that_is_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = ("tiles", "plan", *SIDES, "--number", 4, "--tiles", "T")
    assert run(*plan) == run("tiles", "run", "2", "--tiles", "T") == 0
    made = (folder / "T" / "tile-00002").stat().st_mtime_ns
    assert run(*plan) == 2
    assert "T holds 1 finished tiles of this very search. Add --resume" in capsys.readouterr().err
    assert run(*plan, "--resume") == run("tiles", "run", "--tiles", "T") == 0
    assert (folder / "T" / "tile-00002").stat().st_mtime_ns == made
    assert run(*plan[:-3], "5", "--tiles", "T") == run(*plan[:-3], "5", "--tiles", "T", "--resume") == 2
    assert "T holds tiles of this search cut into 4. Leave --number out" in capsys.readouterr().err
    assert run("tiles", "merge", *SIDES, "--tiles", "T", "--output", "o.tsv", "--mining-k", "2") == 2
    assert "tile-00000 is of another search (other vectors, or another k)" in capsys.readouterr().err
    assert len(list((folder / "T").glob("tile-*"))) == 4
    assert run(*plan[:-3], "5", "--tiles", "T", "--mining-k", "2") == 2
    assert "tiles of another search" in capsys.readouterr().err


def test_a_fault_leaves_a_plan_that_was_there(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs may wait for it."""
    assert run("tiles", "plan", *SIDES, "--tiles", "T", "--number", 4) == 0
    before = (folder / "T" / "plan.json").read_bytes()
    monkeypatch.setattr(memory, "_MOST_ROWS", 40)
    for place in ("T", "U"):
        assert run("tiles", "plan", *SIDES, "--tiles", place, "--number", 1, "--memory-limit", "1T") == 2
        assert "1 tiles are too large for --memory-limit 1T" in capsys.readouterr().err
    assert (folder / "T" / "plan.json").read_bytes() == before
    assert not (folder / "U").exists()


def test_a_folder_for_what_is_found_serves_one_search(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, k in enumerate((4, 3)):
        assert run("tiles", "plan", *SIDES, "--number", 2, "--mining-k", k, "--tiles", f"P{number}") == 0
    assert run("tiles", "run", "--tiles", "P0", "--output", "D") == 0
    before = (folder / "D" / "tile-00001").read_bytes()
    assert run("tiles", "run", "1", "--tiles", "P1", "--output", "D") == 2
    assert "tile-00001 is of another search" in capsys.readouterr().err
    assert (folder / "D" / "tile-00001").read_bytes() == before


FAULTS = [
    (["plan", *SIDES, "--tiles", "T", "--number", "0"], "--number must be at least 1"),
    (["plan", *SIDES, "--tiles", "none/T"], "none is not a directory"),
    (["plan", *SIDES, "--tiles", "x.npy"], "x.npy"),
    (["plan", *SIDES, "--tiles", "T", "--memory-limit", "2GB"], "`memory_limit` must be a number with K, M, G or T"),
    (["plan", *SIDES, "--tiles", "T", "--memory-limit", "9M"], "--memory-limit 9M is too little for 60 x 60 vectors"),
    (["plan", *SIDES, "--tiles", "."], ". is in the way: it holds"),
    (["run", "--tiles", "T"], "T holds no plan of tiles. Run `tiles plan` first"),
    (["run", "9", "--tiles", "P"], "there is no tile 9: they are numbered from 0 to 1"),
    (["run", "0", "--tiles", "P", "--threads", "0"], "`threads` must be at least 1"),
    (["merge", *SIDES, "--tiles", "P", "--output", "o.tsv"], "P: no finished tile is there"),
    (["merge", *SIDES, "--output", "o.tsv"], "--tiles"),
    (["merge", *SIDES, "--tiles", "P", "--output", "o.tsv", "--workers", "2"], "unrecognized arguments: --workers"),
]


@pytest.mark.parametrize(("words", "message"), FAULTS, ids=[" ".join(words[:1] + words[5:]) for words, _ in FAULTS])
def test_a_fault_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert run("tiles", "plan", *SIDES, "--number", 2, "--tiles", "P") == 0
    capsys.readouterr()
    assert run("tiles", *words) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith("fairseq-xling: error: ")
    assert message in said.err
    assert not (folder / "o.tsv").exists()


def test_vectors_that_have_changed_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tiles", "plan", *SIDES, "--number", 2, "--tiles", "T") == 0
    np.save("x.npy", np.load("x.npy")[::-1])
    assert run("tiles", "run", "--tiles", "T") == 2
    assert "x.npy is not what it was when the tiles were planned" in capsys.readouterr().err
