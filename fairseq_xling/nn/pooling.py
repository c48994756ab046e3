"""From the states of a sentence's positions to one vector."""

from __future__ import annotations

from torch import Tensor


def masked_mean(states: Tensor, counted: Tensor) -> Tensor:
    """Mean over the counted positions, in fp32: `states` [length, n, dim], `counted` [n, length] to [n, dim] float32.

    Counted by token and not by position: sources are padded on the left.
    """
    weights = counted.t().unsqueeze(-1).float()
    return (states.float() * weights).sum(dim=0) / weights.sum(dim=0).clamp(min=1)
