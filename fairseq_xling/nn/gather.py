"""Rows of all ranks of a training run, with the gradient that every rank's loss sends back to them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


def gathered(rows: Tensor) -> tuple[Tensor, int]:
    """All ranks' `rows` [n, …] in the order of the ranks, [sum of n, …], and where ours begin.

    Ranks may have different numbers of rows, none included. Without a process group, or with one rank, the rows
    themselves. The gradient of a row is the sum over the ranks of what their losses want.
    """
    if _world() == 1:
        return rows, 0
    sizes = _sizes(len(rows), rows.device)
    everyone: Tensor = _Gather.apply(rows, sizes)  # type: ignore[no-untyped-call]
    return everyone, sum(sizes[: distributed.get_rank()])


def summed(counts: Tensor) -> Tensor:
    """The sum of `counts` over the ranks, without gradient."""
    if _world() == 1:
        return counts
    total = counts.detach().clone()
    distributed.all_reduce(total)
    return total


def _world() -> int:
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def _sizes(ours: int, device: torch.device) -> list[int]:
    found = torch.zeros(_world(), dtype=torch.long, device=device)
    found[distributed.get_rank()] = ours
    distributed.all_reduce(found)
    return [int(size) for size in found.tolist()]


class _Gather(torch.autograd.Function):
    """all_gather of rows padded to the same number; backward sums over the ranks and takes ours."""

    @staticmethod
    def forward(context: Any, rows: Tensor, sizes: list[int]) -> Tensor:
        context.sizes = sizes
        padded = rows.new_zeros(max(sizes), *rows.shape[1:])
        padded[: len(rows)] = rows
        found = [torch.empty_like(padded) for _ in sizes]
        distributed.all_gather(found, padded)
        return torch.cat([part[:size] for part, size in zip(found, sizes, strict=True)])

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        rank, sizes = distributed.get_rank(), context.sizes
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        start = sum(sizes[:rank])
        return total[start : start + sizes[rank]], None
