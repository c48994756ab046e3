"""What a masked language model is asked for: 80 % of the chosen tokens masked, 10 % replaced, 10 % left (BERT)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Masking:
    """Which tokens may be chosen, and what becomes of them."""

    mask: int
    """The id of `<mask>`."""
    ordinary: tuple[int, int]
    """First id and end of the tokens that may be chosen and drawn; everything outside is special and stays."""
    chosen: float = 0.15
    masked: float = 0.8
    replaced: float = 0.1


def masked_tokens(tokens: Tensor, masking: Masking, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """(what the model reads, True where it is asked for the token), both as `tokens` [n, length] of any padding.

    `generator` None is torch's own, which fairseq seeds before every update.
    """
    start, end = masking.ordinary
    draw = torch.rand(3, *tokens.shape, generator=generator, device=tokens.device)
    asked = (tokens >= start) & (tokens < end) & (draw[0] < masking.chosen)
    read = tokens.masked_fill(asked & (draw[1] < masking.masked), masking.mask)
    replaced = asked & (draw[1] >= masking.masked) & (draw[1] < masking.masked + masking.replaced)
    random = (start + (draw[2].double() * (end - start)).long()).clamp(max=end - 1)
    return torch.where(replaced, random, read), asked


def joined(source: Tensor, target: Tensor, pad: int) -> Tensor:
    """Both sides of each pair, [n, a] and [n, b], in one row without padding between them, padded on the right."""
    tokens = torch.cat([source, target], dim=1)
    order = tokens.eq(pad).long().argsort(dim=1, stable=True)
    return tokens.gather(1, order)[:, : int(tokens.ne(pad).sum(dim=1).max())]


def parted(tokens: Tensor, bos: int, pad: int) -> tuple[Tensor, Tensor, Tensor]:
    """(rows that are joined pairs, their sources, their targets), what `joined` has joined: each begins with `bos`."""
    starts = tokens.eq(bos)
    rows = starts.sum(dim=1).eq(2).nonzero()[:, 0]
    pairs, length = tokens[rows], tokens.size(1)
    # The place of the last `bos`: the target's first.
    middle = (
        (starts[rows] * torch.arange(length, device=tokens.device)).amax(dim=1, keepdim=True) if len(rows) else rows
    )
    places = torch.arange(length, device=tokens.device).expand(len(rows), length)
    source = pairs.masked_fill(places >= middle.view(-1, 1), pad)
    shifted = (places + middle.view(-1, 1)).clamp(max=max(length - 1, 0))
    target = pairs.gather(1, shifted).masked_fill(places + middle.view(-1, 1) >= length, pad)
    return rows, _trimmed(source, pad), _trimmed(target, pad)


def _trimmed(tokens: Tensor, pad: int) -> Tensor:
    """Without the columns that are padding in every row."""
    longest = int(tokens.ne(pad).sum(dim=1).max()) if len(tokens) else 0
    return tokens[:, :longest]
