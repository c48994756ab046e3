"""Sentences side by side without padding: a row a token, and attention within sentences of one length at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional

Run = tuple[int, int]
"""So many sentences of such a length, one after the other."""


@dataclass(frozen=True)
class Joined:
    """Sentences of which those of one length stand together."""

    tokens: Tensor
    """[total] int64, sentence after sentence."""
    runs: tuple[Run, ...]

    def to(self, device: torch.device) -> Joined:
        return Joined(self.tokens.to(device), self.runs)


def join(sentences: Sequence[Tensor]) -> Joined:
    """Sentences [length] each, in this order; neighbours of one length make a run."""
    lengths = groupby(len(sentence) for sentence in sentences)
    return Joined(torch.cat(list(sentences)), tuple((len(list(same)), length) for length, same in lengths))


def by_run(rows: Tensor, runs: Sequence[Run]) -> Iterator[Tensor]:
    """[total, …] as a view [sentences, length, …] for each run."""
    parts = torch.split(rows, [count * length for count, length in runs])
    return (part.view(*run, *rows.shape[1:]) for part, run in zip(parts, runs, strict=True))


def attend_in_runs(queries: Tensor, keys: Tensor, values: Tensor, heads: int, runs: Sequence[Run]) -> Tensor:
    """Each sentence's attention to itself, [total, dim] each: no mask, so that the fused kernels take all of it."""
    attended = torch.empty_like(queries)
    sides = [by_run(side, runs) for side in (queries, keys, values, attended)]
    for *given, out in zip(*sides, strict=True):
        split = (part.view(*part.shape[:2], heads, -1).transpose(1, 2) for part in given)
        found = functional.scaled_dot_product_attention(*split)
        out.view(*out.shape[:2], heads, -1).copy_(found.transpose(1, 2))
    return attended
