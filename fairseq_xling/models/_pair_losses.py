"""What a dual encoder rebuilds of sentence pairs: RTL's tokens and masked ones, each pair by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from fairseq.data import Dictionary
from torch import Tensor
from torch.nn import functional

from fairseq_xling.nn.rtl import Rebuilding, RtlHead

MASK = "<mask>"


@dataclass
class Rebuilder:
    """The RTL head with what it needs to know of the tokens."""

    head: RtlHead
    dictionary: Dictionary
    vocabulary: Tensor | None = None

    def losses(
        self, sides: tuple[Tensor, Tensor], states: Sequence[Tensor], plan: Sequence[Tensor | None]
    ) -> list[Tensor]:
        """(sum, number) [n] over the tokens rebuilt of `sides` from `states` [n, length, dim]; `plan` as PairBatch."""
        forward = plan[0]
        sums, counts = (torch.zeros(len(forward), device=forward.device) for _ in range(2))
        for rebuilds_target in (True, False):
            rows = forward.eq(rebuilds_target).nonzero()[:, 0]
            if len(rows):
                batch = self._one_way(sides, states, plan[1:], rows, rebuilds_target)
                found, scored = self.head(batch, self.dictionary.index(MASK), self.vocabulary)
                sums = sums.index_add(0, rows, found.float())
                counts = counts.index_add(0, rows, scored.float())
        return [sums, counts]

    def _one_way(
        self,
        sides: tuple[Tensor, Tensor],
        states: Sequence[Tensor],
        plan: Sequence[Tensor | None],
        rows: Tensor,
        rebuilds_target: bool,
    ) -> Rebuilding:
        """The chosen rows, which all have the same side rebuilt."""
        languages, slots, hidden = plan
        given, other = (0, 1) if rebuilds_target else (1, 0)
        states_seen, length = self._seen(sides[given][rows]), sides[other].size(1)
        if hidden is not None:
            states_seen = states_seen & hidden[rows, : states_seen.size(1)].logical_not()
        return Rebuilding(
            states[given][rows],
            states_seen,
            sides[other][rows],
            self._seen(sides[other][rows]),
            rebuilds_target,
            None if rebuilds_target or languages is None else languages[rows],
            None if slots is None else slots[rows, :length],
            None if slots is None else states[other][rows],
        )

    def _seen(self, tokens: Tensor) -> Tensor:
        return tokens.ne(self.dictionary.pad()) & tokens.ne(self.dictionary.bos())


def masked_losses(encoder: Any, masked: Tensor | None, asked: Tensor | None, like: Tensor) -> list[Tensor]:
    """(sum, number) [n] of the masked-LM losses of `asked` where `masked` is read."""
    if masked is None or asked is None:
        return [like.new_zeros(len(like)), like.new_zeros(len(like))]
    places = asked.ne(encoder.dictionary.pad())
    logits = encoder(masked, masked_tokens=places)[0]
    losses = functional.cross_entropy(logits.float(), asked[places], reduction="none")
    sums = losses.new_zeros(len(masked)).index_add(0, places.nonzero()[:, 0], losses)
    return [sums, places.sum(dim=1).float()]
