"""Unicoder's attention written out, word by word."""

from __future__ import annotations

import math

import torch

from fairseq_xling.nn.recovery import WordRecovery


def test_against_the_papers_expression() -> None:
    """A_ij = W [x_i ; y_j ; x_i ⊙ y_j] with any part of W for x alone, which changes nothing."""
    torch.manual_seed(2)
    head = WordRecovery(4).double()
    with torch.no_grad():
        head.alone.copy_(torch.randn(4))
        head.product.copy_(torch.randn(4))
    source, target = torch.randn(2, 3, 4).double(), torch.randn(2, 5, 4).double()
    seen = torch.tensor([[True, True, False, True, True], [False, True, False, False, False]])
    found = head(source, target, seen)
    weights = torch.cat([torch.randn(4).double(), head.alone, head.product])
    for row in range(2):
        for x, told in zip(source[row], found[row], strict=True):
            there = [y for y, is_seen in zip(target[row], seen[row], strict=True) if is_seen]
            scores = [math.exp(float(weights @ torch.cat([x, y, x * y]))) for y in there]
            expected = sum(score * y for score, y in zip(scores, there, strict=True)) / sum(scores)
            torch.testing.assert_close(told, expected)


def test_it_begins_as_the_scaled_product() -> None:
    source, target = torch.randn(1, 2, 9), torch.randn(1, 3, 9)
    expected = ((source @ target.transpose(1, 2)) / 3).softmax(dim=2) @ target
    torch.testing.assert_close(WordRecovery(9)(source, target, torch.ones(1, 3, dtype=torch.bool)), expected)
