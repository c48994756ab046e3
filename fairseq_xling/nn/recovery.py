"""Cross-lingual word recovery: a sentence told again in the words of its translation (Unicoder, arXiv 1909.00964)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class WordRecovery(nn.Module):
    """Each source embedding x as a weighted mean of the target's embeddings y (section 3.2).

    The weights are softmax over y of W [x ; y ; x ⊙ y]; the part of W that meets x alone is the same for every y and
    cancels, so that it is not kept. It begins as the scaled product of x and y.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.alone = nn.Parameter(torch.zeros(dim))
        self.product = nn.Parameter(torch.full((dim,), 1 / math.sqrt(dim)))

    def forward(self, source: Tensor, target: Tensor, seen: Tensor) -> Tensor:
        """`source` [n, s, dim] and `target` [n, t, dim] to [n, s, dim]; `seen` [n, t] bool, at least one in a row."""
        scores = (source * self.product) @ target.transpose(1, 2) + (target @ self.alone)[:, None]
        return scores.masked_fill(seen.logical_not()[:, None], float("-inf")).softmax(dim=2) @ target
