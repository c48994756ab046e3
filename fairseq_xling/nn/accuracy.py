"""How often the nearest sentence is the right one; the cheap measure by which a checkpoint is chosen."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_ROWS = 1024


def nearest_accuracy(source: Tensor, target: Tensor) -> float:
    """Share of rows i of `source` [n, dim] whose nearest row of `target` [n, dim] by cosine is row i."""
    source = functional.normalize(source.float(), dim=1)
    target = functional.normalize(target.float(), dim=1)
    found = torch.cat([(rows @ target.t()).argmax(dim=1) for rows in torch.split(source, _ROWS)])
    return float((found == torch.arange(len(source), device=found.device)).double().mean())
