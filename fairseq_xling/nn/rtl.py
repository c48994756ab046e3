"""Representation translation learning: rebuild the target's tokens from the source's states (arXiv 2305.09148).

The head's input is [source positions ; target positions]: encoder states on the side that is given, slots of the mask's
embedding on the side that is rebuilt. The slots have been through the head's embedding layer once, and the whole
input goes through it again. Every position sees all others, in either direction, but for those that are not `seen`:
padding and the first tokens. What is said is parallel, not one token after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


class HeadEmbeddings(nn.Module):
    """Words, positions and their LayerNorm; what is given as vectors gets positions and LayerNorm alone."""

    def __init__(self, words: nn.Embedding, positions: nn.Embedding, norm: nn.Module, scale: float = 1.0) -> None:
        super().__init__()
        self.words = words
        self.positions = positions
        self.norm = norm
        self.scale = scale

    def forward(self, vectors: Tensor) -> Tensor:
        """`vectors` [n, length, dim] to the same."""
        length = vectors.size(1)
        if length > self.positions.num_embeddings:
            raise ValueError(f"source and target have {length} positions, but there are {len(self.positions.weight)}")
        embedded: Tensor = self.norm(vectors + self.positions.weight[:length])
        return embedded

    def slots(self, token: int, shape: torch.Size) -> Tensor:
        """The same token at every place of `shape` [n, length], embedded: [n, length, dim]."""
        vector = self.scale * self.words.weight[token]
        found: Tensor = self(vector.expand(1, shape[1], -1))
        return found.expand(shape[0], -1, -1)


class HeadOutput(nn.Module):
    """Dense, GELU, LayerNorm, then the vocabulary, whose matrix is that of the words."""

    def __init__(self, dense: nn.Linear, norm: nn.Module, bias: Tensor) -> None:
        super().__init__()
        self.dense = dense
        self.norm = norm
        self.bias = nn.Parameter(bias.detach().clone())

    def forward(self, states: Tensor, words: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        """`states` [n, dim] to logits over all words, or over those that `vocabulary` lists."""
        transformed = self.norm(functional.gelu(self.dense(states)))
        if vocabulary is None:
            return functional.linear(transformed, words, self.bias)
        return functional.linear(transformed, words[vocabulary], self.bias[vocabulary])


@dataclass(frozen=True)
class Rebuilding:
    """What is given of sentence pairs and what is to be rebuilt; lengths L of the given and M of the other side."""

    states: Tensor
    """[n, L, dim], encoder states of the given side."""
    states_seen: Tensor
    """[n, L] bool: neither padding nor first token."""
    tokens: Tensor
    """[n, M], the other side."""
    seen: Tensor
    """[n, M] bool: neither padding nor first token."""
    rebuilds_target: bool = True
    """The given side stands first; else the rebuilt one."""
    languages: Tensor | None = None
    """[n]: rows of the head's language embeddings, added to the slots."""
    slots: Tensor | None = None
    """[n, M] bool: what is rebuilt, None all of it; the other places carry `own`."""
    own: Tensor | None = None
    """[n, M, dim]: the rebuilt side's own encoder states."""


class RtlHead(nn.Module):
    """Layers over both sides' positions, and an output of their own; a layer maps ([t, n, dim], blocked [n, t])."""

    def __init__(
        self,
        embeddings: HeadEmbeddings,
        layers: nn.ModuleList,
        output: HeadOutput,
        languages: nn.Embedding | None = None,
        final_norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.embeddings = embeddings
        self.layers = layers
        self.output = output
        self.languages = languages
        self.final_norm = final_norm

    def forward(self, given: Rebuilding, mask: int, vocabulary: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(sum of the cross-entropies of each pair's rebuilt tokens, their number), both [n].

        The loss of a batch is the sum of the one over the sum of the other. With `vocabulary`, sorted ids, the softmax
        runs over these, and tokens that are not among them are not scored.
        """
        states = self._states(given, mask)
        scored = given.seen if given.slots is None else given.seen & given.slots
        wanted = given.tokens
        if vocabulary is not None:
            place = torch.searchsorted(vocabulary, wanted).clamp(max=len(vocabulary) - 1)
            scored = scored & (vocabulary[place] == wanted)
            wanted = place
        logits = self.output(states[scored], self.embeddings.words.weight, vocabulary)
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        losses = functional.cross_entropy(wide, wanted[scored], reduction="none")
        rows = scored.nonzero()[:, 0]
        sums = losses.new_zeros(len(scored)).index_add(0, rows, losses)
        return sums, scored.sum(dim=1)

    def _states(self, given: Rebuilding, mask: int) -> Tensor:
        """The last layer's states of the rebuilt side, [n, M, dim]."""
        slots = self.embeddings.slots(mask, given.tokens.shape)
        if given.languages is not None and self.languages is not None:
            slots = slots + self.languages(given.languages)[:, None]
        if given.slots is not None and given.own is not None:
            slots = torch.where(given.slots[:, :, None], slots, given.own)
        halves, seen = [given.states, slots], [given.states_seen, given.seen]
        if not given.rebuilds_target:
            halves.reverse()
            seen.reverse()
        blocked = torch.cat(seen, dim=1).logical_not()
        states = self.embeddings(torch.cat(halves, dim=1)).transpose(0, 1)
        for layer in self.layers:
            states = layer(states, blocked)
        if self.final_norm is not None:
            states = self.final_norm(states)
        states = states.transpose(0, 1)
        length = given.tokens.size(1)
        rebuilt: Tensor = states[:, -length:] if given.rebuilds_target else states[:, :length]
        return rebuilt
