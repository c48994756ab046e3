from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from references.small_run import Size, write_run

from fairseq_xling.errors import CorpusError
from fairseq_xling.languages import Pair
from fairseq_xling.report.reading import Planned, Run, pair_of, read_run, round_of


def test_what_is_there(run: Run) -> None:
    assert run.name == "small"
    assert run.languages == ["aa", "bb", "cc"]
    assert run.rounds == [0, 1, 2]
    assert [str(pair) for pair in run.pairs] == ["aa-bb", "aa-cc", "bb-cc"]
    assert (run.began, run.ended) == ("2026-11-20 19:33:45", "2026-11-20 19:38:54")
    assert run.notes == []
    assert run.missing == []
    assert run.stages["round-01/train"].seconds == 10
    assert run.config_text.startswith("languages:")


def test_files_by_language(run: Run) -> None:
    mono = run.file("aa", "mono")
    assert mono is not None
    assert mono.is_file()
    assert run.file("aa", "dev") is None
    assert run.file("zz", "mono") is None
    assert run.place("round-00/mine/aa-bb", "pairs.tsv") is not None
    assert run.place("round-00/mine/aa-bb", "other") is None
    assert run.place("round-09/mine/aa-bb", "pairs.tsv") is None


def test_only_what_is_planned_counts(run_dir: Path) -> None:
    planned = [Planned("prepare", "prepare"), Planned("round-01/train", "train"), Planned("round-03/train", "train")]
    run = read_run(run_dir, {}, planned)
    assert set(run.stages) == {"prepare", "round-01/train"}
    assert run.missing == planned[2:]


def test_damage_is_said(write: Callable[[Size], Run]) -> None:
    root = write(Size(rounds=0)).root
    (root / "round-00/encode/aa/stage.json").write_text("{")
    with open(root / "scores.jsonl", "a") as stream:
        stream.write('{"round": 0\n{"round": 0, "pair": "aa-bb"}\n')
    run = read_run(root, {})
    assert "round-00/encode/aa" not in run.stages
    assert [note.partition(":")[0] for note in run.notes] == [
        "round-00/encode/aa", "scores.jsonl, line 49", "scores.jsonl, line 50",
    ]  # fmt: skip


def test_attempts_are_no_stages(tmp_path: Path) -> None:
    root = write_run(tmp_path / "r", Size(rounds=0))
    (root / ".attempts").mkdir()
    (root / ".attempts" / "stage.json").write_text("{")
    assert read_run(root, {}).notes == []


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="holds no run"):
        read_run(tmp_path, {})


def test_names_of_stages() -> None:
    assert [round_of(name) for name in ("round-03/train", "round-00/mine/a-b", "pretrain")] == [3, 0, None]
    assert pair_of("round-01/mine/aa-bb") == Pair("aa", "bb")
    assert pair_of("round-01/train") is None
