"""From the states of a sentence's positions to one vector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

POOLINGS = ("first", "mean", "max", "avg_top2", "avg_first_last")


def masked_mean(states: Tensor, counted: Tensor) -> Tensor:
    """Mean over the counted positions, in fp32 at least: `states` [length, n, dim], `counted` [n, length] to [n, dim].

    Counted by token and not by position: sources are padded on the left.
    """
    wide = torch.promote_types(states.dtype, torch.float32)
    weights = counted.t().unsqueeze(-1).to(wide)
    return (states.to(wide) * weights).sum(dim=0) / weights.sum(dim=0).clamp(min=1)


def masked_max(states: Tensor, counted: Tensor) -> Tensor:
    """The largest value of each dimension over the counted positions, which must be some: shapes as in masked_mean."""
    wide = states.to(torch.promote_types(states.dtype, torch.float32))
    return wide.masked_fill(counted.t().unsqueeze(-1).logical_not(), float("-inf")).amax(dim=0)


def first_token(states: Tensor, counted: Tensor) -> Tensor:
    """The state of each sentence's first counted position, wherever its padding stands: shapes as in masked_mean."""
    first = counted.long().argmax(dim=1)
    chosen = states[first, torch.arange(states.size(1), device=states.device)]
    return chosen.to(torch.promote_types(states.dtype, torch.float32))


def pooled(layers: Sequence[Tensor], counted: Tensor, pooling: str) -> Tensor:
    """One vector a sentence from all layers' states, [length, n, dim] each, embeddings first; `counted` [n, length].

    avg_top2 is the mean over (last + last but one) / 2, avg_first_last over (embeddings + last) / 2; the others take
    the last layer alone, so that `layers` may then be only that.
    """
    if pooling == "first":
        return first_token(layers[-1], counted)
    if pooling == "mean":
        return masked_mean(layers[-1], counted)
    if pooling == "max":
        return masked_max(layers[-1], counted)
    if pooling == "avg_top2":
        return masked_mean((layers[-1] + layers[-2]) / 2, counted)
    if pooling == "avg_first_last":
        return masked_mean((layers[0] + layers[-1]) / 2, counted)
    raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, but is {pooling!r}")
