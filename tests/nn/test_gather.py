"""Gathered rows and their gradients on three gloo processes of unequal sizes, one of them without any row."""

from __future__ import annotations

from pathlib import Path

import torch
from references.ranks import gathered_rows

from fairseq_xling.nn.gather import gathered, summed


def test_rows_and_gradients_of_unequal_ranks(tmp_path: Path) -> None:
    sizes = (2, 0, 3)
    for rank, found in enumerate(gathered_rows(tmp_path, sizes)):
        assert found["rows"][:, 0].tolist() == [0, 0, 2, 2, 2]
        assert found["start"] == sum(sizes[:rank])
        assert found["summed"].tolist() == [5, 3]
        start = int(found["start"])
        expected = [(1 + 2 + 3) * (i + 1) for i in range(start, start + sizes[rank])]
        assert found["gradient"].shape == (sizes[rank], 3)
        assert found["gradient"][:, 1].tolist() == expected


def test_alone_nothing_is_copied() -> None:
    rows = torch.randn(4, 2)
    everyone, start = gathered(rows)
    assert everyone is rows
    assert start == 0
    assert summed(rows) is rows
