"""Translation ranking: find each sentence's translation among all the translations of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fairseq_xling.nn.gather import gathered

MARGINS_ON = ("cosine", "logit")
DIRECTIONS = ("forward", "backward", "both")
COMBINATIONS = ("mean", "sum")


@dataclass(frozen=True)
class Ranking:
    """The softmax of LaBSE (arXiv 2007.01852, eq. 3: sum of both directions) and DAP (arXiv 2305.09148, eq. 5)."""

    scale: float = 20.0
    """What cosines are multiplied by: DAP's temperature .05 is scale 20."""
    margin: float = 0.0
    margin_on: str = "cosine"
    """Whether the margin is taken from the cosine (LaBSE) or from the scaled one (DAP's code)."""
    direction: str = "forward"
    combine: str = "mean"
    """Of the two directions, when there are both."""
    share: bool = True
    """Every rank's sentences are candidates for all; else only its own."""


def ranking_losses(source: Tensor, target: Tensor, ranking: Ranking, hard: Tensor | None = None) -> Tensor:
    """The loss of each of our pairs: `source` and `target` [n, dim] of any length, to [n].

    `hard` [n, k, dim] are more candidates for every source (of all ranks), and none for the targets. The loss of a
    batch is the mean over the pairs of all ranks.
    """
    source, target = _unit(source), _unit(target)
    parts = []
    if ranking.direction != "backward":
        others = None if hard is None else _unit(hard).flatten(0, 1)
        parts.append(_one_way(source, target, ranking, others))
    if ranking.direction != "forward":
        parts.append(_one_way(target, source, ranking))
    total = torch.stack(parts).sum(dim=0)
    return total / len(parts) if ranking.combine == "mean" else total


def _one_way(queries: Tensor, candidates: Tensor, ranking: Ranking, others: Tensor | None = None) -> Tensor:
    """-log softmax of each query's own candidate; all rows of unit length."""
    everyone, start = gathered(candidates) if ranking.share else (candidates, 0)
    own = torch.arange(start, start + len(queries), device=queries.device)
    if others is not None:
        everyone = torch.cat([everyone, gathered(others)[0] if ranking.share else others])
    logits = ranking.scale * (queries @ everyone.t())
    if ranking.margin:
        margin = ranking.scale * ranking.margin if ranking.margin_on == "cosine" else ranking.margin
        logits = logits - margin * functional.one_hot(own, len(everyone)).to(logits.dtype)
    return functional.cross_entropy(logits, own, reduction="none")


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(vectors.to(torch.promote_types(vectors.dtype, torch.float32)), dim=-1)
