"""Neighbours without the translation, topped up by chance; files that do not fit are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fairseq.data import ListDataset

from fairseq_xling.data.hard_negatives import hard_negatives
from fairseq_xling.errors import CorpusError

# Rows 0 and 3 have the same words.
TARGET = ListDataset([torch.tensor(row) for row in ([5, 2], [6, 2], [7, 2], [5, 2], [8, 2])], np.array([2] * 5))


def neighbours(path: Path, *rows: tuple[float, int, int, str]) -> Path:
    ranks = dict[tuple[int, str], int]()
    lines = []
    for score, source, target, direction in rows:
        rank = ranks.setdefault((source, direction), 0)
        ranks[source, direction] += 1
        lines.append(f"{score}\t{source}\t{target}\t{direction}\t{rank}\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_nearest_first_without_gold(tmp_path: Path) -> None:
    found = neighbours(
        tmp_path / "n.tsv",
        (1.3, 0, 0, "forward"),  # gold
        (1.2, 0, 3, "forward"),  # another line with gold's words
        (1.0, 0, 2, "forward"),
        (1.1, 0, 1, "forward"),
        (2.0, 0, 4, "backward"),  # not what the source found
        (1.4, 1, 3, "forward"),
        (1.2, 1, 0, "forward"),  # the same words once more
        (1.1, 1, 4, "forward"),
    )
    chosen = hard_negatives(found, TARGET, 2, seed=1)
    assert chosen.shape == (5, 2)
    assert chosen[0].tolist() == [1, 2]
    assert chosen[1].tolist() == [3, 4]
    for row in range(5):
        words = {tuple(TARGET[other].tolist()) for other in chosen[row]}
        assert len(words) == 2
        assert tuple(TARGET[row].tolist()) not in words
    assert np.array_equal(chosen, hard_negatives(found, TARGET, 2, seed=1))


def test_what_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="mine --retrieval all --mining-k 3"):
        hard_negatives(tmp_path / "none.tsv", TARGET, 2, seed=1)
    found = neighbours(tmp_path / "n.tsv", (1.0, 0, 5, "forward"))
    with pytest.raises(CorpusError, match="names line 5, but the pair has 5 lines"):
        hard_negatives(found, TARGET, 2, seed=1)
    found = neighbours(tmp_path / "m.tsv", (1.0, 0, 1, "forward"))
    with pytest.raises(CorpusError, match="there are 4 different targets"):
        hard_negatives(found, TARGET, 4, seed=1)
