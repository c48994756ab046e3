"""From which checkpoint a training goes on, in every state that a kill can leave a folder in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from fairseq_xling.rounds.resume import LAST, is_over, is_whole_zip, updates_of

WORDS = ["fairseq-train", "--max-update", "9", "--max-update", "6"]


def write(path: Path, updates: int) -> Path:
    """A checkpoint of fairseq's form: the same key also among the metrics, and once for every restart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    history = [{"optimizer_name": "adam", "num_updates": earlier} for earlier in (0, updates // 2, updates)]
    metrics = {"train": [(200, "num_updates", "AverageMeter", {"val": 77})]}
    torch.save({"extra_state": {"metrics": metrics}, "optimizer_history": history, "w": torch.zeros(50)}, path)
    return path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


@pytest.mark.parametrize("updates", [0, 1, 255, 256, 65_535, 65_536, 2_000_000])
def test_updates(folder: Path, updates: int) -> None:
    assert updates_of(write(folder / "c.pt", updates)) == updates


def test_updates_of_a_release_without_any(folder: Path) -> None:
    folder.mkdir()
    torch.save({"model": {}}, folder / "c.pt")
    assert updates_of(folder / "c.pt") == 0


def test_whole(folder: Path) -> None:
    path = write(folder / "c.pt", 3)
    assert is_whole_zip(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert not is_whole_zip(path)
    truncate(path)
    assert not is_whole_zip(path)
    assert not is_whole_zip(folder / "none.pt")


def test_nothing_there(folder: Path) -> None:
    assert not is_over(folder, WORDS)
    folder.mkdir()
    assert not is_over(folder, WORDS)


def test_the_last_one_is_gone_on_from(folder: Path) -> None:
    write(folder / "checkpoint_1_3.pt", 3)
    write(folder / LAST, 4)
    assert not is_over(folder, WORDS)
    assert updates_of(folder / LAST) == 4


def test_the_last_maximum_of_the_command_line_counts(folder: Path) -> None:
    write(folder / LAST, 6)
    assert is_over(folder, WORDS)
    assert not is_over(folder, [*WORDS, "--max-update=7"])
    assert not is_over(folder, ["fairseq-train", "--max-epoch", "3"])


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_last_one_gives_way_to_the_newest(folder: Path, damage: str) -> None:
    write(folder / "checkpoint_1_2.pt", 2)
    write(folder / "checkpoint_2_4.pt", 4)
    if damage == "truncated":
        truncate(write(folder / LAST, 4))
    assert not is_over(folder, WORDS)
    assert updates_of(folder / LAST) == 4
    assert updates_of(folder / "checkpoint_2_4.pt") == 4  # a copy: another kill finds it again


def test_the_newest_by_content_where_the_name_is_older(folder: Path) -> None:
    write(folder / "checkpoint_10_4.pt", 4)
    write(folder / LAST, 2)
    assert not is_over(folder, WORDS)
    assert updates_of(folder / LAST) == 4


def test_killed_while_the_end_was_copied(folder: Path) -> None:
    write(folder / "checkpoint_2_6.pt", 6)
    truncate(write(folder / LAST, 6))
    assert is_over(folder, WORDS)
    assert updates_of(folder / LAST) == 6


def test_killed_before_the_end_was_copied(folder: Path) -> None:
    """The best one may be of an earlier update still, so the last stretch is trained again."""
    write(folder / "checkpoint_2_6.pt", 6)
    write(folder / LAST, 3)
    assert not is_over(folder, WORDS)
    assert updates_of(folder / LAST) == 3
    assert not (folder / "checkpoint_2_6.pt").exists()


def test_all_damaged_is_a_fresh_start(folder: Path) -> None:
    truncate(write(folder / LAST, 3))
    truncate(write(folder / "checkpoint_1_3.pt", 3))
    write(folder / "checkpoint_best.pt", 2)
    assert not is_over(folder, WORDS)
    assert list(folder.iterdir()) == []
    shutil.rmtree(folder)
