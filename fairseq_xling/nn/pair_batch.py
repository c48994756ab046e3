"""What a criterion asks of a dual encoder for a batch of sentence pairs, what it gets, and the loss of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from fairseq_xling.nn.gather import summed

REBUILT = ("target", "source", "both")


class PairLosses(NamedTuple):
    """Sums of cross-entropies over each pair's tokens and their number, all [n]; zeros for what is not asked."""

    rtl: Tensor
    rtl_tokens: Tensor
    tlm: Tensor
    tlm_tokens: Tensor


@dataclass
class PairBatch:
    """The other side of n sentences and what is to be done with the pairs; None is not done."""

    target: Tensor
    """[n, length]."""
    hard: Tensor | None = None
    """[n, k, length]: more candidates for each source."""
    forward: Tensor | None = None
    """[n] bool, for RTL: rebuild the target, else the source."""
    languages: Tensor | None = None
    """[n]: the source's language."""
    slots: Tensor | None = None
    """[n, longer of both lengths] bool: the places of the rebuilt side that are rebuilt; None: all."""
    hidden: Tensor | None = None
    """[n, longer of both lengths] bool: the places of the given side that the head does not see; None: none."""
    masked: Tensor | None = None
    """[n, length]: both sides joined, with masks."""
    asked: Tensor | None = None
    """[n, length]: the tokens that are asked for, the padding's id elsewhere."""
    vocabulary: Tensor | None = None
    """Sorted ids that RTL's softmax runs over; None: all."""
    chunk: int | None = None
    """With gradient caching, how many pairs' activations are kept at a time."""

    @property
    def rows(self) -> list[Tensor | None]:
        return [
            self.target, self.hard, self.forward, self.languages, self.slots, self.hidden, self.masked, self.asked,
        ]  # fmt: skip


def rebuilds_target(pairs: int, direction: str, device: torch.device) -> Tensor:
    """[pairs] bool, which side RTL rebuilds: with `both`, the source of the first half and the target of the rest."""
    first = {"target": 0, "source": pairs, "both": pairs // 2}[direction]
    return torch.arange(pairs, device=device) >= first


def token_mean(sums: Tensor, tokens: Tensor, pairs: int) -> Tensor:
    """The mean over the tokens of all ranks, as our part of a sum that is divided by the pairs of all ranks.

    `sums` and `tokens` [n] are those of our `pairs` pairs: fairseq divides every loss of a batch by the same number.
    """
    everyone = summed(torch.stack([tokens.detach().sum(), tokens.new_tensor(pairs)]))
    return sums.sum() * everyone[1] / everyone[0].clamp(min=1)


def rebuilding_loss(losses: PairLosses, forward: Tensor, direction: str) -> Tensor:
    """RTL's token mean, with `both` the mean of the two directions', each over its own tokens: see `token_mean`."""
    sums, tokens = losses.rtl, losses.rtl_tokens
    if direction != "both":
        return token_mean(sums, tokens, len(forward))
    parts = [token_mean(sums * rows, tokens * rows, len(forward)) for rows in (forward.float(), 1 - forward.float())]
    return (parts[0] + parts[1]) / 2
