"""The shuffled-word control: what finds a translation after its words lost their order did not read sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fairseq_xling.evaluation.score import Score
from fairseq_xling.signatures import signature


def shuffled_words(lines: Sequence[str], seed: int = 1) -> list[str]:
    """Every line with its words, what stands between white space, in a random order with one space between them."""
    random = np.random.default_rng(seed)
    return [" ".join(random.permutation(np.array(line.split(), dtype=object))) for line in lines]


def moved(lines: Sequence[str], shuffled: Sequence[str], seed: int, language: str = "*") -> Score:
    """`shuffle.moved`, the share of words that stand elsewhere than before, equal words being the same."""
    before, after = ([word for line in side for word in line.split()] for side in (lines, shuffled))
    words = sum(one != other for one, other in zip(before, after, strict=True))
    counts = {"moved": words, "words": len(before), "lines": len(lines)}
    return Score("shuffle.moved", words / max(len(before), 1), signature(seed=seed), language, counts)
