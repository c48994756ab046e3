"""Retrieval accuracy against a loop."""

from __future__ import annotations

import torch
from torch.nn.functional import cosine_similarity

from fairseq_xling.nn.accuracy import nearest_accuracy


def test_against_a_loop() -> None:
    generator = torch.Generator().manual_seed(2)
    target = torch.randn(40, 3, generator=generator)
    source = target + torch.randn(40, 3, generator=generator)
    right = 0
    for i in range(40):
        cosines = [float(cosine_similarity(source[i], target[j], dim=0)) for j in range(40)]
        right += cosines.index(max(cosines)) == i
    assert 0 < right < 40
    assert nearest_accuracy(source, target) == right / 40


def test_length_of_vectors_does_not_matter() -> None:
    target = torch.randn(20, 4, generator=torch.Generator().manual_seed(3))
    lengths = torch.linspace(0.1, 10, 20)[:, None]
    assert nearest_accuracy(target * lengths, target) == 1.0


def test_more_rows_than_one_block() -> None:
    target = torch.randn(2500, 16, generator=torch.Generator().manual_seed(4))
    assert nearest_accuracy(target, target) == 1.0
    assert nearest_accuracy(target.roll(1, dims=0), target) == 0.0
