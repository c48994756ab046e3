"""Gradient caching: a batch larger than memory, whose loss compares all of its rows, with the same gradient.

Gao et al. 2021 (arXiv 2101.06983) encode a batch in chunks without keeping activations, take the loss of all vectors,
and encode each chunk again to send its vectors' gradient on. Checkpointing each chunk is the same computation in the
same order, within one call of backward; the random numbers of dropout are those of the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def in_chunks(
    function: Callable[..., tuple[Tensor, ...]], rows: Sequence[Tensor | None], size: int | None
) -> tuple[Tensor, ...]:
    """`function` of `rows`, which it treats row by row, with the activations of at most `size` rows alive at a time.

    Each input is [n, …] or None, and each output must be [n, …]. `size` None is one call that keeps everything.
    """
    count = next(len(tensor) for tensor in rows if tensor is not None)
    if size is None or not count or not torch.is_grad_enabled():
        return function(*rows)
    found = []
    for start in range(0, count, size):
        chunk = [None if tensor is None else tensor[start : start + size] for tensor in rows]
        found.append(checkpoint(function, *chunk, use_reentrant=False))
    return tuple(torch.cat(parts) for parts in zip(*found, strict=True))
