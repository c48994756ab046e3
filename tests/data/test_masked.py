"""Text for masked pretraining: joined pairs, and how often each set is seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fairseq.data import ListDataset

from fairseq_xling.data.masked import MaskedText, mixed_shares


def texts(*rows: list[int]) -> ListDataset:
    return ListDataset([torch.tensor(row) for row in rows], np.array([len(row) for row in rows]))


def test_sentences_and_joined_pairs() -> None:
    source, target = texts([0, 5, 6, 2], [0, 7, 2]), texts([0, 8, 2], [0, 9, 2])
    alone, both = MaskedText([source], pad=1), MaskedText([source, target], pad=1)
    assert alone[1]["tokens"].tolist() == [0, 7, 2]
    assert both[1]["tokens"].tolist() == [0, 7, 2, 0, 9, 2]
    assert both.sizes.tolist() == [[7, 7], [6, 6]]
    assert both.ordered_indices().tolist() == [1, 0]
    batch = alone.collater([alone[0], both[1]])  # a batch may hold both
    assert batch["net_input"]["src_tokens"].tolist() == [[0, 5, 6, 2, 1, 1], [0, 7, 2, 0, 9, 2]]
    assert batch["ntokens"] == 10
    assert both.num_tokens_vec(np.array([1, 0])).tolist() == [6, 7]


def test_shares() -> None:
    found = mixed_shares([100, 300], [50, 50, 100], 0.2, temperature=1)
    assert found.tolist() == pytest.approx([0.8 / 4, 0.8 * 3 / 4, 0.2 / 4, 0.2 / 4, 0.2 / 2])
    assert mixed_shares([100, 400], [], 0.2, temperature=2).tolist() == pytest.approx([1 / 3, 2 / 3])
    assert mixed_shares([], [10, 10], 0.2, temperature=1).tolist() == pytest.approx([0.5, 0.5])
