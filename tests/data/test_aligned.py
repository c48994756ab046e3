"""Sentence pairs as batches: padded on the right, with their hard negatives, in step."""

from __future__ import annotations

import numpy as np
import torch
from fairseq.data import ListDataset

from fairseq_xling.data.aligned import AlignedPairs

PAD = 1


def texts(*rows: list[int]) -> ListDataset:
    return ListDataset([torch.tensor(row) for row in rows], np.array([len(row) for row in rows]))


def pairs(hard: list[list[int]] | None = None) -> AlignedPairs:
    source = texts([0, 5, 6, 2], [0, 7, 2], [0, 5, 2])
    target = texts([0, 8, 2], [0, 9, 9, 9, 2], [0, 4, 4, 2])
    return AlignedPairs(source, target, (1, 0), PAD, None if hard is None else np.array(hard))


def test_a_batch() -> None:
    data = pairs()
    batch = data.collater([data[0], data[1]])
    assert batch["net_input"]["src_tokens"].tolist() == [[0, 5, 6, 2], [0, 7, 2, 1]]
    assert batch["target"].tolist() == [[0, 8, 2, 1, 1], [0, 9, 9, 9, 2]]
    assert batch["net_input"]["src_lengths"].tolist() == [4, 3]
    assert batch["languages"].tolist() == [[1, 0], [1, 0]]
    assert batch["ntokens"] == 15
    assert batch["hard"] is None
    assert data.collater([]) == {}


def test_hard_negatives_are_rows_of_the_target() -> None:
    data = pairs([[1, 2], [0, 2], [0, 1]])
    batch = data.collater([data[2], data[0]])
    assert batch["hard"].shape == (2, 2, 5)
    assert batch["hard"][0].tolist() == [[0, 8, 2, 1, 1], [0, 9, 9, 9, 2]]
    assert batch["hard"][1].tolist() == [[0, 9, 9, 9, 2], [0, 4, 4, 2, 1]]


def test_sizes_and_order() -> None:
    data = pairs()
    assert len(data) == 3
    assert data.sizes.tolist() == [[4, 3], [3, 5], [3, 4]]
    assert data.ordered_indices().tolist() == [2, 1, 0]
    assert data.num_tokens(1) == 5
    assert data.num_tokens_vec(np.array([0, 2])).tolist() == [4, 4]
    assert data.size(0) == (4, 3)
