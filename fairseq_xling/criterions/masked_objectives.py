"""What masked pretraining may ask of sentence pairs beside their masked tokens: one registry, by name.

An objective is a function of (model, pairs) that gives the sum of its losses and how many there are; `@objective` makes
it known to --masked-objectives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fairseq_xling.errors import ConfigError
from fairseq_xling.nn.pooling import pooled
from fairseq_xling.nn.ranking import Ranking, ranking_losses

Objective = Callable[[Any, "Sides"], tuple[Tensor, int]]
OBJECTIVES: dict[str, Objective] = {}


@dataclass(frozen=True)
class Sides:
    """Sentence pairs without masks, [n, length] each, and which ids are ordinary tokens."""

    source: Tensor
    target: Tensor
    ordinary: tuple[int, int]

    def words(self, tokens: Tensor) -> Tensor:
        """True at the ordinary tokens of `tokens`."""
        return (tokens >= self.ordinary[0]) & (tokens < self.ordinary[1])


def objective(name: str) -> Callable[[Objective], Objective]:
    def register(function: Objective) -> Objective:
        OBJECTIVES[name] = function
        return function

    return register


@objective("recovery")
def word_recovery(model: Any, sides: Sides) -> tuple[Tensor, int]:
    """Say the source's words where the tower reads, in their places, the target's words that attend to them."""
    has_words = sides.words(sides.source).any(dim=1) & sides.words(sides.target).any(dim=1)
    source, target = sides.source[has_words], sides.target[has_words]
    if not len(source):
        return model.recovery_head.product.sum() * 0, 0
    tower = model.encoder.sentence_encoder
    embedded = tower.embed_tokens(source)
    told = model.recovery_head(embedded, tower.embed_tokens(target), sides.words(target))
    asked = sides.words(source)
    read = torch.where(asked[:, :, None], told, embedded)
    features = tower(source, token_embeddings=read)["encoder_out"][0].transpose(0, 1)
    logits = model.encoder.output_layer(features, masked_tokens=asked)
    return functional.cross_entropy(logits.float(), source[asked], reduction="sum"), int(asked.sum())


@objective("similarity")
def translation_similarity(model: Any, sides: Sides) -> tuple[Tensor, int]:
    """Rank the vectors of both sides, each read by itself, among those of the batch: the dual encoders' objective."""
    both = (sides.source, sides.target)
    layers = model.encoder.states_of(both, all_layers=True)
    pad = model.encoder.dictionary.pad()
    vectors = [pooled(states, side.ne(pad), model.pooling) for states, side in zip(layers, both, strict=True)]
    losses = ranking_losses(vectors[0], vectors[1], Ranking(direction="both", share=False))
    return losses.sum(), len(losses)


def parse_objectives(text: str | None) -> dict[str, float]:
    """`recovery,similarity:0.1` to weights by name; all that is wrong is said at once."""
    found, faults = dict[str, float](), list[str]()
    for part in text.split(",") if text else ():
        name, _, weight = part.strip().partition(":")
        if name not in OBJECTIVES:
            faults.append(f"--masked-objectives: `{name}` is not one of {', '.join(OBJECTIVES)}")
            continue
        try:
            found[name] = float(weight) if weight else 1.0
        except ValueError:
            faults.append(f"--masked-objectives: {part} must be NAME or NAME:WEIGHT, a number")
            continue
        if not found[name] > 0:
            faults.append(f"--masked-objectives: the weight of {name} must be above 0, but is {found[name]:g}")
    if faults:
        raise ConfigError(faults)
    return found
